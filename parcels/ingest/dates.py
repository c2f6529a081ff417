"""The day a written date names, in the forms people use; a year or month names its first day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.ingest.numerals import arabic, plain_text

TYPE: Final = "datetime64[s]"

_DATE: Final = r"^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$"
_COMPACT_DAY: Final = r"^(\d{4})(\d{2})(\d{2})?$"
_YEAR_LAST: Final = r"^(\d{1,2})-(\d{1,2})-(\d{4})$"
_SHORT_YEAR: Final = r"^\d{1,2}-\d{1,2}-\d{1,2}$"
_YEARS: Final = (1900, 2100)
# Excel counts days from here; numbers in this window are 1954 to 2119.
_EXCEL_EPOCH: Final = np.datetime64("1899-12-30")
_EXCEL_DAYS: Final = (20_000, 80_000)


@dataclass(frozen=True, slots=True)
class Days:
    """What was understood of written dates.

    Attributes:
        days: The day each names; NaT where it names none.
        doubtful: Where day and month, or the year, may be meant either way round; NaT there too.
    """

    days: pd.Series
    doubtful: np.ndarray


def days(written: pd.Series) -> Days:
    """The days that texts name.

    Understood: year, month and day with any usual separator or as eight digits, in Chinese
    numerals too; a year and month, or a year, as the first day; a day followed by a time; a
    spreadsheet's serial number. Day before month or month before day is doubtful unless one is
    above 12 or both are equal; so is a year of two digits.
    """
    half = plain_text(written)
    text = _separated(written)
    parts = text.str.extract(_DATE)
    compact = text.str.extract(_COMPACT_DAY)
    parts = parts.where(parts[0].notna(), compact)
    last, doubtful = _year_last(text)
    parts = parts.where(parts[0].notna(), last)
    year = pd.to_numeric(parts[0], errors="coerce")
    parts = parts.where((year >= _YEARS[0]) & (year <= _YEARS[1]))
    iso = parts[0] + "-" + parts[1].fillna("01").str.zfill(2)
    iso = iso + "-" + parts[2].fillna("01").str.zfill(2)
    found = pd.to_datetime(iso, format="%Y-%m-%d", errors="coerce").astype(TYPE)
    serial = pd.to_numeric(half.where(parts[0].isna()), errors="coerce").to_numpy(float)
    is_serial = (serial >= _EXCEL_DAYS[0]) & (serial <= _EXCEL_DAYS[1])
    if is_serial.any():
        counted = _EXCEL_EPOCH + np.where(is_serial, serial, 0).astype("timedelta64[D]")
        found = found.where(~is_serial, pd.Series(counted, found.index).astype(TYPE))
    return Days(found, doubtful)


def _separated(written: pd.Series) -> pd.Series:
    """Dates with hyphens and digits only, without time and without what follows the day."""
    known = words.values()["dates"]
    text = written.str.replace(_time(), "", regex=True)
    text = plain_text(text)
    foreign = ~text.fillna("").str.isascii().to_numpy(bool)
    if foreign.any():
        text = text.where(~foreign, text.map(arabic, na_action="ignore"))
    for mark in known["separators"]:
        text = text.str.replace(mark, "-", regex=False)
    for mark in known["endings"]:
        text = text.str.removesuffix(mark)
    return text.str.removesuffix("-")


def _year_last(text: pd.Series) -> tuple[pd.DataFrame, np.ndarray]:
    """Parts of dates that end in the year, and where they or two-digit years are doubtful."""
    parts = text.str.extract(_YEAR_LAST)
    first = pd.to_numeric(parts[0], errors="coerce")
    second = pd.to_numeric(parts[1], errors="coerce")
    either = (first <= 12) & (second <= 12) & (first != second)
    day, month = parts[0].where(first > 12, parts[1]), parts[1].where(first > 12, parts[0])
    ordered = pd.DataFrame({0: parts[2], 1: month, 2: day}).where(~either)
    short = text.str.match(_SHORT_YEAR).fillna(value=False)
    return ordered, (either | short).to_numpy(bool)


@cache
def _time() -> str:
    known = words.values()["dates"]
    halves = "|".join(map(re.escape, known["halves"]))
    hours = "|".join(map(re.escape, known["hours"]))
    endings = "|".join(map(re.escape, known["endings"]))
    return rf"(?:[T\s]+|(?<={endings}))(?:{halves})?\s*\d{{1,2}}(?:{hours}).*$"
