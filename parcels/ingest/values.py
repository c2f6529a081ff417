"""Values as districts write them, brought to what the register stores.

Every column is treated whole; only different texts are looked at one by one where a table of words
decides, so that a million rows cost as little as their variety.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.findings import Findings
from parcels.ingest import dates
from parcels.ingest.columns import Matched
from parcels.ingest.numerals import amount_of, arabic, plain_text
from parcels.model import Choice, Field, Kind, Layer
from parcels.words import Measure

ERASED: Final = "erased"
"""Column with the keys, joined by ";", of the fields whose value a row takes away."""

ROUNDING: Final = "declared_area_rounding_m2"
"""Column with half of the last digit the declared area was written to, m2."""

_NUMBER: Final = r"^([+-]?)((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(.*)$"
_THOUSANDS: Final = r"^([+-]?\d{1,3}(?:,\d{3})+)(?![\d,])"
_LOST_DIGITS: Final = r"^\d(?:\.\d+)?[eE]\+\d+$"
_EXACT: Final = 2**53
_LONGEST_MARK: Final = 8
_DIGITS: Final = tuple("0123456789")
_FEW_DECIMALS: Final = 4


@dataclass(frozen=True)  # without slots, which leave no room for what is worked out once
class _Column:
    """One column on its way: `raw` as it arrived, `there` where something is written.

    `erased` is where a mark says that the value known is to be taken away.
    """

    field: Field
    raw: pd.Series
    there: np.ndarray
    erased: np.ndarray
    rows: np.ndarray
    numbers: pd.Series | None
    measure: Measure | None

    @cached_property
    def text(self) -> pd.Series:
        """What is written, as text; of a column of numbers that takes as long as all the rest."""
        return _only(_as_text(self.raw), self.there)

    def shown(self, at: np.ndarray) -> pd.Series:
        """What is written at some positions, as text."""
        if isinstance(self.raw.dtype, pd.StringDtype):
            return self.text.iloc[at]
        return _only(_as_text(self.raw.iloc[at]), self.there[at])


@dataclass(frozen=True, slots=True)
class _Read:
    """What was understood of a column.

    Attributes:
        stored: What the register stores; missing where nothing was understood.
        failed: Rows with something written that says nothing.
        changed: Rows whose value is not simply what was written.
        code: Finding for the failed ones.
        doubtful: Rows whose value may mean two things.
    """

    stored: pd.Series
    failed: np.ndarray
    changed: np.ndarray
    code: str = "value_not_understood"
    doubtful: np.ndarray | None = None


def harmonise(
    arrived: pd.DataFrame, matched: Matched, layer: Layer, *, findings: Findings
) -> pd.DataFrame:
    """The fields of a layer out of the columns of a delivery.

    Args:
        arrived: Attribute columns indexed by row; left as it is.
        matched: Which column is which field.
        layer: Its fields say what each column holds and in which unit.
        findings: Takes what was changed (once per field) and what was not understood (each).

    Returns:
        One column per field delivered, named by key, same index: text as "str", numbers as
        float64 in the field's unit, whole numbers as Int64, dates as datetime64, yes/no as
        "boolean", code lists as their codes ("codes" joined by ";"). With the declared area comes
        the column ROUNDING, with a mark of deletion the column ERASED.
    """
    done: dict[str, pd.Series] = {}
    # The code first: the findings of all other fields name the parcel by it.
    fields = sorted(layer.fields, key=lambda field: field.key != "code")
    for field in fields:
        if field.key not in matched.columns:
            continue
        column = _column(arrived, matched, field, done.get("code"))
        read = _READERS[field.kind](column)
        _report(column, read, findings)
        done[field.key] = read.stored
        if field.key == "declared_area_m2":
            done[ROUNDING] = _rounding(column)
        if column.erased.any():
            done[ERASED] = _with_erased(done.get(ERASED), column)
    order = [field.key for field in layer.fields if field.key in done]
    order += [key for key in (ROUNDING, ERASED) if key in done]
    return pd.DataFrame({key: done[key] for key in order}, index=arrived.index)


def _with_erased(before: pd.Series | None, column: _Column) -> pd.Series:
    own = pd.Series(None, index=column.raw.index, dtype="str").mask(
        column.erased, column.field.key
    )
    return own if before is None else (before + ";" + own).fillna(before).fillna(own)


def numbers_of(raw: pd.Series) -> pd.Series:
    """A column of coordinates or other bare numbers as float64; NaN for what is none."""
    if pd.api.types.is_numeric_dtype(raw):
        return raw.astype("Float64").astype("float64")
    text = plain_text(_as_text(raw)).str.replace("°", "", regex=False)
    bare = text.str.extract(_NUMBER)
    parsed = pd.to_numeric(bare[0].fillna("") + bare[1], errors="coerce")
    return parsed.where(bare[2] == "").astype("float64")


def _column(
    arrived: pd.DataFrame, matched: Matched, field: Field, numbers: pd.Series | None
) -> _Column:
    raw = arrived[matched.columns[field.key]]
    written, marked = _written(raw)
    there, erased = written.copy(), np.zeros(len(raw), bool)
    if marked.any():
        text = _as_text(raw[marked])
        marks = {one: words.plain(one) for one in text.unique()}
        blank = [one for one, plain in marks.items() if plain in words.blanks()]
        deleted = [one for one, plain in marks.items() if plain in words.deletions()]
        erased[marked] = text.isin(deleted).to_numpy(bool)
        there[marked] = ~text.isin([*blank, *deleted]).to_numpy(bool)
    return _Column(
        field,
        raw,
        there,
        erased,
        arrived.index.to_numpy("int64"),
        numbers,
        matched.measures.get(field.key),
    )


def _written(raw: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Where something is written in a column, and where that may be a mark.

    No mark begins with a digit, and of numbers there may be a million different ones: numbers
    below zero alone are looked at, and nothing of days and of yes and no.
    """
    if pd.api.types.is_bool_dtype(raw) or pd.api.types.is_datetime64_any_dtype(raw):
        return raw.notna().to_numpy(bool), np.zeros(len(raw), bool)
    if pd.api.types.is_numeric_dtype(raw):
        there = raw.notna().to_numpy(bool)
        return there, there & ~(raw >= 0).fillna(value=False).to_numpy(bool)
    text = _as_text(raw)
    there = text.notna().to_numpy(bool)
    short = there & (text.str.len() <= _LONGEST_MARK).fillna(value=False).to_numpy(bool)
    if short.any():
        short &= ~text.str.slice(0, 1).isin(_DIGITS).to_numpy(bool)
    return there, short


