"""Files GDAL reads: shapefile, GeoPackage, GeoJSON, KML; in one sweep with pyogrio and Arrow.

What the sweep loses without a word is looked for afterwards and read record by record
(`recovery`).
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError

from parcels import crs, words
from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, framed, source_of, unique_names
from parcels.ingest.encodings import first_foreign, read_text

_PROLOGUE: Final = re.compile(r"<\?xml.*?\?>", re.DOTALL)
# GDAL, Arrow and pyogrio between them raise all of these on broken files.
BROKEN: Final = (
    DataSourceError,
    DataLayerError,
    UnicodeError,
    ValueError,
    RuntimeError,
    SystemError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One layer as one sweep gave it; `numbers` are GDAL's feature numbers."""

    table: pd.DataFrame
    geometry: np.ndarray | None
    numbers: np.ndarray
    crs_name: str | None
    spoiled: np.ndarray


def read_layered(
    path: Path, kind: Kind, *, findings: Findings, part: str | None = None
) -> Arrived:
    """A GeoPackage, GeoJSON or KML file as it arrived.

    The features are numbered from 1 in the order of the file. Of several layers of a GeoPackage
    the one named by `part` is read, else the first that is not empty; the others are reported.
    The folders of a KML file are read as one.

    Raises:
        FileNotReadableError: GDAL cannot read it.
    """
    content, encoding = _as_utf8(path, kind, findings)
    try:
        layers = _layer_names(content, part)
        if kind is not Kind.KML:
            layers = _chosen(content, layers, findings=findings)
        sweeps = [sweep(content, layer=name) for name in layers]
    except BROKEN as error:
        if kind is Kind.GEOJSON:
            # GDAL takes in the whole text before the first feature: no record stands alone.
            raise FileNotReadableError(file=path.name, reason=str(error)) from error
        return _by_record(path, kind, error, findings=findings, part=part)
    whole = _joined(sweeps, layers)
    rows = np.arange(1, len(whole.table) + 1)
    _report_spoiled(whole, rows, findings)
    if kind is Kind.KML:
        whole = _without_housekeeping(whole)
    return Arrived(
        kind,
        source_of(path),
        framed(whole.table, whole.geometry, rows=rows),
        crs_of(whole.crs_name),
        encoding=encoding,
        part=layers[0] if kind is Kind.GEOPACKAGE and layers else None,
    )


def sweep(
    content: Path | bytes, *, layer: str | None = None, encoding: str | None = None
) -> Sweep:
    """One layer read whole through Arrow.

    Args:
        content: Path, or the file itself.
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
            content, return_fids=True, **{k: v for k, v in asked.items() if v is not None}
        )
        numbers = table.column(0).to_numpy()
        shapes, spoiled = None, np.zeros(len(numbers), bool)
        place = _geometry_column(table)
        if place is not None:
            shapes, spoiled = _shapes(table.column(place).to_numpy(zero_copy_only=False))
            table = table.remove_column(place)
        table = table.remove_column(0)
        names = unique_names(table.column_names)
        attributes = table.rename_columns(names).to_pandas(
            date_as_object=False, types_mapper=_types(table).get
        )
    return Sweep(_flat(attributes), shapes, np.asarray(numbers, "int64"), meta["crs"], spoiled)


def crs_of(name: str | None) -> pyproj.CRS | None:
    """The CRS a file declares, or None if it declares none or none that PROJ understands."""
    if not name:
        return None
    try:
        return pyproj.CRS.from_user_input(name)
    except CRSError:
        return None


def _geometry_column(table: Any) -> int | None:
    for place, field in enumerate(table.schema):
        if b"wkb" in (field.metadata or {}).get(b"ARROW:extension:name", b""):
            return place
    return None


def _types(table: Any) -> dict[Any, Any]:
    # Whole numbers with gaps must not become floats: a 19-digit code would lose its end.
    wanted = {"int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64"}
    found: dict[Any, Any] = {}
    for field in table.schema:
        name = str(field.type)
        if name in wanted:
            found[field.type] = pd.api.types.pandas_dtype(wanted[name])
        if name == "bool":
            found[field.type] = pd.BooleanDtype()
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


def _shapes(wkb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    there = np.array([one is not None for one in wkb], bool)
    failed = np.flatnonzero(shapely.is_missing(shapes) & there)
    if len(failed):
        # A ring that is not closed is closed; what is still no geometry is spoiled.
        shapes[failed] = shapely.from_wkb(wkb[failed], on_invalid="fix")
    return shapes, shapely.is_missing(shapes) & there


def _as_utf8(path: Path, kind: Kind, findings: Findings) -> tuple[Path | bytes, str | None]:
    # GDAL takes these two for UTF-8 whatever they hold.
    if kind not in {Kind.GEOJSON, Kind.KML}:
        return path, None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        text, name, guessed = read_text(content)
        if guessed:
            details = {"encoding": name, "declared": ""}
            findings.add("encoding_guessed", found=first_foreign(text), details=details)
        if kind is Kind.KML:
            text = _PROLOGUE.sub('<?xml version="1.0" encoding="UTF-8"?>', text, count=1)
        return text.encode(), name
    return path, "utf-8"


def _layer_names(content: Path | bytes, part: str | None) -> list[str]:
    if part is not None:
        return [part]
    return [str(name) for name in pyogrio.list_layers(content)[:, 0]]


def _chosen(content: Path | bytes, layers: list[str], *, findings: Findings) -> list[str]:
    if len(layers) < 2:
        return layers
    counts = {name: pyogrio.read_info(content, layer=name)["features"] for name in layers}
    chosen = next((name for name, count in counts.items() if count), layers[0])
    for name, count in counts.items():
        if name != chosen:
            findings.add("part_not_used", found=name, details={"part": name, "records": count})
    return [chosen]


def _joined(sweeps: list[Sweep], layers: list[str]) -> Sweep:
    if not sweeps:
        return Sweep(pd.DataFrame(), None, np.zeros(0, "int64"), None, np.zeros(0, bool))
    if len(sweeps) == 1:
        return sweeps[0]
    tables = [s.table.assign(layer=name) for s, name in zip(sweeps, layers, strict=True)]
    return Sweep(
        pd.concat(tables, ignore_index=True),
        np.concatenate([_or_none(s) for s in sweeps]),
        np.concatenate([s.numbers for s in sweeps]),
        sweeps[0].crs_name,
        np.concatenate([s.spoiled for s in sweeps]),
    )


def _or_none(one: Sweep) -> np.ndarray:
    if one.geometry is not None:
        return one.geometry
    return np.full(len(one.table), None, object)


def _without_housekeeping(one: Sweep) -> Sweep:
    idle = set(words.formats()["kml"]["housekeeping"]) & set(one.table.columns)
    table = one.table.drop(columns=sorted(idle))
    return Sweep(table, one.geometry, one.numbers, one.crs_name, one.spoiled)


def _report_spoiled(one: Sweep, rows: np.ndarray, findings: Findings) -> None:
    findings.add("record_damaged", rows=rows[one.spoiled])


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
