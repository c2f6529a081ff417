"""Boundaries drawn small, as paths of SVG: what a parcel looked like, without a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from parcels import crs

SIDE: Final = 220
"""Of the drawing, in the units of its paths; on a page it takes the width there is."""

_MARGIN: Final = 10
_POINT: Final = 5


@dataclass(frozen=True, slots=True)
class Sketch:
    """Boundaries in one frame: north is up, a metre is a metre.

    Attributes:
        paths: For each boundary the "d" of its path; "" for one that is not known.
        metres: Length of the scale bar below it.
        bar: Its length in units of the drawing.
    """

    paths: tuple[str, ...]
    metres: int
    bar: float


def sketch(boundaries: Sequence[shapely.Geometry | None]) -> Sketch:
    """Boundaries drawn in one frame.

    Args:
        boundaries: In EPSG:4490, degrees; None where one is not known.
    """
    shapes = np.array([*boundaries, None], dtype=object)[:-1]
    plane = _in_metres(shapes)
    west, south, east, north = shapely.total_bounds(plane) if len(plane) else (np.nan,) * 4
    if not np.isfinite(west):
        return Sketch(("",) * len(boundaries), 0, 0.0)
    span = max(east - west, north - south, 1.0)
    scale = (SIDE - 2 * _MARGIN) / span
    corner = np.array([(west + east - span) / 2, (south + north + span) / 2])

    def placed(xy: np.ndarray) -> np.ndarray:
        moved: np.ndarray = (xy - corner) * [scale, -scale] + _MARGIN
        return moved

    metres = _round(span / 3)
    paths = tuple("" if one is None else _path(shapely.transform(one, placed)) for one in plane)
    return Sketch(paths, metres, round(metres * scale, 1))


def _in_metres(shapes: np.ndarray) -> np.ndarray:
    """Degrees as metres around the middle latitude: true to a thousandth over a parcel."""
    bounds = shapely.total_bounds(shapes) if len(shapes) else np.full(4, np.nan)
    middle = np.radians((bounds[1] + bounds[3]) / 2)
    metres = np.radians(crs.SEMI_MAJOR_M) * np.array([np.cos(middle), 1.0])
    moved: np.ndarray = shapely.transform(shapes, lambda lonlat: lonlat * metres)
    return moved


def _path(shape: shapely.Geometry) -> str:
    if shape.geom_type == "Point":
        x, y = np.round(shapely.get_coordinates(shape)[0], 1)
        return f"M{x - _POINT} {y}h{2 * _POINT}M{x} {y - _POINT}v{2 * _POINT}"
    lines = shapely.get_rings(shapely.get_parts(shape))
    return "".join(_line(shapely.get_coordinates(one)[:-1]) for one in lines)


def _line(xy: np.ndarray) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in np.round(xy, 1)) + "Z"


def _round(metres: float) -> int:
    """The greatest of 1, 2, 5, 10, 20, 50 ... that is no more than a length."""
    power = 10.0 ** np.floor(np.log10(max(metres, 1.0)))
    return int(next(step * power for step in (5, 2, 1) if step * power <= max(metres, 1.0)))
