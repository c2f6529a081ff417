"""Every CRS of the project: codes, transformations, and areas on the ellipsoid.

Boundaries are stored in EPSG:4490 (CGCS2000, degrees, longitude first). Areas are taken in the
cylindrical equal-area plane of the CGCS2000 ellipsoid, so that the parts of a split parcel add up
to the whole.
"""

from __future__ import annotations

from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely

from parcels import outlines

STORAGE: Final = 4490
"""CGCS2000 geographic: what the register stores."""

WGS84: Final = 4326
"""Differs from CGCS2000 by less than a metre; taken as equal."""

GK_117: Final = 4548
"""CGCS2000 3-degree Gauss-Krueger, central meridian 117E, easting without zone number."""

GK_ZONE_39: Final = 4527
"""The same with the zone number in the easting (39xxxxxx): what the national system takes."""

GK_ZONE_38: Final = 4526
"""The neighbour zone, west of 115.5E."""

OFFERED: Final = (STORAGE, GK_117, GK_ZONE_39, GK_ZONE_38)
"""What other programs may ask for; EPSG gives all of them with the northing or latitude first."""

WEB_MERCATOR: Final = 3857
"""The plane of web maps; areas in it are 71 % too large in Beijing."""

UTM_50N: Final = 32650
"""WGS 84 UTM with central meridian 117E: its numbers look like GK_117 but lie 1.8 km south."""

# CGCS2000 Gauss-Krueger zones with the zone number in the easting: EPSG numbers them in a row.
_THREE_DEGREE: Final = range(25, 46)
_SIX_DEGREE: Final = range(13, 24)
_FIRST_THREE_DEGREE: Final = 4513
_FIRST_SIX_DEGREE: Final = 4491

# CGCS2000 ellipsoid (EPSG:1024).
SEMI_MAJOR_M: Final = 6_378_137.0
INVERSE_FLATTENING: Final = 298.257222101

_FLATTENING: Final = 1 / INVERSE_FLATTENING
_E2: Final = _FLATTENING * (2 - _FLATTENING)
_E: Final = float(np.sqrt(_E2))

# Origin of the equal-area plane, in Beijing: coordinates stay small there, so that cutting a
# boundary in the plane rounds to less than a nanometre.
_ORIGIN_LON: Final = 117.0
_ORIGIN_LAT: Final = 40.0

# Boundaries handled at a time: their coordinates fit the processor's cache.
_CHUNK: Final = 20_000


def equal_area(geometries: Any) -> Any:
    """Boundaries in the cylindrical equal-area plane of the CGCS2000 ellipsoid, metres.

    Formula: Snyder, Map Projections - A Working Manual (USGS PP 1395, 1987), equations 10-5 and
    10-6 with standard parallel 0, q from equation 3-12; the origin is moved to 117E 40N. An edge
    is straight in that plane; for edges up to 1 km this differs from a geodesic by less than
    1e-6 of the area.

    Args:
        geometries: Array of shapely geometries in EPSG:4490, degrees; None stays None.

    Returns:
        Array of the same shape.
    """
    return shapely.transform(geometries, to_plane)


def area_m2(geometries: Any) -> Any:
    """Area of each boundary on the CGCS2000 ellipsoid, m2; 0 for points, NaN for None.

    The same number as `shapely.area(equal_area(geometries))`, without building geometries in
    the plane.

    Args:
        geometries: One geometry or an array of them in EPSG:4490, degrees.
    """
    given = np.asarray(geometries, dtype=object)
    flat = given.ravel()
    areas = np.empty(len(flat))
    for begin in range(0, len(flat), _CHUNK):
        areas[begin : begin + _CHUNK] = _areas(flat[begin : begin + _CHUNK])
    return areas.reshape(given.shape)[()]


def whole_mm2(area_m2: Any) -> Any:
    """Areas in whole square millimetres, int64: their sums are exact in any order.

    Half a square millimetre goes to the even one, as IEEE 754 rounds; NaN (no boundary) is 0.

    Args:
        area_m2: Array of areas, m2.
    """
    return np.rint(np.nan_to_num(np.asarray(area_m2, np.float64)) * 1e6).astype(np.int64)


def as_declared(geometries: Any, epsg: int) -> np.ndarray:
    """Boundaries in a system of OFFERED, with the axes in the order in which EPSG gives them.

    Args:
        geometries: Array of shapely geometries in EPSG:4490, longitude first; None allowed.
        epsg: One of OFFERED.
    """
    moved = gpd.GeoSeries(geometries, crs=STORAGE).to_crs(epsg).to_numpy()
    swapped: np.ndarray = shapely.transform(moved, lambda xy: xy[:, ::-1])
    return swapped


def box_from_declared(
    box: tuple[float, float, float, float], epsg: int
) -> tuple[float, float, float, float]:
    """West, south, east and north in degrees of a box whose axes are as `as_declared` gives them.

    Args:
        box: Least northing, least easting, greatest northing, greatest easting.
        epsg: One of OFFERED.
    """
    south, west, north, east = box
    # The sides of a box of one system are curves in another: with points along them.
    sides = shapely.segmentize(shapely.box(west, south, east, north), (east - west) / 16 or 1.0)
    bounds = gpd.GeoSeries([sides], crs=epsg).to_crs(STORAGE).total_bounds
    least_lon, least_lat, most_lon, most_lat = (float(side) for side in bounds)
    return least_lon, least_lat, most_lon, most_lat


def zone_epsg(zone: int) -> int | None:
    """The CGCS2000 Gauss-Krueger CRS whose eastings begin with this zone number.

    Zones 25 to 45 are of 3 degrees, 13 to 23 of 6 degrees; no number is both. None for any other.
    """
    if zone in _THREE_DEGREE:
        return _FIRST_THREE_DEGREE + zone - _THREE_DEGREE.start
    if zone in _SIX_DEGREE:
        return _FIRST_SIX_DEGREE + zone - _SIX_DEGREE.start
    return None


def to_plane(lonlat: Any) -> Any:
    """Coordinates in the plane of `equal_area`, metres.

    Each axis depends on its own coordinate alone and grows with it, so that an upright box stays
    an upright box.

    Args:
        lonlat: Array (n, 2) in EPSG:4490, degrees.
    """
    xy = np.empty((len(lonlat), 2))
    xy[:, 0] = (lonlat[:, 0] - _ORIGIN_LON) * np.radians(SEMI_MAJOR_M)
    xy[:, 1] = (_q(lonlat[:, 1]) - _Q_ORIGIN) * (SEMI_MAJOR_M / 2)
    return xy


def _areas(geometries: np.ndarray) -> np.ndarray:
    rings = outlines.rings(geometries)
    signed = outlines.signed_areas(to_plane(rings.lonlat), rings.start)
    signed = np.where(rings.oriented, signed, np.abs(signed))
    areas = np.bincount(rings.owner, signed, minlength=len(geometries)).astype(np.float64)
    areas[shapely.is_missing(geometries)] = np.nan
    collections = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    areas[collections] = shapely.area(equal_area(geometries[collections]))
    return areas


def _q(lat: Any) -> Any:
    sine = np.sin(np.radians(lat))
    return (1 - _E2) * (sine / (1 - _E2 * sine * sine) + np.arctanh(_E * sine) / _E)


_Q_ORIGIN: Final = float(_q(_ORIGIN_LAT))
