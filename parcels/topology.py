"""How boundaries lie to each other: overlaps, duplicates, and the land they cover once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import shapely

from parcels import crs, outlines

MIN_OVERLAP_M2: Final = 0.01
"""Areas are delivered with two decimals (field YDMJ, N 16,2): a smaller overlap cannot be told
from two neighbours that were rounded to their file's digits."""

_INTERIORS_MEET: Final = "T********"

# Odd constants that spread the bits of a coordinate over 64 bits.
_MIX: Final = tuple(np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F))

_SHAPES_AT_ONCE: Final = 50_000
_EDGES_AT_ONCE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges of boundaries; those of one ring stand together, in its order.

    Attributes:
        owner: Position of the boundary of each.
        begin: Where each begins, shape (n, 2), degrees.
        end: Where it ends.
    """

    owner: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def overlaps(
    geometries: np.ndarray,
    *,
    min_area_m2: float = MIN_OVERLAP_M2,
    unpaired: Edges | None = None,
) -> pd.DataFrame:
    """Pairs of boundaries that share more than `min_area_m2` of land.

    Where parcels tile, two neighbours have each edge of their border in common, in opposite
    directions. From land covered twice, a step over edges so paired leads to land covered twice,
    by the same boundaries or their neighbours; only an unpaired edge can end it. So it is enough
    to test what lies along unpaired edges, then all that lies about the boundaries found, and
    so on.

    Args:
        geometries: Array of valid geometries in EPSG:4490. Points, None and empty ones overlap
            nothing.
        min_area_m2: Smaller overlaps are left out.
        unpaired: Their `unpaired_edges`, where the caller has them.

    Returns:
        One row per pair, sorted: `a` < `b`, positions in `geometries`, and `area_m2` of the land
        in common, taken on the ellipsoid.
    """
    shapes = _areal_only(geometries)
    present = np.flatnonzero(~shapely.is_missing(shapes))
    solid = shapes[present]
    tree = shapely.STRtree(solid)
    place = np.zeros(len(shapes), np.int64)
    place[present] = np.arange(len(present))
    edges = unpaired or unpaired_edges(shapes)
    pairs = _beside(Edges(place[edges.owner], edges.begin, edges.end), solid, tree)
    pairs = pairs[_interiors_meet(solid, pairs)]
    found = [pairs]
    asked = np.zeros(len(solid), bool)
    ask = np.unique(pairs)
    while len(ask):
        one, other = tree.query(solid[ask])
        one = ask[one]
        # A pair of two that are asked now is tested once, one with an earlier one was tested.
        fresh = np.where(np.isin(other, ask), one < other, ~asked[other])
        asked[ask] = True
        meeting = np.column_stack([one[fresh], other[fresh]])
        meeting = meeting[_interiors_meet(solid, meeting)]
        found.append(np.sort(meeting, axis=1))
        # Who is about an overlapped one may be overlapped by others.
        about = other[np.isin(one, np.concatenate(found))]
        ask = np.setdiff1d(np.union1d(about, meeting), np.flatnonzero(asked))
    whole = np.concatenate(found)
    pairs = np.unique(whole, axis=0)
    area = _common_area_m2(solid, solid, pairs)
    return _table(present[pairs], area, min_area_m2)


def overlaps_between(
    geometries: np.ndarray, others: np.ndarray, *, min_area_m2: float = MIN_OVERLAP_M2
) -> pd.DataFrame:
    """Pairs of one boundary of each array that share more than `min_area_m2` of land.

    Args:
        geometries: Array of valid geometries in EPSG:4490, say of a delivery.
        others: Another one, say of the register's parcels around it.
        min_area_m2: Smaller overlaps are left out.

    Returns:
        One row per pair, sorted: `a`, position in `geometries`, `b`, position in `others`, and
        `area_m2` of the land in common.
    """
    mine, theirs = _areal_only(geometries), _areal_only(others)
    here = np.flatnonzero(~shapely.is_missing(mine))
    there = np.flatnonzero(~shapely.is_missing(theirs))
    mine, theirs = mine[here], theirs[there]
    pairs = shapely.STRtree(theirs).query(mine).T
    meet = shapely.relate_pattern(mine[pairs[:, 0]], theirs[pairs[:, 1]], _INTERIORS_MEET)
    pairs = np.unique(pairs[meet], axis=0)
    area = _common_area_m2(mine, theirs, pairs)
    return _table(np.column_stack([here[pairs[:, 0]], there[pairs[:, 1]]]), area, min_area_m2)


def duplicates(geometries: np.ndarray) -> pd.DataFrame:
    """Boundaries that are the same figure as an earlier one, whatever the order of their points.

    Args:
        geometries: Array of geometries; None and empty ones are no duplicates.

    Returns:
        One row per repeated boundary, sorted: `a`, position of the first of its kind, and `b` > a.
    """
    geometries = np.asarray(geometries, dtype=object)
    present = np.flatnonzero(~(shapely.is_missing(geometries) | shapely.is_empty(geometries)))
    # Only figures of the same box and number of points are worth normalising.
    outline = np.column_stack(
        [shapely.bounds(geometries[present]), shapely.get_num_coordinates(geometries[present])]
    )
    alike = present[pd.DataFrame(outline).duplicated(keep=False).to_numpy()]
    figures = pd.Series(
        shapely.to_wkb(shapely.normalize(shapely.force_2d(geometries[alike]))), dtype=object
    )
    first = pd.Series(alike).groupby(figures, sort=False).transform("min").to_numpy(np.int64)
    again = first != alike
    return pd.DataFrame({"a": first[again], "b": alike[again]})


def clusters(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups of members that are connected by pairs, directly or through others.

    Args:
        pairs: Integers, shape (n, 2).

    Returns:
        The members, ascending, and for each the number of its group, from 0.
    """
    members, ends = np.unique(np.asarray(pairs, np.int64).reshape(-1, 2), return_inverse=True)
    one, other = ends.reshape(-1, 2).T
    group = np.arange(len(members))
    while True:
        low = np.minimum(group[one], group[other])
        merged = group.copy()
        # Each root points to the lowest root it is paired with; then all point to their root.
        np.minimum.at(merged, group[one], low)
        np.minimum.at(merged, group[other], low)
        while not np.array_equal(merged, merged[merged]):
            merged = merged[merged]
        merged = merged[group]
        if np.array_equal(merged, group):
            return members, np.unique(group, return_inverse=True)[1].reshape(-1)
        group = merged


