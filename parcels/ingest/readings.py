"""The ways coordinates can be read, and their degrees on CGCS2000 by each of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
import pyproj
import shapely
from pyproj.exceptions import ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from parcels import crs, words
from parcels.offsets import Shift

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees."""

MILLION: Final = 1_000_000
"""An easting with a zone number is so many metres per zone."""

# Beijing, degrees: where a transformation between datums must hold.
_BEIJING: Final = AreaOfInterest(115.4, 39.4, 117.6, 41.1)
# The ellipsoids of CGCS2000, GRS 80 and WGS 84 differ by 0.1 mm in their axes.
_AXIS_M: Final = 0.1
_FLATTENING: Final = 1e-3
_NOT_LETTERS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the coordinates.

    Attributes:
        crs: Of all coordinates, or where `zoned`, of most.
        swapped: The first coordinate is north.
        certain: Coordinates of this kind cannot be of another, but for the datum.
        zoned: Each coordinate is read by the zone in its own easting.
    """

    crs: pyproj.CRS
    swapped: bool = False
    certain: bool = True
    zoned: bool = False

    @property
    def name(self) -> str:
        """Code of the CRS, or its name."""
        return name_of(self.crs)


@dataclass(frozen=True, slots=True)
class DatumStep:
    """How the datum of a CRS is brought to CGCS2000.

    Attributes:
        known: Whether there is a way that may be gone.
        same: The degrees count as CGCS2000 as they are.
        operation: The transformation otherwise, in PROJ's words.
        accuracy_m: What PROJ says of it; None if it says nothing.
        assumed: The CRS names no datum; its ellipsoid is that of CGCS2000.
    """

    known: bool
    same: bool = True
    operation: str = ""
    accuracy_m: float | None = None
    assumed: bool = False


def name_of(one: pyproj.CRS) -> str:
    """Code of a CRS, or its name where it has no code."""
    code = one.to_epsg()
    return f"EPSG:{code}" if code else str(one.name)


def candidates(sample: np.ndarray) -> Iterator[Reading]:
    """Ways to read coordinates, likeliest first: by zone in the easting, then one CRS for all."""
    for swapped in (False, True):
        zones = zones_in(sample, swapped=swapped)
        if len(zones):
            first = _zone_crs(int(np.median(sample[:, 1 if swapped else 0] // MILLION)))
            if first is not None:
                yield Reading(first, swapped, zoned=len(zones) > 1)
        for row in words.formats()["candidates"]:
            yield Reading(pyproj.CRS.from_epsg(row["epsg"]), swapped, row["certain"])


def zones_in(xy: np.ndarray, *, swapped: bool) -> np.ndarray:
    """Zone numbers in the eastings, ascending; empty if any easting has none."""
    numbers = np.unique(xy[:, 1 if swapped else 0] // MILLION)
    known = [np.isfinite(n) and crs.zone_epsg(int(n)) is not None for n in numbers]
    return numbers.astype("int64") if all(known) else np.empty(0, "int64")


def zone_column(frame: pd.DataFrame) -> str | None:
    """The column that holds the zone number of each row: so named, and nothing else in it."""
    known = words.plain_set(words.formats()["lists"]["zone"])
    for name in (str(column) for column in frame.columns if words.plain(str(column)) in known):
        numbers = np.asarray(pd.to_numeric(frame[name].dropna().unique(), errors="coerce"), float)
        # The same initials stand for a plot number (地号), which is seldom between 13 and 45.
        zones = [int(number) for number in numbers if np.isfinite(number)]
        if len(zones) == len(numbers) > 0 and all(crs.zone_epsg(zone) for zone in zones):
            return name
    return None


def share_inside(sample: np.ndarray, reading: Reading, city: Box) -> float:
    """Part (0 to 1) of the coordinates that a reading puts into a box."""
    lonlat = degrees_of(sample, reading)
    west, south, east, north = city
    inside = (lonlat[:, 0] >= west) & (lonlat[:, 0] <= east)
    inside &= (lonlat[:, 1] >= south) & (lonlat[:, 1] <= north)
    return float(inside.mean())


def fitting(
    readings: Iterable[Reading], sample: np.ndarray, city: Box, *, least: float
) -> Iterator[Reading]:
    """The readings that put at least this share of the coordinates into a box."""
    return (one for one in readings if share_inside(sample, one, city) >= least)


def read_by(geometry: np.ndarray, reading: Reading) -> np.ndarray:
    """Geometries in EPSG:4490, longitude first; heights and measures stay as they are."""
    if not reading.swapped and not reading.zoned and _is_degrees(reading.crs):
        return geometry
    return moved(geometry, lambda xy: degrees_of(xy, reading))


def moved(geometry: np.ndarray, shift: Shift) -> np.ndarray:
    """Geometries with their first two coordinates put through a function of an array (n, 2)."""
    result = geometry.copy()
    there = np.flatnonzero(~shapely.is_missing(geometry))
    with_z = shapely.has_z(geometry[there])
    for chosen, deep in ((there[~with_z], False), (there[with_z], True)):
        if len(chosen):
            result[chosen] = shapely.transform(
                geometry[chosen], lambda c: _beside_z(c, shift), include_z=deep
            )
    return result


def degrees_of(xy: np.ndarray, reading: Reading) -> np.ndarray:
    """Coordinates in degrees on CGCS2000, longitude first; infinite where PROJ has no answer."""
    if reading.swapped:
        xy = xy[:, ::-1]
    if not reading.zoned:
        return _to_degrees(xy, reading.crs)
    result = np.full(xy.shape, np.inf)
    zones = np.nan_to_num(xy[:, 0] // MILLION, nan=0, posinf=0, neginf=0)
    for zone in np.unique(zones):
        system = _zone_crs(int(zone)) if abs(zone) < MILLION else None
        if system is not None:
            mine = zones == zone
            result[mine] = _to_degrees(xy[mine], system)
    return result


def datum_step(source: pyproj.CRS) -> DatumStep:
    """How the datum of a CRS is brought to CGCS2000.

    A CRS that carries its own parameters (TOWGS84 in a .prj, +towgs84 in a PROJ string) is taken
    at its word. Without them, only what PROJ gives an accuracy for may be used: for Beijing 1954
    and Xi'an 1980 it knows nothing here but a "ballpark", which changes nothing.
    """
    if source.is_bound and source.target_crs is not None and _is_same(source.target_crs):
        way = source.coordinate_operation
        values = ", ".join(f"{one.value:g}" for one in way.params) if way else ""
        operation = f"{way.method_name}: {values}" if way else ""
        return DatumStep(known=True, same=False, operation=operation)
    base = source.geodetic_crs
    if base is None:
        return DatumStep(known=False)
    if _is_same(base):
        return DatumStep(known=True)
    if _is_nameless(base):
        return DatumStep(known=True, assumed=True)
    best = _best(base)
    if best is None:
        return DatumStep(known=False)
    return DatumStep(
        known=True, same=False, operation=str(best.description), accuracy_m=float(best.accuracy)
    )


def _beside_z(coordinates: np.ndarray, shift: Shift) -> np.ndarray:
    flat = shift(coordinates[:, :2])
    if coordinates.shape[1] == 2:
        return flat
    return np.column_stack([flat, coordinates[:, 2:]])


def _to_degrees(xy: np.ndarray, source: pyproj.CRS) -> np.ndarray:
    """Projected coordinates taken back to their own degrees, and those to CGCS2000.

    PROJ's default from WGS 84 to CGCS2000 is a "ballpark" of unknown accuracy that changes
    nothing; taking the degrees as they are says so openly.
    """
    if _is_degrees(source):
        return xy
    step = datum_step(source)
    base = source.target_crs if source.is_bound and not step.same else source.geodetic_crs
    if base is None:
        return np.full(xy.shape, np.inf)
    try:
        lon, lat = _between(source, base).transform(xy[:, 0], xy[:, 1])
    except ProjError:
        return np.full(xy.shape, np.inf)
    further = None if source.is_bound or step.same else _best(base)
    if further is not None:
        lon, lat = further.transform(lon, lat)
    return np.column_stack([lon, lat])


@lru_cache(maxsize=64)
def _between(source: pyproj.CRS, base: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, base, always_xy=True)


@lru_cache(maxsize=64)
def _best(base: pyproj.CRS) -> pyproj.Transformer | None:
    """A transformation of known accuracy from another datum to CGCS2000; None if there is none."""
    target = pyproj.CRS.from_epsg(crs.STORAGE)
    try:
        with warnings.catch_warnings():
            # PROJ tells of grids it would like to have; without them the answer is "none known".
            warnings.simplefilter("ignore")
            group = TransformerGroup(base, target, always_xy=True, area_of_interest=_BEIJING)
    except ProjError:
        return None
    return next((one for one in group.transformers if one.accuracy >= 0), None)


@lru_cache(maxsize=64)
def _is_same(base: pyproj.CRS) -> bool:
    """Whether a datum is CGCS2000 or WGS 84 by its name, however written, and its ellipsoid."""
    names = [base.name] if base.datum is None else [base.name, base.datum.name]
    known = [_letters(word) for word in words.formats()["same_datum"]["words"]]
    named = any(word in _letters(name) for name in names for word in known)
    return named and _is_same_ellipsoid(base)


@lru_cache(maxsize=64)
def _is_nameless(base: pyproj.CRS) -> bool:
    """Whether a CRS names no datum but has the ellipsoid of CGCS2000."""
    name = "" if base.datum is None else _letters(base.datum.name)
    nameless = [_letters(word) for word in words.formats()["same_datum"]["nameless"]]
    return any(word in name for word in nameless) and _is_same_ellipsoid(base)


def _is_same_ellipsoid(base: pyproj.CRS) -> bool:
    shape = base.ellipsoid
    return (
        shape is not None
        and abs(shape.semi_major_metre - crs.SEMI_MAJOR_M) < _AXIS_M
        and abs(shape.inverse_flattening - crs.INVERSE_FLATTENING) < _FLATTENING
    )


@lru_cache(maxsize=64)
def _is_degrees(source: pyproj.CRS) -> bool:
    """Whether coordinates are what the register stores, as they are."""
    if not source.is_geographic or source.is_bound or not datum_step(source).same:
        return False
    at_greenwich = source.prime_meridian is None or source.prime_meridian.longitude == 0
    return at_greenwich and all(axis.unit_name == "degree" for axis in source.axis_info[:2])


@lru_cache(maxsize=64)
def _zone_crs(zone: int) -> pyproj.CRS | None:
    code = crs.zone_epsg(zone)
    return None if code is None else pyproj.CRS.from_epsg(code)


def _letters(name: str) -> str:
    return _NOT_LETTERS.sub("", words.plain(name))
