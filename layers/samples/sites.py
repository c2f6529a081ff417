"""Invented boundaries of single sites, and points, apart from each other."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely import affinity

from layers.samples.shapes import NoRoomError, Tiling, rounded, tiling
from parcels import crs


def points(count: int, *, seed: int, within: Any = None) -> gpd.GeoSeries:
    """Points spread over the land as parcels are, in EPSG:4490 rounded to 1e-9 degrees.

    Args:
        count: How many points.
        seed: The same seed gives the same points.
        within: As for `tiles`.

    Raises:
        NoRoomError: The land is too small or too broken to hold so many.
    """
    inside = shapely.point_on_surface(tiling(count, seed=seed, within=within, vertices=6).polygons)
    return gpd.GeoSeries(shapely.transform(inside, rounded), crs=crs.STORAGE)


def sites(
    count: int, *, seed: int, within: Any = None, mean_area_m2: float = 45_000
) -> gpd.GeoSeries:
    """Boundaries of single sites, apart from each other, as a list of polluted land has them.

    Sizes differ widely: most are 0.2 to 30 ha. One in twelve has a hole, one in twelve has two
    parts, and a quarter are two parcels joined.

    Args:
        count: How many sites.
        seed: The same seed gives the same sites.
        within: As for `tiles`.
        mean_area_m2: Mean area, m2; smaller where the land would not hold so many.

    Returns:
        Series of MultiPolygon in EPSG:4490, rounded to 1e-9 degrees.

    Raises:
        NoRoomError: The land is too small or too broken to hold so many.
    """
    rng = np.random.default_rng((seed, 1))
    share = rng.multinomial(count, [0.1, 0.2, 0.4, 0.3])
    chosen: list[Any] = []
    # What found no room as a large site is made up for by smaller ones.
    for number, (due, size) in enumerate(
        zip(np.cumsum(share), (5.0, 1.5, 0.5, 0.12), strict=True)
    ):
        wanted = int(due) - len(chosen)
        candidates = tiling(
            max(60, wanted * 24),
            seed=seed + number,
            within=within,
            vertices=int(rng.integers(6, 10)),
            mean_area_m2=size * mean_area_m2,
            clustered=False,
        )
        chosen += _apart(candidates, wanted, chosen, rng)
    if len(chosen) < count:
        raise NoRoomError(count, mean_area_m2)
    order = rng.permutation(len(chosen))
    return gpd.GeoSeries(shapely.transform(np.array(chosen)[order], rounded), crs=crs.STORAGE)


def _apart(
    candidates: Tiling, wanted: int, taken: list[Any], rng: np.random.Generator
) -> list[Any]:
    """At most one site of each block, clear of those already taken."""
    chosen: list[Any] = []
    first, size = np.unique(candidates.block, return_index=True, return_counts=True)[1:]
    for block in rng.permutation(len(first)):
        if len(chosen) == wanted:
            break
        members = candidates.polygons[first[block] : first[block] + size[block]]
        site = _site(members, rng)
        others = np.array(taken + chosen, object)
        if not shapely.dwithin(others, site, 1e-4).any():
            chosen.append(site)
    return chosen


def _site(members: np.ndarray, rng: np.random.Generator) -> Any:
    """One member of a block: plain, joined to a neighbour, with a hole or with a second part."""
    position = int(rng.integers(len(members)))
    site, kind = members[position], int(rng.integers(12))
    if kind == 0:
        hole = affinity.scale(site, 0.3, 0.35, origin=site.representative_point())
        if site.contains_properly(hole):
            site = site.difference(hole)
    elif kind == 1:
        clear = members[shapely.disjoint(members, site)]
        if len(clear):
            return shapely.multipolygons([site, clear[0]])
    elif kind < 5:
        touching = members[shapely.relate_pattern(members, site, "F***1****")]
        if len(touching):
            site = shapely.remove_repeated_points(shapely.union(site, touching[0]))
    return shapely.multipolygons([site])
