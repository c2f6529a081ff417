"""A lake: a layer's parcels as GeoParquet files, one a block of the plane, for many to read.

A lake is a folder: `lake.json` says of which moment it is, and for each file its block, rows,
bytes and SHA-256; `districts.parquet` and `units.parquet` are those in force then. In a file the
parcels lie along a Hilbert curve in small row groups, whose boxes tell which to read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from parcels import crs
from parcels.districts import Territory
from parcels.errors import LakeNotUsableError
from parcels.exchange import arrow
from parcels.handing_out import sha256
from parcels.model import Field, Layer, Moment
from parcels.partition import Block

MANIFEST: Final = "lake.json"
"""The file that makes a folder a lake."""

_FORM: Final = 1
_BOX: Final = ("xmin", "ymin", "xmax", "ymax")
_ROWS_OF_GROUP: Final = 4096
_MARK: Final = b"jingtu_lake"
_DISTRICTS: Final = "districts.parquet"
_UNITS: Final = "units.parquet"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a lake.

    Attributes:
        file: Its name.
        rows: How many parcels it holds.
        size_bytes: How large it is.
        sha256: Its digest.
        block: The block its parcels belong to; those without a boundary may be in any.
        bounds: West, south, east, north of its boundaries; None if there are none.
    """

    file: str
    rows: int
    size_bytes: int
    sha256: str
    block: Block
    bounds: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Lake:
    """A folder of GeoParquet files.

    Attributes:
        folder: Where it is.
        name: Tells its files from those of another lake.
        layer: Key of the layer.
        moment: Of which state of the register; its `change` is the last one known.
        made_at: When it was written.
        is_sample: Whether the district borders are sample data.
        parts: Its files.
    """

    folder: Path
    name: str
    layer: str
    moment: Moment
    made_at: dt.datetime
    is_sample: bool
    parts: tuple[Part, ...]

    @property
    def parcels(self) -> int:
        """How many parcels it holds."""
        return sum(part.rows for part in self.parts)

    def territory(self) -> Territory:
        """The districts and units it was written with.

        Raises:
            LakeNotUsableError: They are missing or damaged.
        """
        with _told(self.folder, _DISTRICTS):
            districts = gpd.read_parquet(self.folder / _DISTRICTS)
        with _told(self.folder, _UNITS):
            units = pd.read_parquet(self.folder / _UNITS)
        return Territory(_texts(districts), _texts(units), is_sample=self.is_sample)

    def about(self, part: Part) -> tuple[Part, ...]:
        """The other files that may hold parcels whose boxes meet a part's block."""
        bounds = np.array([one.bounds or [np.nan] * 4 for one in self.parts], np.float64)
        near = part.block.nears(bounds.reshape(-1, 4))
        return tuple(self.parts[i] for i in np.flatnonzero(near) if self.parts[i] is not part)


# -- writing ---------------------------------------------------------------------------------


def write(
    folder: Path,
    layer: Layer,
    shares: Iterable[tuple[Block, gpd.GeoDataFrame]],
    *,
    moment: Moment,
    territory: Territory,
    made_at: dt.datetime,
) -> Lake:
    """Write a lake, one block in memory at a time.

    Args:
        folder: Empty, and our own.
        layer: What the parcels are.
        shares: Blocks that fill the plane, each with the parcels that belong to it.
        moment: Of which state of the register, by the number of a change.
        territory: Districts and units in force.
        made_at: Instant (aware).
    """
    named = f"{layer.key} {moment.on} {moment.change} {made_at.isoformat()}"
    name = hashlib.sha256(named.encode()).hexdigest()[:16]
    territory.districts.to_parquet(folder / _DISTRICTS)
    territory.units.to_parquet(folder / _UNITS)
    parts = []
    for number, (block, parcels) in enumerate(shares):
        path = folder / f"part-{number:05d}.parquet"
        bounds = _write_part(path, layer, parcels, mark=f"{name} {number}")
        size = path.stat().st_size
        parts.append(Part(path.name, len(parcels), size, sha256(path), block, bounds))
    lake = Lake(folder, name, layer.key, moment, made_at, territory.is_sample, tuple(parts))
    told = json.dumps(_manifest(lake), ensure_ascii=False, indent=1, allow_nan=False)
    (folder / MANIFEST).write_text(told + "\n", "utf-8")
    return lake


