"""Rows that were not taken, complete, in a file of the same kind with the reason."""

from __future__ import annotations

import csv
import re
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyogrio
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from parcels import words
from parcels.errors import OutputNotWritableError
from parcels.exchange.output import named
from parcels.ingest import gdal, ogr
from parcels.ingest.arrived import Arrived, Kind
from parcels.ingest.delivery import Delivery
from parcels.ingest.drawing_file import write_dxf
from parcels.ingest.workbook import guarded

SUFFIX: Final[Mapping[Kind, str]] = {
    Kind.SHAPEFILE: ".shp",
    Kind.TABLE: ".dbf",
    Kind.GEOPACKAGE: ".gpkg",
    Kind.FILE_GDB: ".gdb",
    Kind.FLATGEOBUF: ".fgb",
    Kind.PARQUET: ".parquet",
    Kind.GEOJSON: ".geojson",
    Kind.KML: ".kml",
    Kind.KMZ: ".kmz",
    Kind.DXF: ".dxf",
    Kind.MAPINFO: ".tab",
    Kind.MAPINFO_TEXT: ".mif",
    Kind.BOUNDARY_POINTS: ".txt",
    Kind.XLSX: ".xlsx",
    Kind.CSV: ".csv",
}
"""How the name of a rejects file must end, by the kind of the delivery."""

_DRIVERS: Final = {
    Kind.SHAPEFILE: "ESRI Shapefile",
    Kind.TABLE: "ESRI Shapefile",
    Kind.GEOPACKAGE: "GPKG",
    Kind.FILE_GDB: "OpenFileGDB",
    Kind.FLATGEOBUF: "FlatGeobuf",
    Kind.GEOJSON: "GeoJSON",
    Kind.KML: "LIBKML",
    Kind.KMZ: "LIBKML",
    Kind.MAPINFO: "MapInfo File",
    Kind.MAPINFO_TEXT: "MapInfo File",
}
# Kinds of several files, which come back in a ZIP if they came in one.
_IN_ZIP: Final = frozenset({Kind.SHAPEFILE, Kind.FILE_GDB, Kind.MAPINFO, Kind.MAPINFO_TEXT})
_ZIP: Final = ".zip"
# dBase holds 254 bytes, and a Chinese character takes two or three.
_DBF_CHARACTERS: Final = 80
# What a spreadsheet keeps of a number.
_SHEET_DIGITS: Final = 10**15
_LINE_BREAKS: Final = re.compile(r"\s+")


_Writer = Callable[[Arrived, Path, Mapping[int, str]], None]


def suffix_of(arrived: Arrived) -> str:
    """How the name of the rejects file of this delivery must end."""
    if arrived.packed and arrived.kind in _IN_ZIP:
        return _ZIP
    return SUFFIX[arrived.kind]


def write_rejects(delivery: Delivery, path: Path, *, reasons: Mapping[int, str]) -> None:
    """Write rows of a delivery as they arrived: every column, the sender's own coordinates.

    The file can be mended and delivered again; the column with the reason is left out then. What
    came in a ZIP and is of several files goes into one, in a folder of the same name. A drawing
    has no columns: the reasons are texts on a drawing layer of their own, inside the parcels.

    Args:
        delivery: Where the rows are from.
        path: The file to write; its name ends as `suffix_of` says.
        reasons: A sentence by row number; rows without one are not written.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    write_rows(delivery.arrived, path, reasons=reasons)


def write_rows(arrived: Arrived, path: Path, *, reasons: Mapping[int, str]) -> None:
    """The same of a file of which no delivery was made.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    writer = _WRITERS.get(arrived.kind, _write_layer)
    try:
        if path.suffix.lower() == _ZIP:
            _write_packed(writer, arrived, path, reasons)
            return
        writer(arrived, path, reasons)
    except (*ogr.BROKEN, pa.ArrowException) as error:
        raise OutputNotWritableError(file=path.name, reason=str(error)) from error


