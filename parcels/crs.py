"""Every CRS of the project: codes, transformations, and areas on the ellipsoid.

Boundaries are stored in EPSG:4490 (CGCS2000, degrees, longitude first). Areas are taken in the
cylindrical equal-area plane of the CGCS2000 ellipsoid, so that the parts of a split parcel add up
to the whole.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import shapely

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

# CGCS2000 ellipsoid (EPSG:1024).
SEMI_MAJOR_M: Final = 6_378_137.0
INVERSE_FLATTENING: Final = 298.257222101

_FLATTENING: Final = 1 / INVERSE_FLATTENING
_E2: Final = _FLATTENING * (2 - _FLATTENING)
_E: Final = float(np.sqrt(_E2))


def equal_area(geometries: Any) -> Any:
    """Boundaries in the cylindrical equal-area plane of the CGCS2000 ellipsoid, metres.

    Formula: Snyder, Map Projections - A Working Manual (USGS PP 1395, 1987), equations 10-5 and
    10-6 with standard parallel 0, q from equation 3-12. An edge is straight in that plane; for
    edges up to 1 km this differs from a geodesic by less than 1e-6 of the area.

    Args:
        geometries: Array of shapely geometries in EPSG:4490, degrees; None stays None.

    Returns:
        Array of the same shape.
    """
    return shapely.transform(geometries, _to_plane)


def area_m2(geometries: Any) -> Any:
    """Area of each boundary on the CGCS2000 ellipsoid, m2; 0 for points, NaN for None.

    Args:
        geometries: Array of shapely geometries in EPSG:4490, degrees.
    """
    return shapely.area(equal_area(geometries))


def _to_plane(lonlat: Any) -> Any:
    sine = np.sin(np.radians(lonlat[:, 1]))
    q = (1 - _E2) * (sine / (1 - _E2 * sine * sine) + np.arctanh(_E * sine) / _E)
    return np.column_stack([np.radians(lonlat[:, 0]) * SEMI_MAJOR_M, q * (SEMI_MAJOR_M / 2)])
