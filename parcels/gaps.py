"""Narrow gaps between neighbours: land that lies between two boundaries and in neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import shapely

from parcels import lengths, topology

GAP_M: Final = 0.5
"""Two surveys of one border differ by centimetres or decimetres; a path or a ditch is wider."""

GAP_M2: Final = 1.0
"""Less land than this between two neighbours is rounding, as with overlaps."""

_TOUCH_M: Final = 0.001
"""A corner this near to a border stands on it: files have millimetres."""

_POINTS_AT_ONCE: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Facing:
    """Stretches along which two edges face each other: edges, land between, a place, metres."""

    edge: np.ndarray
    other: np.ndarray
    area_m2: np.ndarray
    length_m: np.ndarray
    middle: np.ndarray


def gaps(
    geometries: np.ndarray,
    *,
    width_m: float = GAP_M,
    min_area_m2: float = GAP_M2,
    unpaired: topology.Edges | None = None,
) -> pd.DataFrame:
    """Pairs of boundaries with land between them where they are nearer than `width_m`.

    Only edges that two boundaries do not share can limit a gap. Along each, the corners of others
    within `width_m` are looked for; where such an edge faces it the other way round, the land
    between the two is added up.

    Args:
        geometries: Array of valid polygons in EPSG:4490, shells counter-clockwise, holes
            clockwise; None has no gaps.
        width_m: Wider gaps are streets.
        min_area_m2: Pairs with less land between them are left out.
        unpaired: Their `topology.unpaired_edges`, where the caller has them.

    Returns:
        One row per pair, sorted: `a` < `b`, positions in `geometries`, `area_m2`, `width_m`
        (mean) and a place in the gap, `lon` and `lat`.
    """
    edges = unpaired or topology.unpaired_edges(geometries)
    lat = lengths.middle_lat(geometries)
    scale = np.array(lengths.metres_per_degree(lat))
    owner, begin, end = edges.owner, edges.begin * scale, edges.end * scale
    facing = _facing(begin, end, _near(owner, begin, end, width_m), width_m)
    pairs = np.sort(np.column_stack([owner[facing.edge], owner[facing.other]]), axis=1)
    pieces = pd.DataFrame(
        {
            "a": pairs[:, 0],
            "b": pairs[:, 1],
            "area_m2": facing.area_m2,
            "length_m": facing.length_m,
            "lon": facing.middle[:, 0] / scale[0],
            "lat": facing.middle[:, 1] / scale[1],
        }
    )
    # The largest piece of each pair stands first and gives the place.
    pieces = pieces.sort_values(["a", "b", "area_m2"], ascending=[True, True, False])
    found = pieces.groupby(["a", "b"], as_index=False).agg(
        {"area_m2": "sum", "length_m": "sum", "lon": "first", "lat": "first"}
    )
    found = found[found["area_m2"] >= min_area_m2].reset_index(drop=True)
    found = found[~filled(found, geometries)].reset_index(drop=True)
    found.insert(3, "width_m", found["area_m2"] / found["length_m"])
    return found.drop(columns="length_m")


def gaps_between(
    geometries: np.ndarray, others: np.ndarray, *, asked: np.ndarray, width_m: float = GAP_M
) -> pd.DataFrame:
    """Gaps between boundaries of one array and of another; where none is near, quickly none.

    Args:
        geometries: Array of valid polygons in EPSG:4490, say of a delivery; None has no gaps.
        others: Another one, say of the register's parcels around it.
        asked: Positions in `geometries` whose gaps are asked about; the others only fill them.
        width_m: Wider gaps are streets.

    Returns:
        As `gaps`, but `a` is a position in `geometries`, `b` in `others`.
    """
    reach = width_m / np.array(lengths.metres_per_degree(lengths.middle_lat(geometries[asked])))
    there = np.unique(_meeting(geometries[asked], others, reach)[1])
    here = np.unique(_meeting(geometries, others[there], reach)[0])
    found = gaps(
        shapely.orient_polygons(np.concatenate([geometries[here], others[there]])),
        width_m=width_m,
    )
    across = (found["a"] < len(here)) & (found["b"] >= len(here))
    found = found[across].reset_index(drop=True)
    found["a"] = here[found["a"]]
    found["b"] = there[found["b"] - len(here)]
    return found[found["a"].isin(asked)].reset_index(drop=True)


def filled(found: pd.DataFrame, geometries: np.ndarray) -> np.ndarray:
    """Whether a boundary lies in the middle of each gap: that of a third, of those given.

    Args:
        found: Gaps, with `lon` and `lat`.
        geometries: Boundaries in EPSG:4490; None for none.
    """
    taken = np.zeros(len(found), bool)
    if not len(found):
        return taken
    lonlat = found[["lon", "lat"]].to_numpy()
    bounds = shapely.bounds(geometries)
    (west, south), (east, north) = lonlat.min(axis=0), lonlat.max(axis=0)
    about = (bounds[:, 0] <= east) & (bounds[:, 2] >= west)
    about &= (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    tree = shapely.STRtree(geometries[about])
    taken[tree.query(shapely.points(lonlat), predicate="intersects")[0]] = True
    return taken


def _meeting(shapes: np.ndarray, others: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Pairs whose boxes are no further apart than `reach`, degrees of lon and lat."""
    bounds = shapely.bounds(shapes)
    bounds = np.column_stack([bounds[:, :2] - reach, bounds[:, 2:] + reach])
    pairs: np.ndarray = shapely.STRtree(others).query(shapely.box(*bounds.T))
    return pairs


