"""Which parcel of the register a delivered row is: by its code, else by its boundary."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
import shapely

from parcels import crs, lengths, topology

SAME_BOUNDARY_M: Final = 0.01
"""Boundaries that differ by no more than 1 cm anywhere are one boundary in two files.

The formats themselves move corners that far: seven decimals of a degree, what GDAL writes to
GeoJSON, by 0.8 cm, millimetres of a grid by 0.07 cm. The register keeps the boundary it has, so
that being sent to and fro in several formats never makes it drift.
"""

SAME_LAND: Final = 0.99
"""Two boundaries are of the same land if they have 99 % of the land of both in common.

The share is that by which declared and computed areas may differ: land measured twice.
"""

_WITHIN_DEGREES: Final = 2e-7
_COMPARED_AT_MOST: Final = 10_000_000
_NOTHING: Final = -1


class SameLand(StrEnum):
    """What a row with a new code is, if its land is that of a parcel with another code."""

    ASK = "ask"
    RENUMBERED = "renumbered"
    SEPARATE = "separate"


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What rows are to known parcels.

    Attributes:
        known: Position of each row's parcel among the known ones; -1 where it has none.
        by_boundary: Whether that was told by the boundary, not by the code.
        several: Rows that could be one of several parcels, or one parcel several rows could be:
            `row` and `known`, positions.
    """

    known: np.ndarray
    by_boundary: np.ndarray
    several: pd.DataFrame


def match(rows: pd.DataFrame, known: pd.DataFrame) -> Matches:
    """Match rows to parcels, by code, else by boundary.

    A parcel that a code names is no other row's. A boundary is a parcel's if it is the same
    (SAME_BOUNDARY_M) or of the same land (SAME_LAND). Of several candidates the one with the very
    boundary and the same name is taken, if that is one. A point with a code of its own is never
    matched by place, as many things may stand there, and one without a code only if no name
    speaks against it.

    Args:
        rows: `code`, `name` (NA where there is none), `shape` (None if it cannot be used; EPSG:
            4490) and `area_m2` (NaN without a polygon).
        known: `code`, `name` and `shape` of parcels.
    """
    position = _by_code(rows["code"], known["code"])
    found = Matches(position, np.zeros(len(rows), bool), _no_pairs())
    free = np.flatnonzero(~np.isin(np.arange(len(known)), position))
    shapes = rows["shape"].to_numpy(object)
    no_code = rows["code"].isna().to_numpy(bool)
    areal = rows["area_m2"].notna().to_numpy(bool)
    open_ = np.flatnonzero(
        (position == _NOTHING) & ~shapely.is_missing(shapes) & (areal | no_code)
    )
    if not len(free) or not len(open_):
        return found
    pairs = _on_the_same_land(rows.iloc[open_], known.iloc[free])
    pairs = pairs.assign(row=open_[pairs["row"]], known=free[pairs["known"]])
    pairs = _likeliest(pairs, rows["name"], known["name"], areal)
    lone = ~(pairs["row"].duplicated(keep=False) | pairs["known"].duplicated(keep=False))
    sure = pairs[lone]
    position[sure["row"]] = sure["known"]
    found.by_boundary[sure["row"]] = True
    return Matches(position, found.by_boundary, pairs.loc[~lone, ["row", "known"]])


