"""The form of a report: its columns as a layer has them; how periods and values are written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from layers import periods
from layers.periods import Period
from parcels import words
from parcels.errors import PeriodNotUnderstoodError
from parcels.ingest.numerals import amount_of
from parcels.model import Choice, Field, Kind, Label, Layer, Shape

_FILE: Final = Path(__file__).parent / "reference" / "report_form.toml"
_AMOUNT: Final = re.compile(r"([+-]?\d[\d,]*(?:\.\d+)?)(.*)")
_PERCENT: Final = Fraction(1, 100)
_MOST_DIGITS: Final = 10**27

UNIT_NEEDED: Final = "unit_of_value_needed"
NOT_UNDERSTOOD: Final = "value_not_understood"
"""Codes of findings about a value."""


@cache
def vocabulary() -> Mapping[str, Any]:
    """The fields and words of reports."""
    return MappingProxyType(tomllib.loads(_FILE.read_text("utf-8")))


def form(documents: Iterable[Choice]) -> Layer:
    """The form as a layer, whose fields a list is read by and a template is made of.

    Args:
        documents: Kinds of documents that reports can rest on besides those of the form.
    """
    said = vocabulary()
    choices = {
        "state": tuple(_choice(one) for one in said["states"]),
        "evidence": (*(_choice(one) for one in said["documents"]), *documents),
    }
    fields = tuple(
        Field(
            one["key"],
            Label(one["zh"], one["en"]),
            Kind(one["kind"]),
            aliases=tuple(one.get("aliases", ())),
            required=one.get("required", False),
            choices=choices.get(one["key"], ()),
            note=Label(one["note"]["zh"], one["note"]["en"]) if "note" in one else None,
        )
        for one in said["fields"]
    )
    label = Label(said["zh"], said["en"])
    return Layer("report", label, Shape.EITHER, fields, (), label)


def _choice(one: Mapping[str, Any]) -> Choice:
    return Choice(one["code"], Label(one["zh"], one["en"]), tuple(one.get("synonyms", ())))


def kinds(documents: Mapping[str, Choice]) -> dict[str, Choice]:
    """The kinds of documents by code: those of the form, then those of stages."""
    own = {one["code"]: _choice(one) for one in vocabulary()["documents"]}
    return own | dict(documents)


def period(written: str) -> Period | None:
    """The quarter, year or day that is written; None where it is none."""
    known = vocabulary()["periods"]
    plain = words.plain(written)
    found = re.fullmatch(known["quarter"], plain)
    if found is not None:
        digit = known["digits"].get(found["quarter"], found["quarter"])
        plain = f"{found['year']}Q{digit}"
    elif (found := re.fullmatch(known["year"], plain)) is not None:
        plain = found["year"]
    try:
        return periods.read(plain)
    except PeriodNotUnderstoodError:
        return None


def amount(written: str, unit: str, declared: str) -> Decimal | str:
    """A value in the unit of its indicator, exact; or the code of the finding about it.

    Args:
        written: The number, with a unit or % behind it or without.
        unit: The unit said beside it; "" for none.
        declared: Unit of the indicator: "share", "count", "score" or a unit of area.
    """
    found = _AMOUNT.fullmatch(words.plain(written))
    if found is None:
        return NOT_UNDERSTOOD
    number = Fraction(found[1].replace(",", ""))
    power, bare = amount_of(found[2] or words.plain(unit))
    if declared == "share" and not bare:
        # 0.98 may be 98 % or less than one: nobody but the sender knows.
        return UNIT_NEEDED
    factor = _factor(bare, declared)
    exact = None if factor is None else _decimal(number * power * factor)
    return NOT_UNDERSTOOD if exact is None else exact


def _factor(bare: str, declared: str) -> Fraction | None:
    """What one of a unit is in the declared one; None where it does not fit."""
    if declared == "share" and bare == "%":
        return _PERCENT
    if bare in words.plain_set([declared, *vocabulary()["units"].get(declared, ())]) | {""}:
        return Fraction(1)
    one, own = words.measures().get(bare), words.measures().get(words.plain(declared))
    if one is None or own is None or one.dimension != own.dimension:
        return None
    return one.factor / own.factor


def _decimal(amount: Fraction) -> Decimal | None:
    """An amount as a decimal; None where it has no end, or more digits than decimals keep."""
    rest, places = amount.denominator, 0
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
            places += 1
    if rest != 1:
        return None
    digits = amount * 10**places
    if abs(digits.numerator) >= _MOST_DIGITS:
        return None
    return Decimal(digits.numerator).scaleb(-places).normalize()


def plain_digits(amount: Decimal) -> str:
    """An exact amount without an exponent."""
    return format(amount, "f")
