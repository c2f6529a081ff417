"""Files GDAL reads in one sweep: GeoPackage, FileGDB, FlatGeobuf, MapInfo, GeoJSON, KML.

Which driver reads what, and why. pyogrio with Arrow reads whole files: 10 to 40 times faster than
fiona (100,000 polygons of a GeoPackage in 0.25 s against 8.3 s). fiona reads one record at a time,
which costs that time and no memory but the record's: files larger than the bound `streamed_from`
go that way (`streaming`), and so do broken ones, where pyogrio's sweep ends early without a word
(`recovery`). pyarrow reads GeoParquet, for which the wheels of GDAL have no driver (`parquet`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError

from parcels import crs, words
from parcels.errors import (
    FileNotReadableError,
    FileNotSafeError,
    PartNotChosenError,
)
from parcels.findings import Findings
from parcels.ingest import gdal, gpkg_schema, parsed, placemarks
from parcels.ingest.arrived import Arrived, Kind, framed, source_of, unique_names
from parcels.ingest.arrow_text import readable
from parcels.ingest.bounds import Limits
from parcels.ingest.wkb import is_curved
from parcels.ingest.wkb import solid as solid_kind

# GDAL, Arrow and pyogrio between them raise all of these on broken files.
BROKEN: Final = (
    DataSourceError,
    DataLayerError,
    UnicodeError,
    ValueError,
    RuntimeError,
    SystemError,
    OSError,
    NotImplementedError,
)


LAYERED: Final = frozenset({Kind.GEOPACKAGE, Kind.FILE_GDB})
"""Kinds of file that hold several layers by name."""

_GDAL_NAMES: Final = {
    "utf-8": "UTF-8",
    "gb18030": "GB18030",
    "latin-1": "ISO-8859-1",
    "euc_jp": "EUC-JP",
}


@dataclass(frozen=True, slots=True)
class Sweep:
    """One layer as one sweep gave it.

    `numbers` are GDAL's feature numbers, `spoiled` marks boundaries and texts that could not be
    read, and `curves` counts those that came with curves and were made straight lines. `solid`
    are the positions of surfaces in space, which bound no land, with what they are.
    """

    table: pd.DataFrame
    geometry: np.ndarray | None
    numbers: np.ndarray
    crs_name: str | None
    spoiled: np.ndarray
    curves: int = 0
    solid: Mapping[int, str] = field(default_factory=dict)


def read_layered(
    path: Path, kind: Kind, *, findings: Findings, bounds: Limits, part: str | None = None
) -> Arrived:
    """A file of the kinds GDAL reads as it arrived.

    The features are numbered from 1 in the order of the file. Of several layers of a GeoPackage
    or FileGDB the one named by `part` is read, else the first with boundaries that is not empty,
    else the first that is not empty; the others are reported. The folders of a KML file are read
    as one.

    Raises:
        FileNotReadableError: GDAL cannot read it.
        FileNotSafeError: Reading it would run what its author wrote.
        FileTooLargeError: It is of a kind that is parsed whole, and too large for that.
        PartNotChosenError: It has no layer called `part`.
    """
    computed = gpkg_schema.computed_tables(path) if kind is Kind.GEOPACKAGE else frozenset()
    text, encoding = parsed.as_utf8(path, kind, findings, bounds)
    with parsed.as_file(text, path.name) as content:
        arrived = _read_layers(
            path, content, kind, findings=findings, bounds=bounds, part=part, computed=computed
        )
    return arrived if encoding is None else replace(arrived, encoding=encoding)


def _read_layers(  # noqa: PLR0913 - everything said of the file meets here
    path: Path,
    content: Path,
    kind: Kind,
    *,
    findings: Findings,
    bounds: Limits,
    part: str | None,
    computed: frozenset[str],
) -> Arrived:
    try:
        with warnings.catch_warnings():
            # GDAL warns of columns it cannot take in layers that are not read.
            warnings.simplefilter("ignore")
            layers = _layer_names(content, part, path.name, computed)
            if kind is not Kind.KML:
                layers = _chosen(content, layers, findings=findings)
        if size_of(content) > bounds.streamed_from_bytes:
            return _streamed(path, kind, layers, findings=findings, bounds=bounds)
        with gdal.settings(gdal.KML if kind is Kind.KML else {}):
            sweeps = [sweep(content, layer=name) for name in layers]
    except BROKEN as error:
        if kind is Kind.GEOJSON:
            # GDAL takes in the whole text before the first feature: no record stands alone.
            raise FileNotReadableError(file=path.name, reason=str(error)) from error
        if kind is Kind.KML and (left := _by_placemark(path, content, findings)) is not None:
            return left
        return _by_record(path, kind, error, findings=findings, part=part)
    whole = _joined(sweeps, layers)
    rows = np.arange(1, len(whole.table) + 1)
    report_spoiled(whole, rows, findings)
    if kind is Kind.FLATGEOBUF and not len(rows):
        _report_unread(path, findings)
    report_curves(whole, findings)
    if kind is Kind.KML:
        whole = _without_housekeeping(whole)
    return Arrived(
        kind,
        source_of(path),
        framed(whole.table, whole.geometry, rows=rows),
        crs_of(whole.crs_name),
        part=layers[0] if kind in LAYERED and layers else None,
    )


def sweep(content: Path, *, layer: str | None = None, encoding: str | None = None) -> Sweep:
    """One layer read whole through Arrow.

    Args:
        content: The file.
        layer: Name of the layer; None for the first.
        encoding: GDAL's name of the encoding of its text.

    Raises:
        Any of BROKEN.
    """
    asked: dict[str, Any] = {"layer": layer, "encoding": encoding}
    with warnings.catch_warnings():
        # What GDAL warns of is found again in the records, with the row it concerns.
        warnings.simplefilter("ignore")
        meta, table = pyogrio.read_arrow(
            address(content), return_fids=True, **{k: v for k, v in asked.items() if v is not None}
        )
        table, unread = readable(table)
        numbers = np.array(table.column(0).to_numpy(), "int64")
        shapes, spoiled, curves = None, np.zeros(len(numbers), bool), 0
        solid: dict[int, str] = {}
        place = _geometry_column(table)
        if place is not None:
            column = table.column(place)
            try:
                shapes, spoiled = _shapes_of_chunks(column)
            except NotImplementedError:
                wkb = column.to_numpy(zero_copy_only=False)
                shapes, spoiled, curves = _straightened(content, wkb, layer)
            solid = _solids(column, spoiled)
            spoiled[list(solid)] = False
            table = table.remove_column(place)
        attributes = attributes_of(_owned(table.remove_column(0)))
    return Sweep(attributes, shapes, numbers, meta["crs"], spoiled | unread, curves, solid)


def attributes_of(table: Any) -> pd.DataFrame:
    """The columns of an Arrow table: unique names, whole numbers with gaps still whole."""
    named = table.rename_columns(unique_names(table.column_names))
    types = _types(named).get
    return _flat(named.to_pandas(date_as_object=False, types_mapper=types))


def _owned(table: Any) -> Any:
    """The table in memory of its own, a copy column by column.

    What GDAL hands over goes only as a whole batch: one column kept would keep the boundaries.
    """
    columns = [
        pa.concat_arrays(column.chunks or [column.combine_chunks()]) for column in table.columns
    ]
    return pa.table(columns, schema=table.schema)


def _shapes_of_chunks(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """What `shapes_of` gives, a batch of GDAL's at a time, so that WKB is held of one only."""
    parts = [shapes_of(one.to_numpy(zero_copy_only=False)) for one in column.chunks]
    if not parts:
        return np.empty(0, object), np.zeros(0, bool)
    shapes, spoiled = (np.concatenate(side) for side in zip(*parts, strict=True))
    return shapes, spoiled


