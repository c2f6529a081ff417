"""Invented parcels of any declared layer: plausible in every field, real in none."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.samples import patterns
from layers.samples.lawful import lawful
from layers.samples.shapes import NoRoomError, rounded, tiling
from layers.samples.words import words
from parcels import crs
from parcels.districts import Territory
from parcels.model import CORE_COLUMNS, Field, Kind, Layer, Shape

DAY: Final = dt.date(2024, 8, 31)
"""The samples are as of this day: none of their dates but due dates is later."""

_FIRST_DAY: Final = np.datetime64("2019-01-01", "D")
_LAST_DAY: Final = np.datetime64(DAY, "D")
_SERIALS: Final = 9_999
_INDUSTRIES: Final = range(13, 44)
_TYPES: Final = range(1, 10)
_M2_PER: Final = {"m2": 1.0, "mu": 2000 / 3, "ha": 10_000.0, "km2": 1_000_000.0}


@dataclass(frozen=True, slots=True)
class _Draft:
    """Parcels that are being invented.

    Attributes:
        stage: Key of each parcel's stage.
        progress: How far each parcel is on its way through the stages, 0 to 1.
        area_m2: NaN without a polygon.
    """

    layer: Layer
    rng: np.random.Generator
    count: int
    stage: pd.Series
    progress: np.ndarray
    area_m2: np.ndarray

    def pick(self, choices: Sequence[Any]) -> pd.Series:
        """One of several texts for each parcel."""
        lots = self.rng.integers(0, len(choices), self.count)
        return pd.Series(pd.array(list(choices), dtype="str").take(lots))

    def some(self, share: float | np.ndarray) -> np.ndarray:
        """Which parcels are chosen when each is with this probability."""
        return self.rng.uniform(0, 1, self.count) < share

    def number(self, low: int, high: int) -> pd.Series:
        """A whole number from low up to but not including high for each parcel, as text."""
        return pd.Series(self.rng.integers(low, high, self.count)).astype("str")


def parcels_frame(
    layer: Layer,
    count: int,
    *,
    seed: int,
    territory: Territory,
    districts: Sequence[str] | None = None,
    vertices: int = 8,
) -> gpd.GeoDataFrame:
    """Sample parcels of a layer, valid against its declaration, up to millions.

    Boundaries tile as in `shapes.tiles`; a layer of points has points, and a layer of either has
    points for one parcel in three. Every parcel is marked as a sample in its name and source
    document.

    Args:
        layer: What they are parcels of.
        count: How many.
        seed: The same seed gives the same parcels.
        territory: Districts to lie in.
        districts: Codes of the only districts they may touch; None for all.
        vertices: Mean number of corners.

    Returns:
        A parcels frame, index "parcel" from 0, with `area_m2` and `valid_from`. `district` holds
        the larger part of each parcel.

    Raises:
        NoRoomError: The districts cannot hold so many, or there are no more codes.
    """
    borders = territory.districts.geometry
    land = borders if districts is None else borders.loc[list(districts)]
    polygons = tiling(
        count, seed=seed, within=shapely.union_all(land.to_numpy()), vertices=vertices
    ).polygons
    boundaries = np.full(count, None, object)
    as_point = np.random.default_rng((seed, 2)).uniform(0, 1, count) < _POINTS[layer.shape]
    inside = shapely.point_on_surface(polygons[as_point])
    boundaries[as_point] = shapely.transform(inside, rounded)
    boundaries[~as_point] = _multi(polygons[~as_point])
    return described(layer, boundaries, seed=seed, territory=territory)


_POINTS: Final = {Shape.POLYGON: 0.0, Shape.EITHER: 1 / 3, Shape.POINT: 1.0}


def described(
    layer: Layer, boundaries: np.ndarray, *, seed: int, territory: Territory
) -> gpd.GeoDataFrame:
    """The frame of `parcels_frame` for given boundaries.

    Args:
        layer: What they are parcels of.
        boundaries: Array of MultiPolygon, Point or None in EPSG:4490.
        seed: The same seed gives the same attributes.
        territory: Districts; a parcel without a boundary is given one by lot.

    Raises:
        NoRoomError: There are no more codes.
    """
    count = len(boundaries)
    rng = np.random.default_rng((seed, zlib.crc32(layer.key.encode())))
    stages = [stage.key for stage in layer.stages if not stage.derived]
    # Early stages hold more parcels than late ones.
    weight = 1 / (1 + 0.3 * np.arange(len(stages)))
    place = rng.choice(len(stages), count, p=weight / weight.sum())
    area_m2 = crs.area_m2(boundaries)
    area_m2 = np.where(area_m2 > 0, area_m2, np.nan)
    stage = pd.Series(pd.array(stages, dtype="str").take(place))
    draft = _Draft(layer, rng, count, stage, (place + 1) / len(stages), area_m2)

    district = _districts(draft, boundaries, territory)
    columns = _core(draft, boundaries, district, territory)
    frame = pd.DataFrame({key: columns[key] for key in CORE_COLUMNS})
    frame["area_m2"] = area_m2
    own = _own(draft)
    frame = pd.concat([frame, pd.DataFrame({f.key: own[f.key] for f in layer.own_fields})], axis=1)
    frame = lawful(frame, layer)
    frame["valid_from"] = pd.Series([DAY] * count, dtype=object)
    frame.index = pd.RangeIndex(count, name="parcel")
    return gpd.GeoDataFrame(frame, geometry=boundaries, crs=crs.STORAGE)


def _multi(polygons: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.multipolygons(polygons, indices=np.arange(len(polygons))))


def _districts(draft: _Draft, boundaries: np.ndarray, territory: Territory) -> pd.Series:
    assigned = territory.assign(territory.split(boundaries), draft.count)["district"]
    lots = draft.pick(territory.districts.index.to_list())
    found = pd.Series(assigned.to_numpy(dtype=object), dtype="str")
    return found.where(found.notna(), lots)


def _core(
    draft: _Draft, boundaries: np.ndarray, district: pd.Series, territory: Territory
) -> dict[str, pd.Series]:
    invented = words()
    mark = invented["mark"]
    kind = invented["kinds"].get(draft.layer.key, draft.layer.label.zh)
    street = mark + draft.pick(invented["stems"]) + draft.pick(invented["streets"])
    house = draft.number(1, 1000)
    was = mark + draft.pick(invented["stems"]) + draft.pick(invented["works"])
    document = draft.number(1, 400)
    lonlat = _inner_points(boundaries)
    declared = np.round(draft.area_m2 * draft.rng.uniform(0.998, 1.002, draft.count), 2)
    return {
        "code": _codes(draft, district),
        "name": street + house + invented["number_end"] + kind,
        "former_name": was.where(draft.some(0.25)),
        "address": district.map(territory.districts["name"])
        + street
        + house
        + invented["address_end"],
        "district": district,
        "unit": _units(draft, district, territory),
        "stage": draft.stage,
        "source_document": invented["source_document"]
        + document
        + invented["source_document_end"],
        "declared_area_m2": pd.Series(declared),
        "registered_lon": pd.Series(lonlat[:, 0]),
        "registered_lat": pd.Series(lonlat[:, 1]),
    }


def _codes(draft: _Draft, district: pd.Series) -> pd.Series:
    """Thirteen digits: district, type of enterprise, industry, serial; different for all."""
    nth = district.groupby(district.to_numpy()).cumcount().to_numpy()
    blocks = len(_TYPES) * len(_INDUSTRIES)
    if draft.count and nth.max() >= blocks * _SERIALS:
        raise NoRoomError(draft.count)
    salt = zlib.crc32(draft.layer.key.encode()) % blocks
    block = (nth // _SERIALS + salt) % blocks
    kind = _TYPES.start + block // len(_INDUSTRIES)
    industry = _INDUSTRIES.start + block % len(_INDUSTRIES)
    seven = kind * 1_000_000 + industry * 10_000 + nth % _SERIALS + 1
    return district + pd.Series(seven).astype("str")


def _units(draft: _Draft, district: pd.Series, territory: Territory) -> pd.Series:
    unit = district.copy()
    for shared in words()["shared"]:
        if shared["unit"] in territory.units.index:
            taken = district.isin(shared["districts"]).to_numpy() & draft.some(shared["share"])
            unit = unit.mask(taken, shared["unit"])
    return unit


def _inner_points(boundaries: np.ndarray) -> np.ndarray:
    """Lon, lat of a point in each boundary, 1e-7 degrees; NaN without one."""
    centre = shapely.centroid(boundaries)
    outside = shapely.get_dimensions(boundaries) == 2
    outside &= ~shapely.contains_xy(boundaries, shapely.get_x(centre), shapely.get_y(centre))
    centre[outside] = shapely.point_on_surface(boundaries[outside])
    return np.round(np.column_stack([shapely.get_x(centre), shapely.get_y(centre)]), 7)


def _own(draft: _Draft) -> Mapping[str, pd.Series]:
    """The layer's own fields, by key."""
    columns = _dates(draft) | _groups(draft)
    for field in draft.layer.own_fields:
        if field.key not in columns:
            made = _MAKERS[field.kind](draft, field)
            rare = 0.0 if field.required else 0.04
            columns[field.key] = made.mask(draft.some(rare))
    return columns