def _write_part(
    path: Path, layer: Layer, parcels: gpd.GeoDataFrame, *, mark: str
) -> tuple[float, float, float, float] | None:
    """Write one file; the bounds of its boundaries."""
    shapes = parcels.geometry.to_numpy()
    boxes = shapely.bounds(shapes)
    somewhere = ~np.isnan(boxes[:, 0])
    order = np.concatenate([_along_hilbert(shapes, somewhere), np.flatnonzero(~somewhere)])
    parcels, boxes, somewhere = parcels.iloc[order], boxes[order], somewhere[order]
    fields = arrow.fields(layer, parcels)
    bounds = None
    if somewhere.any():
        low, high = np.nanmin(boxes[:, :2], axis=0), np.nanmax(boxes[:, 2:], axis=0)
        bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    body = arrow.batch(parcels, fields, arrow.schema(fields))
    covering = pa.StructArray.from_arrays(
        [pa.array(boxes[:, i], pa.float64()) for i in range(4)],
        names=list(_BOX),
        mask=pa.array(~somewhere),
    )
    columns = [pa.array(parcels.index.to_numpy(), pa.int64()), *body.columns, covering]
    schema = _schema(fields, bounds, mark)
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=_ROWS_OF_GROUP)
    return bounds


def _along_hilbert(shapes: np.ndarray, somewhere: np.ndarray) -> np.ndarray:
    """Positions of the boundaries in the order of a Hilbert curve."""
    places = np.flatnonzero(somewhere)
    if not len(places):
        return places
    along = gpd.GeoSeries(shapes[places], crs=crs.STORAGE).hilbert_distance().to_numpy()
    ordered: np.ndarray = places[np.argsort(along, kind="stable")]
    return ordered


