"""What a laboratory wrote, as an interval in the unit of the limits.

A reading that was found is an interval of one number. "Not detected" is all from nothing to the
detection limit, and without a detection limit it says nothing: its upper end is infinite. So every
later question has an exact answer: surely above, surely not above, or it cannot be judged.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.analytes import analytes

_TINY: Final = 1e12
"""Parts are added as whole numbers of 1e-12 of the unit: sums of decimals are then exact."""


@dataclass(frozen=True, slots=True)
class MeasureUnit:
    """A unit of concentration: ten to the `ten` of the unit of its basis."""

    basis: str
    ten: int


@cache
def _laboratory() -> Mapping[str, Any]:
    text = files("parcels").joinpath("reference", "laboratory.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def _units() -> Mapping[str, MeasureUnit]:
    return MappingProxyType(
        {
            _unit_word(name): MeasureUnit(row["basis"], row["ten"])
            for row in _laboratory()["units"]
            for name in row["names"]
        }
    )


def _unit_word(written: str) -> str:
    # NFKC makes one letter of the two signs for micro; superscript -1 becomes plain.
    return words.plain(written).replace("μ", "u").replace("\u2212", "-").strip("()[]")


def unit_of(written: str) -> MeasureUnit | None:
    """The unit a word stands for; None if it is not known."""
    return _units().get(_unit_word(written))


@cache
def basis_of(unit: str) -> str:
    """Basis of the unit in which an analyte is kept; "" for what has no unit."""
    known = _units().get(_unit_word(unit))
    return known.basis if known else ""


def shifted(numbers: pd.Series, ten: int) -> pd.Series:
    """Numbers times ten to the `ten`, as exact as decimals: 5.7 by -3 is 0.0057 and no other."""
    if ten == 0:
        return numbers
    known = {
        one: float(Decimal(repr(float(one))).scaleb(ten)) if math.isfinite(one) else one
        for one in numbers.dropna().unique()
    }
    return numbers.map(known).astype(np.float64)


def intervals(written: pd.Series, detection_limit: pd.Series | None = None) -> pd.DataFrame:
    """What readings say, in the unit they are written in.

    Args:
        written: Numbers or texts: 0.25, "<0.01", "ND", "0.01L", "1.2×10-5", ">500".
        detection_limit: Of each reading on the same index, in the same unit; missing if unknown.

    Returns:
        On the same index: `low`, `high` (infinite where nothing bounds it), `detected`
        (boolean), `understood` (False for what is no reading, and for nothing written; both ends
        are then missing).
    """
    texts = written.astype(object).where(written.notna(), "")
    forms = {one: _form(one) for one in texts.unique()}
    found = pd.DataFrame.from_records(
        [forms[one] for one in texts],
        columns=["low", "high", "detected", "understood"],
        index=written.index,
    )
    found = found.astype({"low": float, "high": float, "detected": bool, "understood": bool})
    if detection_limit is not None:
        bound = detection_limit.astype(np.float64)
        open_ = ~found["detected"] & np.isinf(found["high"]) & bound.notna()
        found["high"] = found["high"].where(~open_, bound)
    return found


_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:(?:e|[x*×]10\^?)([+-]?\d+))?", re.IGNORECASE)
_Form = tuple[float, float, bool, bool]
_NOT_UNDERSTOOD: Final[_Form] = (math.nan, math.nan, False, False)


def _form(one: Any) -> _Form:
    """Ends, whether detected, whether understood."""
    if isinstance(one, bool | np.bool_):
        return _NOT_UNDERSTOOD
    if isinstance(one, int | float | np.number):
        # A workbook shows fifteen digits: 0.1+0.2 there is 0.3, and so it is here.
        number = float(f"{float(one):.15g}")
        return (number, number, True, True) if 0 <= number < math.inf else _NOT_UNDERSTOOD
    return _form_of_text(unicodedata.normalize("NFKC", str(one)).strip())


def _form_of_text(text: str) -> _Form:
    known = _laboratory()["readings"]
    not_detected = words.plain_set(known["not_detected"])
    if words.plain(text) in not_detected:
        return 0.0, math.inf, False, True
    with_limit = re.fullmatch(r"([^()\d]+)\(?([\d.][^()]*?)\)?", text)
    if with_limit and words.plain(with_limit[1]) in not_detected:
        return _between(0.0, _number(with_limit[2]))
    for sign in _longest_first(known["below"]):
        if text.startswith(sign):
            return _between(0.0, _number(text.removeprefix(sign).rstrip("L")))
    for sign in _longest_first(known["above"]):
        if text.startswith(sign):
            return _beyond(_number(text.removeprefix(sign)))
    behind = re.fullmatch(rf"(.+?)\(?(?:{'|'.join(known['below_behind'])})\)?", text)
    if behind:
        return _between(0.0, _number(behind[1]))
    number = _number(text)
    return _NOT_UNDERSTOOD if number is None else (number, number, True, True)


def _longest_first(signs: Iterable[str]) -> list[str]:
    normal = {unicodedata.normalize("NFKC", sign) for sign in signs}
    return sorted(normal, key=len, reverse=True)


def _between(low: float, high: float | None) -> _Form:
    return _NOT_UNDERSTOOD if high is None else (low, high, False, True)


def _beyond(low: float | None) -> _Form:
    # Above the range of the instrument: any number larger than this one.
    return (
        _NOT_UNDERSTOOD if low is None else (math.nextafter(low, math.inf), math.inf, True, True)
    )


def _number(text: str) -> float | None:
    bare = text.replace(" ", "").replace("\u2212", "-")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", bare):
        bare = bare.replace(",", "")
    found = _NUMBER.fullmatch(bare)
    if found is None:
        return None
    number = float(Decimal(found[1]).scaleb(int(found[2] or 0)))
    return number if math.isfinite(number) else None


def in_unit_of_limits(readings: pd.DataFrame) -> pd.DataFrame:
    """Intervals in the unit in which the limits of their analyte are written.

    Args:
        readings: `analyte` (keys), `low`, `high`, `unit` as written.

    Returns:
        The same rows: `low` and `high` converted; `unit_fits` is False where the unit is not
        known or of another basis (mg/L of soil, ng/kg of a toxic equivalent), and both ends
        are then missing.
    """
    known = {one: unit_of(str(one)) for one in readings["unit"].dropna().unique()}
    ten = readings["unit"].map({word: one.ten for word, one in known.items() if one})
    basis = readings["unit"].map({word: one.basis for word, one in known.items() if one})
    # A water sample holds the same substances; only a toxic equivalent is told from a mass.
    of_teq = readings["analyte"].map(
        {key: basis_of(one.unit) == "teq" for key, one in analytes().items()}
    )
    fits = ten.notna() & ((basis == "teq") == of_teq.fillna(value=False).astype(bool))
    ends = readings[["low", "high"]].where(fits)
    for power in sorted(set(ten[fits].astype(int)) - {0}):
        those = fits & (ten == power)
        for end in ("low", "high"):
            ends.loc[those, end] = shifted(ends.loc[those, end], int(power))
    return readings.assign(low=ends["low"], high=ends["high"], basis=basis, unit_fits=fits)


def with_totals(readings: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """Readings and the totals that a laboratory left to be added up.

    What was not detected counts as nothing at the lower end and as its detection limit at the
    upper; a part that was not measured leaves the upper end open. A total that was reported
    stands.

    Args:
        readings: `analyte`, `low`, `high` in the unit of the limits, and the column `by`.
        by: Column that tells samples apart; one reading per sample and analyte.

    Returns:
        `readings` with further rows, `summed` True on these.
    """
    rows = [readings.assign(summed=False)]
    for total in analytes().values():
        parts = readings[readings["analyte"].isin(total.parts)]
        reported = readings.loc[readings["analyte"] == total.key, by]
        parts = parts[~parts[by].isin(reported)]
        if len(parts):
            rows.append(_summed(parts, by, total.key, len(total.parts)))
    return pd.concat(rows, ignore_index=True) if len(rows) > 1 else rows[0]


def _summed(parts: pd.DataFrame, by: str, key: str, count: int) -> pd.DataFrame:
    open_ = ~np.isfinite(parts["high"])
    whole = pd.DataFrame(
        {
            by: parts[by],
            "low": (parts["low"].fillna(0) * _TINY).round().astype(np.int64),
            "high": (parts["high"].where(~open_, 0) * _TINY).round().astype(np.int64),
            "open": open_,
        }
    ).groupby(by, sort=False)
    added = whole[["low", "high"]].sum() / _TINY
    complete = (whole.size() == count) & ~whole["open"].any()
    added["high"] = added["high"].where(complete, math.inf)
    kept = parts.drop_duplicates(by).set_index(by)
    kept[["low", "high"]] = added
    return kept.reset_index().assign(analyte=key, summed=True)
