"""Indicators: what is counted of which parcels, and how a figure stands to what the plan asks.

The rule of an indicator is declared as claims, one for each term; here they are put to parcels.
What is not known of a parcel is a term of its own, so that it is shown, and so that a verdict says
only what holds whatever the missing facts turn out to be.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Final

import numpy as np
import pandas as pd

from layers.claims import BOUNDARY, Claim, Facts
from layers.coverage import TOTAL, By
from layers.figures import (
    AMOUNTS,
    Basis,
    Figure,
    Formula,
    Measure,
    Operator,
    Role,
    State,
    Target,
    Term,
    Verdict,
)
from layers.periods import Period
from parcels.errors import UnknownIndicatorError
from parcels.model import Label

UNKNOWN: Final = "unknown"
"""Term of what belongs to the denominator and of which the numerator is not known."""

UNPLACED: Final = "unplaced"
"""Term of what may or may not belong to the denominator."""

NO_AREA: Final = "no_area"
"""Term, a count, of parcels that belong and have no boundary, so that their area is not known."""

OWN_TERMS: Final = (UNKNOWN, UNPLACED, NO_AREA)
"""Terms that every indicator has besides its own."""

NOT_IN_FORCE: Final = "formula_not_in_force"
"""Reason of a figure of a period in which the formula did not hold."""

NO_PARCELS: Final = "no_parcels"
"""Reason of a figure of a place of which the register holds no parcel of the layers."""

NOT_REPORTED: Final = "not_reported"
"""Reason of a reported figure that nobody reported."""

NOT_KNOWN: Final = "not_known"
"""Reason of a figure whose parcels may or may not count."""

NO_BOUNDARY: Final = "no_boundary"
"""Reason of an area of parcels none of which has a boundary."""

NOTHING_COUNTED: Final = "nothing_counted"
"""Reason of a share whose denominator is nothing."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One term of a formula, and of which parcels it is.

    Attributes:
        claim: Holds of the parcels that are counted.
        layers: Keys of the layers they are in.
        question: What is not certain of it.
    """

    term: Term
    label: Label
    claim: Claim
    layers: tuple[str, ...]
    question: Label | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to meet what the plan asks of an indicator.

    Attributes:
        target: The number.
        city: It is asked of the whole city, not of each unit.
        about: The plan says "about": a little less cannot be judged.
        all_of: With `are`: only if every parcel of this term is one of that term too.
        are: See `all_of`.
    """

    target: Target
    city: bool = False
    about: bool = False
    all_of: str | None = None
    are: str | None = None


@dataclass(frozen=True, slots=True)
class Indicator:
    """A number the plan speaks of.

    Attributes:
        unit: "share" (0 to 1), a key of `figures.AMOUNTS`, or of a reported indicator any other.
        text: The formula in words.
        counted: The terms; none where it is reported.
        layers: Keys of the layers it is computed from, or that show it.
        asked: Ways to meet what the plan asks, of which one is enough; none without a target.
        source: Document that has it.
        valid_from: First day on which the formula holds.
        valid_to: Last day; None while it holds.
        question: What is not certain of the formula.
        beside: Key of the indicator that it is another reading of.
        cases: Term whose parcels are listed with the reasons.
        cases_gates: Gates of the layer that give the reasons, with their articles.
    """

    key: str
    label: Label
    unit: str
    basis: Basis
    text: Label
    source: Label
    valid_from: dt.date
    layers: tuple[str, ...] = ()
    counted: tuple[Counted, ...] = ()
    asked: tuple[Asked, ...] = ()
    valid_to: dt.date | None = None
    question: Label | None = None
    beside: str | None = None
    cases: str | None = None
    cases_gates: tuple[str, ...] = ()

    @property
    def measure(self) -> Measure:
        """What is added up of the parcels."""
        return self.counted[0].term.measure if self.counted else Measure.COUNT

    @property
    def formula(self) -> Formula:
        """The terms as figures add them up, those of OWN_TERMS last."""
        own = (
            Term(UNKNOWN, Role.PART, self.measure),
            Term(UNPLACED, Role.PART, self.measure),
            Term(NO_AREA, Role.PART, Measure.COUNT),
        )
        terms = (*(one.term for one in self.counted), *own)
        return Formula(self.key, self.unit, terms if self.counted else ())

    def is_in_force(self, period: Period) -> bool:
        """Whether the formula holds on the last day of a period."""
        return self.valid_from <= period.last and (
            self.valid_to is None or period.last <= self.valid_to
        )


