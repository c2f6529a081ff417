"""The difference between two states of layers as people read it: lines, and a map of the land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from maps import facts, text
from maps.views import NAMING, LayerView
from parcels import crs
from parcels.comparison import ADDED, CHANGED, REMOVED, Comparison
from parcels.districts import Territory
from parcels.model import Field, Kind, Label, Layer, Shape, Stage

BOUNDARY: Final = "boundary"
"""What stands for the field where the boundary is another."""

GAINED: Final = "gained"
LOST: Final = "lost"

COLUMNS: Final = (
    *("layer", "what", "code", "name", "district", "field", "before", "after"),
    *("gained_m2", "lost_m2"),
)
DRAWN: Final = ("layer", "what", "code", "name", "district", "changes", "gained_m2", "lost_m2")
_TOLD: Final = ("what", "code", "name", "district")


def masked(fields: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """Changed fields without the values of sensitive ones: that they changed, not from what."""
    hidden = fields["field"].isin([field.key for field in layer.fields if field.sensitive])
    sides = {
        side: fields[side].astype(object).where(~hidden, None) for side in ("before", "after")
    }
    return fields.assign(**sides)


def lines(told: Comparison, layer: Layer) -> pd.DataFrame:
    """A line for each parcel added or removed, each field changed, and each boundary changed.

    Returns:
        The columns of COLUMNS, indexed by parcel; `field` is a key, BOUNDARY or None, values are
        as they are kept, those of sensitive fields left out.
    """
    parcels = pd.DataFrame(told.parcels[[*_TOLD, "gained_m2", "lost_m2"]])
    fields = masked(told.fields, layer).set_index("parcel").join(parcels[list(_TOLD)])
    parts = [
        fields,
        parcels[told.parcels["moved"].to_numpy(bool)].assign(field=BOUNDARY),
        parcels.loc[parcels["what"] != CHANGED, list(_TOLD)],
    ]
    found = pd.concat([part.reindex(columns=list(COLUMNS)).astype(object) for part in parts])
    order = parcels.index.get_indexer(found.index).argsort(kind="stable")
    areas = dict.fromkeys(("gained_m2", "lost_m2"), "float64")
    return found.iloc[order].assign(layer=layer.key).astype(areas)


def in_words(
    found: pd.DataFrame, layer: Layer, territory: Territory, *, lang: str
) -> pd.DataFrame:
    """The lines of one layer with labels and names in place of keys and codes."""
    named = names(layer, territory, lang)
    label = found["field"].map({field.key: field.label.in_(lang) for field in layer.fields})
    label[(found["field"] == BOUNDARY).to_numpy(bool)] = text.say("history.boundary", lang)
    sides = {side: found[side].to_numpy(object).copy() for side in ("before", "after")}
    for field in layer.fields:
        at = np.flatnonzero(found["field"] == field.key)
        for side in sides.values():
            side[at] = values(pd.Series(side[at], dtype=object), field, named, lang)
    return found.assign(
        layer=layer.label.in_(lang),
        what=_named(found["what"], dict(text.words("history.whats", lang))),
        district=_named(found["district"], named["district"]),
        field=label.where(label.notna(), None),
        **sides,
    )


def dashed(spoken: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Lines for the screen: land neither gained nor lost is a dash, not unknown."""
    return spoken.assign(
        **{
            key: pd.Series(
                [None if pd.isna(one) else text.number(one, lang) for one in spoken[key]],
                index=spoken.index,
                dtype=object,
            )
            for key in ("gained_m2", "lost_m2")
        }
    )


def values(
    column: pd.Series, field: Field, named: dict[str, dict[str, str]], lang: str
) -> pd.Series:
    """Values of a field as people read them; None where nothing is known."""
    words = named.get(field.key)
    if words is None:
        return facts.fact(column, field, lang=lang)
    known = column.map(words)
    return known.astype(object).where(known.notna(), column)