def _dates(draft: _Draft) -> dict[str, pd.Series]:
    """Dates in the order they are declared; later ones are unknown at early stages."""
    fields = [f for f in draft.layer.own_fields if f.kind is Kind.DATE]
    days = _FIRST_DAY + draft.rng.integers(0, 1000, draft.count).astype("timedelta64[D]")
    columns = {}
    for place, field in enumerate(fields):
        reached = draft.some(draft.progress + 0.5 - place / len(fields)) | field.required
        step = draft.rng.integers(15, 300, draft.count).astype("timedelta64[D]")
        if field.key.endswith("due_on"):
            shown = _LAST_DAY + step
        else:
            days = np.minimum(days + step, _LAST_DAY)
            shown = days
        columns[field.key] = pd.Series(shown.astype("datetime64[s]")).where(reached)
    return columns


def _groups(draft: _Draft) -> dict[str, pd.Series]:
    """Fields that go together, where the layer has all of them."""
    own = {field.key: field for field in draft.layer.own_fields}
    columns: dict[str, pd.Series] = {}
    for group in words()["groups"]:
        fields = [own[key] for key in group["fields"] if key in own]
        if len(fields) < len(group["fields"]):
            continue
        rows = [row for row in group["rows"] if all(map(_may_hold, fields, row))]
        if not rows:
            continue
        lots = draft.rng.integers(0, len(rows), draft.count)
        for field, found in zip(fields, zip(*rows, strict=True), strict=True):
            columns[field.key] = pd.Series(pd.array(list(found), dtype="str").take(lots))
    return columns


