"""What people read: sentences and words by key and language, and numbers and dates as written.

The words are in `maps/locale/<language>/<topic>.toml`; a table [number_twice] with an entry `what`
in findings.toml is the key "findings.number_twice.what". A sentence takes fields in braces with
Python's format specifications, and one more: `{count:parcel|parcels}` gives the first word for
one and the second for any other number.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from numbers import Number
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import is_scalar

LANGUAGES: Final = ("zh", "en")
"""Chinese and English; every key has both."""

LONGEST: Final = 300
"""Characters of a field shown in a sentence; what is longer is cut with an ellipsis."""

BEIJING_TIME: Final = dt.timezone(dt.timedelta(hours=8), "UTC+08:00")
"""Asia/Shanghai has no summer time since 1992, so no time-zone database is needed."""

_M2_PER: Final[Mapping[str, float]] = {"m2": 1, "mu": 2000 / 3, "ha": 10_000, "km2": 1_000_000}
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)


class WordsMissingError(KeyError):
    """There is no sentence of this key, or it takes a field that was not given."""


def say(key: str, lang: str, /, **fields: Any) -> str:
    """The sentence of this key in "zh" or "en", its fields filled in.

    Text in a field is made safe for one line of a terminal (see `plain`), a list is joined as
    the language does it, and None or NaN reads "unknown" whatever its format specification.

    Raises:
        WordsMissingError: For an unknown key or language, or a field that was not given.
    """
    return sayer(key, lang)(fields)


def sayer(key: str, lang: str) -> Callable[[Mapping[str, Any]], str]:
    """The sentence of this key as a function of its fields, for use on many rows."""
    sentence = _sentences(lang).get(key)
    if sentence is None:
        raise WordsMissingError(f"{lang}: {key}")
    names = fields(key, lang)
    speak = _Grammar(lang).vformat if "|" in sentence else _plain_vformat

    def said(given: Mapping[str, Any]) -> str:
        try:
            shown = {name: _shown(given[name], lang) for name in names}
        except KeyError as missing:
            raise WordsMissingError(f"{lang}: {key}: {missing.args[0]}") from None
        return speak(sentence, (), shown)

    return said


def has(key: str, lang: str) -> bool:
    """Whether there is a sentence of this key."""
    return key in _sentences(lang)


def words(prefix: str, lang: str) -> Mapping[str, str]:
    """Every sentence below a prefix, by the rest of its key.

    Raises:
        WordsMissingError: If there is none.
    """
    start = f"{prefix}."
    below = {k.removeprefix(start): v for k, v in _sentences(lang).items() if k.startswith(start)}
    if not below:
        raise WordsMissingError(f"{lang}: {prefix}.*")
    return MappingProxyType(below)


def keys(lang: str) -> frozenset[str]:
    """Every key of a language."""
    return frozenset(_sentences(lang))


@cache
def fields(key: str, lang: str) -> frozenset[str]:
    """Names of the fields that a sentence takes."""
    try:
        parts = list(Formatter().parse(_sentences(lang)[key]))
    except KeyError:
        raise WordsMissingError(f"{lang}: {key}") from None
    return frozenset(name for _, name, _, _ in parts if name is not None)


def plain(written: str) -> str:
    """Text of others made safe to show on one line.

    Control characters, text-direction marks and other invisible characters are shown as escapes,
    so that a value from a file can neither colour a terminal, nor hide, nor reverse what is read;
    text longer than LONGEST is cut.
    """
    cut = written if len(written) <= LONGEST else f"{written[: LONGEST - 1]}…"
    return _INVISIBLE.sub(_escaped, cut)


def number(amount: float | None, lang: str, *, decimals: int = 0) -> str:
    """A number with thousands separators; "unknown" for None and NaN."""
    if _unknown(amount):
        return say("words.unknown", lang)
    return _unsigned_zero(f"{amount:,.{decimals}f}")


def area(area_m2: float | None, lang: str, *, unit: str | None = None) -> str:
    """An area with its unit, in m2, mu, ha or km2; in the fitting unit when none is named.

    Args:
        area_m2: Square metres; None or NaN gives "unknown".
        lang: "zh" or "en".
        unit: "m2", "mu" (亩, 2000/3 m2), "ha" or "km2".
    """
    if area_m2 is None or _unknown(area_m2):
        return say("words.unknown", lang)
    chosen = unit or _fitting_unit(abs(area_m2))
    amount = area_m2 / _M2_PER[chosen]
    decimals = 0 if chosen == "m2" else 2
    return f"{number(amount, lang, decimals=decimals)} {unit_name(chosen, lang)}"


def unit_name(unit: str, lang: str) -> str:
    """How people write a unit ("m2", "mu", "t/a"); a unit without words is given as it is."""
    key = f"words.units.{unit}"
    return say(key, lang) if has(key, lang) else unit


def share(part: float | None, lang: str, *, decimals: int = 1) -> str:
    """A share from 0 to 1 as a percentage.

    What is not nothing is never shown as 0 %, and what is not all never as 100 %: these read
    "<0.1%" and ">99.9%".
    """
    if part is None or _unknown(part):
        return say("words.unknown", lang)
    step = 10.0**-decimals
    shown = f"{part:.{decimals}%}"
    if 0 < part < 1 and shown == f"{0:.{decimals}%}":
        return f"<{step:.{decimals}f}%"
    if 0 < part < 1 and shown == f"{1:.{decimals}%}":
        return f">{100 - step:.{decimals}f}%"
    return _unsigned_zero(shown)


def day(on: dt.date | None, lang: str) -> str:
    """A date as ISO 8601, e.g. 2026-11-24; "unknown" for None."""
    return say("words.unknown", lang) if _unknown(on) else f"{on:%Y-%m-%d}"


def instant(at: dt.datetime | None, lang: str) -> str:
    """An instant to the minute in Beijing time, e.g. 2026-11-24 09:30; "unknown" for None.

    Args:
        at: Timezone-aware.
        lang: "zh" or "en".
    """
    if at is None or _unknown(at):
        return say("words.unknown", lang)
    return f"{at.astimezone(BEIJING_TIME):%Y-%m-%d %H:%M}"


class _Unknown(str):
    """The word for what is not known; it takes any format specification."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


