"""Where the coordinates of a delivery really are, and those coordinates in the register's CRS.

Nothing is guessed in silence. A CRS the file declares is taken if it puts the parcels into the
city. If it does not and another one would, that is an error naming the other one. Where nothing is
declared, a CRS is assumed only if the numbers allow no other, and the assumption is reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from parcels import crs, offsets, words
from parcels.errors import CrsNotKnownError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived

_SAMPLE: Final = 5_000
_MOST: Final = 0.5
_NEARLY_ALL: Final = 0.9
# Boundaries on the edge of the city, and an outline good to some 60 m.
_MARGIN_DEG: Final = 0.02
_ZONED_M: Final = 1e7
_MILLION: Final = 1_000_000
_FIRST_ZONE: Final = 25
_LAST_ZONE: Final = 45
# An offset is suspected from this many parcels, this far off, explained this well.
_PAIRS: Final = 3
_SHIFT_M: Final = 100.0
_EXPLAINED: Final = 0.2
_M_PER_DEG: Final = 111_320.0


@dataclass(frozen=True, slots=True)
class Stated:
    """What the user says of the coordinates.

    Attributes:
        crs: Anything PROJ understands: "EPSG:4527", WKT, a PROJ string of a city's own system.
        swapped: The first coordinate is north.
        offset: "gcj02" or "bd09": the coordinates come from such a map and are to be set right.
    """

    crs: str | None = None
    swapped: bool = False
    offset: str | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the coordinates; `zoned` reads each row by the zone in its own easting."""

    crs: pyproj.CRS
    swapped: bool = False
    certain: bool = True
    zoned: bool = False

    @property
    def name(self) -> str:
        code = self.crs.to_epsg()
        return f"EPSG:{code}" if code else str(self.crs.name)


def locate(
    arrived: Arrived,
    geometry: np.ndarray,
    *,
    bounds: tuple[float, float, float, float],
    findings: Findings,
    stated: Stated | None = None,
) -> np.ndarray:
    """The geometries of a delivery in EPSG:4490, degrees, longitude first.

    Args:
        arrived: What the file declares.
        geometry: Its geometries, or points made of a list's columns.
        bounds: West, south, east, north of the city, degrees.
        findings: Takes crs_assumed, crs_missing and crs_doubtful.
        stated: What the user says.

    Returns:
        Array of geometries; where the CRS is missing or doubtful it holds the best reading, and
        the finding keeps every row out.

    Raises:
        CrsNotKnownError: Neither declared nor told by the numbers, or not understood by PROJ.
    """
    wish = stated or Stated()
    sample = _sample(geometry)
    if not len(sample):
        return geometry
    city = _with_margin(bounds)
    if wish.crs is not None:
        reading = _Reading(_understood(wish.crs, arrived), wish.swapped)
    elif arrived.crs is not None and arrived.crs.geodetic_crs is not None:
        reading = _Reading(arrived.crs, wish.swapped)
    else:
        reading = _assumed(arrived, sample, city, wish=wish, findings=findings)
        return _set_right(_transformed(geometry, reading), wish)
    _doubt(reading, sample, city, findings)
    return _set_right(_transformed(geometry, reading), wish)


def suspect_offset(
    codes: pd.Series, geometry: np.ndarray, register: pd.DataFrame, *, findings: Findings
) -> None:
    """Report a delivery that lies off the register's own parcels as a web map would.

    Args:
        codes: Parcel codes of the delivery.
        geometry: Its boundaries aligned with `codes`, EPSG:4490.
        register: Columns code and geometry (EPSG:4490) of parcels known to lie right.
        findings: Takes offset_suspected with the system, the shift in metres and the azimuth.
    """
    known = register.loc[register["code"].notna() & ~register.geometry.is_empty.to_numpy(bool)]
    known = known[known.geometry.notna()].drop_duplicates("code")
    place = pd.Index(known["code"]).get_indexer(codes.astype("object"))
    there = (place >= 0) & ~shapely.is_missing(geometry)
    there &= ~shapely.is_empty(geometry)
    there &= np.isfinite(shapely.bounds(geometry)).all(axis=1)
    if int(there.sum()) < _PAIRS:
        return
    came = _centres(geometry[there])
    true = _centres(known.geometry.to_numpy()[place[there]])
    shift = np.median(_metres(came, true), axis=0)
    length = float(np.hypot(*shift))
    if length < _SHIFT_M:
        return
    for system, forward in offsets.FORWARD.items():
        left = _metres(came, forward(true))
        if float(np.median(np.hypot(left[:, 0], left[:, 1]))) < length * _EXPLAINED:
            azimuth = float(np.degrees(np.arctan2(shift[0], shift[1])) % 360)
            details = {
                "system": system,
                "shift_m": round(length),
                "azimuth": round(azimuth),
                "pairs": int(there.sum()),
            }
            findings.add("offset_suspected", details=details)
            return


