"""The quality of a layer's parcels, measured in the elements of ISO 19157.

A measure is a pair of masks: which parcels it applies to, and which of these are at fault. What
cannot be measured has no masks and a reason instead; it is never taken for faultless.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.coverage import TOTAL, UNKNOWN
from layers.rules.ground import terms
from parcels import crs, siting
from parcels.model import Field, Kind, Layer

COLUMNS: Final = (
    "layer",
    "place",
    "element",
    "aspect",
    "measure",
    "state",
    "faulty",
    "of",
    "share",
    "why",
)
"""Columns of a sheet: `faulty` of `of`, and their share, where `state` is "measured"; else "why"
says why not."""

MEASURED: Final = "measured"
NOT_MEASURED: Final = "not_measured"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a sheet measures.

    Attributes:
        element: Of ISO 19157.
        aspect: The sub-element.
        never: Why nobody can measure it here; None for what can be.
    """

    key: str
    element: str
    aspect: str
    never: str | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """Which parcels a measure applies to, and how often it is at fault in each.

    Attributes:
        of: How many things of each parcel it looks at, e.g. 1 boundary, or 3 values.
        faulty: How many of them are at fault.
    """

    of: np.ndarray
    faulty: np.ndarray

    @classmethod
    def masks(cls, applies: Any, faulty: Any) -> Marks:
        """One thing for each parcel in a mask, at fault where another mask says so."""
        applies = np.asarray(applies, bool)
        return cls(applies.astype(np.int64), (applies & np.asarray(faulty, bool)).astype(np.int64))


@cache
def measures() -> tuple[Measure, ...]:
    """Every measure, in the order of the sheet."""
    return tuple(Measure(**row) for row in _stated()["measures"])


def of_parcels(parcels: gpd.GeoDataFrame, layer: Layer, *, on: dt.date) -> dict[str, Marks]:
    """What can be measured of parcels by themselves.

    Args:
        parcels: Every field of the layer and the boundary, EPSG:4490.
        layer: What it declares.
        on: The day; a later one is not judged.

    Returns:
        Marks by measure; a measure that has nothing to look at is left out.
    """
    shapes = parcels.geometry.to_numpy()
    drawn = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    every = np.ones(len(parcels), bool)
    areal = shapely.get_dimensions(shapes) == 2
    found = {
        "without_boundary": Marks.masks(every, ~drawn),
        "required_missing": _required(parcels, layer),
        "place_unknown": Marks.masks(every, parcels["district"].isna() | parcels["unit"].isna()),
        "invalid": Marks.masks(drawn, drawn & ~shapely.is_valid(shapes)),
        "area_differs": _areas(parcels, shapes, areal),
        "point_outside": _points(parcels, shapes, areal),
        "outside_domain": _counted(parcels, layer, _domain),
        "not_in_list": _counted(parcels, layer, _listed),
        "dates_not_in_order": _ordered(parcels, layer, on),
    }
    if layer.stages:
        found["stage_unknown"] = Marks.masks(every, parcels["stage"].isna())
    return {key: marks for key, marks in found.items() if marks.of.any() or not len(parcels)}


def sheet(
    layer: str, district: pd.Series, marks: Mapping[str, Marks], *, why: Mapping[str, str]
) -> pd.DataFrame:
    """The quality sheet of a layer: each measure for each district and the whole city.

    Args:
        layer: Its key.
        district: Of each parcel; NA where it is not known.
        marks: By measure, aligned with `district`.
        why: Why a measure was not taken, by its key.

    Returns:
        The columns of COLUMNS; districts without parcels are left out.
    """
    places = district.astype("str").fillna(UNKNOWN)
    names = [*sorted(places.unique()), TOTAL]
    rows = []
    for measure in measures():
        held = marks.get(measure.key)
        if measure.never is not None or held is None:
            reason = measure.never or why.get(measure.key, "nothing_stated")
            rows += [_row(layer, place, measure, None, reason) for place in names]
            continue
        sums = (
            pd.DataFrame({"of": held.of, "faulty": held.faulty}).groupby(places.to_numpy()).sum()
        )
        sums.loc[TOTAL] = [int(held.of.sum()), int(held.faulty.sum())]
        for place in names:
            of, faulty = (int(one) for one in sums.loc[place])
            counted = (faulty, of) if of else None
            rows.append(_row(layer, place, measure, counted, "nothing_stated"))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"faulty": "Int64", "of": "Int64"})


