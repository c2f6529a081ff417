"""Short lengths on the ground, from degrees to metres about a place."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from parcels import crs


def metres_per_degree(lat: Any) -> tuple[Any, Any]:
    """Metres of a degree of longitude and of latitude on the CGCS2000 ellipsoid.

    Formula: radii of curvature in the prime vertical and in the meridian (Snyder, USGS PP 1395,
    1987, equations 4-20 and 4-18), times one degree.

    Args:
        lat: Latitude, degrees; a number or an array.
    """
    flattening = 1 / crs.INVERSE_FLATTENING
    e2 = flattening * (2 - flattening)
    sine = np.sin(np.radians(lat))
    bend = 1 - e2 * sine * sine
    across = crs.SEMI_MAJOR_M / np.sqrt(bend)
    along = crs.SEMI_MAJOR_M * (1 - e2) / bend**1.5
    return np.radians(across * np.cos(np.radians(lat))), np.radians(along)


def steps_m(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """East and north of each step, metres; right to a millionth for steps up to 1 km.

    Args:
        begin: Array (n, 2) of lon, lat in EPSG:4490 degrees.
        end: The same, aligned.
    """
    east, north = metres_per_degree((begin[:, 1] + end[:, 1]) / 2)
    step: np.ndarray = end - begin
    step[:, 0] *= east
    step[:, 1] *= north
    return step


def on_ground(geometries: np.ndarray, lat: float) -> np.ndarray:
    """Geometries in metres, true to scale at one latitude; half a degree away 0.8 % too wide.

    Good for widths and distances of neighbours, not for areas.

    Args:
        geometries: Array of geometries in EPSG:4490, degrees; None stays None.
        lat: The latitude, degrees.
    """
    scale = np.array(metres_per_degree(lat))
    made: np.ndarray = shapely.transform(geometries, lambda lonlat: lonlat * scale)
    return made


def on_degrees(metres: np.ndarray, lat: float) -> np.ndarray:
    """Geometries of `on_ground` back in degrees."""
    scale = np.array(metres_per_degree(lat))
    made: np.ndarray = shapely.transform(metres, lambda xy: xy / scale)
    return made


def middle_lat(geometries: np.ndarray) -> float:
    """Latitude of the middle of all geometries, degrees; 0 where there are none."""
    present = geometries[~(shapely.is_missing(geometries) | shapely.is_empty(geometries))]
    if not len(present):
        return 0.0
    _, south, _, north = shapely.total_bounds(present)
    return float(south + north) / 2
