"""Where samples were taken: their point, the parcel it lies in, and the class that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import pandas as pd
import shapely

from parcels import farmland_class, verdicts
from parcels.errors import UnknownParcelError
from parcels.farmland_class import Classified
from parcels.model import Moment
from parcels.register import Filter, Register
from parcels.standards import BUILDING, FARMLAND, Limits

POINTS: Final = ("monitoring_point", "soil_census_point")
"""Layers of points at which samples are taken."""

FIELDS: Final = "farmland"
"""The layer of units that have a class."""

_LAND: Final = {"paddy": "paddy", "irrigated": "other", "dry": "other"}
"""Land of GB 15618 by the land type of the layer of farmland."""


@dataclass(frozen=True, slots=True)
class UnitClass:
    """The class of a unit of farmland, and what it rests on.

    Attributes:
        codes: Codes of its parcels.
        registered: Stage that each of them has in the register, once each.
        points: Codes of the points.
        judged: The readings of soil behind it, with verdicts.
        produce: The readings of produce, with verdicts.
        classified: The class with every step.
    """

    codes: tuple[str, ...]
    registered: tuple[str, ...]
    points: tuple[str, ...]
    judged: pd.DataFrame
    produce: pd.DataFrame
    classified: Classified


def unknown_points(register: Register, codes: Sequence[str]) -> set[str]:
    """Those of some codes that neither points nor units have, on whatever day."""
    layers = {layer.key for layer in register.layers}
    left = set(codes)
    for key in (*POINTS, FIELDS):
        if key in layers and left:
            left -= register.codes(key, sorted(left))
    return left


def located(
    readings: pd.DataFrame, register: Register, moment: Moment, *, layer: str = FIELDS
) -> pd.DataFrame:
    """Readings with the `district` of their point and the `parcel` of a layer it lies in.

    A sample may name a parcel of the layer for its point; then it is taken there.

    Args:
        readings: As `Register.readings` gives them.
        register: Where points and parcels are known.
        moment: As of when.
        layer: Key of the layer.
    """
    points = _points(register, readings["point"].drop_duplicates().tolist(), moment)
    parcels = register.frame(layer, moment, columns=["code", "district"])
    own = parcels[parcels["code"].notna()].drop_duplicates("code").set_index("code")
    around = _around(points, parcels)
    named = readings["point"].where(readings["point"].isin(own.index)).astype(object)
    district = readings["point"].map(points["district"]).astype(object)
    return readings.assign(
        parcel=named.fillna(readings["point"].map(around).astype(object)),
        district=district.fillna(named.map(own["district"]).astype(object)),
    )


def unit_class(
    register: Register,
    code: str,
    moment: Moment,
    *,
    limits: Limits | None = None,
    side_by_side: bool | None = None,
) -> UnitClass:
    """The class of a unit of farmland by the samples taken in it.

    Args:
        register: Where parcels and samples are known.
        code: Of a parcel of farmland, or of the unit that several parcels belong to.
        moment: As of when.
        limits: Of produce; without them produce is not looked at.
        side_by_side: Whether points that are not of the dominant class lie side by side.

    Raises:
        UnknownParcelError: No parcel of farmland has the code, and no unit.
    """
    fields = register.frame(FIELDS, moment, columns=[
        "code", "district", "stage", "evaluation_unit", "land_type", "ph",
    ])  # fmt: skip
    unit = fields[(fields["code"] == code) | (fields["evaluation_unit"] == code)]
    if unit.empty:
        raise UnknownParcelError(layer=FIELDS, codes=[code], count=1)
    whole = located(register.readings(moment), register, moment)
    ours = _with_facts(whole[whole["parcel"].isin(unit["code"])], unit)
    soil = ours[(ours["medium"] == "soil") & ~ours["land"].isin(BUILDING)]
    judged = verdicts.judged(soil, {})
    rules = farmland_class.rules()
    classes = farmland_class.point_classes(judged, rules)
    grown = ours[ours["medium"] == "produce"]
    produce = verdicts.judged(grown, {} if limits is None else {"produce": limits})
    by_sample = farmland_class.produce_classes(produce, rules) if limits is not None else []
    known = [None if pd.isna(one) else int(one) for one in by_sample]
    found = farmland_class.classify(classes, known, side_by_side=side_by_side, by=rules)
    return UnitClass(
        codes=tuple(unit["code"]),
        registered=tuple(unit["stage"].dropna().drop_duplicates()),
        points=tuple(classes.index),
        judged=judged,
        produce=produce,
        classified=found,
    )


def _with_facts(readings: pd.DataFrame, unit: gpd.GeoDataFrame) -> pd.DataFrame:
    """What a sample does not say of its land and pH is taken from its parcel."""
    of_parcel = unit.drop_duplicates("code").set_index("code")
    land = readings["parcel"].map(of_parcel["land_type"]).astype(object).map(_LAND)
    acidity = readings["parcel"].map(of_parcel["ph"].astype(float))
    stated = readings["land"].where(readings["land"].isin([*FARMLAND, *BUILDING])).astype(object)
    return readings.assign(land=stated.fillna(land), ph=readings["ph"].fillna(acidity))


def _points(register: Register, codes: Sequence[str], moment: Moment) -> gpd.GeoDataFrame:
    """The points of these codes by code, with `district` and their place."""
    layers = {layer.key for layer in register.layers}
    where = Filter(codes=tuple(codes)) if len(codes) <= _NAMED_AT_MOST else None
    frames = [
        register.frame(key, moment, where=where, columns=["code", "district"])
        for key in POINTS
        if key in layers
    ]
    whole = pd.concat(frames)
    return whole[whole["code"].isin(codes)].drop_duplicates("code").set_index("code")


_NAMED_AT_MOST: Final = 500


def _around(points: gpd.GeoDataFrame, parcels: gpd.GeoDataFrame) -> pd.Series:
    """Code of the parcel that each point lies in or on, the first of several."""
    placed = points[points.geometry.notna()]
    held = parcels[parcels.geometry.notna() & parcels["code"].notna()]
    tree = shapely.STRtree(held.geometry.to_numpy())
    point, parcel = tree.query(placed.geometry.to_numpy(), predicate="intersects")
    found = pd.Series(held["code"].to_numpy()[parcel], index=placed.index[point], dtype=object)
    return found[~found.index.duplicated()]
