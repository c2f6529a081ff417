"""Claims about parcels, declared as data: which of them hold, which do not, which is not known.

A claim has three answers. What a blank field or stage leaves open is not known and is never taken
for no, unless the declaration says so (`Settled`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from layers.periods import Period
from parcels import lifecycle
from parcels.model import Gate, Kind, Layer

BOUNDARY: Final = "area_m2"
"""The column that is known of every parcel with a boundary: its area, 0 for a point."""

SAMPLED: Final = "sampled"
"""The column that says whether a sample was taken on the parcel; whoever reads parcels adds it."""

Answers: TypeAlias = Any
"""A pandas BooleanArray: true, false, or NA for what is not known."""


class When(StrEnum):
    """How a day has to lie to the period."""

    COME = "come"
    THIS_YEAR = "this_year"
    PAST = "past"


@dataclass(frozen=True, slots=True)
class All:
    """Every parcel."""


@dataclass(frozen=True, slots=True)
class In:
    """The field has one of these codes; of `stage`, the parcel stands in one of these stages."""

    field: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The field is filled in; a day, if it has come by the end of the period."""

    field: str


@dataclass(frozen=True, slots=True)
class Blank:
    """The field is not filled in."""

    field: str


@dataclass(frozen=True, slots=True)
class Yes:
    """The field says yes."""

    field: str


@dataclass(frozen=True, slots=True)
class Dated:
    """A day has come by the end of the period, in its year, or before its last day.

    A day that is not filled in did not come, so far as the register knows.
    """

    field: str
    when: When


@dataclass(frozen=True, slots=True)
class OfYear:
    """A whole number is the year of the period, less `back`."""

    field: str
    back: int = 0


@dataclass(frozen=True, slots=True)
class Ordered:
    """The first day has come and is not after the second.

    Without the first it does not hold; with the first and without the second it is not known.
    """

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """One of these gates of the layer stops the parcel, by the law of the day of the act.

    What was punished and rectified since is stopped all the same. Where a gate misses a fact that
    it needs, it is not known.
    """

    gates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of these holds."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The claim does not hold."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Settled:
    """The claim, with no for what is not known."""

    claim: Claim


Claim: TypeAlias = (
    All | In | Known | Blank | Yes | Dated | OfYear | Ordered | Stopped | Every | Some | Not
    | Settled
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Facts:
    """Parcels of one layer, to be asked about; what was asked once is not computed again.

    Attributes:
        parcels: One row per parcel, with a column for each field that is asked about.
        layer: What they are.
        period: Days after its end have not come.
    """

    parcels: pd.DataFrame
    layer: Layer
    period: Period
    answered: dict[Claim, Answers] = field(default_factory=dict)

    def __call__(self, claim: Claim) -> Answers:
        """Of which parcels a claim holds."""
        if claim not in self.answered:
            self.answered[claim] = self._answer(claim)
        return self.answered[claim]

    def _answer(self, claim: Claim) -> Answers:  # noqa: PLR0911 - one return for each kind
        match claim:
            case Every(claims):
                return reduce(lambda one, other: one & other, map(self, claims))
            case Some(claims):
                return reduce(lambda one, other: one | other, map(self, claims))
            case Not(inner):
                return ~self(inner)
            case Settled(inner):
                known = self(inner).copy()
                known[pd.isna(known)] = False
                return known
            case In(key, codes):
                return _answers(self._among(key, codes), self._blank(key))
            case Yes(key):
                return pd.array(self.parcels[key], dtype="boolean")
            case OfYear(key, back):
                numbers = pd.array(self.parcels[key], dtype="Int64")
                return numbers == self.period.year - back
            case _:
                return self._of_days(claim)

    def _of_days(self, claim: Claim) -> Answers:
        match claim:
            case Known(key):
                return _answers(self._come(key) if self._is_day(key) else ~self._blank(key))
            case Blank(key):
                return _answers(self._blank(key))
            case Dated(key, when):
                return _answers(self._dated(key, when))
            case Ordered(first, second):
                begun = self._come(first)
                after = self._days(second)
                return _answers(begun & (self._days(first) <= after), begun & np.isnat(after))
            case Stopped(gates):
                return self._stopped(gates)
            case _:
                return _answers(np.ones(len(self.parcels), dtype=bool))

    def _stopped(self, keys: tuple[str, ...]) -> Answers:
        gates = {gate.key: gate for gate in self.layer.gates}
        found = _answers(np.zeros(len(self.parcels), dtype=bool))
        for key in keys:
            wrong, suspect = (
                lifecycle.breaches(
                    without_mercy(gates[key]),
                    self.layer,
                    self.parcels,
                    on=self.period.last,
                    contradictions=sure,
                ).to_numpy(bool)
                for sure in (True, False)
            )
            found |= _answers(wrong, suspect & ~wrong)
        return found

    def _dated(self, key: str, when: When) -> np.ndarray:
        days = self._days(key)
        if when is When.PAST:
            return np.asarray(days < _day(self.period.last), dtype=bool)
        come = self._come(key)
        if when is When.THIS_YEAR:
            return np.asarray(come & (days >= _day(self.period.year_begin)), dtype=bool)
        return come

    def _come(self, key: str) -> np.ndarray:
        return np.asarray(self._days(key) <= _day(self.period.last), dtype=bool)

    def _days(self, key: str) -> np.ndarray:
        days: np.ndarray = self.parcels[key].to_numpy("datetime64[s]")
        return days

    def _among(self, key: str, codes: tuple[str, ...]) -> np.ndarray:
        return np.asarray(self.parcels[key].isin(codes), dtype=bool)

    def _blank(self, key: str) -> np.ndarray:
        return np.asarray(self.parcels[key].isna(), dtype=bool)

    def _is_day(self, key: str) -> bool:
        return any(f.key == key and f.kind is Kind.DATE for f in self.layer.fields)


def without_mercy(gate: Gate) -> Gate:
    """A gate that does not look away from what was punished and rectified."""
    return replace(gate, unless=())


def fields(claim: Claim, gates: Mapping[str, Gate]) -> frozenset[str]:
    """Columns that a claim looks at, besides `stage`.

    Args:
        claim: The claim.
        gates: Gates of the layer by key; those that it does not have look at nothing.
    """
    return frozenset(_fields(claim, gates)) - {"stage"}


def _fields(claim: Claim, gates: Mapping[str, Gate]) -> Iterator[str]:
    match claim:
        case Every(claims) | Some(claims):
            for one in claims:
                yield from _fields(one, gates)
        case Not(inner) | Settled(inner):
            yield from _fields(inner, gates)
        case Stopped(keys):
            for gate in (without_mercy(gates[key]) for key in keys if key in gates):
                yield from (*gate.fields, *filter(None, [gate.none_of]))
        case Ordered(first, second):
            yield from (first, second)
        case In(key) | Known(key) | Blank(key) | Yes(key) | Dated(key) | OfYear(key):
            yield key
        case _:
            return


def _day(on: dt.date) -> np.datetime64:
    return np.datetime64(on, "s")


def _answers(true: np.ndarray, unknown: np.ndarray | None = None) -> Answers:
    blank = np.zeros(len(true), dtype=bool) if unknown is None else unknown
    return pd.arrays.BooleanArray(true & ~blank, blank)
