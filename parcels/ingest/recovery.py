"""Broken files record by record, with fiona.

pyogrio reads a layer in one sweep, and one bad record costs the sweep: GDAL ends it early without
a word (a shapefile whose table is cut off gives 9 of 20 features), or the whole read fails. fiona
asks for one feature at a time by its number, so each can fail alone and the others still come in.
It is about thirty times slower, so it is used for broken files only (and, in `streaming`, for
files too large to stand in memory twice). A broken head may promise two thousand million records;
no more are asked for than the bytes of the file could hold.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fiona
import numpy as np
import pandas as pd
import shapely
import shapely.geometry

from parcels.ingest import dbf

_BYTES: Final = "ISO-8859-1"
# A table ends with a mark of one byte.
_MARK_BYTES: Final = 1
_SHAPEFILE: Final = "ESRI Shapefile"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What could be had of a broken file.

    Attributes:
        table: Attributes of the records that came; text still as bytes in Latin-1 for a shapefile.
        geometry: Shapely geometries aligned with `table`.
        numbers: Number of each record in the file, from 0.
        damaged: Numbers of the records that could not be read whole.
        crs_wkt: As the file declares it, or "".
        unread: Records the file says it has, past the place where reading ended.
    """

    table: pd.DataFrame
    geometry: np.ndarray
    numbers: np.ndarray
    damaged: tuple[int, ...]
    crs_wkt: str
    unread: int


def recover(path: Path, *, part: str | None = None) -> Recovered:
    """Every record of a file that can still be read.

    A missing index of a shapefile is rebuilt in a copy; the sender's file is left as it is.

    Args:
        path: A file GDAL can at least open.
        part: Layer of it.

    Raises:
        OSError, fiona.errors.FionaError: It cannot be opened at all.
    """
    if path.suffix.lower() != ".shp" or _has_index(path):
        return _recover(path, part)
    with tempfile.TemporaryDirectory() as folder:
        for one in path.parent.glob(f"{_escaped(path.stem)}.*"):
            if one.suffix.lower() in {".shp", ".dbf", ".prj"}:
                shutil.copyfile(one, Path(folder) / f"copy{one.suffix.lower()}")
        return _recover(Path(folder) / "copy.shp", None)


def _recover(path: Path, part: str | None) -> Recovered:
    options: dict[str, Any] = {"layer": part} if part else {}
    if path.suffix.lower() == ".shp":
        options["encoding"] = _BYTES
    with (
        fiona.Env(SHAPE_RESTORE_SHX="YES"),
        fiona.open(path, **options) as layer,
    ):
        names = list(layer.schema["properties"])
        by_number = layer.driver == _SHAPEFILE
        declared = max(len(layer), 0)
        if by_number:
            declared = min(declared, _room(path))
        records = _by_number(layer, declared) if by_number else _in_order(layer)
        rows, shapes, numbers, damaged = [], [], [], []
        for number, record in records:
            numbers.append(number)
            properties = {} if record is None else dict(record.properties)
            rows.append([properties.get(name) for name in names])
            shapes.append(None if record is None else _shape(record))
            if record is None:
                damaged.append(number)
        wkt = layer.crs_wkt or ""
    geometry = np.full(len(shapes), None, object)
    geometry[:] = shapes
    return Recovered(
        pd.DataFrame(rows, columns=names),
        geometry,
        np.array(numbers, "int64"),
        tuple(damaged),
        wkt,
        0 if by_number else max(declared - len(numbers), 0),
    )


def _by_number(layer: Any, declared: int) -> Iterator[tuple[int, Any]]:
    for number in range(declared):
        try:
            record = layer[number]
        except (KeyError, IndexError):
            continue
        except Exception:  # noqa: BLE001 - fiona raises SystemError, UnicodeError and its own here
            record = None
        yield number, record


def _in_order(layer: Any) -> Iterator[tuple[int, Any]]:
    features, number = iter(layer), 0
    while True:
        try:
            record = next(features)
        except Exception:  # noqa: BLE001 - StopIteration, or whatever the driver died of
            return
        yield number, record
        number += 1


def _room(path: Path) -> int:
    """How many records the files of a shapefile have room for, one cut off at the end included."""
    room = 0
    for one in path.parent.glob(f"{_escaped(path.stem)}.*"):
        size, suffix = one.stat().st_size, one.suffix.lower()
        if suffix == ".shx":
            room = max(room, size // 8)
        elif suffix == ".shp":
            room = max(room, size // 12)
        elif suffix == ".dbf" and (table := dbf.open_table(one)) is not None:
            room = max(room, -(-(size - table.head - _MARK_BYTES) // table.width))
    return room


def _shape(record: Any) -> Any:
    if record.geometry is None:
        return None
    try:
        return shapely.geometry.shape(record.geometry.__geo_interface__)
    except (ValueError, TypeError, AttributeError, shapely.errors.ShapelyError):
        return None


def _has_index(path: Path) -> bool:
    return any(path.with_suffix(end).exists() for end in (".shx", ".SHX", ".Shx"))


def _escaped(stem: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in stem)
