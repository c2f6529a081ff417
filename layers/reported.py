"""Figures of what units report: the value of a report where nothing is computed from parcels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from layers import indicators, periods
from layers.figures import Basis, Figure, State
from layers.indicators import Indicator
from layers.periods import Period


def filled(figures: Iterable[Figure], reports: pd.DataFrame) -> list[Figure]:
    """Figures, those that were reported with the value of their report.

    A report is of a unit, or of the city as the municipal bodies report it; nothing is added up,
    and a figure by the district in which land lies is not one of a unit.

    Args:
        figures: Any figures.
        reports: Values that count, as `report_book.reported` gives them.
    """
    told = {
        (row["subject"], row["unit"], row["period"]): row for row in reports.to_dict("records")
    }
    return [
        _with(one, told[one.indicator, one.place, one.period])
        if one.by == "unit"
        and one.basis is Basis.REPORTED
        and (one.indicator, one.place, one.period) in told
        else one
        for one in figures
    ]


def latest(
    asked: Sequence[Indicator], places: Sequence[str], reports: pd.DataFrame, *, period: Period
) -> list[Figure]:
    """The last value that each place reported of reported indicators, whatever its period.

    Args:
        asked: Indicators; those that are computed give nothing.
        places: Codes of units, and TOTAL.
        period: Of the figures of places that reported nothing.
        reports: Values that count, as `report_book.reported` gives them.
    """
    last = reports.sort_values(["true_on", "report"], kind="stable").drop_duplicates(
        ["subject", "unit"], keep="last"
    )
    told = {(row["subject"], row["unit"]): row for row in last.to_dict("records")}
    return [
        _of(indicator, place, told.get((indicator.key, place)), period)
        for indicator in asked
        if indicator.basis is Basis.REPORTED
        for place in places
    ]


def _of(indicator: Indicator, place: str, row: dict[Any, Any] | None, period: Period) -> Figure:
    of = period if row is None else periods.read(row["period"])
    nothing = indicators.without(
        indicator, of, "unit", place, state=State.NO_DATA, reason=indicators.NOT_REPORTED
    )
    return nothing if row is None else _with(nothing, row)


def _with(figure: Figure, row: dict[Any, Any]) -> Figure:
    """A figure with the exact value of a report, its document and who entered it."""
    document = row["sha256"] or row["number"]
    return replace(
        figure,
        unit=row["amount_unit"],
        state=State.REPORTED,
        written=row["amount"],
        report=int(row["report"]),
        evidence=None if pd.isna(document) else str(document),
        person=row["made_by"],
        reason=None,
    )