def _assumed(
    arrived: Arrived,
    sample: np.ndarray,
    city: tuple[float, float, float, float],
    *,
    wish: Stated,
    findings: Findings,
) -> _Reading:
    """The reading of coordinates without a CRS."""
    fitting = [one for one in _candidates(sample) if _share(sample, one, city) >= _NEARLY_ALL]
    chosen = next((one for one in fitting if one.certain), None)
    shown = _shown_bounds(sample)
    if arrived.crs_words:
        fits = fitting[0] if fitting else None
        details = _doubt_details(arrived.crs_words, fits, "words")
        findings.add("crs_doubtful", found=arrived.crs_words, details=details)
        return fits or _Reading(pyproj.CRS.from_epsg(crs.STORAGE))
    if chosen is not None:
        details = {"crs": chosen.name, "swapped": chosen.swapped}
        findings.add("crs_assumed", found=shown, details=details)
        return chosen
    if fitting:
        details = {"fits": fitting[0].name, "swapped": fitting[0].swapped}
        findings.add("crs_missing", found=shown, details=details)
        return fitting[0]
    degrees = _Reading(pyproj.CRS.from_epsg(crs.STORAGE), wish.swapped)
    if _in_degrees(sample):
        details = {"crs": degrees.name, "swapped": wish.swapped}
        findings.add("crs_assumed", found=shown, details=details)
        return degrees
    raise CrsNotKnownError(file=arrived.source.name, bounds=shown, supply="--crs EPSG:n|PROJ|WKT")


def _doubt(
    reading: _Reading,
    sample: np.ndarray,
    city: tuple[float, float, float, float],
    findings: Findings,
) -> None:
    """Report a declared CRS that puts the parcels elsewhere or cannot be left."""
    share = _share(sample, reading, city)
    if share >= _MOST:
        if not _datum_is_safe(reading.crs):
            details = _doubt_details(reading.name, None, "no_transformation")
            findings.add("crs_doubtful", found=reading.name, details=details)
        return
    other = replace(reading, swapped=not reading.swapped)
    fitting = [
        one for one in (other, *_candidates(sample)) if _share(sample, one, city) >= _NEARLY_ALL
    ]
    if fitting:
        details = _doubt_details(reading.name, fitting[0], "elsewhere")
        found = f"{reading.name}: {_shown_bounds(sample)}"
        findings.add("crs_doubtful", found=found, details=details)


def _doubt_details(declared: str, fits: _Reading | None, reason: str) -> dict[str, Any]:
    return {
        "declared": declared,
        "fits": None if fits is None else fits.name,
        "swapped": fits is not None and fits.swapped,
        **words.in_both(words.formats()["doubt"], reason, "reason"),
    }


def _candidates(sample: np.ndarray) -> Iterator[_Reading]:
    """Ways to read the sample, likeliest first: by zone in the easting, then one CRS for all."""
    for swapped in (False, True):
        east = sample[:, 1 if swapped else 0]
        zones = east // _MILLION
        if ((zones >= _FIRST_ZONE) & (zones <= _LAST_ZONE)).all():
            first = pyproj.CRS.from_epsg(_zone_epsg(int(np.median(zones))))
            yield _Reading(first, swapped, zoned=len(np.unique(zones)) > 1)
        for row in words.formats()["candidates"]:
            yield _Reading(pyproj.CRS.from_epsg(row["epsg"]), swapped, row["certain"])


def _share(
    sample: np.ndarray, reading: _Reading, city: tuple[float, float, float, float]
) -> float:
    """Part of the sample that this reading puts into the city."""
    lonlat = _moved(sample, reading)
    west, south, east, north = city
    inside = (lonlat[:, 0] >= west) & (lonlat[:, 0] <= east)
    inside &= (lonlat[:, 1] >= south) & (lonlat[:, 1] <= north)
    return float(inside.mean())


def _transformed(geometry: np.ndarray, reading: _Reading) -> np.ndarray:
    if not reading.swapped and not reading.zoned and _is_degrees(reading.crs):
        return geometry
    moved = geometry.copy()
    there = np.flatnonzero(~shapely.is_missing(geometry))
    with_z = shapely.has_z(geometry[there])
    for chosen, deep in ((there[~with_z], False), (there[with_z], True)):
        if len(chosen):
            moved[chosen] = shapely.transform(
                geometry[chosen], lambda c: _with_z(c, reading), include_z=deep
            )
    return moved


def _with_z(coordinates: np.ndarray, reading: _Reading) -> np.ndarray:
    moved = _moved(coordinates[:, :2], reading)
    if coordinates.shape[1] == 2:
        return moved
    return np.column_stack([moved, coordinates[:, 2:]])


