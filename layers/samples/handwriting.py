"""Parcels as a sender's table: their headings, their units, their words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.samples.words import words
from parcels.districts import Territory
from parcels.model import Field, Kind, Layer
from parcels.words import values

_M2_PER: Final = {"m2": 1.0, "mu": 2000 / 3, "ha": 10_000.0}
_FULL_WIDTH: Final = {ord(sign): ord(sign) + 0xFEE0 for sign in "0123456789."}
_EVERY: Final = 6
"""One row in so many is written in the other way a hand has."""


@dataclass(frozen=True, slots=True)
class Hand:
    """How a sender fills in a table.

    Attributes:
        headings: "label", or "initials" where a field has such a name.
        dates: "date" for true dates, else "iso", "chinese" or "dots" for texts.
        areas: Unit of the declared area: "m2", "mu" or "ha".
        area_heading: What stands over it; "" for the field's own heading.
        districts: "name" or "code".
        synonyms: Whether some stages and codes are in other accepted words.
        full_width: Whether some areas are in full-width digits.
    """

    headings: str
    dates: str
    areas: str
    area_heading: str = ""
    districts: str = "name"
    synonyms: bool = False
    full_width: bool = False


def hand(key: str) -> Hand:
    """The hand of this key in `reference/samples.toml`."""
    return Hand(**words()["hands"][key])


def written(
    parcels: gpd.GeoDataFrame, layer: Layer, territory: Territory, *, by: Hand
) -> gpd.GeoDataFrame:
    """The same parcels with the headings and values of a sender; unknown columns are left out.

    Args:
        parcels: A parcels frame.
        layer: Of which layer.
        territory: Names of districts and units.
        by: How the sender writes.

    Returns:
        Columns by heading, and the geometry unchanged.
    """
    columns: dict[str, pd.Series] = {}
    for field in layer.fields:
        if parcels[field.key].notna().any():
            name = heading(field, by)
            columns[name] = _values(parcels[field.key], field, layer, territory=territory, by=by)
    return gpd.GeoDataFrame(columns, geometry=parcels.geometry, crs=parcels.crs)


def heading(field: Field, by: Hand) -> str:
    """What this hand writes over the column of a field."""
    if field.key == "declared_area_m2" and by.area_heading:
        return by.area_heading
    short = [alias for alias in field.aliases if alias.isascii() and alias.isupper()]
    return short[0] if short and by.headings == "initials" else field.label.zh


def _values(
    column: pd.Series, field: Field, layer: Layer, *, territory: Territory, by: Hand
) -> pd.Series:
    if field.key == "stage":
        return _worded(column, {s.key: (s.label.zh, *s.synonyms) for s in layer.stages}, by)
    if field.choices:
        return _worded(column, {c.code: (c.label.zh, *c.synonyms) for c in field.choices}, by)
    if field.key == "district" and by.districts == "name":
        return column.map(territory.districts["name"])
    if field.key == "unit":
        return column.map(territory.units["name"])
    if field.key == "declared_area_m2":
        return _area(column, by)
    return _WRITERS.get(field.kind, _as_is)(column, by)


def _worded(column: pd.Series, meanings: Mapping[str, tuple[str, ...]], by: Hand) -> pd.Series:
    """Codes as words: the first word of each, or now and then the second."""
    turns = _now_and_then(column) if by.synonyms else np.zeros(len(column), bool)
    return pd.Series(
        [
            None if pd.isna(codes) else _joined(str(codes), meanings, second=bool(turn))
            for codes, turn in zip(column, turns, strict=True)
        ],
        index=column.index,
        dtype="str",
    )


def _joined(codes: str, meanings: Mapping[str, tuple[str, ...]], *, second: bool) -> str:
    spoken = [meanings[code] for code in codes.split(";")]
    return str(words()["joint"]).join(w[1] if second and len(w) > 1 else w[0] for w in spoken)


def _now_and_then(column: pd.Series) -> np.ndarray:
    chosen: np.ndarray = np.arange(len(column)) % _EVERY == 1
    return chosen


def _area(column: pd.Series, by: Hand) -> pd.Series:
    decimals = {"m2": 2, "mu": 2, "ha": 4}[by.areas]
    shown = (column / _M2_PER[by.areas]).round(decimals)
    if not by.full_width:
        return shown
    texts = shown.map(f"{{:.{decimals}f}}".format).where(shown.notna())
    wide = texts.where(~_now_and_then(column), texts.str.translate(_FULL_WIDTH))
    return wide.astype("str")


def _day(column: pd.Series, by: Hand) -> pd.Series:
    if by.dates == "date":
        return column.dt.date.astype(object).where(column.notna(), None)
    pattern = {
        "iso": "{year}-{month:02}-{day:02}",
        "dots": "{year}.{month}.{day}",
        "chinese": words()["list"]["date"],
    }[by.dates]
    texts = [
        None if pd.isna(d) else pattern.format(year=d.year, month=d.month, day=d.day)
        for d in column
    ]
    return pd.Series(texts, index=column.index, dtype="str")


def _answer(column: pd.Series, _by: Hand) -> pd.Series:
    spoken = values()["boolean"]
    return column.map({True: spoken["yes"][0], False: spoken["no"][0]}).astype("str")


def _as_is(column: pd.Series, _by: Hand) -> pd.Series:
    return column


_WRITERS: Final = {Kind.DATE: _day, Kind.BOOLEAN: _answer}
