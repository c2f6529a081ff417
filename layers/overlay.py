"""Exact overlay of parcels with zones: districts, special areas, or another layer's parcels."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs
from parcels.districts import MIN_PART_M2, MIN_PART_SHARE
from parcels.zones import Zones


def overlay(parcels: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> pd.DataFrame:
    """What area each parcel shares with each zone.

    Args:
        parcels: Boundaries in EPSG:4490; polygons must be valid. None and empty ones share
            nothing, a point lies in every zone that holds it, border included.
        zones: Valid polygons in EPSG:4490; they may overlap each other.

    Returns:
        One row per parcel and zone that share land, in the order of both frames: `parcel` and
        `zone` (values of their indexes), `area_m2` on the ellipsoid, and `share`, 0 to 1 of the
        parcel's own area. A point has the area 0 and no share (NaN). Slivers of rounding along a
        common border (below MIN_PART_M2) are no shared land.
    """
    shapes = parcels.geometry.to_numpy()
    whole = crs.area_m2(shapes)
    place, zone, area = Zones(zones.geometry.to_numpy()).split(shapes, whole)
    flat = shapely.get_dimensions(shapes)[place] < 2
    kept = flat | (area > np.minimum(MIN_PART_M2, MIN_PART_SHARE * whole[place]))
    place, zone, area, flat = place[kept], zone[kept], area[kept], flat[kept]
    share = np.divide(area, whole[place], out=np.full(len(area), np.nan), where=~flat)
    return pd.DataFrame(
        {
            "parcel": parcels.index.to_numpy()[place],
            "zone": zones.index.to_numpy()[zone],
            "area_m2": area,
            # A cut may round to a hair more than the whole.
            "share": np.minimum(share, 1.0),
        }
    )