def _may_hold(field: Field, text: str) -> bool:
    return not field.choices or text in {choice.code for choice in field.choices}


def _text(draft: _Draft, field: Field) -> pd.Series:
    invented = words()
    if field.choices:
        return _code(draft, field)
    if field.pattern is not None:
        return patterns.texts(field.pattern, draft.count, draft.rng)
    for ending, keys in invented["names"].items():
        if field.key in keys:
            return invented["mark"] + draft.pick(invented["stems"]) + draft.pick(invented[ending])
    listed = invented["texts"].get(field.key)
    if listed:
        return draft.pick(listed)
    return invented["mark"] + field.label.zh + draft.number(1, 1000)


def _code(draft: _Draft, field: Field) -> pd.Series:
    codes = [choice.code for choice in field.choices]
    drawn = draft.pick(codes)
    for stage, fitting in words()["by_stage"].get(field.key, {}).items():
        possible = [code for code in fitting if code in codes]
        if possible:
            drawn = drawn.mask(draft.stage == stage, draft.pick(possible))
    return drawn


def _several(draft: _Draft, field: Field) -> pd.Series:
    """One code, or two different ones."""
    codes = pd.array([choice.code for choice in field.choices], dtype="str")
    first = draft.rng.integers(0, len(codes), draft.count)
    second = (first + draft.rng.integers(0, 2, draft.count)) % len(codes)
    one, other = pd.Series(codes.take(first)), pd.Series(codes.take(second))
    return one.where(first == second, one + ";" + other)


def _number(draft: _Draft, field: Field) -> pd.Series:
    if field.unit in _M2_PER and field.unit is not None:
        areas = draft.area_m2 / _M2_PER[field.unit]
        return pd.Series(np.round(np.clip(areas, field.minimum, field.maximum), 2))
    low, high, decimals = words()["numbers"].get(field.key, (None, None, 2))
    least = _first(low, field.minimum, 0.0)
    most = _first(high, field.maximum, least + 100.0)
    drawn = np.round(draft.rng.uniform(least, most, draft.count), decimals)
    return pd.Series(np.clip(drawn, field.minimum, field.maximum))


def _first(*numbers: float | None) -> float:
    return float(next(number for number in numbers if number is not None))


def _integer(draft: _Draft, field: Field) -> pd.Series:
    return _number(draft, field).round().astype("Int64")


def _boolean(draft: _Draft, _field: Field) -> pd.Series:
    return pd.Series(draft.some(0.4)).astype("boolean")


_MAKERS: Final = {
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.CODES: _several,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
}
