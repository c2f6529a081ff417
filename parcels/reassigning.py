"""Which district and unit known parcels belong to once other districts are in force."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from parcels.districts import Split, Territory


def assigned_anew(
    held: gpd.GeoDataFrame, territory: Territory, split: Split, crosses: np.ndarray
) -> gpd.GeoDataFrame:
    """Versions with the district, unit and crossing that new districts give them.

    A parcel whose unit was its district's own gets the unit of its new district; a unit stated
    otherwise stays. Without a boundary, or outside every district, the stated district stands.

    Args:
        held: Believed versions with `boundary` (id), `district`, `unit`, `crosses`.
        territory: The new districts.
        split: How they cut the boundaries of `held`, each once, in the order of appearance.
        crosses: Whether each of these boundaries crosses a border.

    Returns:
        `held` on the same index, with these three columns new.
    """
    ids = held["boundary"].drop_duplicates().to_numpy(np.int64)
    assigned = territory.assign(split, len(ids))["district"].to_numpy()
    now = pd.DataFrame({"district": assigned, "crosses": crosses}, index=ids)
    now = now.reindex(held["boundary"]).set_index(held.index)
    now["district"] = now["district"].astype("str").fillna(held["district"])
    own_unit = held["unit"].isna() | (held["unit"] == held["district"])
    now["unit"] = held["unit"].where(~own_unit, now["district"])
    now["crosses"] = now["crosses"].astype(bool)
    return held.assign(**now)


def moved(held: gpd.GeoDataFrame, now: gpd.GeoDataFrame) -> pd.Series:
    """Whether the district of each version, or its lying in it, is another than before."""
    elsewhere = now["district"].fillna("") != held["district"].fillna("")
    return elsewhere | (now["crosses"] != held["crosses"])
