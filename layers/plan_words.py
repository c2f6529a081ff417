"""What the cells of an action plan mean: by when, by whom, and how much."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from layers.coverage import TOTAL
from parcels import words
from parcels.districts import Territory

_FILE: Final = Path(__file__).parent / "reference" / "plan_words.toml"
_PERCENT: Final = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Concerned:
    """Which units some bodies are, or stand for.

    Attributes:
        units: Codes of the units named, or meant by "all districts".
        some: The cell says "related districts" and not which: any other unit may be one.
        city: One of the bodies is a municipal one, or belongs to no unit that is known.
    """

    units: frozenset[str]
    some: bool = False
    city: bool = False


@cache
def vocabulary() -> Mapping[str, Any]:
    """The words and patterns of plans."""
    return MappingProxyType(tomllib.loads(_FILE.read_text("utf-8")))


def due_days(cell: str, year: int) -> tuple[dt.date, ...]:
    """The days that a cell of deadlines names, in its order; none where it is not understood."""
    rest, found = cell.strip(), []
    between = re.compile(vocabulary()["deadlines"]["between"])
    while rest:
        match = next((m for _, one in _deadlines() if (m := one.match(rest))), None)
        day = _day(match, year) if match is not None else None
        if match is None or day is None:
            return ()
        found.append(day)
        rest = between.sub("", rest[match.end() :], count=1)
    return tuple(found)


@cache
def _deadlines() -> tuple[tuple[str, re.Pattern[str]], ...]:
    known = vocabulary()["deadlines"]
    return tuple((key, re.compile(known[key])) for key in ("year_end", "month_end", "day"))


def _day(match: re.Match[str], year: int) -> dt.date | None:
    named = {key: int(held) for key, held in match.groupdict().items()}
    return day_of(year, named.get("month", 12), named.get("day"))


def day_of(year: int, month: int, day: int | None = None) -> dt.date | None:
    """A day of a month, its last where none is named; None where the calendar has none."""
    try:
        return dt.date(year, month, day or calendar.monthrange(year, month)[1])
    except ValueError:
        return None


def bodies(cell: str) -> tuple[str, ...]:
    """The bodies that a cell of roles names, in its order."""
    known = vocabulary()["bodies"]
    joined = re.sub(known["bracket"], "", cell.strip())
    nobody = words.plain_set(known["nobody"]) | {""}
    parts = re.split(known["between"], joined)
    return tuple(dict.fromkeys(part for part in parts if words.plain(part) not in nobody))


def concerned(named: Iterable[str], territory: Territory) -> Concerned:
    """Which units some bodies are, or stand for.

    Args:
        named: Bodies, as `bodies` gives them.
        territory: Units and how they are written.
    """
    known = vocabulary()["bodies"]
    every, some = (
        words.plain_set(known["every_district"]),
        words.plain_set(known["some_districts"]),
    )
    districts = territory.units.index[territory.units["district"].notna()]
    parts = list(_parts(named))
    codes = territory.unit_codes(pd.Series(parts, dtype="str"))
    units: set[str] = set()
    is_some = is_city = False
    for part, code in zip(parts, codes, strict=True):
        if words.plain(part) in every:
            units |= set(districts)
        elif words.plain(part) in some:
            is_some = True
        elif pd.notna(code):
            units.add(str(code))
        else:
            is_city = True
    return Concerned(frozenset(units), is_some, is_city)


def _parts(named: Iterable[str]) -> Iterator[str]:
    """Bodies, with what their brackets add as bodies of their own."""
    including = re.compile(vocabulary()["bodies"]["including"])
    for body in named:
        match = including.fullmatch(body)
        if match is None:
            yield body
        else:
            yield match["first"]
            yield from bodies(match["also"])


def place_of(written: str, territory: Territory) -> str | None:
    """The code of a unit, TOTAL for the municipal bodies, None for neither."""
    if words.plain(written) in words.plain_set([*vocabulary()["city"]["words"], TOTAL]):
        return TOTAL
    code = territory.unit_codes(pd.Series([written], dtype="str")).iloc[0]
    return None if pd.isna(code) else str(code)


def amounts(text: str) -> list[Fraction]:
    """The amounts that a text names, exact: 3.58万 is 35800, 42% is 0.42."""
    powers = words.values()["numerals"]["powers"]
    return [
        Fraction(match["number"].replace(",", ""))
        * (powers[match["power"]] if match["power"] else 1)
        * (_PERCENT if match["percent"] else 1)
        for match in re.finditer(vocabulary()["amounts"]["number"], text)
    ]
