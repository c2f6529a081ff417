"""Parcels out as shapefiles, in the encodings Chinese offices use."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs
from parcels.exchange import ogr
from parcels.exchange.losses import Loss

NAME_BYTES: Final = 10
"""How long a field name can be, in bytes of the encoding."""

TEXT_BYTES: Final = 254
"""How long a text can be, in bytes of the encoding."""

_LANGUAGE_BYTE: Final = 29
_GBK_LANGUAGE: Final = 0x4D
_EPOCH: Final = dt.date(2024, 1, 1)


class Declared(StrEnum):
    """How the file says in which encoding its texts are."""

    CPG = "cpg"
    LANGUAGE_BYTE = "language_byte"
    NOT_AT_ALL = "not_at_all"


@dataclass(frozen=True, slots=True)
class Style:
    """How the file is written where writers differ.

    Attributes:
        encoding: "UTF-8" or "GBK".
        declared: How it says so. The language byte can only say GBK.
        epsg: CRS of the file; the default has the zone number in its eastings.
        prj: Whether a .prj goes with it.
        written_on: Date in the header of the table.
    """

    encoding: str = "UTF-8"
    declared: Declared = Declared.CPG
    epsg: int = crs.GK_ZONE_39
    prj: bool = True
    written_on: dt.date = _EPOCH

    def __post_init__(self) -> None:
        """Refuse what the format cannot say."""
        if self.declared is Declared.LANGUAGE_BYTE and self.encoding != "GBK":
            raise ValueError(self.encoding)


PLAIN: Final = Style()


def write(path: Path, parcels: gpd.GeoDataFrame, *, style: Style = PLAIN) -> tuple[Loss, ...]:
    """Write a frame as a shapefile; names and texts are cut at whole characters.

    Polygons and MultiPolygons, or Points, but not both: the format holds one kind. An empty text
    comes back as unknown, and a MultiPolygon of one part as a Polygon.

    Args:
        path: The .shp file; files of its family that are there are replaced.
        parcels: Any CRS.
        style: How it is written.

    Returns:
        The names and texts that were cut.

    Raises:
        OutputNotWritableError: GDAL cannot write it.
    """
    for sibling in (".shp", ".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix"):
        path.with_suffix(sibling).unlink(missing_ok=True)
    frame, losses = _fitted(parcels, style.encoding)
    ogr.write_arrow(
        path,
        frame,
        "ESRI Shapefile",
        epsg=style.epsg,
        options={
            "encoding": style.encoding,
            "geometry_type": _type(frame),
            "layer_options": {"DBF_DATE_LAST_UPDATE": style.written_on.isoformat()},
        },
    )
    if not style.prj:
        path.with_suffix(".prj").unlink(missing_ok=True)
    if style.declared is not Declared.CPG:
        path.with_suffix(".cpg").unlink(missing_ok=True)
    is_byte = style.declared is Declared.LANGUAGE_BYTE
    _set_language(path.with_suffix(".dbf"), _GBK_LANGUAGE if is_byte else 0)
    return losses


def field_names(names: list[str], encoding: str) -> list[str]:
    """Names of at most NAME_BYTES bytes, all different whatever their case."""
    taken: set[str] = set()
    short = []
    for name in names:
        candidate, turn = _cut(name, encoding, NAME_BYTES), 1
        while candidate.upper() in taken:
            suffix = f"_{turn}"
            candidate, turn = _cut(name, encoding, NAME_BYTES - len(suffix)) + suffix, turn + 1
        taken.add(candidate.upper())
        short.append(candidate)
    return short


def _fitted(parcels: gpd.GeoDataFrame, encoding: str) -> tuple[gpd.GeoDataFrame, tuple[Loss, ...]]:
    names = [c for c in parcels.columns if c != parcels.geometry.name]
    short = field_names([str(name) for name in names], encoding)
    losses = [
        Loss("field_name", str(name), became)
        for name, became in zip(names, short, strict=True)
        if name != became
    ]
    columns = {}
    for name, became in zip(names, short, strict=True):
        columns[became], cut = cut_texts(parcels[name], encoding)
        if cut:
            losses.append(Loss("text_cut", str(name), became, cut))
    attributes = pd.DataFrame(columns, index=parcels.index)
    return gpd.GeoDataFrame(attributes, geometry=parcels.geometry), tuple(losses)


def cut_texts(column: pd.Series, encoding: str) -> tuple[pd.Series, int]:
    """A column with its texts cut at whole characters to TEXT_BYTES, and how many were."""
    # A character is never more than four bytes.
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return column, 0
    long = column.str.len().fillna(0).astype(int) > TEXT_BYTES // 4
    if not long.any():
        return column, 0
    cut = column.copy()
    cut[long] = [_cut(text, encoding, TEXT_BYTES) for text in column[long]]
    return cut, int((cut[long] != column[long]).sum())


def _cut(text: str, encoding: str, length: int) -> str:
    return text.encode(encoding, "replace")[:length].decode(encoding, "ignore")


def _type(frame: gpd.GeoDataFrame) -> str:
    shapes = frame.geometry.to_numpy()
    return "Point" if np.isin(shapely.get_type_id(shapes), [0]).any() else "Polygon"


def _set_language(table: Path, language: int) -> None:
    # GDAL leaves this byte 0 for every encoding it has no number for, GBK among them.
    with table.open("r+b") as stream:
        stream.seek(_LANGUAGE_BYTE)
        stream.write(bytes([language]))