@dataclass(frozen=True, slots=True, eq=False)
class Indicators(Mapping[str, Indicator]):
    """The indicators by key, in their declared order."""

    by_key: Mapping[str, Indicator]

    def __getitem__(self, key: str) -> Indicator:
        """The indicator of this key; KeyError if there is none."""
        return self.by_key[key]

    def __iter__(self) -> Iterator[str]:
        """The keys in order."""
        return iter(self.by_key)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.by_key)

    def indicator(self, key: str) -> Indicator:
        """The indicator of this key.

        Raises:
            UnknownIndicatorError: There is none.
        """
        if key not in self.by_key:
            raise UnknownIndicatorError(indicator=key, known=sorted(self.by_key))
        return self.by_key[key]

    def with_readings(self, keys: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
        """These indicators, each followed by the other readings of it."""
        whole = [
            found
            for key in keys
            for found in (key, *(one.key for one in self.by_key.values() if one.beside == key))
        ]
        return tuple(dict.fromkeys(whole))


def terms(indicator: Indicator, facts: Facts) -> pd.DataFrame:
    """Which parcels of a layer are in which term.

    A numerator or part counts only what is in the denominator. A parcel that is in a numerator for
    certain is known, whatever else is open.

    Args:
        indicator: A computed one, one of whose layers it is.
        facts: The parcels, with `area_m2` where areas are measured.

    Returns:
        Booleans on the index of the parcels, one column for each term and those of OWN_TERMS.
    """
    here = [one for one in indicator.counted if facts.layer.key in one.layers]
    belongs = _together(facts, here, Role.DENOMINATOR)
    counted = _together(facts, here, Role.NUMERATOR)
    columns = {
        one.term.key: _surely(
            facts(one.claim)
            if belongs is None or one.term.role is Role.DENOMINATOR
            else facts(one.claim) & belongs
        )
        for one in here
    }
    count = len(facts.parcels)
    open_ = np.zeros(count, dtype=bool) if counted is None else np.asarray(pd.isna(counted))
    unplaced = np.zeros(count, dtype=bool) if belongs is None else np.asarray(pd.isna(belongs))
    inside = np.ones(count, dtype=bool) if belongs is None else _surely(belongs)
    columns[UNKNOWN] = open_ & inside
    columns[UNPLACED] = unplaced
    columns[NO_AREA] = np.zeros(count, dtype=bool)
    if indicator.measure is Measure.AREA:
        concerned = _surely(counted) | open_ if belongs is None else inside | unplaced
        columns[NO_AREA] = concerned & facts.parcels[BOUNDARY].isna().to_numpy(bool)
    return pd.DataFrame(columns, index=facts.parcels.index)


def _together(facts: Facts, counted: list[Counted], role: Role) -> object | None:
    answers = [facts(one.claim) for one in counted if one.term.role is role]
    return reduce(lambda one, other: one | other, answers) if answers else None


def _surely(answers: object | None) -> np.ndarray:
    found: np.ndarray = pd.array(answers, dtype="boolean").to_numpy(bool, na_value=False)
    return found


def verdict(indicator: Indicator, figure: Figure) -> Verdict:
    """How a figure stands to what the plan asks; one of several ways is enough.

    With facts missing it says what holds whatever they turn out to be, and else that it cannot be
    judged.
    """
    asked = [one for one in indicator.asked if not one.city or figure.place == TOTAL]
    if not asked:
        return Verdict.NO_TARGET
    found = [_against(one, figure) for one in asked]
    order = (Verdict.MET, Verdict.CANNOT_BE_JUDGED, Verdict.NO_DATA, Verdict.NOT_MET)
    return next(one for one in order if one in found)


def bounds(figure: Figure) -> tuple[Fraction | None, Fraction | None]:
    """The least and the most that a figure can be once what is missing is known, in its unit.

    None where nothing bounds it: parcels without a boundary can have any area.
    """
    value = figure.value
    if value is None or figure.state is State.REPORTED:
        return value, value
    terms = figure.terms
    missing = figure.scale * terms.get(UNKNOWN, 0)
    unplaced = figure.scale * terms.get(UNPLACED, 0)
    is_open = terms.get(NO_AREA, 0) > 0
    least = figure.numerator or 0
    if figure.denominator is None:
        per = figure.scale * AMOUNTS.get(figure.unit, Fraction(1))
        return least / per, None if is_open else (least + missing) / per
    if is_open:
        return None, None
    whole = figure.denominator + unplaced
    return Fraction(least, whole), Fraction(least + missing + unplaced, whole)


def told(figure: Figure) -> Figure:
    """A computed figure that says why it has no value.

    A share of nothing is no data only if nothing is missing; a sum of areas of which none is known
    is not a zero.
    """
    missing = (
        (NO_BOUNDARY, figure.terms.get(NO_AREA, 0)),
        (NOT_KNOWN, figure.terms.get(UNPLACED, 0)),
    )
    why = next((reason for reason, amount in missing if amount), NOTHING_COUNTED)
    if figure.state is State.NO_DATA:
        state = State.NO_DATA if why == NOTHING_COUNTED else State.CANNOT_BE_JUDGED
        return replace(figure, state=state, reason=why)
    if figure.denominator is None and not figure.numerator and why == NO_BOUNDARY:
        return replace(figure, state=State.CANNOT_BE_JUDGED, reason=why)
    return figure


def without(
    indicator: Indicator, period: Period, by: By, place: str, *, state: State, reason: str
) -> Figure:
    """A figure without a value."""
    return Figure(
        indicator=indicator.key,
        period=str(period),
        by=by,
        place=place,
        unit=indicator.unit,
        basis=indicator.basis,
        state=state,
        reason=reason,
    )


def _against(asked: Asked, figure: Figure) -> Verdict:
    plain = figure.against(asked.target)
    if plain not in {Verdict.MET, Verdict.NOT_MET}:
        return plain
    sure = _for_certain(asked.target, *bounds(figure))
    if asked.all_of is not None and asked.are is not None:
        if figure.terms.get(asked.all_of, 0) != figure.terms.get(asked.are, 0):
            return Verdict.NOT_MET
        # What is not known of a parcel may make it one more of `all_of`.
        is_open = any(figure.terms.get(one, 0) for one in OWN_TERMS)
        sure = None if is_open and sure is Verdict.MET else sure
    if sure is None or (asked.about and sure is Verdict.NOT_MET):
        return Verdict.CANNOT_BE_JUDGED
    return sure


def _for_certain(target: Target, least: Fraction | None, most: Fraction | None) -> Verdict | None:
    """The verdict that holds for every value from `least` to `most`; None if there is none."""
    operator = target.operator
    below = most is not None and most < target.value
    above = least is not None and least > target.value
    if operator is Operator.EQUAL:
        if below or above:
            return Verdict.NOT_MET
        return Verdict.MET if least == most == target.value else None
    upwards = operator in {Operator.AT_LEAST, Operator.MORE}
    worst, best = (least, most) if upwards else (most, least)
    if worst is not None and operator.holds(worst, target.value):
        return Verdict.MET
    if best is not None and not operator.holds(best, target.value):
        return Verdict.NOT_MET
    return None
