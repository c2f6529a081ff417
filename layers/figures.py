"""What a figure is: an indicator's value for one place and period, and the parts it is the sum of.

Amounts are whole numbers: 1 for a parcel counted, whole square millimetres for its land. So sums
are exact, the same in whatever order and on however many machines they are added up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Final

import pandas as pd

from layers.coverage import TOTAL, By
from parcels.errors import UnknownFigureError

PARTS: Final = (
    "indicator",
    "term",
    "by",
    "place",
    "layer",
    "parcel",
    "version",
    "amount",
)
"""Columns of a frame of parts: what one version of a parcel gives to one term at one place.

`by` is "unit" or "district"; `place` a code, UNKNOWN or OUTSIDE; `parcel`, `version` and `amount`
are int64. There are no rows of the total: it is the sum of all places.
"""

AMOUNTS: Final[Mapping[str, Fraction]] = {
    "count": Fraction(1),
    "m2": Fraction(10**6),
    "mu": Fraction(2 * 10**9, 3),
    "ha": Fraction(10**10),
    "km2": Fraction(10**12),
}
"""How much of a term's amount makes one of a unit; 亩 is 2000/3 m2. All other units are shares."""


class State(StrEnum):
    """What is behind a figure; what is not known is a state of its own and never a zero."""

    COMPUTED = "computed"
    REPORTED = "reported"
    NO_DATA = "no_data"
    CANNOT_BE_JUDGED = "cannot_be_judged"


class Verdict(StrEnum):
    """A figure against its target."""

    MET = "met"
    NOT_MET = "not_met"
    CANNOT_BE_JUDGED = "cannot_be_judged"
    NO_DATA = "no_data"
    NO_TARGET = "no_target"


class Basis(StrEnum):
    """Where an indicator's figures come from."""

    COMPUTED = "computed"
    REPORTED = "reported"


class Role(StrEnum):
    """What a term is in its formula; a part is only shown, and no summand."""

    NUMERATOR = "numerator"
    DENOMINATOR = "denominator"
    PART = "part"


class Measure(StrEnum):
    """What of a parcel is added up."""

    AREA = "area"
    COUNT = "count"


class Operator(StrEnum):
    """How a value has to stand to that of its target."""

    AT_LEAST = ">="
    MORE = ">"
    AT_MOST = "<="
    LESS = "<"
    EQUAL = "=="

    def holds(self, value: Fraction, target: Fraction) -> bool:
        """Whether a value stands so to the target; both are exact."""
        return {
            Operator.AT_LEAST: value >= target,
            Operator.MORE: value > target,
            Operator.AT_MOST: value <= target,
            Operator.LESS: value < target,
            Operator.EQUAL: value == target,
        }[self]