def _row(
    layer: str, place: str, measure: Measure, counted: tuple[int, int] | None, why: str
) -> tuple[Any, ...]:
    told = (layer, place, measure.element, measure.aspect, measure.key)
    if counted is None:
        return (*told, NOT_MEASURED, pd.NA, pd.NA, np.nan, why)
    faulty, of = counted
    return (*told, MEASURED, faulty, of, faulty / of, None)


@cache
def _stated() -> Mapping[str, Any]:
    text = files("layers").joinpath("reference/quality.toml").read_text("utf-8")
    return tomllib.loads(text)


def _required(parcels: pd.DataFrame, layer: Layer) -> Marks:
    """Required values of each parcel, and those that are missing."""
    keys = [field.key for field in layer.fields if field.required and field.key in parcels]
    missing = parcels[keys].isna().sum(axis=1).to_numpy(np.int64)
    return Marks(np.full(len(parcels), len(keys)), missing)


def _areas(parcels: pd.DataFrame, shapes: np.ndarray, areal: np.ndarray) -> Marks:
    declared = parcels["declared_area_m2"].to_numpy(float)
    both = np.isfinite(declared) & areal
    computed = np.where(both, np.nan_to_num(crs.area_m2(shapes)), np.nan)
    with np.errstate(invalid="ignore"):
        off = np.abs(declared - computed)
        wrong = off > terms().area_share * computed + terms().area_rounding_m2
    return Marks.masks(both, wrong)


def _points(parcels: pd.DataFrame, shapes: np.ndarray, areal: np.ndarray) -> Marks:
    points = parcels[["registered_lon", "registered_lat"]].to_numpy(float)
    both = np.isfinite(points).all(axis=1) & areal
    wrong = np.zeros(len(parcels), bool)
    wrong[siting.points_outside(points, shapes)[0]] = True
    return Marks.masks(both, wrong)


def _counted(parcels: pd.DataFrame, layer: Layer, look: Any) -> Marks:
    """Values that a look applies to, and those it finds wrong, summed over the fields."""
    of, faulty = (np.zeros(len(parcels), np.int64) for _ in range(2))
    for field in layer.fields:
        wrong = look(parcels[field.key], field, layer) if field.key in parcels else None
        if wrong is not None:
            known = parcels[field.key].notna().to_numpy(bool)
            of += known
            faulty += known & wrong
    return Marks(of, faulty)


def _domain(values: pd.Series, field: Field, _layer: Layer) -> np.ndarray | None:
    """Numbers out of their range and texts that do not fit their pattern."""
    if field.pattern is not None:
        fits = values.astype("str").str.match(rf"(?:{field.pattern})\Z")
        return np.asarray(~fits.fillna(value=True), dtype=bool)
    if field.kind not in {Kind.NUMBER, Kind.INTEGER}:
        return None
    if field.minimum is None and field.maximum is None:
        return None
    amounts = values.astype("Float64").astype("float64").to_numpy()
    low = -np.inf if field.minimum is None else field.minimum
    high = np.inf if field.maximum is None else field.maximum
    return np.asarray((amounts < low) | (amounts > high), dtype=bool)


def _listed(values: pd.Series, field: Field, layer: Layer) -> np.ndarray | None:
    """Codes that are not in their list, and stages that the layer does not have."""
    if field.key == "stage" and layer.stages:
        codes = {stage.key for stage in layer.stages}
    elif field.kind is Kind.CODE:
        codes = {choice.code for choice in field.choices}
    else:
        return None
    return np.asarray(~values.isin(codes), dtype=bool)


def _ordered(parcels: pd.DataFrame, layer: Layer, on: dt.date) -> Marks:
    """Pairs of days that follow each other, and days that have not come yet."""
    of, faulty = (np.zeros(len(parcels), np.int64) for _ in range(2))
    keys = {field.key for field in layer.fields if field.kind is Kind.DATE}
    pairs: Sequence[Sequence[str]] = _stated()["order"]["days"]
    gates = [gate.ordered for gate in layer.gates if gate.ordered]
    for first, second in dict.fromkeys(tuple(pair) for pair in [*pairs, *gates]):
        if {first, second} <= keys & set(parcels):
            one, other = (pd.to_datetime(parcels[key]) for key in (first, second))
            both = (one.notna() & other.notna() & (other <= pd.Timestamp(on))).to_numpy(bool)
            of += both
            faulty += both & (one > other).to_numpy(bool)
    return Marks(of, faulty)
