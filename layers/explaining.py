"""What a figure rests on: its terms, the parcels of each, and the change that said so of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from layers.declared import Declared, Summand
from layers.figures import Figure, Verdict
from parcels.freezing import Frozen
from parcels.model import Moment

COLUMNS: Final = (
    *("term", "place", "layer", "parcel", "code", "name", "district", "unit", "stage"),
    *("version", "amount", "valid_from", "valid_to", "change", "until_change", "said_in", "row"),
)
"""Columns of the parts of a figure with what `provenance.of_versions` says of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """A figure and all it rests on.

    Attributes:
        figure: The figure.
        verdict: How it stands to what the plan asks.
        declared: The indicator as it was declared for this figure.
        moment: Which state of the register it is of.
        frozen: The freeze that keeps it; None for a figure as of now.
        parts: COLUMNS, a row for each term and version of a parcel, the greatest amounts first.
        changes: Those named in `change` and `said_in`, as `provenance.of_changes` gives them.
        report: Of a reported figure its report, as `report_book.history` gives it; else None.
    """

    figure: Figure
    verdict: Verdict
    declared: Declared
    moment: Moment
    frozen: Frozen | None
    parts: pd.DataFrame
    changes: pd.DataFrame
    report: Mapping[Any, Any] | None = None

    def of(self, term: Summand) -> pd.DataFrame:
        """The parts of one term, the greatest first."""
        return self.parts[self.parts["term"] == term.term.key]


def traced(parts: pd.DataFrame, versions: pd.DataFrame) -> pd.DataFrame:
    """Parts with where each comes from.

    Args:
        parts: Columns of `figures.PARTS`, of one indicator and one way.
        versions: As `provenance.of_versions` gives it, for all their versions.

    Returns:
        COLUMNS, the greatest amounts first, equal ones in the order of versions.
    """
    own = [name for name in COLUMNS if name in versions.columns and name not in parts.columns]
    whole = parts.join(versions[own], on="version")
    order = whole.sort_values(["amount", "version"], ascending=[False, True], kind="stable")
    return order[list(COLUMNS)].reset_index(drop=True)


def by_change(parts: pd.DataFrame) -> pd.DataFrame:
    """What each change said of a term: `parcels` (count) and `amount`, indexed by `said_in`."""
    grouped = parts.groupby("said_in", sort=False)
    whole = grouped.agg(parcels=("parcel", "nunique"), amount=("amount", "sum"))
    return whole.sort_values("amount", ascending=False, kind="stable")


def unexplained(one: Explanation) -> Mapping[str, int]:
    """By term what its parts do not add up to; empty, or the explanation is wrong."""
    found = one.parts.groupby("term")["amount"].sum().to_dict()
    terms = {*one.figure.terms, *found}
    apart = {term: one.figure.terms.get(term, 0) - int(found.get(term, 0)) for term in terms}
    return {term: amount for term, amount in sorted(apart.items()) if amount}
