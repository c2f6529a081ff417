"""A figure and all it rests on, for programs: enough to reckon the figure again from it alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pandas as pd

from layers.explaining import Explanation
from layers.figures import AMOUNTS, Figure

COLUMNS: Final = (
    *("term", "place", "layer", "parcel", "code", "name", "district", "unit", "stage"),
    *("version", "valid_from", "valid_to", "amount", "change", "until_change", "said_in"),
    *("said_kind", "said_at", "said_by", "said_reason", "sent_by", "file", "sha256", "row"),
)
"""A row for each term and version; `amount` is 1 for a parcel counted, else its land in whole
square millimetres. What `said_` tells is of the change `said_in`."""

_SAID: Final = {
    "said_kind": "kind",
    "said_at": "made_at",
    "said_by": "made_by",
    "said_reason": "reason",
    "sent_by": "sent_by",
    "file": "file",
    "sha256": "sha256",
}


def rows(told: Explanation) -> pd.DataFrame:
    """The parts with their sources: COLUMNS."""
    changes = told.changes[list(_SAID.values())].set_axis(list(_SAID), axis=1)
    whole = told.parts.join(changes, on="said_in")
    days = {name: whole[name].dt.date for name in ("valid_from", "valid_to")}
    return whole.assign(**days)[list(COLUMNS)]


def meta(told: Explanation) -> dict[str, Any]:
    """The figure, its formula, and which freeze keeps it."""
    one = told.frozen
    return {
        "figure": figure(told.figure) | {"verdict": told.verdict.value},
        "formula": _formula(told),
        "report": report(told.report),
        "frozen": None
        if one is None
        else {
            "edition": one.edition,
            "change": one.change,
            "by": one.by,
            "at": one.at.isoformat(),
            "reason": one.reason,
            "declarations_sha256": one.sha256,
        },
    }


def figure(one: Figure) -> dict[str, Any]:
    """A figure; `exact` is its value as a fraction, in `unit`."""
    return {
        "key": str(one.key),
        "indicator": one.indicator,
        "place": one.place,
        "by": one.by,
        "period": one.period,
        "unit": one.unit,
        "basis": one.basis.value,
        "state": one.state.value,
        "value": number(one.value),
        "exact": None if one.value is None else str(one.value),
        "written": one.written,
        "report": one.report,
        "evidence": one.evidence,
        "person": one.person,
        "reason": one.reason,
    }


def report(one: Mapping[Any, Any] | None) -> dict[str, Any] | None:
    """The report of a figure, with its document and who entered it; None where there is none."""
    if one is None:
        return None
    names = (
        *("report", "written", "amount", "amount_unit", "note", "kind", "number", "dated_on"),
        *("issued_by", "file", "sha256", "list", "row", "change", "made_by", "made_at", "reason"),
    )
    return {name: _plain(one[name]) for name in names}


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    return int(value) if isinstance(value, np.integer) else value


def number(value: Fraction | None) -> float | None:
    """An exact number as programs take it."""
    return None if value is None else float(value)


def _formula(told: Explanation) -> Mapping[str, Any]:
    rule = told.declared
    return {
        "label": {"zh": rule.label.zh, "en": rule.label.en},
        "text": {"zh": rule.text.zh, "en": rule.text.en},
        "per_unit": str(AMOUNTS.get(rule.unit, Fraction(1))),
        "terms": [
            {
                "key": one.term.key,
                "role": one.term.role.value,
                "measure": one.term.measure.value,
                "weight": str(one.term.weight),
                "amount": told.figure.terms.get(one.term.key, 0),
                "label": None if one.label is None else {"zh": one.label.zh, "en": one.label.en},
                "rule": one.rule,
            }
            for one in rule.terms
        ],
    }
