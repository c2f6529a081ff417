"""Coverage of a layer by district or unit and stage, with stated denominators.

Counts go by where a parcel belongs, areas by where its land lies: a parcel across a border counts
once and its area is split exactly. `area_once_m2` is the land covered, overlaps counted once,
within each row's own group. What is not known is a row of its own, never a zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, topology
from parcels.districts import Territory

By = Literal["district", "unit"]

TOTAL: Final = "total"
"""In `place`: the whole city. In `stage`: all stages together."""

UNKNOWN: Final = "unknown"
"""In `place`: parcels whose district or unit is not known. In `stage`: the same of the stage."""

OUTSIDE: Final = "outside"
"""In `place`: land outside every district."""

COLUMNS: Final = (
    "place",
    "stage",
    "parcels",
    "with_boundary",
    "without_boundary",
    "area_m2",
    "area_once_m2",
    "denominator_m2",
    "share",
)
"""Columns of a coverage table; `share` is area_once_m2 / denominator_m2, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """A layer's parcels as coverage adds them up, from the register or from geometry.

    Attributes:
        groups: Parcels wholly in their district, added up: `district`, `unit`, `stage` (NA where
            unknown), `parcels`, `with_boundary`, `area_m2`.
        crossing: Parcels that cross a border or lie partly outside, one row per piece: `parcel`,
            `district` ('' outside), `area_m2`, and `home`, `unit`, `stage` of the parcel.
        overlapping: Parcels that overlap others, indexed by parcel id: `district`, `unit`,
            `stage`, geometry in EPSG:4490.
        pairs: Which overlap: parcel ids `a`, `b`.
    """

    groups: pd.DataFrame
    crossing: pd.DataFrame
    overlapping: gpd.GeoDataFrame
    pairs: pd.DataFrame


def holdings(parcels: gpd.GeoDataFrame, territory: Territory) -> Holdings:
    """What coverage adds up, computed from the boundaries themselves.

    Args:
        parcels: A parcels frame in EPSG:4490 with `district`, `unit`, `stage`. Where the land
            lies is read from the boundary, whatever `district` says; a parcel across a border
            belongs to the district stated, else to that of the larger part of its area.
        territory: Districts to split by.
    """
    shapes = parcels.geometry.to_numpy()
    split = territory.split(shapes)
    assigned = territory.assign(split, len(parcels))
    crosses = assigned["crosses"].to_numpy(bool) | (split.outside_m2 > 0)
    stated = parcels["district"].reset_index(drop=True).astype("str")
    lies_in = assigned["district"].where(~crosses | stated.isna())
    table = pd.DataFrame(
        {
            "district": lies_in.fillna(stated),
            "unit": parcels["unit"].to_numpy(),
            "stage": parcels["stage"].to_numpy(),
            "area_m2": np.nan_to_num(crs.area_m2(shapes)),
            "with_boundary": ~(shapely.is_missing(shapes) | shapely.is_empty(shapes)),
        }
    ).astype({"unit": "str", "stage": "str"})
    groups = (
        table[~crosses]
        .groupby(["district", "unit", "stage"], dropna=False)
        .agg(
            parcels=("area_m2", "size"),
            with_boundary=("with_boundary", "sum"),
            area_m2=("area_m2", "sum"),
        )
        .reset_index()
    )
    inside = crosses[split.parcel]
    outside = np.flatnonzero(split.outside_m2 > 0)
    codes = territory.districts.index.to_numpy()[split.district[inside]]
    pieces = pd.DataFrame(
        {
            "position": np.concatenate([split.parcel[inside], outside]),
            "district": pd.Series([*codes, *[""] * len(outside)], dtype="str"),
            "area_m2": np.concatenate([split.area_m2[inside], split.outside_m2[outside]]),
        }
    )
    owners = table.loc[pieces["position"], ["district", "unit", "stage"]].reset_index(drop=True)
    crossing = pieces.assign(
        parcel=parcels.index.to_numpy()[pieces["position"]],
        home=owners["district"],
        unit=owners["unit"],
        stage=owners["stage"],
    )
    found = topology.overlaps(shapes)
    involved = np.union1d(found["a"], found["b"]).astype(np.int64)
    overlapping = gpd.GeoDataFrame(
        table.loc[involved, ["district", "unit", "stage"]].set_index(parcels.index[involved]),
        geometry=shapes[involved],
        crs=crs.STORAGE,
    )
    ids = parcels.index.to_numpy()
    pairs = pd.DataFrame({"a": ids[found["a"]], "b": ids[found["b"]]})
    return Holdings(groups, crossing, overlapping, pairs)


