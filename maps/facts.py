"""A parcel's facts as people read them: codes as labels, dates as ISO 8601, numbers with units."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd

from maps import text
from parcels.model import Field, Kind


def fact(column: pd.Series, field: Field, *, lang: str) -> pd.Series:
    """One column of a parcels frame as text; None where nothing is known.

    What does not fit its kind is shown as it stands, never left out.

    Args:
        column: The values, of any dtype.
        field: What they are.
        lang: "zh" or "en".

    Returns:
        Object series on the same index.
    """
    # Each different value is written once; a layer of 100,000 parcels has few of most.
    places, different = pd.factorize(column.astype(object).where(column.notna(), None))
    write = _WRITERS.get(field.kind, _as_it_stands)
    written = [write(one, field, lang) or None for one in different]
    return pd.Series(
        [None if place < 0 else written[place] for place in places],
        index=column.index,
        dtype=object,
        name=column.name,
    )


def _as_it_stands(found: Any, _field: Field, _lang: str) -> str:
    return str(found)


def _number(found: Any, field: Field, lang: str) -> str:
    try:
        amount = float(found)
    except (TypeError, ValueError):
        return str(found)
    if field.unit is None:
        # A year is not 2,024; a coordinate keeps its decimals.
        return f"{amount:.6f}".rstrip("0").rstrip(".")
    grouped = f"{amount:,.4f}".rstrip("0").rstrip(".")
    return f"{grouped} {text.unit_name(field.unit, lang)}"


def _day(found: Any, _field: Field, _lang: str) -> str:
    return f"{found:%Y-%m-%d}" if isinstance(found, dt.date) else str(found)


def _yes_or_no(found: Any, _field: Field, lang: str) -> str:
    known = {True: "words.yes", False: "words.no"}
    return text.say(known[found], lang) if found in known else str(found)


def _label(found: Any, field: Field, lang: str) -> str:
    for choice in field.choices:
        if choice.code == str(found):
            return choice.label.in_(lang)
    return str(found)


def _labels(found: Any, field: Field, lang: str) -> str:
    codes = [code for code in str(found).split(";") if code]
    return text.say("words.list_joint", lang).join(_label(code, field, lang) for code in codes)


_WRITERS: dict[Kind, Callable[[Any, Field, str], str]] = {
    Kind.INTEGER: _number,
    Kind.NUMBER: _number,
    Kind.DATE: _day,
    Kind.BOOLEAN: _yes_or_no,
    Kind.CODE: _label,
    Kind.CODES: _labels,
}