def _near(owner: np.ndarray, begin: np.ndarray, end: np.ndarray, width_m: float) -> np.ndarray:
    """Pairs of edges of two owners, one with an end off the other and within `width_m` of it."""
    if not len(owner):
        return np.empty((0, 2), np.int64)
    follows = np.zeros(len(owner), bool)
    follows[1:] = (owner[1:] == owner[:-1]) & (begin[1:] == end[:-1]).all(axis=1)
    last = np.flatnonzero(~np.append(follows[1:], False))
    place = np.concatenate([begin, end[last]])
    of_point = np.concatenate([np.arange(len(owner)), last])
    # Lines from corner to corner of the boxes around edges: a tree sees no more of them.
    reach = [np.minimum(begin, end) - width_m, np.maximum(begin, end) + width_m]
    tree = shapely.STRtree(shapely.linestrings(np.stack(reach, axis=1)))
    pairs = [np.empty((0, 2), np.int64)]
    for first in range(0, len(place), _POINTS_AT_ONCE):
        some = slice(first, first + _POINTS_AT_ONCE)
        point, other = tree.query(shapely.points(place[some]))
        point += first
        apart = owner[of_point[point]] != owner[other]
        point, other = point[apart], other[apart]
        off = _distance(place[point], begin[other], end[other])
        near = (off > _TOUCH_M) & (off <= width_m)
        pairs.append(np.column_stack([point[near], other[near]]))
    point, other = np.concatenate(pairs).T
    edge = of_point[point]
    # A point where one edge ends and the next begins is an end of both.
    both = np.flatnonzero((point < len(owner)) & follows[edge])
    facing = np.column_stack([np.append(edge, edge[both] - 1), np.append(other, other[both])])
    found: np.ndarray = np.unique(np.sort(facing, axis=1), axis=0)
    return found


def _distance(place: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of each place from the straight line between two ends, aligned."""
    step, away = end - begin, place - begin
    share = (away * step).sum(axis=1) / (step * step).sum(axis=1)
    left = away - share.clip(0, 1)[:, None] * step
    distance: np.ndarray = np.hypot(left[:, 0], left[:, 1])
    return distance


def _facing(begin: np.ndarray, end: np.ndarray, pairs: np.ndarray, width_m: float) -> _Facing:
    """The stretches of pairs of edges that face each other across land of neither."""
    length = np.hypot(*(end - begin).T)
    # The longer edge of a pair is the ruler, the other is laid along it.
    swap = length[pairs[:, 0]] < length[pairs[:, 1]]
    ruler, other = np.where(swap[:, None], pairs[:, ::-1], pairs).T
    along = (end - begin)[ruler] / length[ruler, None]
    outward = np.column_stack([along[:, 1], -along[:, 0]])

    def on(vector: np.ndarray, place: np.ndarray) -> np.ndarray:
        projected: np.ndarray = (vector * (place[other] - begin[ruler])).sum(axis=1)
        return projected

    start, stop = on(along, begin), on(along, end)
    near, far = on(outward, begin), on(outward, end)
    # Land lies to the left of its edges: facing ones run against each other.
    against = start > stop
    ruler, other, along, outward = (x[against] for x in (ruler, other, along, outward))
    start, stop, near, far = (x[against] for x in (start, stop, near, far))
    slope = (far - near) / (stop - start)
    low, high = np.maximum(stop, 0), np.minimum(start, length[ruler])
    with np.errstate(divide="ignore", invalid="ignore"):
        zero, wide = start - near / slope, start + (width_m - near) / slope
    flat = slope == 0
    inside = (near >= 0) & (near <= width_m)
    low = np.where(flat, np.where(inside, low, high), np.maximum(low, np.minimum(zero, wide)))
    high = np.where(flat, high, np.minimum(high, np.maximum(zero, wide)))
    kept = high - low > _TOUCH_M
    middle = ((low + high) / 2)[kept]
    run = (high - low)[kept]
    across = near[kept] + slope[kept] * (middle - start[kept])
    place = begin[ruler[kept]] + along[kept] * middle[:, None]
    place = place + outward[kept] * (across / 2)[:, None]
    return _Facing(ruler[kept], other[kept], across * run, run, place)