def _only(text: pd.Series, there: np.ndarray) -> pd.Series:
    """The text where something is there; the very same where that is everywhere it is."""
    return text if np.array_equal(text.notna().to_numpy(bool), there) else text.where(there)


def _as_text(raw: pd.Series) -> pd.Series:
    """A column as text without blanks at the ends; empty is missing."""
    if pd.api.types.is_float_dtype(raw):
        whole = raw.notna() & (raw == np.floor(raw)) & (raw.abs() < _EXACT)
        text = raw.astype("str")
        text = text.where(~whole.fillna(value=False), text.str.removesuffix(".0"))
        return text.where(raw.notna())
    text = raw.astype("str")
    if not isinstance(raw.dtype, pd.StringDtype):
        text = text.where(raw.notna())
    bare = text.str.strip()
    odd = (bare != text) | (bare == "")
    # What needs no change stays the very same, and takes no memory of its own.
    return bare.where(bare != "") if (odd & text.notna()).any() else text


def _texts(column: _Column) -> _Read:
    values = column.text.astype("str")
    failed = np.zeros(len(values), bool)
    changed = failed
    if column.field.key == "code" or column.field.pattern is not None:
        plain = plain_text(values)
        changed = column.there & (plain != values).to_numpy(bool)
        values = plain
        failed = _digits_lost(column, values)
        values = values.where(~failed)
    return _Read(values, failed, changed & ~failed)