def _moved(xy: np.ndarray, reading: _Reading) -> np.ndarray:
    """Coordinates in degrees on CGCS2000; infinite where PROJ has no answer."""
    if reading.swapped:
        xy = xy[:, ::-1]
    if not reading.zoned:
        return _to_degrees(xy, reading.crs)
    moved = np.full(xy.shape, np.inf)
    zones = np.nan_to_num(xy[:, 0] // _MILLION, nan=0, posinf=0, neginf=0)
    for zone in np.unique(zones):
        if _FIRST_ZONE <= zone <= _LAST_ZONE:
            mine = zones == zone
            moved[mine] = _to_degrees(xy[mine], pyproj.CRS.from_epsg(_zone_epsg(int(zone))))
    return moved


def _to_degrees(xy: np.ndarray, source: pyproj.CRS) -> np.ndarray:
    """Projected coordinates taken back to their own degrees; these count as CGCS2000.

    PROJ's default from WGS 84 to CGCS2000 is a "ballpark" of unknown accuracy that changes
    nothing; taking the degrees as they are says so openly. Other datums are reported by `_doubt`.
    """
    if _is_degrees(source):
        return xy
    base = source.geodetic_crs
    if base is None:
        return np.full(xy.shape, np.inf)
    try:
        step = pyproj.Transformer.from_crs(source, base, always_xy=True)
        lon, lat = step.transform(xy[:, 0], xy[:, 1])
    except ProjError:
        return np.full(xy.shape, np.inf)
    lonlat = np.column_stack([lon, lat])
    shift = _datum_step(base)
    return lonlat if shift is None else np.column_stack(shift.transform(lon, lat))


def _datum_step(base: pyproj.CRS) -> pyproj.Transformer | None:
    """A transformation of known accuracy from another datum to CGCS2000; None if there is none."""
    if _same_datum(base):
        return None
    area = AreaOfInterest(115.4, 39.4, 117.6, 41.1)
    target = pyproj.CRS.from_epsg(crs.STORAGE)
    try:
        with warnings.catch_warnings():
            # PROJ tells of grids it would like to have; without them the answer is "none known".
            warnings.simplefilter("ignore")
            group = TransformerGroup(base, target, always_xy=True, area_of_interest=area)
    except ProjError:
        return None
    return next((one for one in group.transformers if one.accuracy >= 0), None)


def _datum_is_safe(source: pyproj.CRS) -> bool:
    base = source.geodetic_crs
    return base is not None and (_same_datum(base) or _datum_step(base) is not None)


def _same_datum(base: pyproj.CRS) -> bool:
    name = "" if base.datum is None else words.plain(base.datum.name)
    return any(words.plain(word) in name for word in words.formats()["same_datum"]["words"])


def _is_degrees(source: pyproj.CRS) -> bool:
    return bool(source.is_geographic) and _same_datum(source)


def _set_right(geometry: np.ndarray, wish: Stated) -> np.ndarray:
    if wish.offset is None:
        return geometry
    shift = offsets.INVERSE[wish.offset]
    moved = geometry.copy()
    there = np.flatnonzero(~shapely.is_missing(geometry))
    moved[there] = shapely.transform(geometry[there], shift)
    return moved


def _understood(written: str, arrived: Arrived) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(written)
    except CRSError as error:
        raise CrsNotKnownError(
            file=arrived.source.name, bounds=written, supply="--crs EPSG:n|PROJ|WKT"
        ) from error


def _sample(geometry: np.ndarray) -> np.ndarray:
    """The first coordinate of geometries spread over the delivery, those that are finite."""
    there = geometry[~shapely.is_missing(geometry)]
    if len(there) > _SAMPLE:
        there = there[np.linspace(0, len(there) - 1, _SAMPLE).astype("int64")]
    corners, owner = shapely.get_coordinates(there, return_index=True)
    first = corners[np.unique(owner, return_index=True)[1]]
    sensible = np.isfinite(first).all(axis=1) & (np.abs(first) < 1e9).all(axis=1)
    return np.asarray(first[sensible])


def _in_degrees(sample: np.ndarray) -> bool:
    return bool((np.abs(sample[:, 0]) <= 180).all() and (np.abs(sample[:, 1]) <= 90).all())


def _zone_epsg(zone: int) -> int:
    return crs.GK_ZONE_39 - 39 + zone


def _with_margin(
    bounds: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    return (
        west - _MARGIN_DEG,
        south - _MARGIN_DEG,
        east + _MARGIN_DEG,
        north + _MARGIN_DEG,
    )


def _shown_bounds(sample: np.ndarray) -> str:
    low, high = sample.min(axis=0), sample.max(axis=0)
    return f"{low[0]:.3f} - {high[0]:.3f}, {low[1]:.3f} - {high[1]:.3f}"


def _centres(geometry: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.get_coordinates(shapely.centroid(geometry)))


def _metres(to: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Steps east and north from one set of places to another, metres."""
    step = (to - start) * _M_PER_DEG
    step[:, 0] *= np.cos(np.radians(start[:, 1]))
    return np.asarray(step)