def _write_packed(
    writer: _Writer, arrived: Arrived, path: Path, reasons: Mapping[int, str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="jingtu-") as place:
        folder = Path(place) / path.stem
        folder.mkdir()
        writer(arrived, folder / f"{path.stem}{SUFFIX[arrived.kind]}", reasons)
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
            for one in sorted(folder.rglob("*")):
                if one.is_file():
                    archive.write(one, one.relative_to(place).as_posix())


def _chosen(arrived: Arrived, reasons: Mapping[int, str]) -> gpd.GeoDataFrame:
    column = words.formats()["report"]["reason"]
    rows = arrived.frame.loc[arrived.frame.index.isin(list(reasons))]
    said = pd.Series(rows.index.map(lambda row: _one_line(reasons[row])), dtype="str")
    rows = rows.drop(columns=column, errors="ignore")
    shapes = rows.geometry.to_numpy()
    table = pd.DataFrame(rows.drop(columns="geometry")).reset_index(drop=True)
    return gpd.GeoDataFrame(table.assign(**{column: said}), geometry=shapes, crs=arrived.crs)


def _write_layer(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    rows = _with_days(_chosen(arrived, reasons))
    options: dict[str, Any] = {"driver": _DRIVERS[arrived.kind]}
    if arrived.kind in {Kind.SHAPEFILE, Kind.TABLE}:
        column = words.formats()["report"]["reason"]
        rows[column] = rows[column].str.slice(0, _DBF_CHARACTERS)
        options["encoding"] = _dbf_encoding(arrived, rows)
    if arrived.kind in {Kind.MAPINFO, Kind.MAPINFO_TEXT}:
        options["ENCODING"] = "CP936" if arrived.encoding == "gb18030" else "UTF-8"
    if arrived.kind is Kind.FILE_GDB:
        # Before this version of ArcGIS whole numbers of 64 bits became floats.
        options["TARGET_ARCGIS_VERSION"] = "ARCGIS_PRO_3_2_OR_LATER"
    if arrived.kind is Kind.GEOJSON:
        # Seven decimals, its default, would move boundaries by a centimetre.
        options["layer_options"] = {"COORDINATE_PRECISION": "15"}
    if arrived.part is not None:
        options["layer"] = arrived.part
    elif arrived.kind in {Kind.GEOJSON, Kind.KML, Kind.FLATGEOBUF}:
        options["layer"] = path.stem
    table: pd.DataFrame = rows
    if arrived.kind is Kind.TABLE or not arrived.has_boundaries:
        table = pd.DataFrame(rows.drop(columns="geometry"))
    else:
        options["geometry_type"] = _geometry_type(arrived, rows)
        options["promote_to_multi"] = False
    with warnings.catch_warnings():
        # Fields that get another width or type in a shapefile are told of by GDAL one by one.
        warnings.simplefilter("ignore")
        with named(path) as made, gdal.settings(gdal.KML):
            pyogrio.write_dataframe(table, made, use_arrow=True, **options)


def _write_kmz(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    # GDAL's own would be a page of links to a file per layer; this is what other programs write.
    with tempfile.TemporaryDirectory(prefix="jingtu-") as folder:
        page = Path(folder) / "doc.kml"
        _write_layer(arrived, page, reasons)
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
            archive.write(page, page.name)


def _write_parquet(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    rows = _chosen(arrived, reasons)
    if arrived.has_boundaries:
        rows.to_parquet(path, index=False)
    else:
        pd.DataFrame(rows.drop(columns="geometry")).to_parquet(path, index=False)


def _write_drawing(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    column = words.formats()["report"]["reason"]
    write_dxf(path, _chosen(arrived, reasons), reason=column)


def _geometry_type(arrived: Arrived, rows: gpd.GeoDataFrame) -> str:
    """One type for the layer: a shapefile takes parts of one name, others anything."""
    kinds = set(arrived.frame.geometry.dropna().geom_type)
    deep = " Z" if rows.geometry.has_z.any() else ""
    if arrived.kind is Kind.SHAPEFILE:
        lone = {kind.removeprefix("Multi") for kind in kinds}
        several = any(kind.startswith("Multi") for kind in kinds)
        kind = min(lone)
        return (f"Multi{kind}" if several and kind != "Point" else kind) + deep
    return (kinds.pop() if len(kinds) == 1 else "Unknown") + deep


def _with_days(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Columns of days as days: as moments they would come back with a time of day."""
    days = {}
    for name in rows.columns:
        column = rows[name]
        if not pd.api.types.is_datetime64_dtype(column):
            continue
        if (column.dropna() == column.dropna().dt.normalize()).all():
            days[name] = column.astype(pd.ArrowDtype(pa.date32()))
    return rows.assign(**days)


def _dbf_encoding(arrived: Arrived, rows: pd.DataFrame) -> str:
    if arrived.encoding != "gb18030":
        return "UTF-8"
    text = rows.select_dtypes("str").fillna("").to_numpy(dtype=object).ravel()
    try:
        "".join(map(str, [*rows.columns, *text])).encode("gbk")
    except UnicodeEncodeError:
        return "GB18030"
    return "GBK"


def _write_points(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    """The file without the parcels that were taken; all other lines stay as they are."""
    text = arrived.text
    if text is None:
        raise OutputNotWritableError(file=path.name, reason="no lines")
    keep = np.ones(len(text.lines) + 1, bool)
    for row, end in zip(text.rows, text.ends, strict=True):
        if int(row) not in reasons:
            keep[row - 1 : end] = False
    kept = [line for line, wanted in zip(text.lines, keep, strict=False) if wanted]
    known = words.formats()["boundary_points"]
    head = [f"[{known['problems']}]"]
    for row, reason in sorted(reasons.items()):
        first = text.lines[row - 1].strip().split("@")[0][:60]
        head.append(f"{_one_line(first)} = {_one_line(reason)}")
    lines = [*head, *_without_problems(kept, known["problems"])]
    encoding = arrived.encoding or "utf-8"
    with path.open("w", encoding=encoding, newline="\r\n", errors="replace") as stream:
        stream.write("\n".join(lines))


def _without_problems(lines: list[str], name: str) -> list[str]:
    """Lines without the section of reasons that an earlier rejects file had."""
    kept, inside = [], False
    for line in lines:
        mark = line.strip().lstrip("\ufeff")
        if mark.startswith(("[", "【")):
            inside = mark[1:-1].strip() == name
        if not inside:
            kept.append(line)
    return kept


def _write_sheet(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    rows = _table(arrived, reasons)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(arrived.part or None)
    sheet.append([_sheet_cell(sheet, name) for name in rows.columns])
    for row in rows.itertuples(index=False, name=None):
        sheet.append([_sheet_cell(sheet, cell) for cell in row])
    book.save(path)


def _sheet_cell(sheet: Any, value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer) and abs(int(value)) < _SHEET_DIGITS:
        return int(value)
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", str(value)))
    # Text stays text: openpyxl would make a formula of what starts with "=".
    cell.data_type = "s"
    return cell


def _write_list(arrived: Arrived, path: Path, reasons: Mapping[int, str]) -> None:
    rows = _table(arrived, reasons)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([guarded(str(name)) for name in rows.columns])
        for row in rows.itertuples(index=False, name=None):
            writer.writerow(["" if pd.isna(cell) else guarded(str(cell)) for cell in row])


def _table(arrived: Arrived, reasons: Mapping[int, str]) -> pd.DataFrame:
    if arrived.members is not None:
        # A parcel goes back with all its corners.
        column = words.formats()["report"]["reason"]
        rows = arrived.members.loc[arrived.members.index.isin(list(reasons))]
        said = [_one_line(reasons[row]) for row in rows.index]
        return rows.drop(columns=column, errors="ignore").assign(**{column: said})
    return pd.DataFrame(_chosen(arrived, reasons).drop(columns="geometry"))


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text).strip()


_WRITERS: Final[Mapping[Kind, _Writer]] = {
    Kind.PARQUET: _write_parquet,
    Kind.KMZ: _write_kmz,
    Kind.DXF: _write_drawing,
    Kind.BOUNDARY_POINTS: _write_points,
    Kind.XLSX: _write_sheet,
    Kind.CSV: _write_list,
}
