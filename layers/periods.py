"""What a figure is of: a quarter, a year or a day, and which days are in it."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Final

from parcels.errors import PeriodNotUnderstoodError
from parcels.model import Moment

_QUARTER: Final = re.compile(r"(\d{4})[Qq]([1-4])")
_YEAR: Final = re.compile(r"\d{4}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNTIL: Final = re.compile(r"\s*\.\.\s*")


@dataclass(frozen=True, slots=True)
class Period:
    """A quarter, a year or a day.

    Attributes:
        name: As it is written: "2024Q2", "2024" or "2024-06-30".
        first: Its first day.
        last: Its last day, both included.
    """

    name: str
    first: dt.date
    last: dt.date

    def __str__(self) -> str:
        """As it is written."""
        return self.name

    @property
    def year(self) -> int:
        """The calendar year it lies in."""
        return self.last.year

    @property
    def year_begin(self) -> dt.date:
        """The first day of that year; what is of "the year" is counted from here to `last`."""
        return dt.date(self.year, 1, 1)

    def until(self, today: dt.date) -> Period:
        """The period, of which no day after today counts: what is to come has not come."""
        return self if self.last <= today else replace(self, last=max(today, self.first))

    def moment(self, known: dt.datetime | None = None) -> Moment:
        """What was true on its last day, as known at an instant; now when None."""
        return Moment(self.last, known)


def read(written: str) -> Period:
    """The period that is written so.

    Args:
        written: A quarter ("2024Q2"), a year ("2024") or an ISO day ("2024-06-30").

    Raises:
        PeriodNotUnderstoodError: It is none of them.
    """
    plain = written.strip()
    try:
        if found := _QUARTER.fullmatch(plain):
            return quarter(int(found[1]), int(found[2]))
        if _YEAR.fullmatch(plain):
            return Period(plain, dt.date(int(plain), 1, 1), dt.date(int(plain), 12, 31))
        if _DAY.fullmatch(plain):
            return day(dt.date.fromisoformat(plain))
    except ValueError as error:  # there is no such year or day
        raise PeriodNotUnderstoodError(period=written) from error
    raise PeriodNotUnderstoodError(period=written)


def day(on: dt.date) -> Period:
    """The period of one day."""
    return Period(on.isoformat(), on, on)


def quarter(year: int, number: int) -> Period:
    """A quarter, its number from 1 to 4.

    Raises:
        ValueError: There is no such year.
    """
    month = 3 * number
    last = calendar.monthrange(year, month)[1]
    first = dt.date(year, month - 2, 1)
    return Period(f"{year:04d}Q{number}", first, dt.date(year, month, last))


def quarter_of(on: dt.date) -> Period:
    """The quarter that a day lies in."""
    return quarter(on.year, (on.month + 2) // 3)


def between(written: str) -> tuple[Period, ...]:
    """Quarters or years in a row, written "2024Q1..2024Q4" or "2022..2024".

    Raises:
        PeriodNotUnderstoodError: It is not written so, its ends are of two kinds or days, or the
            last comes before the first.
    """
    ends = _UNTIL.split(written.strip())
    if len(ends) != 2:
        raise PeriodNotUnderstoodError(period=written)
    first, last = (read(end) for end in ends)
    if len(first.name) != len(last.name) or first.first > last.first or "-" in first.name:
        raise PeriodNotUnderstoodError(period=written)
    found = [first]
    while found[-1].last < last.last:
        found.append(_following(found[-1]))
    return tuple(found)


def _following(period: Period) -> Period:
    begin = period.last + dt.timedelta(days=1)
    return quarter_of(begin) if "Q" in period.name else read(f"{begin.year:04d}")