@dataclass(frozen=True, slots=True)
class Target:
    """What the plan asks of an indicator.

    Attributes:
        operator: How the value has to stand to `value`.
        value: In the unit of the indicator; a share from 0 to 1.
    """

    operator: Operator
    value: Fraction


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of a formula.

    Attributes:
        weight: What its amount is multiplied by, where the formula counts only a share of it.
    """

    key: str
    role: Role
    measure: Measure
    weight: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Formula:
    """How an indicator is made of its terms: sum of the numerators by that of the denominators.

    Without a denominator the value is the sum itself, in the unit.

    Attributes:
        indicator: Key of the indicator.
        unit: A key of AMOUNTS, or "share".
    """

    indicator: str
    unit: str
    terms: tuple[Term, ...]

    def of(self, role: Role) -> tuple[Term, ...]:
        """The terms in one role."""
        return tuple(term for term in self.terms if term.role is role)


@dataclass(frozen=True, slots=True)
class FigureKey:
    """What a figure is called: `INDICATOR:PLACE:PERIOD`, and `@district` where land decides."""

    indicator: str
    place: str
    period: str
    by: By = "unit"

    def __str__(self) -> str:
        """As people type it."""
        suffix = "" if self.by == "unit" else f"@{self.by}"
        return f"{self.indicator}:{self.place}:{self.period}{suffix}"

    @classmethod
    def read(cls, written: str) -> FigureKey:
        """The figure that is called so.

        Raises:
            UnknownFigureError: It is not written as figures are.
        """
        found = _KEY.fullmatch(written.strip())
        if found is None:
            raise UnknownFigureError(figure=written)
        indicator, place, period, by = found.groups()
        return cls(indicator, place, period, "district" if by == "district" else "unit")


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator's value for one place and period.

    Attributes:
        indicator: Key of the indicator.
        period: As typed: "2024Q2", "2024" or "2024-06-30".
        by: Whether `place` answers for the parcels (unit) or the land lies in it (district).
        place: A code, UNKNOWN, OUTSIDE, or TOTAL for the city.
        unit: Of the value: "share" (0 to 1), a key of AMOUNTS, or one of a reported indicator.
        basis: Computed from parcels or reported by a unit.
        state: What is behind it.
        terms: Amount by term; empty for what was reported.
        numerator: Sum of the numerators, times the weights' common denominator.
        denominator: The same of the denominators; None where the formula has none.
        scale: The weights' common denominator.
        written: The number of a report as it was written.
        report: Number of the report.
        evidence: SHA-256 of its document, or what else it rests on.
        person: Who reported it.
        reason: Why there is no value: a key for words of `maps`.
    """

    indicator: str
    period: str
    by: By
    place: str
    unit: str
    basis: Basis
    state: State
    terms: Mapping[str, int] = field(default_factory=dict)
    numerator: int | None = None
    denominator: int | None = None
    scale: int = 1
    written: str | None = None
    report: int | None = None
    evidence: str | None = None
    person: str | None = None
    reason: str | None = None

    @property
    def key(self) -> FigureKey:
        """What it is called."""
        return FigureKey(self.indicator, self.place, self.period, self.by)

    @property
    def value(self) -> Fraction | None:
        """The exact value, in the unit; None where there is none."""
        if self.state is State.REPORTED:
            return exactly(self.written)
        if self.state is not State.COMPUTED or self.numerator is None:
            return None
        if self.denominator is not None:
            return Fraction(self.numerator, self.denominator) if self.denominator else None
        return Fraction(self.numerator, self.scale) / AMOUNTS.get(self.unit, Fraction(1))

    def against(self, target: Target | None) -> Verdict:
        """How it stands to a target; a value equal to one at least or at most asked meets it."""
        if target is None:
            return Verdict.NO_TARGET
        if self.state is State.CANNOT_BE_JUDGED:
            return Verdict.CANNOT_BE_JUDGED
        if self.value is None:
            return Verdict.NO_DATA
        return Verdict.MET if target.operator.holds(self.value, target.value) else Verdict.NOT_MET


def computed(
    formula: Formula, terms: Mapping[str, int], *, period: str, by: By, place: str
) -> Figure:
    """The figure that the amounts of its terms make; a term without an amount is nothing.

    A share of nothing is no data. What is not known of the terms is for the caller to say.

    Args:
        formula: Which terms are summands, and how much they count.
        terms: Amount by term, as `add_up` gives them.
        period: As people call it.
        by: What `place` is.
        place: Code, UNKNOWN, OUTSIDE or TOTAL.
    """
    amounts = {term.key: int(terms.get(term.key, 0)) for term in formula.terms}
    scale = math.lcm(*(term.weight.denominator for term in formula.terms))
    numerator = _sum(formula.of(Role.NUMERATOR), amounts, scale)
    below = formula.of(Role.DENOMINATOR)
    denominator = _sum(below, amounts, scale) if below else None
    return Figure(
        indicator=formula.indicator,
        period=period,
        by=by,
        place=place,
        unit=formula.unit,
        basis=Basis.COMPUTED,
        state=State.NO_DATA if denominator == 0 else State.COMPUTED,
        terms=amounts,
        numerator=numerator,
        denominator=denominator,
        scale=scale,
    )


def add_up(parts: Iterable[pd.DataFrame]) -> dict[tuple[str, By, str], dict[str, int]]:
    """Amount of each term by indicator, `by` and place, those of TOTAL included.

    Args:
        parts: Frames of PARTS; a parcel may stand in several.
    """
    sums: dict[tuple[str, By, str], dict[str, int]] = {}
    for frame in parts:
        keys = ["indicator", "by", "place", "term"]
        added = frame.groupby(keys, observed=True, sort=False)["amount"].sum()
        for (indicator, by, place, term), amount in added.items():
            for where in (place, TOTAL):
                terms = sums.setdefault((indicator, by, where), {})
                terms[term] = terms.get(term, 0) + int(amount)
    return sums


def exactly(written: str | None) -> Fraction | None:
    """The number that was written, exact; None where it is none."""
    try:
        number = Decimal((written or "").strip())
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() else None


def no_parts() -> pd.DataFrame:
    """A frame of parts without a row."""
    numbers = {"parcel", "version", "amount"}
    kinds = {name: "int64" if name in numbers else "str" for name in PARTS}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def _sum(terms: Iterable[Term], amounts: Mapping[str, int], scale: int) -> int:
    return sum(int(term.weight * scale) * amounts[term.key] for term in terms)


_KEY: Final = re.compile(r"([a-z][a-z0-9_]*):([A-Za-z0-9_]+):([0-9QH-]+)(?:@(unit|district))?")
