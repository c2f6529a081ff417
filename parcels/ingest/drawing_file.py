"""Writing a drawing (DXF, release 2007, UTF-8): areas as closed lines, texts inside them.

GDAL's own writer takes texts from styles that pyogrio cannot set, and makes hatches of areas; what
is needed of the format is little and is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

_VERSION: Final = "AC1021"
_TEXT: Final = "Text"
_LAYER: Final = "Layer"
_PLAIN: Final = "0"
# Height of the texts as a share of the extent of a parcel.
_HEIGHT: Final = 0.04
_POINT, _AREA = 0, 3
_LINES: Final = frozenset({1, 2})

Pair = tuple[int, Any]


def write_dxf(path: Path, rows: gpd.GeoDataFrame, *, reason: str) -> None:
    """Write entities read from a drawing, and why each was not taken.

    Args:
        path: The .dxf file.
        rows: Columns "Layer" and "Text" where they had them, `reason` with the sentence. Holes of
            an area become closed lines of their own.
        reason: Name of the column with the sentences, and of the drawing layer they go on.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="\r\n") as out:
        for code, said in _document(rows, reason):
            out.write(f"{code}\n{said}\n")


def _document(rows: gpd.GeoDataFrame, reason: str) -> Iterator[Pair]:
    yield from [(0, "SECTION"), (2, "HEADER"), (9, "$ACADVER"), (1, _VERSION), (0, "ENDSEC")]
    yield from [(0, "SECTION"), (2, "ENTITIES")]
    layers = _texts(rows, _LAYER)
    texts = _texts(rows, _TEXT)
    for shape, layer, text, why in zip(
        rows.geometry.to_numpy(), layers, texts, _texts(rows, reason), strict=True
    ):
        if shape is None or shape.is_empty:
            continue
        on = layer or _PLAIN
        place = np.asarray(shape.representative_point().coords[0])
        height = max(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1])
        size = height * _HEIGHT or 1.0
        yield from _entity(shape, on, text, size)
        if text and shapely.get_type_id(shape) == _AREA:
            yield from _text(text, on, place, size)
        if why:
            yield from _text(why, reason, place - np.array([0, size * 1.5, *place[2:] * 0]), size)
    yield from [(0, "ENDSEC"), (0, "EOF")]


def _entity(shape: Any, layer: str, text: str, size: float) -> Iterator[Pair]:
    for part in shapely.get_parts(shape):
        kind = shapely.get_type_id(part)
        if kind == _AREA:
            for ring in (part.exterior, *part.interiors):
                yield from _line(ring.coords, layer, closed=True)
        elif kind in _LINES:
            yield from _line(part.coords, layer, closed=False)
        elif kind == _POINT and text:
            yield from _text(text, layer, np.asarray(part.coords[0]), size)
        elif kind == _POINT:
            x, y = part.coords[0][:2]
            yield from [(0, "POINT"), (8, layer), (10, x), (20, y)]


def _line(corners: Any, layer: str, *, closed: bool) -> Iterator[Pair]:
    places = list(corners)[: -1 if closed else None]
    yield from [(0, "LWPOLYLINE"), (100, "AcDbEntity"), (8, layer), (100, "AcDbPolyline")]
    yield from [(90, len(places)), (70, int(closed))]
    for x, y, *_ in places:
        yield from [(10, repr(float(x))), (20, repr(float(y)))]


def _text(said: str, layer: str, place: np.ndarray, height: float) -> Iterator[Pair]:
    one_line = " ".join(said.split())
    yield from [(0, "TEXT"), (100, "AcDbEntity"), (8, layer), (100, "AcDbText")]
    yield from [(10, repr(float(place[0]))), (20, repr(float(place[1]))), (40, repr(height))]
    yield (1, one_line)


def _texts(rows: pd.DataFrame, name: str) -> list[str]:
    if name not in rows.columns:
        return [""] * len(rows)
    return ["" if pd.isna(one) else str(one) for one in rows[name]]
