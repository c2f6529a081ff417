"""A figure in words, down to what it rests on: one tree for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from layers.coverage import By
from layers.declared import Summand
from layers.explaining import Explanation, by_change
from layers.figures import Figure, Measure, Role
from layers.parts import MM2_PER_M2
from maps import figure_tables, text
from parcels.districts import Territory
from parcels.model import Layer

_DOCUMENT: Final = ("kind", "number", "dated_on", "issued_by")
_SAID: Final = (*_DOCUMENT, "list", "row", "file", "sha256")
_ROLES: Final = {Role.NUMERATOR: 0, Role.DENOMINATOR: 1, Role.PART: 2}


@dataclass(frozen=True, slots=True)
class Node:
    """A line, and what it rests on.

    Attributes:
        line: What it says.
        below: What it rests on.
        kind: "figure", "fact", "term", "parcel", "source", "more" or "changes".
        key: Number of the version of a parcel.
    """

    line: str
    below: tuple[Node, ...] = ()
    kind: str = "fact"
    key: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Who names things.

    Attributes:
        territory: Names the places.
        layers: The declared layers by key.
        lang: "zh" or "en".
    """

    territory: Territory
    layers: dict[str, Layer]
    lang: str

    def say(self, key: str, **fields: Any) -> str:
        """A sentence about figures."""
        return text.say(f"figures.{key}", self.lang, **fields)

    def place(self, place: str, by: By) -> str:
        """The name of a place, its code where it has none; said to be land where land decides."""
        name = "name_en" if self.lang == "en" else "name"
        known = self.territory.units if by == "unit" else self.territory.districts
        key = f"coverage.places.{place}"
        named = text.say(key, self.lang) if text.has(key, self.lang) else place
        if place in known.index:
            named = str(known[name][place])
        return named if by == "unit" else self.say("land", place=named)

    def amount(self, amount: int, measure: Measure) -> str:
        """What a term adds up: parcels, or their land."""
        if measure is Measure.COUNT:
            return self.say("count", count=amount)
        return text.area(amount / MM2_PER_M2, self.lang)

    def term(self, one: Summand) -> str:
        """What a term is."""
        if one.label is not None:
            return one.label.in_(self.lang)
        return text.say(f"indicators.terms.{one.term.key}", self.lang)

    def title(self, told: Explanation) -> str:
        """Indicator, place and period."""
        return self.named(told.declared.label.in_(self.lang), told.figure)

    def named(self, indicator: str, figure: Figure) -> str:
        """The same of an indicator called so."""
        place = self.place(figure.place, figure.by)
        return self.say("title", indicator=indicator, place=place, period=figure.period)


def facts(told: Explanation, words: Words, target: str) -> tuple[str, ...]:
    """What there is to say of a figure besides its terms, a line each.

    Args:
        told: The figure.
        words: Who names things.
        target: What the plan asks, in words; "" where it asks nothing.
    """
    figure, rule, lang = told.figure, told.declared, words.lang
    lines = [words.say("value", value=figure_tables.value(figure, lang))]
    if figure.value is not None and figure.denominator is not None:
        areas = rule.terms[0].term.measure is Measure.AREA
        key = "quotient_of_areas" if areas else "quotient"
        lines[0] += words.say(key, over=figure.numerator, under=figure.denominator)
    verdict = text.say(f"indicators.verdicts.{told.verdict}", lang)
    key = "verdict" if target else "no_target"
    lines.append(words.say(key, verdict=verdict, **({"target": target} if target else {})))
    if told.frozen is not None:
        one = told.frozen
        at = text.instant(one.at, lang)
        lines.append(words.say("frozen", edition=one.edition, by=one.by, at=at, change=one.change))
    lines.append(words.say("formula", text=rule.text.in_(lang)))
    lines.append(words.say("source", source=rule.source.in_(lang)))
    if rule.question is not None:
        lines.append(words.say("question", question=rule.question.in_(lang)))
    return tuple(lines)


def tree(told: Explanation, words: Words, target: str, *, most: int) -> Node:
    """A figure down to the persons who said what it rests on, the greatest first.

    Args:
        told: The figure.
        words: Who names things.
        target: What the plan asks, in words.
        most: Parcels shown of each term; what is more is told with its sum.
    """
    ordered = sorted(told.declared.terms, key=lambda one: _ROLES[one.term.role])
    terms = [_term(told, one, words, most) for one in ordered if _is_told(told, one)]
    lines = tuple(Node(line) for line in facts(told, words, target))
    reports = [] if told.report is None else [_report(told.report, words)]
    return Node(words.title(told), (*lines, *reports, *terms), kind="figure")