def _schema(
    fields: list[Field], bounds: tuple[float, float, float, float] | None, mark: str
) -> pa.Schema:
    """The columns with what GeoParquet 1.1 says of them."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": [],
        "crs": pyproj.CRS.from_epsg(crs.STORAGE).to_json_dict(),
        "covering": {"bbox": {side: ["bbox", side] for side in _BOX}},
    }
    if bounds is not None:
        column["bbox"] = list(bounds)
    name = arrow.GEOMETRY
    geo = {"version": "1.1.0", "primary_column": name, "columns": {name: column}}
    box = pa.struct([(side, pa.float64()) for side in _BOX])
    columns = [pa.field("parcel", pa.int64()), *arrow.schema(fields), pa.field("bbox", box)]
    return pa.schema(columns, metadata={b"geo": json.dumps(geo).encode(), _MARK: mark.encode()})


def _manifest(lake: Lake) -> dict[str, Any]:
    return {
        "form": _FORM,
        "name": lake.name,
        "layer": lake.layer,
        "on": lake.moment.on.isoformat(),
        "change": lake.moment.change,
        "made_at": lake.made_at.isoformat(),
        "is_sample": lake.is_sample,
        "parcels": lake.parcels,
        "parts": [
            {
                "file": part.file,
                "rows": part.rows,
                "size_bytes": part.size_bytes,
                "sha256": part.sha256,
                "block": [_finite(edge) for edge in _edges(part.block)],
                "bounds": part.bounds,
            }
            for part in lake.parts
        ],
    }


def _edges(block: Block) -> tuple[float, float, float, float]:
    return block.west, block.south, block.east, block.north


def _finite(edge: float) -> float | None:
    return edge if math.isfinite(edge) else None


# -- reading ---------------------------------------------------------------------------------


def opened(folder: Path) -> Lake:
    """The lake in a folder, every file of it in its place.

    Raises:
        LakeNotUsableError: The folder is no lake, or a file is missing or has another size.
            Reasons "no_lake", "newer", "missing", "damaged".
    """
    path = folder / MANIFEST
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["form"] != _FORM:
            raise _unusable(folder, MANIFEST, "newer")
        lake = _lake(folder, told)
    except OSError as error:
        raise _unusable(folder, MANIFEST, "no_lake") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(folder, MANIFEST, "damaged") from error
    for part in lake.parts:
        try:
            size = (folder / part.file).stat().st_size
        except OSError as error:
            raise _unusable(folder, part.file, "missing") from error
        if size != part.size_bytes:
            raise _unusable(folder, part.file, "damaged")
    return lake


def _lake(folder: Path, told: Mapping[str, Any]) -> Lake:
    open_edges = (-math.inf, -math.inf, math.inf, math.inf)
    parts = []
    for one in told["parts"]:
        edges = [
            edge if known is None else float(known)
            for known, edge in zip(one["block"], open_edges, strict=True)
        ]
        bounds = one["bounds"]
        if Path(one["file"]).name != one["file"]:
            raise ValueError(one["file"])
        parts.append(
            Part(
                one["file"],
                int(one["rows"]),
                int(one["size_bytes"]),
                str(one["sha256"]),
                Block(*edges),
                None if bounds is None else (bounds[0], bounds[1], bounds[2], bounds[3]),
            )
        )
    moment = Moment(dt.date.fromisoformat(told["on"]), change=told["change"])
    made_at = dt.datetime.fromisoformat(told["made_at"])
    sample = bool(told["is_sample"])
    return Lake(folder, told["name"], told["layer"], moment, made_at, sample, tuple(parts))


def near(
    folder: Path,
    name: str,
    part: Part,
    others: Sequence[Part],
    *,
    columns: Sequence[str],
) -> gpd.GeoDataFrame:
    """The parcels of a part, and those of others whose boxes meet its block.

    Of the others only the row groups near the block are read.

    Args:
        folder: Of the lake.
        name: Of the lake.
        part: The part.
        others: Those that `Lake.about` names.
        columns: Field keys to read; texts only.

    Returns:
        A parcels frame in EPSG:4490, indexed by parcel id, named "parcel".

    Raises:
        LakeNotUsableError: A file is missing, damaged, or of another lake. Reasons "missing",
            "damaged", "other".
    """
    tables = [_read(folder, name, part, None, columns)]
    tables += [_read(folder, name, one, part.block, columns) for one in others]
    rows = pa.concat_tables(tables)
    index = pd.Index(rows["parcel"].to_numpy(), name="parcel", dtype="int64")
    data = {key: rows[key].to_pandas().astype("str").to_numpy() for key in columns}
    frame = pd.DataFrame(data, index=index).astype(dict.fromkeys(columns, "str"))
    shapes = shapely.from_wkb(rows[arrow.GEOMETRY].to_numpy(zero_copy_only=False))
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=crs.STORAGE)


def _read(
    folder: Path, name: str, part: Part, block: Block | None, columns: Sequence[str]
) -> pa.Table:
    """Rows of one file: all, or those whose boxes meet a block."""
    wanted = ["parcel", *columns, arrow.GEOMETRY]
    with (
        _told(folder, part.file),
        pq.ParquetFile(folder / part.file, page_checksum_verification=True) as file,
    ):
        _refuse_other(folder, name, part, file)
        if block is None:
            return file.read(columns=wanted)
        groups = _groups_near(file.metadata, block)
        found = file.read_row_groups(groups, columns=[*wanted, "bbox"])
        boxes = found["bbox"].combine_chunks()
        bounds = [boxes.field(side).to_numpy(zero_copy_only=False) for side in _BOX]
        nulls = boxes.is_null().to_numpy(zero_copy_only=False)
        meets = block.nears(np.column_stack(bounds)) & ~nulls
        return found.filter(pa.array(meets)).select(wanted)


def _refuse_other(folder: Path, name: str, part: Part, file: pq.ParquetFile) -> None:
    mark = (file.schema_arrow.metadata or {}).get(_MARK, b"").decode()
    number = part.file.removeprefix("part-").removesuffix(".parquet")
    if mark != f"{name} {int(number)}":
        raise _unusable(folder, part.file, "other")
    if file.metadata.num_rows != part.rows:
        raise _unusable(folder, part.file, "damaged")


def _groups_near(metadata: pq.FileMetaData, block: Block) -> list[int]:
    """Row groups that may hold a box that meets the block, by the statistics of their boxes."""
    places = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    bounds = np.full((metadata.num_row_groups, 4), np.nan)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for side, key in enumerate(_BOX):
            known = group.column(places[f"bbox.{key}"]).statistics
            if known is not None and known.has_min_max:
                bounds[number, side] = known.min if side < 2 else known.max
    return [int(number) for number in np.flatnonzero(block.nears(bounds))]


@contextmanager
def _told(folder: Path, file: str) -> Iterator[None]:
    """What goes wrong with a file of a lake, as a refusal."""
    try:
        yield
    except FileNotFoundError as error:
        raise _unusable(folder, file, "missing") from error
    except (OSError, pa.ArrowException, KeyError, ValueError, shapely.GEOSException) as error:
        raise _unusable(folder, file, "damaged") from error


def _unusable(folder: Path, file: str, reason: str) -> LakeNotUsableError:
    return LakeNotUsableError(folder=str(folder), file=file, reason=reason)


def _texts(table: Any) -> Any:
    texts = [name for name in table.columns if name != "geometry"]
    return table.astype(dict.fromkeys(texts, "str"))