def names(layer: Layer, territory: Territory, lang: str) -> dict[str, dict[str, str]]:
    """The words for districts, units and stages by their codes and keys."""
    name = "name_en" if lang == "en" else "name"
    return {
        "district": territory.districts[name].to_dict(),
        "unit": territory.units[name].to_dict(),
        "stage": {stage.key: stage.label.in_(lang) for stage in layer.stages},
    }


def sentences(spoken: pd.DataFrame, lang: str) -> pd.Series:
    """What changed of each parcel in one sentence.

    Args:
        spoken: Lines in words, indexed by parcel.
        lang: "zh" or "en".
    """
    changed = spoken[spoken["field"].notna()]
    told = [
        text.say("history.land", lang, field=field, gained=gained, lost=lost)
        if gained is not None
        else text.say("history.change", lang, field=field, before=before, after=after)
        for field, before, after, gained, lost in zip(
            changed["field"],
            changed["before"],
            changed["after"],
            _areas(changed["gained_m2"], lang),
            _areas(changed["lost_m2"], lang),
            strict=True,
        )
    ]
    joint = text.say("history.joint", lang)
    said = pd.Series(told, index=changed.index, dtype=object)
    return said.groupby(level=0).agg(joint.join)


def drawn(told: Comparison, layer: Layer, territory: Territory, *, lang: str) -> gpd.GeoDataFrame:
    """What can be drawn: every parcel that differs, and the land gained and lost.

    Returns:
        The columns of DRAWN with `unit`, `area_m2` and a geometry, EPSG:4490; `what` is ADDED,
        CHANGED, REMOVED, GAINED or LOST; `changes` is a sentence.
    """
    spoken = in_words(lines(told, layer), layer, territory, lang=lang)
    said = sentences(spoken, lang).reindex(told.parcels.index)
    base = told.parcels.assign(layer=layer.key, changes=said.astype(object))
    keep = [*DRAWN, "unit", "area_m2"]
    parts = [(base, base.geometry)]
    for what in (LOST, GAINED):
        land = base[base[what].notna()]
        area = land[f"{what}_m2"]
        parts.append((land.assign(what=what, area_m2=area), land[what]))
    rows = pd.concat([part[keep] for part, _ in parts], ignore_index=True)
    shapes = np.concatenate([np.asarray(shape, object) for _, shape in parts])
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=crs.STORAGE)


def view(told: Comparison, layer: Layer, territory: Territory, *, lang: str) -> LayerView:
    """The difference of one layer as a layer of its own, to be drawn on a map."""
    rows = drawn(told, layer, territory, lang=lang)
    kinds = (ADDED, CHANGED, REMOVED, GAINED, LOST)
    labels = {key: _label(f"history.whats.{key}") for key in kinds}
    stages = tuple(Stage(key, labels[key]) for key in kinds)
    core = tuple(field for field in layer.fields if field.key in {*NAMING, "district", "unit"})
    fields = (*core, Field("changes", _label("history.columns.changes"), Kind.TEXT))
    shown = Layer(
        f"{layer.key}_difference", layer.label, Shape.EITHER, fields, stages,
        _label("history.columns.what"),
    )  # fmt: skip
    return LayerView(shown, rows.assign(stage=rows["what"]))


def summary(parts: Sequence[tuple[Layer, Comparison]], lang: str) -> str:
    """How many parcels were added, changed and removed and how many are the same."""
    counts: dict[str, Any] = {
        what: sum(told.count(what) for _, told in parts) for what in (ADDED, CHANGED, REMOVED)
    }
    return text.say(
        "history.diff.summary", lang, **counts, unchanged=sum(t.unchanged for _, t in parts)
    )


def _named(column: pd.Series, words: Mapping[str, str]) -> pd.Series:
    """The words for keys; what has none stands as it is."""
    plain = column.astype(object)
    known = plain.map(words).astype(object)
    return known.where(known.notna(), plain)


def _areas(column: pd.Series, lang: str) -> list[str | None]:
    return [None if pd.isna(one) else text.area(float(one), lang) for one in column]


def _label(key: str) -> Label:
    return Label(text.say(key, "zh"), text.say(key, "en"))
