"""A delivery against the register: what is new, what changes from which day on, what stays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import comparison, crs, matching
from parcels.model import CORE_COLUMNS, FOREVER, Layer

_NEW: Final = -1


@dataclass(frozen=True, slots=True)
class Difference:
    """What a delivery changes in one layer.

    Attributes:
        rows: The versions to write, in delivered order: a parcels frame with `position` (in the
            delivery), `valid_to` (date), `parcel` and `base` (ids of the parcel and of the version
            in force, <NA> for a new parcel) and `same_boundary` (whether the version in force has
            this boundary; then it is kept).
        superseded: Ids of the versions that stop being believed.
        created: How many parcels are new.
        unchanged: How many delivered rows say what the register already says.
        known: Ids of the parcels of the register that delivered rows are.
    """

    rows: gpd.GeoDataFrame
    superseded: np.ndarray
    created: int
    unchanged: int
    known: np.ndarray

    @property
    def updated(self) -> int:
        """How many parcels the register has get a new version."""
        return len(self.rows) - self.created


def difference(
    delivered: gpd.GeoDataFrame, held: gpd.GeoDataFrame, layer: Layer, *, on: dt.date
) -> Difference:
    """What a delivery that is true from `on` changes.

    A row is matched to its parcel by code, else by boundary. It states what is true from `on`
    until the next version already known to begin; later facts stand. What a delivery leaves
    blank keeps the value in force; only the fields named in its column `erased` lose theirs.

    Args:
        delivered: Parcels frame, one row per code; `parcel` (id) where the door has told which
            parcel a row is.
        held: The believed versions of the parcels these may be: parcels frame with the columns
            `version`, `parcel`, `valid_from`, `valid_to` (datetime64[s]).
        layer: The layer both belong to.
        on: First day on which the delivery is true.
    """
    day = np.datetime64(on, "s")
    keys = [*CORE_COLUMNS, *(f.key for f in layer.own_fields)]
    rows = delivered.reindex(columns=[*keys, *_extra(delivered, keys)]).reset_index(drop=True)
    parcels = _parcels(rows, held, day)
    in_force = held[(held["valid_from"] <= day) & (held["valid_to"] > day)]
    if in_force.empty:
        # Nothing is compared, and a million rows of nothing in each column take memory too.
        in_force = in_force[["parcel", "version", in_force.geometry.name]]
    base = in_force.set_index("parcel").reindex(parcels).reset_index()
    rows["parcel"] = pd.array(parcels, "Int64")
    rows.loc[parcels == _NEW, "parcel"] = pd.NA
    rows["base"] = base["version"].astype("Int64")
    rows["position"] = np.arange(len(rows))
    rows["valid_to"] = _next_start(parcels, held, day)

    merged = _merge(rows, base, keys).drop(columns="erased", errors="ignore")
    shapes, was = merged.geometry.to_numpy(), base.geometry.to_numpy()
    merged["same_boundary"] = merged["base"].notna() & (
        matching.same_boundary(shapes, was) | (_missing(shapes) & _missing(was))
    )
    same = merged["same_boundary"] & _same_values(merged, base, keys)
    kept = merged[~same].reset_index(drop=True) if same.any() else merged
    return Difference(
        rows=kept,
        superseded=kept["base"].dropna().to_numpy(np.int64),
        created=int(kept["parcel"].isna().sum()),
        unchanged=int(same.sum()),
        known=parcels[parcels != _NEW],
    )


def _parcels(rows: gpd.GeoDataFrame, held: gpd.GeoDataFrame, day: np.datetime64) -> np.ndarray:
    """The id of each row's parcel; -1 for a new one.

    It was told, or the code tells it (the one in force on the day before any other it had), or
    for a row without a code the boundary, or the name and district where there is no boundary.
    """
    ids = (
        rows["parcel"].to_numpy(np.int64, na_value=_NEW, copy=True)
        if "parcel" in rows
        else _new(rows)
    )
    if held.empty:
        return ids
    # What is in force on the day stands first, then what begins later, then what was before.
    rank = np.select([held["valid_from"] > day, held["valid_to"] <= day], [1, 2], 0)
    ranked = held.iloc[np.lexsort((held["valid_from"], rank))]
    by_code = ranked[ranked["code"].notna()].drop_duplicates("code")
    at = pd.Index(by_code["code"]).get_indexer(pd.Index(rows["code"]))
    coded = (ids == _NEW) & (at >= 0)
    ids[coded] = by_code["parcel"].to_numpy(np.int64)[at[coded]]
    nameless = np.flatnonzero((ids == _NEW) & rows["code"].isna().to_numpy(bool))
    if len(nameless):
        free = ranked[~ranked["parcel"].isin(ids)].drop_duplicates("parcel")
        ids[nameless] = _without_code(rows.iloc[nameless], free)
    return ids


def _new(rows: gpd.GeoDataFrame) -> np.ndarray:
    return np.full(len(rows), _NEW, np.int64)


def _without_code(rows: gpd.GeoDataFrame, free: gpd.GeoDataFrame) -> np.ndarray:
    """The parcels of rows without a code, by boundary, else by name and district."""
    found = matching.match(_comparable(rows), _comparable(free)).known
    there = _missing(rows.geometry.to_numpy())
    plain = free[free["code"].isna() & _missing(free.geometry.to_numpy())]
    named = pd.MultiIndex.from_frame(plain[["name", "district"]].astype("str").fillna(""))
    asked = pd.MultiIndex.from_frame(rows[["name", "district"]].astype("str").fillna(""))
    lone = ~named.duplicated(keep=False)
    at = named[lone].get_indexer(asked)
    usable = there & (at >= 0) & rows["name"].notna().to_numpy(bool)
    usable &= ~asked.duplicated(keep=False)
    ids = np.where(found >= 0, np.append(free["parcel"].to_numpy(np.int64), _NEW)[found], _NEW)
    ids[usable] = plain["parcel"].to_numpy(np.int64)[lone][at[usable]]
    return ids


def _comparable(rows: gpd.GeoDataFrame) -> pd.DataFrame:
    shapes = rows.geometry.to_numpy()
    areal = shapely.get_dimensions(shapes) == 2
    return pd.DataFrame(
        {
            "code": rows["code"].astype("str").to_numpy(),
            "name": rows["name"].astype("str").to_numpy(),
            "shape": shapes,
            "area_m2": np.where(areal, crs.area_m2(shapes), np.nan),
        }
    )


def _extra(delivered: gpd.GeoDataFrame, keys: list[str]) -> list[str]:
    return [
        name
        for name in ("row", "parcel", "erased", "geometry")
        if name in delivered.columns and name not in keys
    ]


def _next_start(parcels: np.ndarray, held: gpd.GeoDataFrame, day: np.datetime64) -> pd.Series:
    later = held[held["valid_from"] > day].groupby("parcel")["valid_from"].min()
    starts = later.reindex(parcels).astype("datetime64[s]").fillna(pd.Timestamp(FOREVER))
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
        same &= comparison.equal(merged[key], base[key])
    return same


def _missing(shapes: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.is_missing(shapes), dtype=bool)