def _digits_lost(column: _Column, values: pd.Series) -> np.ndarray:
    # A spreadsheet that took a code for a number has thrown its last digits away.
    if pd.api.types.is_float_dtype(column.raw):
        return np.asarray((column.raw.abs() >= _EXACT).fillna(value=False), bool)
    return np.asarray(values.str.match(_LOST_DIGITS).fillna(value=False), bool)


def _numbers(column: _Column) -> _Read:
    factor = _heading_factor(column)
    if pd.api.types.is_numeric_dtype(column.raw):
        bare = column.raw.astype("Float64").astype("float64")
        values = bare * float(factor)
        changed = column.there & (factor != 1)
        return _finite(column, values, changed)
    amount, unit, text = _amounts(column.text)
    factors = unit.map(_cell_factors(unit.unique(), column.field, factor)).astype("float64")
    values = amount * factors
    changed = column.there & (
        (column.text != text).to_numpy(bool) | (unit != "").to_numpy(bool) | (factors != 1)
    )
    return _finite(column, values, changed)


def _amounts(written: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Numbers, the units behind them, and the text these were read from."""
    text = plain_text(written)
    # Bare numbers are the most, and these need no pattern. Hexadecimal is no number here.
    bare = pd.to_numeric(
        text.where(~text.str.contains("[_xXnN]").fillna(value=True)), errors="coerce"
    )
    amount = bare.astype("float64")
    unit = pd.Series("", index=text.index, dtype="str")
    other = (text.notna() & amount.isna()).to_numpy(bool)
    if other.any():
        rest = text[other]
        foreign = ~rest.str.isascii().to_numpy(bool)
        rest = rest.where(~foreign, rest.map(arabic))
        grouped = rest.str.match(_THOUSANDS).to_numpy(bool)
        rest = rest.where(~grouped, rest.str.replace(",", "", regex=False))
        parts = rest.str.extract(_NUMBER)
        amount[other] = pd.to_numeric(parts[0].fillna("") + parts[1], errors="coerce")
        unit[other] = parts[2].fillna("")
        text = text.where(~other, rest.reindex(text.index))
    return amount, unit, text


def _finite(column: _Column, values: pd.Series, changed: np.ndarray) -> _Read:
    values = values.where(column.there & np.isfinite(values.to_numpy(float)))
    failed = column.there & values.isna().to_numpy(bool)
    return _Read(values.astype("float64"), failed, np.asarray(changed, bool) & ~failed)


def _whole_numbers(column: _Column) -> _Read:
    read = _numbers(column)
    amount = read.stored.to_numpy(float)
    broken = np.isfinite(amount) & ((amount != np.floor(amount)) | (np.abs(amount) > _EXACT))
    whole = read.stored.where(~broken).astype("Float64").astype("Int64")
    return _Read(whole, read.failed | broken, read.changed & ~broken)


def _heading_factor(column: _Column) -> Fraction:
    """What a bare number is worth in the field's unit, by the unit in the heading."""
    own = words.measures().get(words.plain(column.field.unit or ""))
    if own is None or column.measure is None or column.measure.dimension != own.dimension:
        return Fraction(1)
    return column.measure.factor / own.factor


def _cell_factors(units: Any, field: Field, heading: Fraction) -> dict[str, float]:
    """What a number is worth by the unit written behind it; NaN for a unit that does not fit."""
    own = words.measures().get(words.plain(field.unit or ""))
    found: dict[str, float] = {"": float(heading)}
    for written in units:
        if written == "":
            continue
        power, bare = amount_of(written)
        if bare in {"", "%"}:
            found[written] = float(power * (heading if not bare else _percent(field)))
            continue
        unit = words.measures().get(words.plain(bare))
        fits = own is not None and unit is not None and unit.dimension == own.dimension
        same = words.plain(bare) == words.plain(field.unit or "\0")
        # "2024年" is a year.
        same = same or (unit is not None and unit.key == "year" and field.kind is Kind.INTEGER)
        if fits and own is not None and unit is not None:
            found[written] = float(power * unit.factor / own.factor)
        else:
            found[written] = float(power) if same else math.nan
    return found


def _percent(field: Field) -> Fraction | float:
    """What one percent is worth: a hundredth of a share, one of a field in percent."""
    if field.unit == "%":
        return Fraction(1)
    return Fraction(1, 100) if field.unit == "share" else math.nan


def _rounding(column: _Column) -> pd.Series:
    """Half of the last digit each area was written to, in the field's unit."""
    heading = float(_heading_factor(column))
    if pd.api.types.is_numeric_dtype(column.raw):
        finest = _decimals(column)
        return pd.Series(0.5 * 10.0**-finest * heading, index=column.raw.index)
    _, unit, text = _amounts(column.text)
    point = text.str.find(".")
    decimals = (text.str.len() - point - 1).where(point >= 0, 0)
    with_unit = (unit != "").to_numpy(bool)
    if with_unit.any():
        digits = text[with_unit].str.extract(r"\.(\d+)", expand=False).str.len()
        decimals[with_unit] = digits.fillna(0).astype(decimals.dtype)
    factors = unit.map(_cell_factors(unit.unique(), column.field, Fraction(heading)))
    half = 0.5 * 10.0 ** -decimals.fillna(0).astype("float64") * factors.astype("float64")
    return half.fillna(0.0)


def _decimals(column: _Column) -> int:
    """The most decimals among the numbers of a column, as one writes them.

    Written out are only those that have more than a few.
    """
    left = np.flatnonzero(column.there)
    numbers = column.raw.iloc[left].astype("float64").to_numpy()
    finest = 0
    for decimals in range(_FEW_DECIMALS + 1):
        with np.errstate(over="ignore"):
            scaled = numbers * 10.0**decimals
        fits = (np.abs(scaled) < _EXACT / 2) & (np.rint(scaled) / 10.0**decimals == numbers)
        finest = decimals if fits.any() else finest
        left, numbers = left[~fits], numbers[~fits]
    if not len(left):
        return finest
    written = column.shown(left).str.extract(r"\.(\d+)$", expand=False).str.len()
    return max(finest, int(written.fillna(0).max()))


def _dates(column: _Column) -> _Read:
    if pd.api.types.is_datetime64_any_dtype(column.raw):
        local = column.raw.dt.tz_localize(None) if column.raw.dt.tz is not None else column.raw
        values = local.astype(dates.TYPE).dt.floor("D")
        nothing = np.zeros(len(values), bool)
        return _Read(values, column.there & values.isna().to_numpy(bool), nothing)
    places, uniques = pd.factorize(column.text)
    read = dates.days(pd.Series(uniques, dtype="str"))
    found = np.append(read.days.to_numpy(dates.TYPE), np.datetime64("NaT"))
    values = pd.Series(found[places], index=column.text.index)
    failed = column.there & values.isna().to_numpy(bool)
    same = (read.days.dt.strftime("%Y-%m-%d") == pd.Series(uniques)).to_numpy(bool)
    plain = np.append(same, True)
    doubtful = np.append(read.doubtful, False)[places] & failed
    changed = column.there & ~failed & ~plain[places]
    return _Read(values, failed & ~doubtful, changed, doubtful=doubtful)


def _booleans(column: _Column) -> _Read:
    if pd.api.types.is_bool_dtype(column.raw):
        nothing = np.zeros(len(column.raw), bool)
        return _Read(column.raw.astype("boolean"), nothing, nothing)
    known = words.values()["boolean"]
    meant = dict.fromkeys(words.plain_set(known["yes"]), True)
    meant.update(dict.fromkeys(words.plain_set(known["no"]), False))
    values = _by_word(column.text, lambda word: meant.get(words.plain(word))).astype("boolean")
    failed = column.there & values.isna().to_numpy(bool)
    return _Read(values, failed, np.zeros(len(values), bool))


def _code(column: _Column) -> _Read:
    if not column.field.choices:
        return _texts(column)
    meant = _choices(column.field.choices)
    values = _by_word(column.text, lambda word: meant.get(words.plain(word))).astype("str")
    failed = column.there & values.isna().to_numpy(bool)
    return _Read(values, failed, np.zeros(len(values), bool), "value_not_in_list")


def _codes(column: _Column) -> _Read:
    meant = _choices(column.field.choices)
    known = words.values()["lists"]
    main, further = (
        re.compile("|".join(map(re.escape, known[name]))) for name in ("separators", "further")
    )

    def parts_of(written: str) -> list[str]:
        parts = [one for one in main.split(written) if one.strip()]
        if not meant:
            return [one.strip() for one in parts]
        return [
            half
            for one in parts
            for half in ([one] if words.plain(one) in meant else further.split(one))
            if half.strip()
        ]

    def joined(written: str) -> str | None:
        if words.plain(written) in meant:
            return meant[words.plain(written)]
        parts = parts_of(written)
        codes = [meant.get(words.plain(one)) if meant else one for one in parts]
        if not codes or any(code is None for code in codes):
            return None
        return ";".join(dict.fromkeys(str(code) for code in codes))

    values = _by_word(column.text, joined).astype("str")
    failed = column.there & values.isna().to_numpy(bool)
    return _Read(values, failed, np.zeros(len(values), bool), "value_not_in_list")


def _choices(choices: tuple[Choice, ...]) -> dict[str, str]:
    meant: dict[str, str] = {}
    for choice in choices:
        for word in (choice.code, choice.label.zh, choice.label.en, *choice.synonyms):
            meant.setdefault(words.plain(word), choice.code)
    return meant


def _by_word(text: pd.Series, meaning: Callable[[str], Any]) -> pd.Series:
    """What each text means, asked once per different text."""
    places, uniques = pd.factorize(text)
    meant = np.array([*(meaning(str(one)) for one in uniques), None], dtype=object)
    return pd.Series(meant[places], index=text.index, dtype=object)


def _report(column: _Column, read: _Read, findings: Findings) -> None:
    field = column.field
    bad = np.flatnonzero(read.failed)
    if len(bad):
        findings.add(
            read.code,
            rows=column.rows[bad],
            numbers=None if column.numbers is None else column.numbers.iloc[bad],
            field=field.key,
            found=column.shown(bad),
            details={
                **words.in_both(words.values()["expected"], field.kind.value, "expected"),
                "allowed_zh": [choice.label.zh for choice in field.choices[:12]],
                "allowed_en": [choice.label.en for choice in field.choices[:12]],
            },
        )
    if read.doubtful is not None and read.doubtful.any():
        unclear = np.flatnonzero(read.doubtful)
        findings.add(
            "date_doubtful",
            rows=column.rows[unclear],
            numbers=None if column.numbers is None else column.numbers.iloc[unclear],
            field=field.key,
            found=column.shown(unclear),
            details=words.in_both(words.values()["expected"], "day_order", "expected"),
        )
    if column.erased.any():
        first = int(column.rows[np.argmax(column.erased)])
        details = {"count": int(column.erased.sum()), "first": first}
        findings.add("value_erased", field=field.key, details=details)
    changed = np.flatnonzero(read.changed)
    if len(changed):
        first = int(changed[0])
        said = {
            "count": len(changed),
            "first": int(column.rows[first]),
            "became": _shown(read.stored.iloc[first], field),
        }
        found = column.shown(changed[:1]).iloc[0]
        if column.measure is not None and pd.api.types.is_numeric_dtype(column.raw):
            found = f"{found} ({column.raw.name})"
        findings.add("value_harmonised", field=field.key, found=found, details=said)


def _shown(one: Any, field: Field) -> str:
    if isinstance(one, pd.Timestamp):
        return f"{one:%Y-%m-%d}"
    if isinstance(one, float):
        return f"{one:.10g}" + (f" {field.unit}" if field.unit else "")
    return str(one)


_READERS: Final[Mapping[Kind, Callable[[_Column], _Read]]] = {
    Kind.TEXT: _texts,
    Kind.INTEGER: _whole_numbers,
    Kind.NUMBER: _numbers,
    Kind.DATE: _dates,
    Kind.BOOLEAN: _booleans,
    Kind.CODE: _code,
    Kind.CODES: _codes,
}