def union_area_m2(geometries: np.ndarray, pairs: pd.DataFrame) -> float:
    """Land that boundaries cover, each square metre once.

    Args:
        geometries: Array of valid geometries in EPSG:4490.
        pairs: Their overlaps, as `overlaps` returns them.

    Returns:
        The sum of all areas less what overlapping ones count twice.
    """
    geometries = np.asarray(geometries, dtype=object)
    areas = np.nan_to_num(crs.area_m2(geometries))
    members, group = clusters(pairs[["a", "b"]].to_numpy())
    once = shapely.area(union_by(crs.equal_area(geometries[members]), group))
    return float(areas.sum() - areas[members].sum() + once.sum())


def union_by(geometries: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The union of each group of geometries.

    Args:
        geometries: Array of valid geometries.
        group: Number of each one's group, from 0 without gaps.
    """
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group))[:-1]
    unions = np.empty(len(ends) + 1 if len(group) else 0, dtype=object)
    if len(group):
        unions[:] = [shapely.union_all(one) for one in np.split(geometries[order], ends)]
    return unions


def _areal_only(geometries: np.ndarray) -> np.ndarray:
    geometries = np.array(geometries, dtype=object)
    geometries[(shapely.get_dimensions(geometries) != 2) | shapely.is_empty(geometries)] = None
    return geometries


def _interiors_meet(shapes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    meet: np.ndarray = shapely.relate_pattern(
        shapes[pairs[:, 0]], shapes[pairs[:, 1]], _INTERIORS_MEET
    )
    return meet


def _common_area_m2(first: np.ndarray, second: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    area: np.ndarray = shapely.area(
        shapely.intersection(
            crs.equal_area(first[pairs[:, 0]]), crs.equal_area(second[pairs[:, 1]])
        )
    )
    return area


def _table(pairs: np.ndarray, area_m2: np.ndarray, min_area_m2: float) -> pd.DataFrame:
    kept = area_m2 >= min_area_m2
    return pd.DataFrame(
        {"a": pairs[kept, 0], "b": pairs[kept, 1], "area_m2": area_m2[kept]}
    ).astype({"a": np.int64, "b": np.int64})


def _beside(edges: Edges, shapes: np.ndarray, tree: shapely.STRtree) -> np.ndarray:
    """Pairs of a shape and another whose box holds a stretch of an edge of the first."""
    bounds = shapely.bounds(shapes)
    found = [np.empty((0, 2), np.int64)]
    # Some at a time: a million lines take more memory than the boundaries they are from.
    for first in range(0, len(edges.owner), _EDGES_AT_ONCE):
        some = slice(first, first + _EDGES_AT_ONCE)
        owner, begin, end = edges.owner[some], edges.begin[some], edges.end[some]
        edge, other = tree.query(shapely.linestrings(np.stack([begin, end], axis=1)))
        different = owner[edge] != other
        edge, other = edge[different], other[different]
        along = _runs_inside(begin[edge], end[edge], bounds[other])
        found.append(np.sort(np.column_stack([owner[edge], other])[along], axis=1))
    pairs: np.ndarray = np.unique(np.concatenate(found), axis=0)
    return pairs


def _runs_inside(begin: np.ndarray, end: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Whether a stretch of each edge lies in the box aligned with it."""
    step = end - begin
    # The stretch of an edge inside a box, as shares of the edge, axis by axis.
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = np.stack([(bounds[:, :2] - begin) / step, (bounds[:, 2:] - begin) / step])
    across = step == 0
    enters = np.where(across, 0.0, sides.min(axis=0)).max(axis=1).clip(min=0)
    leaves = np.where(across, 1.0, sides.max(axis=0)).min(axis=1).clip(max=1)
    # A neighbour that is only touched at an end shares no stretch, up to rounding.
    inside: np.ndarray = leaves - enters > 1e-9
    return inside


def unpaired_edges(shapes: np.ndarray) -> Edges:
    """The edges that are not shared by exactly two shapes, one on either side.

    Args:
        shapes: Array of geometries in EPSG:4490; others than polygons have none.
    """
    chunks = [slice(at, at + _SHAPES_AT_ONCE) for at in range(0, len(shapes), _SHAPES_AT_ONCE)]
    marked = [_marked(outlines.rings(shapes[some])) for some in chunks]
    if not marked:
        return Edges(np.empty(0, np.int64), np.empty((0, 2)), np.empty((0, 2)))
    lone = ~_paired(*(np.concatenate([one[side] for one in marked]) for side in (1, 2)))
    ends = np.cumsum([len(begin) for begin, _, _ in marked])[:-1]
    found = []
    # Coordinates are taken again where they are wanted, and never of all boundaries at once.
    for some, (begin, _, _), left in zip(chunks, marked, np.split(lone, ends), strict=True):
        rings = outlines.rings(shapes[some])
        start = begin[left]
        ring = np.searchsorted(rings.start, start, side="right") - 1
        owner = rings.owner[ring] + some.start
        found.append((owner, rings.lonlat[start], rings.lonlat[start + 1]))
    return Edges(*(np.concatenate(side) for side in zip(*found, strict=True)))


def _marked(rings: outlines.Rings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each edge begins, a number that only edges of the same ends have, its direction."""
    ring = np.repeat(np.arange(len(rings.start)), rings.lengths)
    clockwise = ~rings.oriented & (outlines.signed_areas(rings.lonlat, rings.start) < 0)
    # Adding zero turns -0.0 into 0.0, so that equal numbers have equal bits.
    lon, lat = (rings.lonlat + 0.0).T.copy()
    mark = _spread(lon.view(np.uint64) * _MIX[0] ^ _spread(lat.view(np.uint64) * _MIX[1]))
    begin = np.flatnonzero((ring[:-1] == ring[1:]) & (mark[:-1] != mark[1:]))
    forward = (mark[begin] < mark[begin + 1]) ^ clockwise[ring[begin]]
    return begin, mark[begin] + mark[begin + 1], forward


def _paired(key: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Whether exactly two edges have a key, one in either direction."""
    order = np.argsort(key)
    key, forward = key[order], forward[order]
    same = np.concatenate([[False], key[1:] == key[:-1], [False]])
    # Exactly two of a kind: like the one before or the one after, and that one like no third.
    starts_two = same[1:-1] & ~same[:-2] & ~same[2:] & (forward[1:] != forward[:-1])
    paired = np.zeros(len(key), bool)
    paired[order[:-1]] |= starts_two
    paired[order[1:]] |= starts_two
    return paired


def _spread(bits: np.ndarray) -> np.ndarray:
    mixed: np.ndarray = (bits ^ (bits >> np.uint64(29))) * _MIX[1]
    spread: np.ndarray = mixed ^ (mixed >> np.uint64(32))
    return spread
