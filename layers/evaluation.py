"""The quarterly evaluation of units by a scheme: points, score, rank, and what would move it.

Scores are exact fractions. What has no figure is never zero by itself: the scheme says whether its
weight is left out or counts without points, and the share of the weights behind a score is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Final

from layers.figures import Figure, State, Verdict
from layers.indicators import Indicator, verdict
from parcels.model import Label

FULL: Final = Fraction(100)
"""Points of an item that is all it should be."""


class Rule(StrEnum):
    """How the figure of an item becomes points."""

    SHARE = "share"
    INVERSE = "inverse"
    TARGET = "target"
    TOWARD = "toward"


class NoData(StrEnum):
    """What an item without a figure counts."""

    LEFT_OUT = "left_out"
    NO_POINTS = "no_points"


class Standing(StrEnum):
    """What is behind the points of an item."""

    FIGURE = "figure"
    OVERRIDDEN = "overridden"
    NO_DATA = "no_data"
    CANNOT_BE_JUDGED = "cannot_be_judged"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is evaluated.

    Attributes:
        weight: Within its aspect.
        cap: The most points it can have.
    """

    key: str
    indicator: str
    rule: Rule
    weight: Fraction
    cap: Fraction = FULL


@dataclass(frozen=True, slots=True)
class Aspect:
    """One of the aspects of the evaluation, with its weight within the whole."""

    key: str
    label: Label
    weight: Fraction
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How units are evaluated.

    Attributes:
        quarter: The first quarter for which it holds.
        is_sample: It is an example, and no authority's.
        no_data: What an item without a figure counts.
    """

    quarter: str
    title: Label
    note: Label
    is_sample: bool
    no_data: NoData
    aspects: tuple[Aspect, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, in order."""
        return tuple(item for aspect in self.aspects for item in aspect.items)

    @property
    def weights(self) -> Mapping[str, Fraction]:
        """By item, its share of the whole; together they are 1."""
        whole = sum((aspect.weight for aspect in self.aspects), Fraction())
        return {
            item.key: aspect.weight / whole * item.weight / sum(one.weight for one in aspect.items)
            for aspect in self.aspects
            for item in aspect.items
        }


@dataclass(frozen=True, slots=True)
class Override:
    """Points that a person gave instead of those computed."""

    points: Fraction
    person: str
    reason: str
    change: int


@dataclass(frozen=True, slots=True)
class Line:
    """One item of one unit.

    Attributes:
        figure: The figure behind it; None where nobody computes or reports one.
        computed: Points by the rule; None where there is no figure to go by.
        points: The points that count; None where none do.
        weight: Its share of the whole, 0 to 1.
        gain: By how much the score would rise if it had its full points; None where the unit
            has no score to rise from and nothing else to compare with.
    """

    item: Item
    aspect: str
    standing: Standing
    figure: Figure | None
    computed: Fraction | None
    points: Fraction | None
    weight: Fraction
    override: Override | None = None
    gain: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a unit comes to.

    Attributes:
        score: 0 to the highest cap; None where nothing can be scored.
        rank: From 1; units with the same score have the same. None without a score.
        judged: Share of the weights, 0 to 1, behind which points stand.
        lines: Every item, in the order of the scheme.
    """

    unit: str
    score: Fraction | None
    rank: int | None
    judged: Fraction
    lines: tuple[Line, ...]

    def moves(self) -> tuple[Line, ...]:
        """The items by how much more the score could be, the most first."""
        open_ = [line for line in self.lines if line.gain]
        return tuple(sorted(open_, key=lambda line: (-(line.gain or 0), line.item.key)))


def evaluate(
    scheme: Scheme,
    units: Sequence[str],
    figures: Mapping[tuple[str, str], Figure],
    indicators: Mapping[str, Indicator],
    overrides: Mapping[tuple[str, str], Override],
) -> tuple[Result, ...]:
    """The results of units, in their order.

    Args:
        scheme: The scheme.
        units: Their codes.
        figures: By indicator and unit.
        indicators: By key, those that the scheme names.
        overrides: By unit and item.
    """
    found = []
    for unit in units:
        lines = [
            _line(scheme, aspect.key, item, figures.get((item.indicator, unit)),
                  indicators[item.indicator], overrides.get((unit, item.key)))
            for aspect in scheme.aspects
            for item in aspect.items
        ]  # fmt: skip
        found.append(_result(scheme, unit, lines))
    return _ranked(found)


def points(item: Item, figure: Figure, indicator: Indicator) -> Fraction | None:
    """The points of a figure by the rule of an item, between 0 and its cap; None if it has none.

    A figure of which facts are missing is scored as it stands; a target is met only if it is met
    whatever they turn out to be.
    """
    if item.rule is Rule.TARGET:
        stands = verdict(indicator, figure)
        scored = {Verdict.MET: FULL, Verdict.NOT_MET: Fraction()}.get(stands)
        return None if scored is None else min(scored, item.cap)
    value = figure.value
    if value is None:
        return None
    if item.rule is Rule.TOWARD:
        target = indicator.asked[0].target.value
        return _within(FULL * value / target, item.cap)
    return _within(FULL * (1 - value if item.rule is Rule.INVERSE else value), item.cap)


def _within(found: Fraction, cap: Fraction) -> Fraction:
    return max(Fraction(), min(found, cap))


def _line(
    scheme: Scheme,
    aspect: str,
    item: Item,
    figure: Figure | None,
    indicator: Indicator,
    override: Override | None,
) -> Line:
    computed = None if figure is None else points(item, figure, indicator)
    standing = Standing.FIGURE
    if override is not None:
        standing = Standing.OVERRIDDEN
    elif computed is None:
        doubtful = figure is not None and (
            figure.state is State.CANNOT_BE_JUDGED or figure.value is not None
        )
        standing = Standing.CANNOT_BE_JUDGED if doubtful else Standing.NO_DATA
    counted = computed if override is None else override.points
    if counted is None and scheme.no_data is NoData.NO_POINTS:
        counted = Fraction()
    return Line(
        item, aspect, standing, figure, computed, counted, scheme.weights[item.key], override
    )


def _result(scheme: Scheme, unit: str, lines: Sequence[Line]) -> Result:
    score = _score(lines)
    known = {Standing.FIGURE, Standing.OVERRIDDEN}
    judged = sum((line.weight for line in lines if line.standing in known), Fraction())
    if scheme.no_data is NoData.NO_POINTS and not judged:
        # Nothing is known of the unit: no points for anything is no score of its own.
        score = None
    told = tuple(_with_gain(line, lines, score) for line in lines)
    return Result(unit, score, None, judged, told)


def _score(lines: Sequence[Line]) -> Fraction | None:
    """The mean of the points by weight, over the items that have any."""
    there = [(line.weight, line.points) for line in lines if line.points is not None]
    whole = sum((weight for weight, _ in there), Fraction())
    if not whole:
        return None
    return sum((weight * given for weight, given in there), Fraction()) / whole


def _with_gain(line: Line, lines: Sequence[Line], score: Fraction | None) -> Line:
    """The line with what the score would gain if it had its full points."""
    if score is None:
        return line
    best = [replace(one, points=one.item.cap) if one is line else one for one in lines]
    gain = (_score(best) or score) - score
    return replace(line, gain=max(gain, Fraction()))


def _ranked(found: Sequence[Result]) -> tuple[Result, ...]:
    """The results with their ranks: one more than how many units have a higher score."""
    scores = sorted((one.score for one in found if one.score is not None), reverse=True)
    return tuple(
        one if one.score is None else replace(one, rank=scores.index(one.score) + 1)
        for one in found
    )
