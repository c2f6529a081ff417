"""What the standards say of the samples in the register: each by the standard for its land."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from parcels import standards
from parcels.concentrations import with_totals
from parcels.standards import BUILDING, FARMLAND, Limits, Verdict, Why

BLANK: Final = "blank"
"""Kind of a sample that checks the laboratory and says nothing of the land."""

SOIL: Final = "soil"


def judged(readings: pd.DataFrame, given: Mapping[str, Limits]) -> pd.DataFrame:
    """Readings with verdicts: one for each sample and analyte, and for totals a standard asks for.

    Soil is judged by GB 36600 or GB 15618, as its land says; of land that is not known neither
    can be told to hold. What is no soil is judged by the limits given for it, or by none.

    Args:
        readings: As `Sampling.readings` gives them; any index.
        given: Limits by medium, for groundwater and produce.

    Returns:
        The rows judged, index from 0, with `standard` ("" for none), `summed` for totals, `of`
        (how many replicates a row stands for) and the columns of `standards.judge`.
    """
    ours = readings[readings["kind"] != BLANK]
    named = ours[ours["analyte"].notna()]
    once = standards.together(named, ["sample", "analyte"])
    whole = with_totals(once, by="sample")
    others = ours[ours["analyte"].isna()].assign(of=1, summed=False)
    whole = pd.concat([part for part in (whole, others) if len(part)] or [whole.assign(of=1)])
    whole = whole.reset_index(drop=True)
    parts = [
        _by(whole[rows], limits)
        for rows, limits in (
            (_soil_of(whole, BUILDING), standards.building_land()),
            (_soil_of(whole, FARMLAND), standards.farmland()),
            *[(whole["medium"] == medium, limits) for medium, limits in given.items()],
        )
    ]
    found = pd.concat([*parts, _unjudged(whole, given)]).sort_index()
    # A sum that no standard asks for says nothing beyond its parts.
    found = found[~(found["summed"] & (found["verdict"] == Verdict.NO_LIMIT.value))]
    ranks = [verdict.value for verdict in Verdict]
    found["verdict"] = pd.Categorical(found["verdict"], categories=ranks, ordered=True)
    return found.reset_index(drop=True)


def _soil_of(whole: pd.DataFrame, lands: tuple[str, ...]) -> pd.Series:
    return (whole["medium"] == SOIL) & whole["land"].isin(lands)


def _by(rows: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    found = standards.judge(rows, limits)
    found[["verdict", "why"]] = found[["verdict", "why"]].astype(object)
    standard = np.where(found["verdict"] == Verdict.NO_LIMIT.value, "", limits.standard)
    return rows.assign(standard=standard).join(found)


def _unjudged(whole: pd.DataFrame, given: Mapping[str, Limits]) -> pd.DataFrame:
    """Soil of unknown land, and what no limits were given for."""
    soil = whole["medium"] == SOIL
    rows = whole[
        (soil & ~whole["land"].isin([*BUILDING, *FARMLAND]))
        | (~soil & ~whole["medium"].isin(given))
    ]
    is_soil = rows["medium"] == SOIL
    return rows.assign(
        standard="",
        verdict=np.where(is_soil, Verdict.NOT_JUDGED.value, Verdict.NO_LIMIT.value),
        why=np.where(is_soil, Why.NO_LAND.value, ""),
        **dict.fromkeys(("screening", "control", "limit", "times"), np.nan),
        clause="",
        background_note=False,
    )