def coverage(
    held: Holdings, territory: Territory, *, by: By = "district", stages: bool = True
) -> pd.DataFrame:
    """The coverage table of one layer.

    By district the areas are those of the land in it; the denominator is the district's area. By
    unit they are those of the parcels the unit answers for, wherever they lie; the denominator is
    the area of the district the unit is the government of, and there is none for a functional
    area whose borders are not known. Either way the rows of all places add up to the total.

    Args:
        held: The layer's parcels, added up.
        territory: Districts and units.
        by: Places are the 16 districts or the 17 units.
        stages: False leaves out the rows of single stages.

    Returns:
        COLUMNS, a row for each place even if it has no parcel, each followed by its stages; last
        `unknown`, `outside` (where there are any) and `total`. Areas are NA where parcels are
        known but no area is: without boundaries, or points.
    """
    pieces = _pieces(held, by)
    keys = ["place", "stage"]
    sums = [
        pieces.groupby(keys).sum(),
        pieces.assign(stage=TOTAL).groupby(keys).sum(),
        pieces.assign(place=TOTAL).groupby(keys).sum(),
        pieces.assign(place=TOTAL, stage=TOTAL).groupby(keys).sum(),
    ]
    table = pd.concat(sums)
    places = _places(territory, by)
    empty = pd.MultiIndex.from_product([[*places.index, TOTAL], [TOTAL]], names=keys)
    table = table.reindex(table.index.union(empty), fill_value=0).reset_index()
    table["without_boundary"] = table["parcels"] - table["with_boundary"]
    doubled = _doubled(held, _lands(held, territory, by))
    twice = [doubled.get(key, 0.0) for key in zip(table["place"], table["stage"], strict=True)]
    table["area_once_m2"] = table["area_m2"] - twice
    no_area = (table["area_m2"] == 0) & (table["parcels"] > 0)
    table.loc[no_area, ["area_m2", "area_once_m2"]] = np.nan
    denominators = {**places.to_dict(), TOTAL: float(territory.area_m2.sum())}
    table["denominator_m2"] = table["place"].map(denominators).astype("float64")
    beyond = table["stage"].map(_outside(held, territory)).fillna(0.0)
    inside = table["area_once_m2"] - beyond.where(table["place"] == TOTAL, 0.0)
    table["share"] = inside / table["denominator_m2"]
    return _ordered(table if stages else table[table["stage"] == TOTAL], list(places.index))


def _outside(held: Holdings, territory: Territory) -> dict[str, float]:
    """Land outside the city, overlaps counted once, by stage and for all of them, m2."""
    pieces = held.crossing[held.crossing["district"] == ""]
    if pieces.empty:
        return {}
    stages = pieces["stage"].astype("str").fillna(UNKNOWN)
    beyond = pieces["area_m2"].groupby(stages).sum().to_dict()
    beyond[TOTAL] = float(pieces["area_m2"].sum())
    lands = _lands(held, territory, "district")
    doubled = _doubled(held, lands[lands["place"] == OUTSIDE])
    return {stage: area - doubled.get((OUTSIDE, stage), 0.0) for stage, area in beyond.items()}


def _places(territory: Territory, by: By) -> pd.Series:
    """Codes of the places in order, with the area each share is of, m2."""
    if by == "district":
        return territory.area_m2
    return territory.units["district"].map(territory.area_m2).astype("float64")


