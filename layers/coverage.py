"""Coverage of a layer by district or unit and stage, with stated denominators.

Counts go by where a parcel belongs, areas by where its land lies: a parcel across a border counts
once and its area is split exactly. `area_once_m2` is the land covered, overlaps counted once,
within each row's own group. What is not known is a row of its own, never a zero.

Areas are added up in whole square millimetres, so that no order of adding changes a sum: what is
added up block by block, wherever, is the same figure as all at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, partition, topology
from parcels.districts import Split, Territory
from parcels.partition import Block

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
            unknown), `parcels`, `with_boundary`, `area_mm2`.
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


def holdings(
    parcels: gpd.GeoDataFrame, territory: Territory, *, block: Block | None = None
) -> Holdings:
    """What coverage adds up, computed from the boundaries themselves.

    Args:
        parcels: A parcels frame in EPSG:4490 with `district`, `unit`, `stage`. Where the land
            lies is read from the boundary, whatever `district` says; a parcel across a border
            belongs to the district stated, else to that of the larger part of its area.
        territory: Districts to split by.
        block: Add up only what belongs to this block; then `parcels` must hold every parcel whose
            box meets it. The holdings of blocks that fill the plane, `merged`, are those of all.
    """
    # In the order of their ids, whatever order they are read in: a cut of two boundaries rounds
    # otherwise than that of the same two swapped.
    parcels = parcels if parcels.index.is_monotonic_increasing else parcels.sort_index()
    shapes = parcels.geometry.to_numpy()
    areas_m2 = crs.area_m2(shapes)
    split = territory.split(shapes, areas_m2)
    assigned = territory.assign(split, len(parcels))
    crosses = assigned["crosses"].to_numpy(bool) | (split.outside_m2 > 0)
    stated = parcels["district"].reset_index(drop=True).astype("str")
    lies_in = assigned["district"].where(~crosses | stated.isna())
    table = pd.DataFrame(
        {
            "district": lies_in.fillna(stated),
            "unit": parcels["unit"].to_numpy(),
            "stage": parcels["stage"].to_numpy(),
            "area_mm2": crs.whole_mm2(areas_m2),
            "with_boundary": ~(shapely.is_missing(shapes) | shapely.is_empty(shapes)),
        }
    ).astype({"unit": "str", "stage": "str"})
    own = np.ones(len(parcels), bool) if block is None else block.holds(partition.corners(shapes))
    pieces = _pieces_of(table, split, territory.districts.index.to_numpy(), crosses & own)
    found = topology.overlaps(shapes)[["a", "b"]].to_numpy()
    if block is not None:
        found = found[block.holds(partition.common_corners(shapes, found))]
    ids = parcels.index.to_numpy()
    involved = np.unique(found)
    overlapping = gpd.GeoDataFrame(
        table.loc[involved, ["district", "unit", "stage"]].set_index(parcels.index[involved]),
        geometry=shapes[involved],
        crs=crs.STORAGE,
    )
    return Holdings(
        groups=_grouped(table[own & ~crosses].assign(parcels=1)),
        crossing=pieces.assign(parcel=ids[pieces.pop("position")]),
        overlapping=overlapping,
        pairs=pd.DataFrame({"a": ids[found[:, 0]], "b": ids[found[:, 1]]}),
    )


def merged(parts: Iterable[Holdings]) -> Holdings:
    """The holdings of all blocks from those of each, in whatever order they come.

    Args:
        parts: At least one.
    """
    every = list(parts)
    overlapping = pd.concat([one.overlapping for one in every])
    crossing = pd.concat([one.crossing for one in every])
    pairs = pd.concat([one.pairs for one in every])
    return Holdings(
        groups=_grouped(pd.concat([one.groups for one in every])),
        crossing=crossing.sort_values(["parcel", "district"], ignore_index=True),
        # A parcel that overlaps others in several blocks comes from each.
        overlapping=overlapping[~overlapping.index.duplicated()].sort_index(),
        pairs=pairs.sort_values(["a", "b"], ignore_index=True),
    )


def _grouped(table: pd.DataFrame) -> pd.DataFrame:
    """Counts and areas by district, unit and stage."""
    sums = table.groupby(["district", "unit", "stage"], dropna=False)[
        ["parcels", "with_boundary", "area_mm2"]
    ].sum()
    return sums.astype("int64").reset_index()


def _pieces_of(
    table: pd.DataFrame, split: Split, codes: np.ndarray, wanted: np.ndarray
) -> pd.DataFrame:
    """The pieces of some parcels, ordered by parcel: `position`, `district` and as `crossing`."""
    inside = wanted[split.parcel]
    outside = np.flatnonzero(wanted & (split.outside_m2 > 0))
    pieces = pd.DataFrame(
        {
            "position": np.concatenate([split.parcel[inside], outside]),
            "district": pd.Series(
                [*codes[split.district[inside]], *[""] * len(outside)], dtype="str"
            ),
            "area_m2": np.concatenate([split.area_m2[inside], split.outside_m2[outside]]),
        }
    ).sort_values(["position", "district"], ignore_index=True)
    owners = table.loc[pieces["position"], ["district", "unit", "stage"]].reset_index(drop=True)
    return pieces.assign(home=owners["district"], unit=owners["unit"], stage=owners["stage"])


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
    keys = ["place", "stage"]
    single = _pieces(held, by).groupby(keys).sum()
    # Numbers without limit from here on: a country has more square millimetres than an int64.
    each = single.astype(object).reset_index()
    sums = [
        each.assign(stage=TOTAL).groupby(keys).sum(),
        each.assign(place=TOTAL).groupby(keys).sum(),
        each.assign(place=TOTAL, stage=TOTAL).groupby(keys).sum(),
    ]
    table = pd.concat([single.astype(object), *sums])
    places = _places(territory, by)
    empty = pd.MultiIndex.from_product([[*places.index, TOTAL], [TOTAL]], names=keys)
    table = table.reindex(table.index.union(empty), fill_value=0).reset_index()
    table["without_boundary"] = table["parcels"] - table["with_boundary"]
    doubled = _doubled(held, _lands(held, territory, by))
    twice = [doubled.get(key, 0) for key in zip(table["place"], table["stage"], strict=True)]
    once = table["area_mm2"] - np.array(twice, object)
    table["area_m2"], table["area_once_m2"] = _m2(table["area_mm2"]), _m2(once)
    no_area = (table["area_mm2"] == 0) & (table["parcels"] > 0)
    table.loc[no_area, ["area_m2", "area_once_m2"]] = np.nan
    denominators = {**places.to_dict(), TOTAL: float(territory.area_m2.sum())}
    table["denominator_m2"] = table["place"].map(denominators).astype("float64")
    outside = _outside(held, territory)
    beyond = [
        outside.get(stage, 0) if place == TOTAL else 0
        for place, stage in zip(table["place"], table["stage"], strict=True)
    ]
    inside_m2 = _m2(once - np.array(beyond, object)).mask(no_area)
    table["share"] = inside_m2 / table["denominator_m2"]
    return _ordered(table if stages else table[table["stage"] == TOTAL], list(places.index))


def _m2(areas_mm2: pd.Series) -> pd.Series:
    """Square metres of whole square millimetres: each the nearest float there is."""
    metres = [int(area) / 1_000_000 for area in areas_mm2]
    return pd.Series(metres, index=areas_mm2.index, dtype="float64")


def _outside(held: Holdings, territory: Territory) -> dict[str, int]:
    """Land outside the city, overlaps counted once, by stage and for all of them, mm2."""
    pieces = held.crossing[held.crossing["district"] == ""]
    if pieces.empty:
        return {}
    stages = pieces["stage"].astype("str").fillna(UNKNOWN)
    areas = pd.Series(crs.whole_mm2(pieces["area_m2"]), index=pieces.index).groupby(stages).sum()
    beyond = {str(stage): int(area) for stage, area in areas.items()}
    beyond[TOTAL] = sum(beyond.values())
    lands = _lands(held, territory, "district")
    doubled = _doubled(held, lands[lands["place"] == OUTSIDE])
    return {stage: area - doubled.get((OUTSIDE, stage), 0) for stage, area in beyond.items()}


def _places(territory: Territory, by: By) -> pd.Series:
    """Codes of the places in order, with the area each share is of, m2."""
    if by == "district":
        return territory.area_m2
    return territory.units["district"].map(territory.area_m2).astype("float64")


def _pieces(held: Holdings, by: By) -> pd.DataFrame:
    """Rows to add up: place, stage, parcels, with_boundary, area_mm2."""
    groups = held.groups.assign(place=held.groups[by])
    crossing = held.crossing.assign(area_mm2=crs.whole_mm2(held.crossing["area_m2"]))
    first = crossing.drop_duplicates("parcel")
    counts = first.assign(
        place=first["home"] if by == "district" else first["unit"],
        parcels=1,
        with_boundary=1,
        area_mm2=0,
    )
    lands = crossing["district"].replace("", OUTSIDE)
    areas = crossing.assign(
        place=lands if by == "district" else crossing["unit"], parcels=0, with_boundary=0
    )
    columns = ["place", "stage", "parcels", "with_boundary", "area_mm2"]
    whole = pd.concat([groups[columns], counts[columns], areas[columns]], ignore_index=True)
    return whole.assign(
        place=whole["place"].astype("str").fillna(UNKNOWN),
        stage=whole["stage"].astype("str").fillna(UNKNOWN),
    )


def _doubled(held: Holdings, lands: pd.DataFrame) -> dict[tuple[str, str], int]:
    """By how much the areas of each group of lands exceed what they cover, mm2."""
    doubled: dict[tuple[str, str], int] = {}
    for place in (None, *lands["place"].unique()):
        for stage in (None, *lands["stage"].unique()):
            chosen = lands
            if place is not None:
                chosen = chosen[chosen["place"] == place]
            if stage is not None:
                chosen = chosen[chosen["stage"] == stage]
            if len(chosen) > 1:
                key = (place or TOTAL, stage or TOTAL)
                doubled[key] = _excess_mm2(chosen, held.pairs)
    return doubled


def _lands(held: Holdings, territory: Territory, by: By) -> pd.DataFrame:
    """The pieces of overlapping parcels in the equal-area plane, with place and stage.

    In the order of parcels and places: unions of the same lands then round the same.
    """
    frame = held.overlapping.sort_index()
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
    lands_in_order = pd.concat([table[~cut], pieces], ignore_index=True)
    return lands_in_order.sort_values(["parcel", "place"], ignore_index=True)


def _excess_mm2(lands: pd.DataFrame, pairs: pd.DataFrame) -> int:
    """Sum of areas less the area of the union, cluster by cluster of overlapping parcels."""
    both = pairs["a"].isin(lands["parcel"]) & pairs["b"].isin(lands["parcel"])
    members, group = topology.clusters(pairs.loc[both, ["a", "b"]].to_numpy())
    involved = lands[lands["parcel"].isin(members)]
    shapes = involved["land"].to_numpy(object)
    cluster = group[np.searchsorted(members, involved["parcel"])]
    together = np.bincount(cluster, shapely.area(shapes))
    unions = shapely.area(topology.union_by(shapes, cluster))
    return int(crs.whole_mm2(together - unions).sum())


def _ordered(table: pd.DataFrame, places: list[str]) -> pd.DataFrame:
    rank = {place: position for position, place in enumerate([*places, UNKNOWN, OUTSIDE, TOTAL])}
    ordered = table.assign(
        _place=table["place"].map(rank).fillna(len(places)),
        _stage=(table["stage"] != TOTAL).astype(int),
    ).sort_values(["_place", "place", "_stage", "stage"], kind="stable")
    whole = ordered[list(COLUMNS)].reset_index(drop=True)
    counts = dict.fromkeys(("parcels", "with_boundary", "without_boundary"), "int64")
    return whole.astype(counts)
