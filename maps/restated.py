"""Frozen figures, and how they differ from now: for programs exact, for people in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from layers.declared import Declared
from layers.figure_book import Restated, Told
from layers.figures import Measure
from maps import explained, figure_tables, text
from maps.figure_words import Words, change_line

MOVED: Final = (
    *("indicator", "term", "by", "place", "layer", "parcel", "code", "name", "version_before"),
    *("version_after", "before", "after", "moved", "why", "change", "kind", "made_at", "made_by"),
    *("reason", "sent_by", "file", "sha256"),
)
"""Columns of movements for programs; amounts are counts or whole square millimetres."""

_OF_CHANGE: Final = ("kind", "made_at", "made_by", "reason", "sent_by", "file", "sha256")


def rows(told: Sequence[Told]) -> pd.DataFrame:
    """Figures for programs, a row each."""
    names = (
        *("figure", "indicator", "place", "by", "value", "exact", "unit", "state", "verdict"),
        *("numerator", "denominator", "terms", "reason"),
    )
    found = [
        explained.figure(one.figure)
        | {
            "figure": str(one.figure.key),
            "verdict": one.verdict.value,
            "numerator": one.figure.numerator,
            "denominator": one.figure.denominator,
            "terms": dict(one.figure.terms),
        }
        for one in told
    ]
    return pd.DataFrame(found, columns=list(names), dtype=object)


def spoken(told: Sequence[Told], rules: Mapping[str, Declared], words: Words) -> pd.DataFrame:
    """Figures for people, a row each."""
    names = ("indicator", "place", "value", "verdict", "figure")
    found = [
        {
            "indicator": rules[one.figure.indicator].label.in_(words.lang),
            "place": words.place(one.figure.place, one.figure.by),
            "value": figure_tables.value(one.figure, words.lang),
            "verdict": text.say(f"indicators.verdicts.{one.verdict}", words.lang),
            "figure": str(one.figure.key),
        }
        for one in told
    ]
    return pd.DataFrame(found, columns=list(names), dtype=object)


def chosen(found: Restated, wants: Callable[[Told], bool]) -> Restated:
    """Only the figures asked for, and what moved them; the city's total is moved by all places."""
    kept = [pair for pair in pairs(found) if any(one is not None and wants(one) for one in pair)]
    places = {
        (one.figure.indicator, one.figure.by, one.figure.place)
        for pair in kept
        for one in pair
        if one is not None
    }
    moved = found.moved
    keys = zip(moved["indicator"], moved["by"], moved["place"], strict=True)
    totals = {(indicator, by) for indicator, by, place in places if place == "total"}
    mine = np.array([key in places or key[:2] in totals for key in keys], dtype=bool)
    return replace(
        found,
        before=tuple(before for before, _ in kept),
        after=tuple(after for _, after in kept),
        moved=moved[mine].reset_index(drop=True),
    )


def pairs(found: Restated) -> Iterator[tuple[Told | None, Told | None]]:
    """Each figure then and now."""
    yield from zip(found.before, found.after, strict=True)


def differs(before: Told | None, after: Told | None) -> bool:
    """Whether a figure is another, in whatever its terms say; a place of nothing is none."""
    if before is None or after is None:
        one = before or after
        return one is not None and any(one.figure.terms.values())
    was, now = before.figure, after.figure
    return (was.terms, was.value, was.state, was.written) != (
        now.terms,
        now.value,
        now.state,
        now.written,
    )


def difference(
    before: Told | None,
    after: Told | None,
    found: Restated,
    rules: Mapping[str, Declared],
    words: Words,
) -> str:
    """A figure then and now, in words; of a reported one also by which report."""
    one = (before or after).figure  # type: ignore[union-attr] # one of them is there
    rule = rules.get(one.indicator)
    name = words.named(one.indicator if rule is None else rule.label.in_(words.lang), one)
    sides = [_said(side, found, words) for side in (before, after)]
    return words.say("said.value_moved", figure=name, before=sides[0], after=sides[1])


def _said(one: Told | None, found: Restated, words: Words) -> str:
    if one is None:
        return words.say("nothing")
    said = figure_tables.value(one.figure, words.lang)
    if one.figure.report is None:
        return said
    report = found.reports.loc[one.figure.report]
    return said + words.say(
        "by_report", number=one.figure.report, change=report["change"], by=report["made_by"]
    )


def differing(found: Restated) -> list[dict[str, Any]]:
    """The figures that differ, for programs: then, now, and by how much each term."""
    return [
        {
            "figure": str((before or after).figure.key),  # type: ignore[union-attr] # as above
            "before": _side(before, found),
            "after": _side(after, found),
            "moved": _apart(before, after),
        }
        for before, after in pairs(found)
        if differs(before, after)
    ]


def moved(found: Restated) -> pd.DataFrame:
    """The movements with the changes behind them: MOVED."""
    whole = found.moved.join(found.changes[list(_OF_CHANGE)], on="change")
    return whole[list(MOVED)]


def moved_in_words(
    found: Restated, rules: Mapping[str, Declared], words: Words, most: int
) -> pd.DataFrame:
    """The greatest movements in words."""
    names = ("indicator", "place", "term", "code", "name", "moved", "why", "change")
    told = []
    for row in found.moved.head(most).to_dict("records"):
        rule = rules.get(row["indicator"])
        summand = next(
            (one for one in rule.terms if one.term.key == row["term"]) if rule else iter(()), None
        )
        change = row["change"]
        told.append(
            {
                "indicator": row["indicator"] if rule is None else rule.label.in_(words.lang),
                "place": words.place(row["place"], row["by"]),
                "term": row["term"] if summand is None else words.term(summand),
                "code": row["code"],
                "name": row["name"],
                "moved": _signed(
                    row["moved"],
                    Measure.AREA if summand is None else summand.term.measure,
                    words,
                ),
                "why": words.say(f"why.{row['why']}"),
                "change": None
                if pd.isna(change)
                else change_line(found.changes, int(change), words),
            }
        )
    return pd.DataFrame(told, columns=list(names), dtype=object)


def _signed(amount: int, measure: Measure, words: Words) -> str:
    sign = "+" if amount > 0 else "−"
    return sign + words.amount(abs(amount), measure)


def _side(one: Told | None, found: Restated) -> dict[str, Any] | None:
    if one is None:
        return None
    number = one.figure.report
    report = None if number is None else {"report": number, **found.reports.loc[number]}
    return {
        "report": explained.report(report),
        "exact": None if one.figure.value is None else str(one.figure.value),
        "value": explained.number(one.figure.value),
        "state": one.figure.state.value,
        "verdict": one.verdict.value,
        "terms": dict(one.figure.terms),
        "written": one.figure.written,
    }


def _apart(before: Told | None, after: Told | None) -> dict[str, int]:
    was, now = ({} if one is None else one.figure.terms for one in (before, after))
    terms = dict.fromkeys([*was, *now])
    return {
        term: now.get(term, 0) - was.get(term, 0)
        for term in terms
        if now.get(term, 0) != was.get(term, 0)
    }
