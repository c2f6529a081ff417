"""A delivery against the register: what is new, what changes from which day on, what stays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels.model import CORE_COLUMNS, FOREVER, Layer


@dataclass(frozen=True, slots=True)
class Difference:
    """What a delivery changes in one layer.

    Attributes:
        rows: The versions to write, in delivered order: a parcels frame with `position` (in the
            delivery), `valid_to` (date), `parcel` and `base` (ids of the parcel and of the version
            in force, <NA> for a new parcel) and `same_boundary` (whether the version in force has
            this very boundary).
        superseded: Ids of the versions that stop being believed.
        created: How many parcels are new.
        unchanged: How many delivered rows say what the register already says.
    """

    rows: gpd.GeoDataFrame
    superseded: np.ndarray
    created: int
    unchanged: int

    @property
    def updated(self) -> int:
        """How many parcels the register has get a new version."""
        return len(self.rows) - self.created


def difference(
    delivered: gpd.GeoDataFrame, held: gpd.GeoDataFrame, layer: Layer, *, on: dt.date
) -> Difference:
    """What a delivery that is true from `on` changes.

    A row is matched to its parcel by code. It states what is true from `on` until the next version
    already known to begin; later facts stand. What a delivery leaves blank keeps the value in
    force; only the fields named in its column `erased` lose theirs.

    Args:
        delivered: Parcels frame, one row per code.
        held: The believed versions of the parcels with these codes: parcels frame with the columns
            `version`, `parcel`, `valid_from`, `valid_to` (datetime64[s]).
        layer: The layer both belong to.
        on: First day on which the delivery is true.
    """
    day = np.datetime64(on, "s")
    in_force = held[(held["valid_from"] <= day) & (held["valid_to"] > day)]
    keys = [*CORE_COLUMNS, *(f.key for f in layer.own_fields)]
    rows = delivered.reindex(columns=[*keys, *_extra(delivered, keys)]).reset_index(drop=True)
    base = in_force.set_index("code").reindex(rows["code"]).reset_index()
    parcels = held.groupby("code")["parcel"].first().reindex(rows["code"])
    rows["parcel"] = parcels.astype("Int64").to_numpy()
    rows["base"] = base["version"].astype("Int64")
    rows["position"] = np.arange(len(rows))
    rows["valid_to"] = _next_start(rows["code"], held, day)

    merged = _merge(rows, base, keys).drop(columns="erased", errors="ignore")
    shapes, was = merged.geometry.to_numpy(), base.geometry.to_numpy()
    merged["same_boundary"] = merged["base"].notna() & (
        shapely.equals_identical(shapes, was) | (_missing(shapes) & _missing(was))
    )
    same = merged["same_boundary"] & _same_values(merged, base, keys)
    kept = merged[~same].reset_index(drop=True)
    return Difference(
        rows=kept,
        superseded=kept["base"].dropna().to_numpy(np.int64),
        created=int(kept["parcel"].isna().sum()),
        unchanged=int(same.sum()),
    )


def _extra(delivered: gpd.GeoDataFrame, keys: list[str]) -> list[str]:
    return [
        name
        for name in ("row", "erased", "geometry")
        if name in delivered.columns and name not in keys
    ]


def _next_start(codes: pd.Series, held: gpd.GeoDataFrame, day: np.datetime64) -> pd.Series:
    later = held[held["valid_from"] > day].groupby("code")["valid_from"].min()
    starts = later.reindex(codes).astype("datetime64[s]").fillna(pd.Timestamp(FOREVER))
    return starts.reset_index(drop=True)


def _merge(rows: gpd.GeoDataFrame, base: gpd.GeoDataFrame, keys: list[str]) -> gpd.GeoDataFrame:
    if rows["base"].isna().all():
        return rows
    filled = rows.copy()
    erased = rows["erased"].fillna("").str.split(";") if "erased" in rows.columns else None
    for key in keys:
        blank = rows[key].isna() & base[key].notna()
        if erased is not None:
            blank &= ~erased.map(lambda told, key=key: key in told).astype(bool)
        if blank.any():
            filled[key] = base[key].where(blank, rows[key])
    shapes, was = rows.geometry.to_numpy().copy(), base.geometry.to_numpy()
    blank = _missing(shapes)
    shapes[blank] = was[blank]
    return filled.set_geometry(gpd.GeoSeries(shapes, index=rows.index, crs=rows.crs))


def _same_values(merged: gpd.GeoDataFrame, base: gpd.GeoDataFrame, keys: list[str]) -> pd.Series:
    same = merged["base"].notna()
    if not same.any():
        return same
    for key in keys:
        one, other = merged[key], base[key]
        both_unknown = one.isna() & other.isna()
        equal = (one.astype(object) == other.astype(object)).fillna(value=False).astype(bool)
        same &= both_unknown | equal
    return same


def _missing(shapes: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.is_missing(shapes), dtype=bool)