def same_boundary(shapes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether boundaries are the same as others, wherever their rings begin, within 1 cm.

    Args:
        shapes: Array of geometries in EPSG:4490, degrees; None is like nothing.
        others: Another one, aligned.
    """
    same: np.ndarray = shapely.equals_identical(shapes, others)
    there = ~(shapely.is_missing(shapes) | shapely.is_missing(others))
    todo = np.flatnonzero(~same & there)
    off = np.abs(shapely.bounds(shapes[todo]) - shapely.bounds(others[todo]))
    todo = todo[(off <= _WITHIN_DEGREES).all(axis=1)]
    if not len(todo):
        return same
    lat = lengths.middle_lat(shapes[todo])
    mine, theirs = (lengths.on_ground(of[todo], lat) for of in (shapes, others))
    close = shapely.equals_exact(mine, theirs, tolerance=SAME_BOUNDARY_M)
    same[todo] = close
    rest = np.flatnonzero(~close)
    corners = shapely.get_num_coordinates(mine[rest]) * shapely.get_num_coordinates(theirs[rest])
    rest = rest[corners <= _COMPARED_AT_MOST]
    mine, theirs = mine[rest], theirs[rest]
    # Corners near the other's border, and no land between the two: one alone could deceive.
    near = shapely.hausdorff_distance(mine, theirs) <= SAME_BOUNDARY_M
    between = shapely.area(shapely.symmetric_difference(mine, theirs))
    same[todo[rest]] = near & (between <= SAME_BOUNDARY_M * shapely.length(mine))
    return same


def share_of_both(common: np.ndarray, area: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Share, 0 to 1, of the land of two boundaries together that they have in common."""
    share: np.ndarray = common / (area + other - common)
    return share


def _by_code(codes: pd.Series, known: pd.Series) -> np.ndarray:
    first = np.flatnonzero((known.notna() & ~known.duplicated()).to_numpy(bool))
    at = pd.Index(known.iloc[first]).get_indexer(pd.Index(codes))
    position: np.ndarray = np.where(at >= 0, np.append(first, _NOTHING)[at], _NOTHING)
    return position


def _on_the_same_land(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Pairs of rows and parcels of the same land: `row`, `known`, `exact`."""
    shapes, others = rows["shape"].to_numpy(object), known["shape"].to_numpy(object)
    pairs = _coinciding(shapes, others)
    left = np.setdiff1d(np.arange(len(rows)), pairs["row"])
    other = np.setdiff1d(np.arange(len(known)), pairs["known"])
    other = other[in_box(others[other], shapes[left])]
    if not len(left) or not len(other):
        return pairs
    shared = topology.overlaps_between(shapes[left], others[other])
    a, b = left[shared["a"]], other[shared["b"]]
    area = rows["area_m2"].to_numpy(float)[a]
    common = shared["area_m2"].to_numpy(float)
    same = share_of_both(common, area, crs.area_m2(others[b])) >= SAME_LAND
    more = pd.DataFrame({"row": a[same], "known": b[same], "exact": False})
    return pd.concat([pairs, more], ignore_index=True)


def _coinciding(shapes: np.ndarray, others: np.ndarray) -> pd.DataFrame:
    """Pairs with the same boundary: their boxes have the same corner."""
    there = np.flatnonzero(~shapely.is_missing(others))
    corner = shapely.points(shapely.bounds(shapes)[:, :2])
    corners = shapely.points(shapely.bounds(others[there])[:, :2])
    row, known = shapely.STRtree(corners).query(
        corner, predicate="dwithin", distance=_WITHIN_DEGREES
    )
    known = there[known]
    same = same_boundary(shapes[row], others[known])
    return pd.DataFrame({"row": row[same], "known": known[same], "exact": True})


def in_box(others: np.ndarray, shapes: np.ndarray, *, beyond: float = 0.0) -> np.ndarray:
    """Whether each of the others meets the box of all the shapes, widened by some degrees."""
    if not len(shapes):
        return np.zeros(len(others), bool)
    west, south, east, north = shapely.total_bounds(shapes) + np.repeat([-beyond, beyond], 2)
    bounds = shapely.bounds(others)
    meets: np.ndarray = (
        (bounds[:, 0] <= east)
        & (bounds[:, 2] >= west)
        & (bounds[:, 1] <= north)
        & (bounds[:, 3] >= south)
    )
    return meets


def _likeliest(
    pairs: pd.DataFrame, names: pd.Series, known_names: pd.Series, areal: np.ndarray
) -> pd.DataFrame:
    """The best pairs of each row and of each parcel, by very boundary, then by name."""
    name = names.iloc[pairs["row"]].reset_index(drop=True)
    other = known_names.iloc[pairs["known"]].reset_index(drop=True)
    alike = (name == other).fillna(value=False).to_numpy(bool)
    differ = (name.notna() & other.notna()).to_numpy(bool) & ~alike
    score = 2 * pairs["exact"].to_numpy(int) + alike
    ranked = pairs.assign(score=score)[areal[pairs["row"]] | ~differ]
    for side in ("row", "known"):
        ranked = ranked[ranked["score"] == ranked.groupby(side)["score"].transform("max")]
    return ranked


def _no_pairs() -> pd.DataFrame:
    return pd.DataFrame({"row": [], "known": []}, dtype=np.int64)