def _pieces(held: Holdings, by: By) -> pd.DataFrame:
    """Rows to add up: place, stage, parcels, with_boundary, area_m2."""
    groups = held.groups.assign(place=held.groups[by])
    crossing = held.crossing
    first = crossing.drop_duplicates("parcel")
    counts = first.assign(
        place=first["home"] if by == "district" else first["unit"],
        parcels=1,
        with_boundary=1,
        area_m2=0.0,
    )
    lands = crossing["district"].replace("", OUTSIDE)
    areas = crossing.assign(
        place=lands if by == "district" else crossing["unit"], parcels=0, with_boundary=0
    )
    columns = ["place", "stage", "parcels", "with_boundary", "area_m2"]
    whole = pd.concat([groups[columns], counts[columns], areas[columns]], ignore_index=True)
    return whole.assign(
        place=whole["place"].astype("str").fillna(UNKNOWN),
        stage=whole["stage"].astype("str").fillna(UNKNOWN),
    )


def _doubled(held: Holdings, lands: pd.DataFrame) -> dict[tuple[str, str], float]:
    """By how much the areas of each group of lands exceed what they cover, m2."""
    doubled: dict[tuple[str, str], float] = {}
    for place in (None, *lands["place"].unique()):
        for stage in (None, *lands["stage"].unique()):
            chosen = lands
            if place is not None:
                chosen = chosen[chosen["place"] == place]
            if stage is not None:
                chosen = chosen[chosen["stage"] == stage]
            if len(chosen) > 1:
                key = (place or TOTAL, stage or TOTAL)
                doubled[key] = _excess_m2(chosen, held.pairs)
    return doubled


def _lands(held: Holdings, territory: Territory, by: By) -> pd.DataFrame:
    """The pieces of overlapping parcels in the equal-area plane, with place and stage."""
    frame = held.overlapping
    plane = crs.equal_area(frame.geometry.to_numpy())
    table = pd.DataFrame(
        {
            "parcel": frame.index,
            "place": frame[by].astype("str").fillna(UNKNOWN).to_numpy(),
            "stage": frame["stage"].astype("str").fillna(UNKNOWN).to_numpy(),
            "land": plane,
        }
    )
    if by == "unit":
        return table
    cut = table["parcel"].isin(held.crossing["parcel"])
    if not cut.any():
        return table
    pieces = (
        table[cut].drop(columns="place").merge(held.crossing[["parcel", "district"]], on="parcel")
    )
    zones = pd.Series(crs.equal_area(territory.disjoint), index=territory.districts.index)
    zones[""] = None
    city = shapely.union_all(zones.to_numpy())
    lands, beyond = pieces["land"].to_numpy(), pieces["district"].to_numpy() == ""
    inside = shapely.intersection(lands, pieces["district"].map(zones).to_numpy())
    pieces["land"] = np.where(beyond, shapely.difference(lands, city), inside)
    pieces = pieces.assign(place=pieces.pop("district").replace("", OUTSIDE))
    return pd.concat([table[~cut], pieces], ignore_index=True)


def _excess_m2(lands: pd.DataFrame, pairs: pd.DataFrame) -> float:
    """Sum of areas less the area of the union, cluster by cluster of overlapping parcels."""
    both = pairs["a"].isin(lands["parcel"]) & pairs["b"].isin(lands["parcel"])
    members, group = topology.clusters(pairs.loc[both, ["a", "b"]].to_numpy())
    involved = lands[lands["parcel"].isin(members)]
    shapes = involved["land"].to_numpy(object)
    unions = topology.union_by(shapes, group[np.searchsorted(members, involved["parcel"])])
    return float(shapely.area(shapes).sum() - shapely.area(unions).sum())


def _ordered(table: pd.DataFrame, places: list[str]) -> pd.DataFrame:
    rank = {place: position for position, place in enumerate([*places, UNKNOWN, OUTSIDE, TOTAL])}
    ordered = table.assign(
        _place=table["place"].map(rank).fillna(len(places)),
        _stage=(table["stage"] != TOTAL).astype(int),
    ).sort_values(["_place", "place", "_stage", "stage"], kind="stable")
    whole = ordered[list(COLUMNS)].reset_index(drop=True)
    counts = dict.fromkeys(("parcels", "with_boundary", "without_boundary"), "int64")
    return whole.astype(counts)