def _report(report: Mapping[Any, Any], words: Words) -> Node:
    """The report of a figure: who entered it, from which list, on what document."""
    at = text.instant(report["made_at"], words.lang)
    known = {name: None if pd.isna(report[name]) else report[name] for name in _SAID}
    below = [words.say("entered", change=report["change"], by=report["made_by"], at=at)]
    if known["list"] is not None:
        below.append(words.say("listed", file=known["list"], row=known["row"]))
    if known["kind"] is not None or known["number"] is not None:
        below.append(words.say("document", **{name: known[name] for name in _DOCUMENT}))
    if known["file"] is not None:
        below.append(words.say("file", file=known["file"], sha=known["sha256"]))
    line = words.say("report", number=report["report"], written=report["written"])
    return Node(line, tuple(Node(one) for one in below), kind="term")


def _is_told(told: Explanation, one: Summand) -> bool:
    return one.label is not None or bool(told.figure.terms.get(one.term.key, 0))


def _term(told: Explanation, one: Summand, words: Words, most: int) -> Node:
    parts = told.of(one)
    whole = told.figure.terms.get(one.term.key, 0)
    line = words.say(
        f"roles.{one.term.role}",
        term=words.term(one),
        amount=words.amount(whole, one.term.measure),
    )
    if one.term.measure is Measure.AREA:
        line += words.say("of_parcels", count=parts["parcel"].nunique())
    if one.term.weight != 1:
        line += words.say("weight", weight=str(one.term.weight))
    shown, rest = parts.iloc[:most], parts.iloc[most:]
    below = list(_parcels(told, one, shown, words, whole))
    if len(rest):
        left = words.amount(int(rest["amount"].sum()), one.term.measure)
        below.append(Node(words.say("more", count=len(rest), amount=left), kind="more"))
    # Parts add up to their term: what is missing was taken out for who looks.
    hidden = whole - int(parts["amount"].sum())
    if hidden > 0:
        said = words.amount(hidden, one.term.measure)
        below.append(Node(words.say("others", amount=said), kind="more"))
    if len(parts):
        below.append(Node(words.say("by_change"), tuple(_changes(told, one, words)), "changes"))
    return Node(line, tuple(below), kind="term")


def _parcels(
    told: Explanation, one: Summand, parts: pd.DataFrame, words: Words, whole: int
) -> Iterator[Node]:
    for part in parts.to_dict("records"):
        code = part["code"] if isinstance(part["code"], str) else words.say("no_code")
        name = part["name"] if isinstance(part["name"], str) else ""
        layer = words.layers.get(part["layer"])
        line = words.say(
            "parcel",
            code=code,
            name=name,
            layer=part["layer"] if layer is None else layer.label.in_(words.lang),
            amount=words.amount(part["amount"], one.term.measure),
            share=text.share(part["amount"] / whole if whole else None, words.lang),
        )
        version = words.say("version", version=part["version"], since=part["valid_from"].date())
        source = Node(version, tuple(_source(told, part, words)), "source")
        yield Node(line, (source,), "parcel", part["version"])


def _source(told: Explanation, part: dict[str, Any], words: Words) -> Iterator[Node]:
    """The change of a version, the one that said it first if another, its file and people."""
    if part["said_in"] != part["change"]:
        yield Node(words.say("repeated", change=_change(told, part["change"], words)))
    said = told.changes.loc[part["said_in"]]
    yield Node(words.say("made", change=_change(told, part["said_in"], words)))
    if isinstance(said["file"], str):
        key = "file" if pd.isna(part["row"]) else "file_row"
        row = None if pd.isna(part["row"]) else int(part["row"])
        yield Node(words.say(key, file=said["file"], row=row, sha=said["sha256"]))
    if isinstance(said["sent_by"], str):
        yield Node(words.say("sent", by=said["sent_by"], approved=said["made_by"]))


def _change(told: Explanation, number: int, words: Words) -> str:
    return change_line(told.changes, number, words)


def change_line(changes: pd.DataFrame, number: int, words: Words) -> str:
    """A change: its number and kind, who made it and when."""
    one = changes.loc[number]
    key = f"history.kinds.{one['kind']}"
    kind = text.say(key, words.lang) if text.has(key, words.lang) else one["kind"]
    at = text.instant(one["made_at"], words.lang)
    return words.say("change", number=number, kind=kind, by=one["made_by"], at=at)


def _changes(told: Explanation, one: Summand, words: Words) -> Iterator[Node]:
    for number, row in by_change(told.of(one)).iterrows():
        amount = words.amount(int(row["amount"]), one.term.measure)
        said = _change(told, int(number), words)
        yield Node(words.say("of_change", change=said, count=int(row["parcels"]), amount=amount))
