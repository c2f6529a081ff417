"""What is odd about a valid boundary: points twice, spikes, tiny holes and parts, slivers.

A flaw is no reason to keep a parcel out. Bounds are lengths and areas on the ground.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd

from parcels import crs, lengths, outlines
from parcels.outlines import Rings

SAME_POINT_M: Final = 0.0005
"""Coordinates come to the millimetre, so two points half a millimetre apart are one."""

SPIKE_DEGREES: Final = 1.0
"""A corner narrower than this goes out and comes back: land 57 times as long as it is wide."""

SPIKE_M: Final = 0.1
"""Of shorter sides, rounding to the millimetre alone turns a corner by half a degree."""

TINY_M2: Final = 1.0
"""A hole, a part or a parcel of less than 1 m2 is a trace of drawing, not land."""

THIN: Final = 0.01
"""Area over perimeter squared: less belongs to a strip 25 times as long as wide, or to worse."""

NARROW_M: Final = 1.0
"""A thin parcel is a sliver if it is narrower than this on average; a ditch or a path is wider."""

_AT_ONCE: Final = 50_000
"""Boundaries looked at together: a dozen numbers for each of their corners are held."""


@dataclass(frozen=True, slots=True)
class Flaws:
    """Flaws by kind; every table has one row per boundary: `boundary` (position), `lon`, `lat`.

    Attributes:
        points_twice: Points that repeat the one before; `count`.
        spikes: `count`, and `length_m` of the first.
        tiny_holes: Holes of less than TINY_M2; `count`.
        tiny_parts: Parts of less than TINY_M2; `count`.
        slivers: `area_m2`, `width_m` (mean).
    """

    points_twice: pd.DataFrame
    spikes: pd.DataFrame
    tiny_holes: pd.DataFrame
    tiny_parts: pd.DataFrame
    slivers: pd.DataFrame


def find(geometry: np.ndarray, area_m2: np.ndarray) -> Flaws:
    """The flaws of boundaries.

    Args:
        geometry: Array of geometries in EPSG:4490; others than polygons have no flaws.
        area_m2: Their areas on the ellipsoid, aligned.
    """
    starts = range(0, max(len(geometry), 1), _AT_ONCE)
    found = [
        _found(geometry[at : at + _AT_ONCE], area_m2[at : at + _AT_ONCE], first=at)
        for at in starts
    ]
    return Flaws(*(_joined([getattr(one, kind.name) for one in found]) for kind in fields(Flaws)))


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    held = [one for one in tables if len(one)]
    return pd.concat(held, ignore_index=True) if held else tables[0]


def _found(geometry: np.ndarray, area_m2: np.ndarray, *, first: int) -> Flaws:
    """The flaws of some boundaries, of which this is the first."""
    rings = outlines.rings(geometry)
    is_edge = np.ones(len(rings.lonlat), bool)
    is_edge[rings.start + rings.lengths - 1] = False
    begin = np.flatnonzero(is_edge)
    step = lengths.steps_m(rings.lonlat[begin], rings.lonlat[begin + 1])
    length = np.hypot(step[:, 0], step[:, 1])
    owner = np.repeat(rings.owner, rings.lengths - 1)
    twice = np.flatnonzero(length < SAME_POINT_M)
    spikes, reach = _spikes(rings, step, length)
    perimeter = np.bincount(owner, length, minlength=len(geometry))
    holes, parts = _tiny(rings)
    tables = (
        _counted(owner[twice], rings.lonlat[begin[twice]]),
        _counted(owner[spikes], rings.lonlat[begin[spikes]], length_m=reach),
        _counted(rings.owner[holes], rings.lonlat[rings.start[holes]]),
        _counted(rings.owner[parts], rings.lonlat[rings.start[parts]]),
        _slivers(rings, perimeter, area_m2),
    )
    return Flaws(*(one.assign(boundary=one["boundary"] + first) for one in tables))


def mendable(geometry: np.ndarray) -> pd.DataFrame:
    """Boundaries with spikes or points twice: `boundary`, `lon`, `lat`, `spike`; once each."""
    found = find(geometry, np.full(len(geometry), np.inf))
    both = pd.concat([found.spikes.assign(spike=True), found.points_twice.assign(spike=False)])
    return both.drop_duplicates("boundary")[["boundary", "lon", "lat", "spike"]]


def turns_back(arriving: np.ndarray, leaving: np.ndarray) -> np.ndarray:
    """Whether a corner between two steps (n, 2), metres, is the tip of a spike."""
    dot = -(arriving * leaving).sum(axis=1)
    cross = arriving[:, 0] * leaving[:, 1] - arriving[:, 1] * leaving[:, 0]
    sharp = np.abs(cross) < np.tan(np.radians(SPIKE_DEGREES)) * dot
    shorter = np.minimum((arriving**2).sum(axis=1), (leaving**2).sum(axis=1))
    back: np.ndarray = sharp & (shorter >= SPIKE_M**2)
    return back


def _spikes(rings: Rings, step: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges that begin at the tip of a spike, and how far it reaches, metres."""
    edges = rings.lengths - 1
    first = np.cumsum(edges) - edges
    before = np.arange(len(step)) - 1
    before[first] = first + edges - 1
    tips = np.flatnonzero(turns_back(step[before], step))
    return tips, np.minimum(length[tips], length[before[tips]])


def _tiny(rings: Rings) -> tuple[np.ndarray, np.ndarray]:
    """Rings that are tiny holes, and those that are tiny parts beside a larger one."""
    apart = np.flatnonzero(rings.oriented)
    if not len(apart):
        return apart, apart
    # Rings taken apart stand together at the end.
    origin = rings.start[apart[0]]
    signed = outlines.signed_areas(
        crs.to_plane(rings.lonlat[origin:]), rings.start[apart] - origin
    )
    largest = pd.Series(signed).groupby(rings.owner[apart]).transform("max").to_numpy()
    holes = apart[(signed <= 0) & (signed > -TINY_M2)]
    parts = apart[(signed > 0) & (signed < TINY_M2) & (largest >= TINY_M2)]
    return holes, parts


def _slivers(rings: Rings, perimeter: np.ndarray, area_m2: np.ndarray) -> pd.DataFrame:
    with np.errstate(invalid="ignore"):
        narrow = 2 * area_m2 < NARROW_M * perimeter
        thin = narrow & (area_m2 < THIN * perimeter**2)
        found = np.flatnonzero((perimeter > 0) & (thin | (area_m2 < TINY_M2)))
    first = pd.Series(rings.start, index=rings.owner)
    first = first[first.index.isin(found)].groupby(level=0).first()
    place = rings.lonlat[first.to_numpy(np.int64)]
    return pd.DataFrame(
        {
            "boundary": found,
            "lon": place[:, 0],
            "lat": place[:, 1],
            "area_m2": area_m2[found],
            "width_m": 2 * area_m2[found] / perimeter[found],
        }
    )


def _counted(owner: np.ndarray, place: np.ndarray, **more: np.ndarray) -> pd.DataFrame:
    """One row per boundary: how many of its flaws, and the place of the first."""
    found = pd.DataFrame({"boundary": owner, "lon": place[:, 0], "lat": place[:, 1], **more})
    if found.empty:
        return found.assign(count=0).astype({"boundary": np.int64})
    grouped = found.groupby("boundary", sort=True)
    return grouped.first().assign(count=grouped.size()).reset_index()
