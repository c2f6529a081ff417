"""Where the coordinates of a delivery are: by what it declares, the user states, the numbers tell.

Nothing is guessed in silence. A CRS the file declares is taken if it puts the parcels into the
city. If it does not and another one would, that is an error naming the other one. Where nothing is
declared, a CRS is assumed only if the numbers allow no other, and the assumption is reported. The
numbers never tell a datum; where it is assumed, it is CGCS2000, in which the law has data kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from pyproj.exceptions import CRSError

from parcels import crs, words
from parcels.errors import CrsNotKnownError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived
from parcels.ingest.control_points import read_control_points
from parcels.ingest.readings import (
    MILLION,
    Box,
    Reading,
    candidates,
    datum_step,
    fitting,
    moved,
    read_by,
    share_inside,
    zone_column,
    zones_in,
)

# Coordinates looked at: one per geometry, of so many geometries spread over the delivery.
_SAMPLE: Final = 5_000
# A declared CRS is doubted when it puts less than half into the city; it is no fault of the CRS
# when some parcels lie elsewhere. Another is offered only if it explains nearly all.
_MOST: Final = 0.5
_NEARLY_ALL: Final = 0.9
# Boundaries on the edge of the city, and an outline good to some 60 m: 2 km, far less than the
# 250 km by which a wrong zone moves a parcel.
_MARGIN_DEG: Final = 0.02
# Eastings without a zone number are of six digits; a northing here has seven.
_BARE_M: Final = (100_000.0, 1_000_000.0)
# Larger numbers are no coordinates of any CRS, but damage.
_SENSIBLE: Final = 1e9
_SUPPLY: Final = "--crs EPSG:n|PROJ|WKT, --control-points FILE"


@dataclass(frozen=True, slots=True)
class Stated:
    """What the user says of the coordinates.

    Attributes:
        crs: Anything PROJ understands: "EPSG:4527", WKT, a PROJ string of a city's own system.
        swapped: The first coordinate is north.
        offset: "gcj02" or "bd09": the coordinates come from such a map and are to be set right.
        control_points: File of points known in the sender's local system and in CGCS2000.
    """

    crs: str | None = None
    swapped: bool = False
    offset: str | None = None
    control_points: Path | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """Where a delivery is.

    Attributes:
        geometry: Array of geometries in EPSG:4490; where the CRS is missing or doubtful the best
            reading, and a finding keeps every row out.
        used: What was done to the sender's coordinates, enough to do it again; for the record.
        certain: Whether the place may be compared with other places.
    """

    geometry: np.ndarray
    used: Mapping[str, Any] = field(default_factory=dict)
    certain: bool = True


def locate(
    arrived: Arrived,
    geometry: np.ndarray,
    *,
    bounds: Box,
    findings: Findings,
    stated: Stated | None = None,
) -> Located:
    """The geometries of a delivery in EPSG:4490, degrees, longitude first.

    Args:
        arrived: What the file declares.
        geometry: Its geometries, or points made of a list's columns.
        bounds: West, south, east, north of the city, degrees.
        findings: Takes the findings about the CRS.
        stated: What the user says; `offset` is left to `shifts.settle`.

    Raises:
        CrsNotKnownError: Neither declared nor told by the numbers, or not understood by PROJ, or
            a city's own system.
        ControlPointsNotUsableError: The control points do not lead to CGCS2000.
    """
    wish = stated or Stated()
    sample = _sample(geometry)
    if not len(sample):
        return Located(geometry)
    city = _with_margin(bounds)
    if wish.control_points is not None:
        return _by_control_points(arrived, geometry, sample, city, wish=wish, findings=findings)
    if wish.crs is not None:
        reading = Reading(_understood(wish.crs, arrived), wish.swapped)
    elif arrived.crs is not None and arrived.crs.geodetic_crs is not None:
        _refuse_local(arrived.crs.name, arrived)
        reading = Reading(arrived.crs, wish.swapped)
    else:
        _refuse_local(arrived.crs_words, arrived)
        return _undeclared(arrived, geometry, sample, city, wish=wish, findings=findings)
    reading = _by_zones(reading, geometry, sample, city, findings=findings)
    reading, certain = _doubt(reading, sample, city, findings)
    return _located(geometry, reading, certain=certain)


def _located(geometry: np.ndarray, reading: Reading, *, certain: bool) -> Located:
    used: dict[str, Any] = {"read_as": reading.name}
    if reading.crs.to_epsg() is None:
        used["wkt"] = reading.crs.to_wkt()
    if reading.swapped:
        used["swapped"] = True
    if reading.zoned:
        used["zones"] = "by easting"
    step = datum_step(reading.crs)
    if step.assumed:
        used["datum"] = "assumed CGCS2000"
    if not step.same:
        used["datum"] = {"operation": step.operation, "accuracy_m": step.accuracy_m}
    return Located(read_by(geometry, reading), used, certain)


def _by_control_points(
    arrived: Arrived,
    geometry: np.ndarray,
    sample: np.ndarray,
    city: Box,
    *,
    wish: Stated,
    findings: Findings,
) -> Located:
    """A local system brought to CGCS2000 by points that the customer supplies."""
    plane = None if wish.crs is None else _understood(wish.crs, arrived)
    similarity = read_control_points(Path(wish.control_points or ""), city=city, plane=plane)
    order = slice(None, None, -1 if wish.swapped else 1)
    details = similarity.details
    findings.add("control_points_used", details=details)
    if not similarity.reaches(sample[:, order]):
        findings.add("control_points_far", found=_shown_bounds(sample), details=details)
    shapes = moved(geometry, lambda xy: similarity.degrees(xy[:, order]))
    used = {"read_as": "control points", "transformation": details}
    return Located(shapes, {**used, "swapped": True} if wish.swapped else used)


def _undeclared(
    arrived: Arrived,
    geometry: np.ndarray,
    sample: np.ndarray,
    city: Box,
    *,
    wish: Stated,
    findings: Findings,
) -> Located:
    """Coordinates without a CRS, with zone numbers from a column where there is one."""
    zoned, column = _with_zones(geometry, sample, arrived.frame)
    if column is not None:
        sample = _sample(zoned)
        numbers = zones_in(sample, swapped=bool(np.median(sample[:, 1]) >= 10 * MILLION))
        details = {"zones": ", ".join(str(one) for one in numbers)}
        findings.add("zone_from_column", field=column, details=details)
    reading, certain = _assumed(arrived, sample, city, wish=wish, findings=findings)
    located = _located(zoned, reading, certain=certain)
    if column is None:
        return located
    return replace(located, used={**located.used, "zone_column": column})


def _with_zones(
    geometry: np.ndarray, sample: np.ndarray, frame: gpd.GeoDataFrame
) -> tuple[np.ndarray, str | None]:
    """Bare eastings with the zone number from a column before them, and that column."""
    column = zone_column(frame)
    if column is None:
        return geometry, None
    middle = np.median(np.abs(sample), axis=0)
    east = int(middle[0] >= _BARE_M[1])
    there = ~shapely.is_missing(geometry)
    zones = pd.to_numeric(frame[column], errors="coerce").to_numpy(float)[there]
    if not _BARE_M[0] <= middle[east] < _BARE_M[1] or np.isnan(zones).any():
        return geometry, None
    corners, owner = shapely.get_coordinates(geometry[there], return_index=True)
    lacking = corners[:, east] < _BARE_M[1]
    corners[lacking, east] += zones[owner[lacking]] * MILLION
    whole = geometry.copy()
    whole[there] = shapely.set_coordinates(shapely.force_2d(geometry[there]), corners)
    return whole, column


def _assumed(
    arrived: Arrived, sample: np.ndarray, city: Box, *, wish: Stated, findings: Findings
) -> tuple[Reading, bool]:
    """The reading of coordinates without a CRS, and whether it is certain."""
    fits = list(fitting(candidates(sample), sample, city, least=_NEARLY_ALL))
    if wish.swapped:
        fits = [one for one in fits if one.swapped] or fits
    chosen = next((one for one in fits if one.certain), None)
    shown = _shown_bounds(sample)
    if arrived.crs_words:
        best = fits[0] if fits else None
        details = _doubt_details(arrived.crs_words, best, "words")
        findings.add("crs_doubtful", found=arrived.crs_words, details=details)
        return best or Reading(pyproj.CRS.from_epsg(crs.STORAGE)), False
    if chosen is not None:
        details = {"crs": chosen.name, "swapped": chosen.swapped}
        findings.add("crs_assumed", found=shown, details=details)
        return chosen, True
    if fits:
        details = {
            "fits": fits[0].name,
            "swapped": fits[0].swapped,
            "all": ", ".join(dict.fromkeys(one.name for one in fits)),
        }
        findings.add("crs_missing", found=shown, details=details)
        return fits[0], False
    if _in_degrees(sample):
        degrees = Reading(pyproj.CRS.from_epsg(crs.STORAGE), wish.swapped)
        details = {"crs": degrees.name, "swapped": wish.swapped}
        findings.add("crs_assumed", found=shown, details=details)
        return degrees, True
    raise CrsNotKnownError(file=arrived.source.name, bounds=shown, supply=_SUPPLY)


def _by_zones(
    reading: Reading,
    geometry: np.ndarray,
    sample: np.ndarray,
    city: Box,
    *,
    findings: Findings,
) -> Reading:
    """The declared zone, or each coordinate's own where eastings are of several zones.

    A file declares one zone; parcels on both sides of 115.5E come with both numbers all the same.
    """
    numbers = np.array([crs.zone_epsg(z) or 0 for z in range(60)])
    if (reading.crs.to_epsg() or -1) not in numbers:
        return reading
    edges = shapely.bounds(geometry)[:, 1 if reading.swapped else 0]
    edges = edges[np.isfinite(edges)] // MILLION
    if (edges == edges[:1]).all():
        return reading
    several = replace(reading, zoned=True)
    if share_inside(sample, several, city) < max(share_inside(sample, reading, city), _MOST):
        return reading
    zones = [int(one) for one in np.unique(edges) if crs.zone_epsg(int(one)) is not None]
    details = {"declared": reading.name, "zones": ", ".join(str(one) for one in zones)}
    findings.add("zones_by_easting", details=details)
    return several


def _doubt(
    reading: Reading, sample: np.ndarray, city: Box, findings: Findings
) -> tuple[Reading, bool]:
    """Report a CRS that puts the parcels elsewhere or cannot be left.

    Returns:
        The best reading, so that what is found further on is found where the parcels are, and
        whether it is certain.
    """
    if share_inside(sample, reading, city) >= _MOST:
        return reading, _leave_datum(reading, findings)
    other = replace(reading, swapped=not reading.swapped)
    fits = next(fitting((other, *candidates(sample)), sample, city, least=_NEARLY_ALL), None)
    if fits is None:
        return reading, False
    details = _doubt_details(reading.name, fits, "elsewhere")
    found = f"{reading.name}: {_shown_bounds(sample)}"
    findings.add("crs_doubtful", found=found, details=details)
    return fits, False


def _leave_datum(reading: Reading, findings: Findings) -> bool:
    """Report how another datum is left for CGCS2000, or that there is no way."""
    step = datum_step(reading.crs)
    if not step.known:
        details = _doubt_details(reading.name, None, "no_transformation")
        findings.add("crs_doubtful", found=reading.name, details=details)
    elif step.assumed:
        findings.add("datum_assumed", found=reading.name, details={"crs": reading.name})
    elif not step.same:
        details = {
            "crs": reading.name,
            "operation": step.operation,
            "accuracy_m": step.accuracy_m,
        }
        findings.add("datum_shifted", found=reading.name, details=details)
    return step.known


def _doubt_details(declared: str, fits: Reading | None, reason: str) -> dict[str, Any]:
    return {
        "declared": declared,
        "fits": None if fits is None else fits.name,
        "swapped": fits is not None and fits.swapped,
        **words.in_both(words.formats()["doubt"], reason, "reason"),
    }


def _refuse_local(name: str, arrived: Arrived) -> None:
    """Refuse a city's own system: no public transformation leads from it.

    Raises:
        CrsNotKnownError: The words name such a system.
    """
    if words.is_local_system(name):
        raise CrsNotKnownError(file=arrived.source.name, bounds=name, supply=_SUPPLY)


def _understood(written: str, arrived: Arrived) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(written)
    except CRSError as error:
        raise CrsNotKnownError(file=arrived.source.name, bounds=written, supply=_SUPPLY) from error


def _sample(geometry: np.ndarray) -> np.ndarray:
    """The first coordinate of geometries spread over the delivery, those that are finite."""
    there = geometry[~shapely.is_missing(geometry)]
    if len(there) > _SAMPLE:
        there = there[np.linspace(0, len(there) - 1, _SAMPLE).astype("int64")]
    corners, owner = shapely.get_coordinates(there, return_index=True)
    first = corners[np.unique(owner, return_index=True)[1]]
    sensible = np.isfinite(first).all(axis=1) & (np.abs(first) < _SENSIBLE).all(axis=1)
    return np.asarray(first[sensible])


def _in_degrees(sample: np.ndarray) -> bool:
    return bool((np.abs(sample[:, 0]) <= 180).all() and (np.abs(sample[:, 1]) <= 90).all())


def _with_margin(bounds: Box) -> Box:
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
