"""Quality sheets of the register's layers: what is measured by parcels, pairs, rules and lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from layers import quality, rule_book, sampled
from layers.acceptances import State
from layers.library import Library
from layers.quality import Marks
from layers.rule_book import Look
from parcels import crs, matching
from parcels.model import Layer, Moment
from parcels.neighbours import OVERLAP_M2

MOST_UNITS: Final = 200
"""Units of farmland whose class is worked out from samples for a sheet, in the order of codes."""

MOST_FIELDS: Final = 20_000
"""Parcels of farmland up to which that is done at all: each unit reads the whole layer."""


def sheets(library: Library, keys: Sequence[str], moment: Moment) -> pd.DataFrame:
    """The quality sheets of layers, one below the other.

    Args:
        library: The register and its layers.
        keys: Which layers.
        moment: The two times.

    Returns:
        The columns of `quality.COLUMNS`.
    """
    issues = rule_book.issues(library.register, library.catalog, moment, Look(layers=tuple(keys)))
    issues = issues[issues["state"] != State.ACCEPTED]
    tables = [_of_layer(library, library.catalog[key], moment, issues) for key in keys]
    return pd.concat(tables, ignore_index=True)


def _of_layer(
    library: Library, layer: Layer, moment: Moment, issues: pd.DataFrame
) -> pd.DataFrame:
    register = library.register
    parcels = register.frame(layer.key, moment)
    marks = quality.of_parcels(parcels, layer, on=moment.on)
    marks |= _pairs(library, layer, parcels, moment)
    why = {}
    if layer.rules:
        wrong = {
            int(one)
            for side, number in (("layer", "parcel"), ("other_layer", "other"))
            for one in issues.loc[issues[side] == layer.key, number]
        }
        marks["rules_not_met"] = Marks.masks(np.ones(len(parcels)), parcels.index.isin(wrong))
    else:
        why["rules_not_met"] = "no_rule"
    marks |= _overdue(library, layer, parcels, moment)
    why["class_not_as_sampled"] = "no_class"
    if layer.key == sampled.FIELDS and len(parcels) > MOST_FIELDS:
        why["class_not_as_sampled"] = "too_many"
    elif layer.key == sampled.FIELDS:
        marks |= _classes(library, parcels, moment)
        why["class_not_as_sampled"] = "no_samples"
    if not any(one.question is None for one in layer.milestones):
        why["overdue"] = "no_milestone"
    return quality.sheet(layer.key, parcels["district"], marks, why=why)


def _pairs(
    library: Library, layer: Layer, parcels: gpd.GeoDataFrame, moment: Moment
) -> dict[str, Marks]:
    """Parcels that share land with another of their layer, and those that are another."""
    _, pairs = library.register.overlapping(layer.key, moment)
    pairs = pairs[pairs["area_m2"] >= OVERLAP_M2]
    area = pd.Series(crs.area_m2(parcels.geometry.to_numpy()), parcels.index)
    a, b = area.reindex(pairs["a"]).to_numpy(), area.reindex(pairs["b"]).to_numpy()
    same = matching.share_of_both(pairs["area_m2"].to_numpy(), a, b) >= matching.SAME_LAND
    drawn = area.notna().to_numpy(bool) & (area > 0).to_numpy(bool)
    twice, others = pairs[same], pairs[~same]
    # Of two that are the same one is too many: the later number.
    return {
        "registered_twice": Marks.masks(drawn, parcels.index.isin(twice["b"])),
        "overlapping": Marks.masks(
            drawn, parcels.index.isin(np.union1d(others["a"], others["b"]))
        ),
    }


def _overdue(
    library: Library, layer: Layer, parcels: gpd.GeoDataFrame, moment: Moment
) -> dict[str, Marks]:
    """Milestones of each parcel, and those that are overdue; lists of units are not parcels'."""
    due = library.due([layer.key], moment)
    due = due[due["code"].notna()]
    if due.empty:
        return {}
    codes = parcels["code"]
    of = due.groupby("code").size().reindex(codes).fillna(0).to_numpy(np.int64)
    late = due[due["status"] == "overdue"].groupby("code").size()
    return {"overdue": Marks(of, late.reindex(codes).fillna(0).to_numpy(np.int64))}


def _classes(library: Library, parcels: gpd.GeoDataFrame, moment: Moment) -> dict[str, Marks]:
    """Farmland that was sampled, and where its class is another than the samples give."""
    register = library.register
    readings = register.readings(moment)
    if readings.empty:
        return {}
    located = sampled.located(readings, register, moment)
    codes = sorted(located["parcel"].dropna().unique())[:MOST_UNITS]
    of, wrong = (np.zeros(len(parcels), bool) for _ in range(2))
    for code in codes:
        found = sampled.unit_class(register, str(code), moment)
        given = found.classified.quality
        if given is None:
            continue
        ours = parcels["code"].isin(found.codes).to_numpy(bool)
        of |= ours
        wrong |= ours & (parcels["stage"] != given.stage).to_numpy(bool)
    return {"class_not_as_sampled": Marks.masks(of, wrong)} if of.any() else {}
