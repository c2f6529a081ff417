"""Numerals as people write them, brought to plain digits."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from typing import Final

import pandas as pd

from parcels import words

_SPACES: Final = " \t\r\n\v\f"


def plain_text(text: pd.Series) -> pd.Series:
    """Full-width digits and signs as half-width ones, no white space."""
    foreign = ~text.fillna("").str.isascii().to_numpy(bool)
    if foreign.any():
        text = text.where(~foreign, text.str.normalize("NFKC"))
    if not text.str.contains(f"[{_SPACES}]").fillna(value=False).any():
        return text
    for space in _SPACES:
        text = text.str.replace(space, "", regex=False)
    return text


def arabic(written: str) -> str:
    """A text with each run of Chinese numerals as digits: 二〇二四年十二月 is 2024年12月.

    A run without powers of ten is read digit by digit. What is no number is left as it is.
    """
    return _run().sub(lambda found: _value(found[0]), written)


@cache
def _run() -> re.Pattern[str]:
    known = words.values()["numerals"]
    digits, powers = "".join(known["digits"]), "".join(known["powers"])
    point = known["point"]
    start = f"[{digits}{known['ten']}]"
    return re.compile(f"{start}[{digits}{powers}]*(?:{point}[{digits}]+)?")


def _value(run: str) -> str:
    known = words.values()["numerals"]
    whole, _, fraction = run.partition(known["point"])
    after = "".join(str(known["digits"][one]) for one in fraction)
    if not any(one in known["powers"] for one in whole):
        before = "".join(str(known["digits"][one]) for one in whole)
        return f"{before}.{after}" if after else before
    amount = _with_powers(whole)
    if amount is None:
        return run
    return f"{amount}.{after}" if after else str(amount)


def _with_powers(whole: str) -> int | None:
    """The number a run with powers of ten names; None where it names none, such as 一二十."""
    known = words.values()["numerals"]
    total = section = 0
    digit: int | None = None
    last = 0
    zero = False
    for one in whole:
        power = known["powers"].get(one)
        if power is None:
            if digit is not None:
                return None
            meant = known["digits"][one]
            zero, digit = (True, None) if meant == 0 else (zero, meant)
            continue
        if power >= 10_000:
            section += digit or 0
            # 一亿二千万 adds, 一万亿 multiplies.
            total = total + section * power if total > power else (total + section) * power
            section = 0
        else:
            section += (1 if digit is None else digit) * power
        digit, last, zero = None, power, False
    if digit is not None:
        shortened = last >= 100 and not zero
        section += digit * (last // 10 if shortened else 1)
    return total + section


def amount_of(unit: str) -> tuple[Fraction, str]:
    """A unit without the power of ten before it: 万立方米 is ten thousand 立方米."""
    powers = words.values()["numerals"]["powers"]
    factor = Fraction(1)
    while unit and unit[0] in powers and words.plain(unit) not in words.measures():
        factor, unit = factor * powers[unit[0]], unit[1:]
    return factor, unit