class _Grammar(Formatter):
    """Formatting with `{count:parcel|parcels}`."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" not in format_spec:
            return str(super().format_field(value, format_spec))
        one, many = format_spec.split("|", 1)
        return one if value == 1 else many


def _plain_vformat(sentence: str, _args: tuple[()], shown: Mapping[str, Any]) -> str:
    return sentence.format_map(shown)


def _shown(value: Any, lang: str) -> Any:
    if isinstance(value, str):
        return plain(value)
    if _unknown(value):
        return _Unknown(_sentences(lang)["words.unknown"])
    if isinstance(value, bool | np.bool_):
        return say("words.yes" if value else "words.no", lang)
    if isinstance(value, Iterable):
        joint = _sentences(lang)["words.list_joint"]
        return joint.join(str(_shown(one, lang)) for one in value)
    return value if isinstance(value, Number | dt.date) else plain(str(value))


def _unknown(value: Any) -> bool:
    return bool(is_scalar(value) and pd.isna(value))


def _fitting_unit(area_m2: float) -> str:
    if area_m2 < 10_000:
        return "m2"
    return "ha" if area_m2 < 10_000_000 else "km2"


def _unsigned_zero(shown: str) -> str:
    return shown.removeprefix("-") if not re.search("[1-9]", shown) else shown


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


@cache
def _sentences(lang: str) -> Mapping[str, str]:
    if lang not in LANGUAGES:
        raise WordsMissingError(lang)
    folder = resources.files("maps") / "locale" / lang
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    found: dict[str, str] = {}
    for file in files:
        topic = file.name.removesuffix(".toml")
        found.update(_flat(topic, tomllib.loads(file.read_text("utf-8"))))
    return MappingProxyType(found)


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, entry in table.items():
        key = f"{prefix}.{name}"
        if isinstance(entry, Mapping):
            yield from _flat(key, entry)
        elif isinstance(entry, str):
            yield key, entry
        else:
            raise TypeError(key)
