"""Drawings (DXF): closed lines are parcels, the texts inside them their attributes.

A drawing knows no records. What can honestly be said of an entity is its drawing layer and, of a
closed line or a filled area, the text written inside it; nothing more is made up. Blocks are not
multiplied out: a block of blocks of blocks is a bomb.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyogrio
import shapely

from parcels import words
from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest import gdal, ogr
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.encodings import decoded, fits, guess, known_codec, report_guess

_VERSION: Final = re.compile(rb"\$ACADVER\s+1\s+AC(\d{4})")
_CODE_PAGE: Final = re.compile(rb"\$DWGCODEPAGE\s+3\s+(\S+)")
_FOREIGN: Final = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_SAMPLES: Final = 500
# From this release on a DXF file is in UTF-8.
_UTF8_FROM: Final = 1021
_OPTIONS: Final = {"DXF_INLINE_BLOCKS": "NO", "DXF_MERGE_BLOCK_GEOMETRIES": "NO"}
_ENTITIES: Final = "entities"
_BLOCKS: Final = "blocks"
_TEXT: Final = "Text"
_LAYER: Final = "Layer"
_POINT, _LINE, _AREA = 0, 1, 3
_CORNERS: Final = 4


def read_drawing(path: Path, *, findings: Findings, encoding: str | None = None) -> Arrived:
    """The entities of a DXF file as it arrived, numbered from 1 in its order; no CRS.

    Closed lines become polygons. A text that stands inside exactly one polygon becomes the column
    "Text" of that polygon and is no row of its own; several are joined.

    Raises:
        FileNotReadableError: GDAL cannot read it.
    """
    name = _encoding(path, stated=encoding, findings=findings)
    try:
        with gdal.settings({**_OPTIONS, "DXF_ENCODING": ogr.gdal_encoding(name)}):
            parts = {str(name) for name, _ in pyogrio.list_layers(path)}
            one = ogr.sweep(path, layer=_ENTITIES)
            blocks = _counted(path) if _BLOCKS in parts else 0
    except ogr.BROKEN as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    if blocks:
        findings.add("part_not_used", found=_BLOCKS, details={"part": _BLOCKS, "records": blocks})
    rows = np.arange(1, len(one.table) + 1)
    findings.add("record_damaged", rows=rows[one.spoiled])
    shapes = np.full(len(rows), None, object) if one.geometry is None else one.geometry
    ogr.report_curves(one, findings)
    kept = ~_remarks(one.table)
    one, shapes, rows = replace(one, table=one.table[kept]), shapes[kept], rows[kept]
    closed = _closed(shapes)
    if closed.any():
        shapes = shapes.copy()
        shapes[closed] = _areas(shapes[closed])
        findings.add("lines_closed", details={"count": int(closed.sum())})
    table, used = _lettered(one.table, shapes)
    idle = frozenset(words.formats()["drawing"]["housekeeping"])
    frame = framed(table[~used], shapes[~used], rows=rows[~used])
    return Arrived(Kind.DXF, source_of(path), frame, None, encoding=name, idle=idle)


def _counted(path: Path) -> int:
    # GDAL counts blocks only if made to, and else says -1.
    info = pyogrio.read_info(path, layer=_BLOCKS, force_feature_count=True)
    return max(int(info["features"]), 0)


def _encoding(path: Path, *, stated: str | None, findings: Findings) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    version, page = _VERSION.search(content), _CODE_PAGE.search(content)
    declared = known_codec(page[1].decode("latin-1")) if page else None
    if version and int(version[1]) >= _UTF8_FROM:
        declared = "utf-8"
    if stated is not None:
        return known_codec(stated) or stated
    found = _FOREIGN.finditer(content)
    samples = [one[0] for one, _ in zip(found, range(_SAMPLES), strict=False)]
    if not samples or (declared not in {None, "cp1252"} and fits(samples, str(declared))):
        return declared or "utf-8"
    name = guess(samples)
    sample = decoded(max(samples, key=len), name).strip()[:40]
    report_guess(findings, name, samples, declared=declared or "", sample=sample)
    return name


def _remarks(table: pd.DataFrame) -> np.ndarray:
    """The reasons in a rejects file that comes back mended."""
    if _LAYER not in table.columns:
        return np.zeros(len(table), bool)
    return np.asarray(table[_LAYER] == words.formats()["report"]["reason"], bool)


def _closed(shapes: np.ndarray) -> np.ndarray:
    lines = shapely.get_type_id(shapes) == _LINE
    whole = shapely.is_closed(shapes) & (shapely.get_num_coordinates(shapes) >= _CORNERS)
    return np.asarray(lines & whole)


def _areas(lines: np.ndarray) -> np.ndarray:
    corners, which = shapely.get_coordinates(lines, return_index=True)
    return np.asarray(shapely.polygons(shapely.linearrings(corners, indices=which)))


def _lettered(table: pd.DataFrame, shapes: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """The table with texts moved to the polygons round them, and which rows that used up."""
    used = np.zeros(len(table), bool)
    if _TEXT not in table.columns:
        return table, used
    kinds = shapely.get_type_id(shapes)
    texts = np.flatnonzero((kinds == _POINT) & table[_TEXT].notna().to_numpy(bool))
    areas = np.flatnonzero(kinds == _AREA)
    if not len(texts) or not len(areas):
        return table, used
    tree = shapely.STRtree(shapes[areas])
    which, inside = tree.query(shapes[texts], predicate="within")
    once = np.bincount(which, minlength=len(texts)) == 1
    which, inside = which[once[which]], inside[once[which]]
    # As they are read: from top to bottom, then from left to right.
    order = np.lexsort([shapely.get_x(shapes[texts[which]]), -shapely.get_y(shapes[texts[which]])])
    said = pd.Series(table[_TEXT].to_numpy(object)[texts[which[order]]])
    joined = said.groupby(areas[inside[order]]).agg("; ".join)
    column = table[_TEXT].astype("str").to_numpy(object).copy()
    # What GDAL puts there for a filled area is the name of the pattern.
    column[areas] = None
    column[joined.index.to_numpy()] = joined.to_numpy(object)
    used[texts[which]] = True
    return table.assign(**{_TEXT: pd.array(column, dtype="str")}), used