def _solids(column: Any, spoiled: np.ndarray) -> dict[int, str]:
    """What those boundaries are that could not be read and are surfaces in space."""
    read = {int(at): solid_kind(column[int(at)].as_py()) for at in np.flatnonzero(spoiled)}
    return {at: kind for at, kind in read.items() if kind}


def shapes_of(wkb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Geometries made of WKB, and which of them could not be.

    Raises:
        NotImplementedError: There are curves among them, which GEOS does not know.
    """
    with np.errstate(invalid="ignore"):  # what is no number is found by the checks
        shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    there = np.array([one is not None for one in wkb], bool)
    failed = np.flatnonzero(shapely.is_missing(shapes) & there)
    if len(failed):
        # A ring that is not closed is closed; what is still no geometry is spoiled.
        shapes[failed] = shapely.from_wkb(wkb[failed], on_invalid="fix")
    return shapes, shapely.is_missing(shapes) & there


def report_curves(one: Sweep, findings: Findings) -> None:
    """Say that curves were made straight lines, if any were."""
    if one.curves:
        findings.add("curves_straightened", details={"count": one.curves})


def gdal_encoding(name: str) -> str:
    """GDAL's name of an encoding that Python calls by this one."""
    return _GDAL_NAMES.get(name, name.upper())


def size_of(path: Path) -> int:
    """Bytes of a file, or of all the files of a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.iterdir() if one.is_file())


def _straightened(
    content: Path, wkb: np.ndarray, layer: str | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """The boundaries with lines for curves, in GDAL's steps of 4 degrees, and how many had such.

    pyogrio hands curves on as they are or refuses them; fiona has GDAL make lines of them.
    """
    from parcels.ingest.streaming import shapes_of_layer  # noqa: PLC0415 - brings a second GDAL

    curved = np.array([one is not None and is_curved(one) for one in wkb], bool)
    shapes, spoiled = shapes_of_layer(content, layer=layer)
    return shapes, spoiled, int(curved.sum())


def address(content: Path) -> str | Path:
    """What names exactly this file to pyogrio.

    In a path it takes "!" for the border of an archive and "?" for the query of a web address,
    but people end names in "!". The part of a file from its first byte on is the file.
    """
    if not {"!", "?"} & set(str(content)) or content.is_dir():
        return content
    return f"/vsisubfile/0,{content.absolute()}"


def crs_of(name: str | None) -> pyproj.CRS | None:
    """The CRS a file declares, or None if it declares none or none that PROJ understands."""
    if not name:
        return None
    try:
        return pyproj.CRS.from_user_input(name)
    except CRSError:
        return None


def _geometry_column(table: Any) -> int | None:
    for place, column in enumerate(table.schema):
        if b"wkb" in (column.metadata or {}).get(b"ARROW:extension:name", b""):
            return place
    return None


def _types(table: Any) -> dict[Any, Any]:
    # Whole numbers with gaps must not become floats: a 19-digit code would lose its end.
    wanted = {"int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64"}
    found: dict[Any, Any] = {}
    for column in table.schema:
        name = str(column.type)
        if name in wanted:
            found[column.type] = pd.api.types.pandas_dtype(wanted[name])
        if name == "bool":
            found[column.type] = pd.BooleanDtype()
    return found


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    # Lists and nested objects (GeoJSON) have no place in a column; they become text.
    changed = {}
    for name in table.columns:
        column = table[name]
        if column.dtype == object:
            changed[name] = column.map(_written).astype("str")
    return table.assign(**changed) if changed else table


def _written(one: Any) -> str | None:
    if one is None:
        return None
    if isinstance(one, bytes):
        return one.hex()
    if isinstance(one, np.ndarray | list | tuple):
        return ";".join(str(item) for item in one)
    return str(one)


def _layer_names(
    content: Path, part: str | None, file: str, computed: frozenset[str]
) -> list[str]:
    """The layers to choose from: those with boundaries first, none that is computed."""
    listed = [(str(name), kind) for name, kind in pyogrio.list_layers(address(content))]
    if part is not None:
        if part not in {name for name, _ in listed}:
            raise PartNotChosenError(file=file, part=part, parts=[name for name, _ in listed])
        listed = [(name, kind) for name, kind in listed if name == part]
    plain = [(name, kind) for name, kind in listed if name not in computed]
    if listed and not plain:
        raise FileNotSafeError(file=file, reason="view_as_table", found=listed[0][0])
    return [name for name, _ in sorted(plain, key=lambda one: one[1] is None)]


def _chosen(content: Path, layers: list[str], *, findings: Findings) -> list[str]:
    if len(layers) < 2:
        return layers
    place = address(content)
    with warnings.catch_warnings():
        # It warns of measures even in layers that are only counted.
        warnings.simplefilter("ignore")
        counts = {name: pyogrio.read_info(place, layer=name)["features"] for name in layers}
    chosen = next((name for name, count in counts.items() if count), layers[0])
    for name, count in counts.items():
        if name != chosen:
            findings.add("part_not_used", found=name, details={"part": name, "records": count})
    return [chosen]


def _streamed(
    path: Path, kind: Kind, layers: list[str], *, findings: Findings, bounds: Limits
) -> Arrived:
    # Imported here because fiona brings a second GDAL: small files never pay for it.
    from parcels.ingest.streaming import stream  # noqa: PLC0415 - see above

    one = stream(path, layer=layers[0] if layers else None, bounds=bounds)
    rows = np.arange(1, len(one.table) + 1)
    report_spoiled(one, rows, findings)
    return Arrived(
        kind,
        source_of(path),
        framed(one.table, one.geometry, rows=rows),
        crs_of(one.crs_name),
        part=layers[0] if kind in LAYERED and layers else None,
    )


def _joined(sweeps: list[Sweep], layers: list[str]) -> Sweep:
    if not sweeps:
        return Sweep(pd.DataFrame(), None, np.zeros(0, "int64"), None, np.zeros(0, bool))
    if len(sweeps) == 1:
        return sweeps[0]
    bases = np.cumsum([0, *(len(s.table) for s in sweeps[:-1])]).tolist()
    tables = [s.table.assign(layer=name) for s, name in zip(sweeps, layers, strict=True)]
    return Sweep(
        pd.concat(tables, ignore_index=True),
        np.concatenate([_or_none(s) for s in sweeps]),
        np.concatenate([s.numbers for s in sweeps]),
        sweeps[0].crs_name,
        np.concatenate([s.spoiled for s in sweeps]),
        sum(s.curves for s in sweeps),
        {
            at + base: kind
            for base, s in zip(bases, sweeps, strict=True)
            for at, kind in s.solid.items()
        },
    )


def _or_none(one: Sweep) -> np.ndarray:
    if one.geometry is not None:
        return one.geometry
    return np.full(len(one.table), None, object)


def _without_housekeeping(one: Sweep) -> Sweep:
    idle = set(words.formats()["kml"]["housekeeping"]) & set(one.table.columns)
    table = one.table.drop(columns=sorted(idle))
    return replace(one, table=table)


def _report_unread(path: Path, findings: Findings) -> None:
    """GDAL ends a FlatGeobuf that is cut off in its index as if it held nothing."""
    declared = int(pyogrio.read_info(address(path))["features"])
    if declared > 0:
        findings.add("file_cut_off", details={"read": 0, "unread": declared})


def report_spoiled(one: Sweep, rows: np.ndarray, findings: Findings) -> None:
    """Report the rows with a boundary or text that could not be read, or a boundary that is none.

    Args:
        one: The sweep.
        rows: Row numbers, aligned with it.
        findings: Where to.
    """
    findings.add("record_damaged", rows=rows[one.spoiled])
    findings.add(
        "boundary_wrong_shape",
        rows=rows[list(one.solid)],
        found=list(one.solid.values()),
        details=words.in_both(words.values()["shapes"], "flat", "expected"),
    )


def _by_placemark(path: Path, content: Path, findings: Findings) -> Arrived | None:
    """The placemarks of a KML that is no whole XML, with all that they say."""
    left = placemarks.mended(content.read_bytes())
    if left is None:
        return None
    try:
        with gdal.settings(gdal.KML), parsed.as_file(left.content, path.name) as mended:
            layers = _layer_names(mended, None, path.name, frozenset())
            whole = _without_housekeeping(
                _joined([sweep(mended, layer=name) for name in layers], layers)
            )
    except BROKEN:
        return None
    if len(whole.table) != len(left.numbers):
        return None
    rows = left.numbers + 1
    findings.add("record_damaged", rows=left.damaged + 1)
    report_spoiled(whole, rows, findings)
    frame = framed(whole.table, whole.geometry, rows=rows)
    return Arrived(Kind.KML, source_of(path), frame, crs_of(whole.crs_name))


def _by_record(
    path: Path, kind: Kind, cause: Exception, *, findings: Findings, part: str | None
) -> Arrived:
    # Imported here because fiona brings a second GDAL: whole files never pay for it.
    from parcels.ingest.recovery import recover  # noqa: PLC0415 - see above

    try:
        had = recover(path, part=part)
    except Exception as error:  # noqa: BLE001 - whatever fiona says, the file is unreadable
        raise FileNotReadableError(file=path.name, reason=str(cause) or str(error)) from cause
    rows = had.numbers + 1
    findings.add("record_damaged", rows=rows[np.isin(had.numbers, had.damaged)])
    if had.unread or not len(rows):
        details = {"read": len(rows), "unread": had.unread}
        findings.add("file_cut_off", details=details)
    declared = crs_of(had.crs_wkt)
    if declared is None and kind in {Kind.KML, Kind.GEOJSON}:
        declared = pyproj.CRS.from_epsg(crs.WGS84)
    return Arrived(kind, source_of(path), framed(had.table, had.geometry, rows=rows), declared)
