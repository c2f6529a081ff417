"""The facts of parcels in words, as popups and pages list them."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import pandas as pd

from maps import facts, text
from maps.web.office import Office
from maps.web.visitors import Visitor
from parcels.model import Layer

_ELSEWHERE: Final = frozenset({"code", "name", "stage"})
"""Fields that stand above the list."""


def listed(
    frame: gpd.GeoDataFrame, layer: Layer, office: Office, visitor: Visitor
) -> list[list[tuple[str, str]]]:
    """For each parcel of a frame the facts that its reader may know: label and value, in words."""
    lang = visitor.lang
    fields = [
        field
        for field in visitor.fields(layer)
        if field.key in frame.columns and field.key not in _ELSEWHERE
    ]
    spoken = {field.key: facts.fact(frame[field.key], field, lang=lang) for field in fields}
    places = office.register.territory
    column = "name_en" if lang == "en" else "name"
    for key, names in (("district", places.districts[column]), ("unit", places.units[column])):
        if key in spoken:
            spoken[key] = frame[key].map(names).fillna(frame[key])
    labels = {field.key: field.label.in_(lang) for field in fields}
    rows = [
        [
            (labels[key], str(column.iloc[row]))
            for key, column in spoken.items()
            if column.notna().iloc[row]
        ]
        for row in range(len(frame))
    ]
    areas = frame["area_m2"]
    computed = text.say("map.computed_area", lang)
    for row, area in enumerate(areas):
        if pd.notna(area):
            rows[row].append((computed, text.area(float(area), lang)))
    return rows
