"""The cases behind an indicator: which parcels, why, and by which article."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from layers import claims, indicators
from layers.claims import Facts
from layers.indicators import UNKNOWN, Indicator
from parcels import lifecycle
from parcels.model import Gate, Label

COLUMNS: Final = (
    "state",
    "code",
    "name",
    "unit",
    "district",
    "stage",
    "reason",
    "reason_label",
    "article",
    "act_on",
    "area_m2",
)
"""Columns of a table of cases: one row for each parcel and reason.

`state` is "open", "rectified" or "not_known"; `reason` the key of a gate, or "stage" where nothing
but the stage says so; `article` is a Label, of a stage what the layer declares as its basis.
"""

READ: Final = ("code", "name")
"""Columns that are read for it besides those of the indicator."""

STAGE: Final = "stage"


def cases(indicator: Indicator, facts: Facts) -> pd.DataFrame:
    """The parcels of the term of cases, and those of which it is not known.

    Args:
        indicator: One with `cases`.
        facts: Parcels of its layer, with READ.

    Returns:
        COLUMNS, the cases first, in the order of the parcels.
    """
    assert indicator.cases is not None  # noqa: S101 - for mypy: as documented
    terms = indicators.terms(indicator, facts)
    held, unsure = terms[indicator.cases].to_numpy(bool), terms[UNKNOWN].to_numpy(bool)
    rectified = next((one.are for one in indicator.asked if one.all_of == indicator.cases), None)
    right = terms[rectified].to_numpy(bool) if rectified is not None else np.zeros(len(held), bool)
    state = np.where(held, np.where(right, "rectified", "open"), "not_known")
    gates = {gate.key: gate for gate in facts.layer.gates}
    tables = [
        _by_gate(claims.without_mercy(gates[key]), facts, held, unsure)
        for key in indicator.cases_gates
    ]
    told = [table["row"].to_numpy(int) for table in tables]
    rest = np.setdiff1d(np.flatnonzero(held | unsure), np.concatenate([*told, np.empty(0, int)]))
    plain = pd.DataFrame(
        {
            "row": rest,
            "reason": STAGE,
            "reason_label": None,
            "article": pd.Series(_bases(facts, rest), dtype=object),
            "act_on": None,
        },
        dtype=object,
    )
    whole = pd.concat([*tables, plain]).sort_values("row", kind="stable")
    row = whole["row"].to_numpy(int)
    parcels = facts.parcels.iloc[row]
    columns = {key: parcels[key].to_numpy() for key in COLUMNS if key in parcels}
    table = whole.assign(state=state[row], **columns)[list(COLUMNS)]
    order = table["state"].map({"open": 0, "rectified": 1, "not_known": 2})
    return table.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def _bases(facts: Facts, row: np.ndarray) -> list[Label | None]:
    told = {stage.key: stage.basis for stage in facts.layer.stages if stage.basis is not None}
    found = (told.get(str(stage)) for stage in facts.parcels["stage"].iloc[row])
    return [None if basis is None else Label(basis, basis) for basis in found]


def _by_gate(gate: Gate, facts: Facts, held: np.ndarray, unsure: np.ndarray) -> pd.DataFrame:
    """What one gate says: of cases what is wrong, of those not known what it lacks."""
    on = facts.period.last
    wrong, suspect = (
        lifecycle.breaches(gate, facts.layer, facts.parcels, on=on, contradictions=sure).to_numpy(
            bool
        )
        for sure in (True, False)
    )
    row = np.flatnonzero((held & wrong) | (unsure & suspect))
    acts = lifecycle.act_days(gate, facts.layer, facts.parcels.iloc[row], on=on)
    articles = [lifecycle.article(gate, act) for act in acts]
    cited: list[Label | None] = [None if one is None else one.cited for one in articles]
    return pd.DataFrame(
        {
            "row": row,
            "reason": gate.key,
            "reason_label": pd.Series([gate.label] * len(row), dtype=object),
            "article": pd.Series(cited, dtype=object),
            "act_on": pd.Series(acts, dtype=object),
        }
    )
