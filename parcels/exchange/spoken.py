"""Parcels in words: what stands in lists for people, and comes in again as what it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from parcels.districts import Territory
from parcels.model import Field, Kind, Layer

_SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class Speech:
    """In which words.

    Attributes:
        lang: "zh" or "en".
        yes: The word for what is so.
        no: The word for what is not.
    """

    lang: str
    yes: str
    no: str


def spoken(
    parcels: pd.DataFrame, layer: Layer, territory: Territory, speech: Speech
) -> pd.DataFrame:
    """The fields of a layer that a parcels frame has, codes in words, under their own keys."""
    name = "name_en" if speech.lang == "en" else "name"
    words: dict[str, Mapping[Any, str]] = {
        "district": territory.districts[name].to_dict(),
        "unit": territory.units[name].to_dict(),
        "stage": {one.key: one.label.in_(speech.lang) for one in layer.stages},
    }
    fields = [field for field in layer.fields if field.key in parcels.columns]
    return pd.DataFrame(
        {
            field.key: _said(parcels[field.key], field, words.get(field.key), speech)
            for field in fields
        },
        index=parcels.index,
    )


def _said(
    column: pd.Series, field: Field, words: Mapping[Any, str] | None, speech: Speech
) -> pd.Series:
    if words is not None:
        return column.map(words).fillna(column)
    if field.kind is Kind.BOOLEAN:
        return column.astype("boolean").map({True: speech.yes, False: speech.no})
    if field.kind is Kind.DATE:
        days = pd.to_datetime(column)
        return days.map(lambda day: day.date().isoformat(), na_action="ignore").astype(object)
    labels = {choice.code: choice.label.in_(speech.lang) for choice in field.choices}
    if field.kind is Kind.CODE:
        return column.map(labels).fillna(column)
    if field.kind is Kind.CODES:
        return column.map(lambda several: _each(several, labels), na_action="ignore")
    return column


def _each(several: str, labels: Mapping[str, str]) -> str:
    return _SEPARATOR.join(labels.get(one, one) for one in str(several).split(_SEPARATOR))
