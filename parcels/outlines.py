"""The rings of many boundaries as flat arrays of coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely

_POLYGON: Final = 3
_MULTIPOLYGON: Final = 6


@dataclass(frozen=True, slots=True)
class Rings:
    """Closed rings, one after another.

    Attributes:
        lonlat: Coordinates, shape (k, 2), in the CRS they came in.
        start: First coordinate of each ring, ascending.
        owner: Position of the boundary each ring belongs to.
        oriented: True where the ring's direction is known: shells counter-clockwise, holes
            clockwise. False for a ring that is alone in its boundary, in any direction.
    """

    lonlat: np.ndarray
    start: np.ndarray
    owner: np.ndarray
    oriented: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Number of coordinates of each ring, the closing one included."""
        return np.diff(self.start, append=len(self.lonlat))


def rings(geometries: Any) -> Rings:
    """All rings of the polygons among these geometries; others (points, None) have none.

    Nearly every parcel is one ring. Those are recognised from the coordinates alone, which is
    several times faster than asking for parts and rings; the few others are taken apart.

    Args:
        geometries: Array of Polygon, MultiPolygon or anything else.
    """
    geometries = np.asarray(geometries, dtype=object)
    kind = shapely.get_type_id(geometries)
    areal = np.flatnonzero((kind == _POLYGON) | (kind == _MULTIPOLYGON))
    lonlat = shapely.get_coordinates(geometries[areal])
    counts = shapely.get_num_coordinates(geometries[areal])
    areal, counts = areal[counts > 0], counts[counts > 0]
    start = np.cumsum(counts) - counts
    alone = _one_ring(lonlat, start, counts)
    one = Rings(lonlat, start, areal, np.zeros(len(areal), bool))
    if alone.all():
        return one
    kept = np.repeat(alone, counts)
    counts = counts[alone]
    simple = Rings(
        lonlat[kept], np.cumsum(counts) - counts, areal[alone], np.zeros(len(counts), bool)
    )
    return _joined(simple, _taken_apart(geometries, areal[~alone]))


def signed_areas(xy: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Planar area of each closed ring; positive counter-clockwise.

    Args:
        xy: Coordinates, shape (k, 2).
        start: First coordinate of each ring, ascending.
    """
    if len(start) == 0:
        return np.zeros(0)
    counts = np.diff(start, append=len(xy))
    # Measured from each ring's first point, so that large eastings cost no digits.
    x = xy[:, 0] - np.repeat(xy[start, 0], counts)
    y = xy[:, 1] - np.repeat(xy[start, 1], counts)
    # The step from a ring's last point (a copy of its first, so 0, 0) to the next ring adds 0.
    cross = np.zeros(len(xy))
    cross[:-1] = x[:-1] * y[1:] - x[1:] * y[:-1]
    areas: np.ndarray = np.add.reduceat(cross, start) / 2
    return areas


def _one_ring(lonlat: np.ndarray, start: np.ndarray, counts: np.ndarray) -> np.ndarray:
    # A ring ends where its first point comes again. If that happens once, and at the last
    # coordinate, nothing follows the first ring.
    if len(start) == 0:
        return np.zeros(0, bool)
    first = np.repeat(lonlat[start], counts, axis=0)
    again = (lonlat[:, 0] == first[:, 0]) & (lonlat[:, 1] == first[:, 1])
    times = np.add.reduceat(again.astype(np.int32), start)
    closed: np.ndarray = (times == 2) & again[start + counts - 1]
    return closed


def _taken_apart(geometries: np.ndarray, positions: np.ndarray) -> Rings:
    oriented = shapely.orient_polygons(geometries[positions])
    polygons, of_boundary = shapely.get_parts(oriented, return_index=True)
    lines, of_polygon = shapely.get_rings(polygons, return_index=True)
    counts = shapely.get_num_coordinates(lines)
    return Rings(
        shapely.get_coordinates(lines),
        np.cumsum(counts) - counts,
        positions[of_boundary[of_polygon]],
        np.ones(len(lines), bool),
    )


def _joined(first: Rings, second: Rings) -> Rings:
    return Rings(
        np.concatenate([first.lonlat, second.lonlat]),
        np.concatenate([first.start, second.start + len(first.lonlat)]),
        np.concatenate([first.owner, second.owner]),
        np.concatenate([first.oriented, second.oriented]),
    )
