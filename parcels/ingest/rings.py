"""Points of boundaries put together: rings become surfaces, holes and parts by where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely


@dataclass(frozen=True, slots=True)
class Points:
    """Point lines: the parcel (position) and ring (running number) of each, north and east."""

    lines: np.ndarray
    parcel: np.ndarray
    ring: np.ndarray
    north: np.ndarray
    east: np.ndarray


def set_simple(
    geometry: np.ndarray,
    coordinates: np.ndarray,
    parcel: np.ndarray,
    as_points: np.ndarray,
    as_lines: np.ndarray,
) -> None:
    """Set those parcels that are points or lines.

    Args:
        geometry: Array to set in, by parcel.
        coordinates: East and north of each point.
        parcel: Parcel of each point.
        as_points: Whether each parcel is a point or several.
        as_lines: Whether each parcel is a line.
    """
    for chosen, single, several in (
        (as_points, 1, shapely.multipoints),
        (as_lines, 2, shapely.linestrings),
    ):
        mine = chosen[parcel]
        counts = np.bincount(parcel[mine], minlength=len(geometry))
        mine &= (counts >= single)[parcel]
        if not mine.any():
            continue
        owners, index = np.unique(parcel[mine], return_inverse=True)
        if several is shapely.multipoints:
            shapes = shapely.multipoints(shapely.points(coordinates[mine]), indices=index)
            shapes = np.where(counts[owners] == 1, shapely.get_geometry(shapes, 0), shapes)
        else:
            shapes = shapely.linestrings(coordinates[mine], indices=index)
        geometry[owners] = shapes


def parted(ring: np.ndarray, north: np.ndarray, east: np.ndarray) -> np.ndarray:
    """Running numbers of rings, where one number that closes and goes on is several rings.

    Some writers give all parts of a parcel ring number 1. A ring that touches itself at its first
    point is parted too; it bounds the same land.

    Args:
        ring: Running number of the ring of each point, ascending from 0.
        north: Northing of each point.
        east: Easting of each point.
    """
    if not len(ring):
        return ring
    first = np.flatnonzero(np.r_[True, np.diff(ring) > 0])
    last = np.r_[first[1:], len(ring)] - 1
    place = np.arange(len(ring))
    start, end = first[ring], last[ring]
    # Three points or more on either side, else it is a point written twice.
    back = (place - start >= 3) & (end - place >= 3)
    back &= (north == north[start]) & (east == east[start])
    fresh = np.zeros(len(ring), bool)
    fresh[first] = True
    for number in np.unique(ring[back]):
        begin, stop = int(first[number]), int(last[number]) + 1
        while begin < stop:
            same = (north[begin + 3 : stop] == north[begin]) & (
                east[begin + 3 : stop] == east[begin]
            )
            closing = np.flatnonzero(same)
            if not len(closing) or stop - (begin + 4 + int(closing[0])) < 3:
                break
            begin += 4 + int(closing[0])
            fresh[begin] = True
    return np.asarray(np.cumsum(fresh) - 1)


def closed_rings(points: Points) -> np.ndarray:
    """1 for each ring whose first point is repeated at its end, else 0."""
    sizes = np.bincount(points.ring, minlength=0)
    if not len(sizes):
        return sizes
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    same = (points.east[first] == points.east[last]) & (points.north[first] == points.north[last])
    return np.asarray(same & (sizes > 1), "int64")


def bounded(points: Points, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The surface of each of `count` parcels, and which have a ring of under three points.

    A parcel without points, or with such a ring, has None.
    """
    geometry = np.full(count, None, object)
    distinct = np.bincount(points.ring, minlength=0) - closed_rings(points)
    thin = np.unique(points.parcel[distinct[points.ring] < 3])
    whole = ~np.isin(points.parcel, thin)
    coordinates = np.column_stack([points.east, points.north])[whole]
    set_polygons(geometry, coordinates, points.ring[whole], points.parcel[whole])
    return geometry, thin


def set_polygons(
    geometry: np.ndarray, coordinates: np.ndarray, ring: np.ndarray, parcel: np.ndarray
) -> None:
    """Set the surfaces bounded by rings; a ring within another is its hole, else a part.

    Args:
        geometry: Array to set in, by parcel.
        coordinates: East and north of each point.
        ring: Running number of the ring of each point; each has three different points or more.
        parcel: Parcel of each point.
    """
    if not len(ring):
        return
    numbers, index = np.unique(ring, return_inverse=True)
    rings = shapely.linearrings(coordinates, indices=index)
    owner = np.zeros(len(numbers), "int64")
    owner[index] = parcel
    owners, first, count = np.unique(owner, return_index=True, return_counts=True)
    single = count == 1
    geometry[owners[single]] = shapely.polygons(rings[first[single]])
    for place in np.flatnonzero(~single):
        geometry[owners[place]] = _nested(rings[first[place] : first[place] + count[place]])


def _nested(rings: np.ndarray) -> Any:
    """Rings as one surface: a ring inside an odd number of others is a hole."""
    faces = shapely.polygons(rings)
    faces = faces[np.argsort(-shapely.area(faces), kind="stable")]
    holders: list[list[int]] = []
    for place, face in enumerate(faces):
        corners = shapely.get_coordinates(face)
        holders.append([p for p in range(place) if shapely.intersects_xy(faces[p], corners).all()])
    holes: dict[int, list[Any]] = {p: [] for p, h in enumerate(holders) if len(h) % 2 == 0}
    for place, held in enumerate(holders):
        if place not in holes:
            shell = max((p for p in held if p in holes), default=held[-1])
            holes.setdefault(shell, []).append(shapely.get_exterior_ring(faces[place]))
    parts = [
        shapely.polygons(shapely.get_exterior_ring(faces[shell]), holes=inner or None)
        for shell, inner in holes.items()
    ]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
