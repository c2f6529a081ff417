"""The words districts write, read from `reference/formats.toml` and `reference/values.toml`."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

_SPACES = re.compile(r"\s+")
# From here on GB 2312 is sorted by radical.
_LEVEL_2 = b"\xd8\xa1"


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit of measure: one of it is `factor` of the base unit of its dimension."""

    key: str
    dimension: str
    factor: Fraction


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be wrong with the shape of a boundary, in both languages."""

    key: str
    zh: str
    en: str


def plain(written: str) -> str:
    """A word without what writers vary: width, case, spaces (NFKC, folded, no white space)."""
    return _SPACES.sub("", unicodedata.normalize("NFKC", written)).casefold()


@cache
def formats() -> Mapping[str, Any]:
    """The words of the file formats."""
    return _load("formats.toml")


@cache
def values() -> Mapping[str, Any]:
    """The words of the values."""
    return _load("values.toml")


@cache
def blanks() -> frozenset[str]:
    """Plain words that stand for "nothing written", the empty one among them."""
    return plain_set(values()["blank"]["words"]) | {""}


@cache
def deletions() -> frozenset[str]:
    """Plain words that take away what is known."""
    return plain_set(values()["deleted"]["words"])


@cache
def measures() -> Mapping[str, Measure]:
    """Units of measure by every plain word for them."""
    found: dict[str, Measure] = {}
    for row in values()["units"]:
        unit = Measure(row["key"], row["dimension"], Fraction(*row["factor"]))
        found.update(dict.fromkeys(plain_set([row["key"], *row["words"]]), unit))
    return found


def initials(chinese: str) -> str:
    """Initials of the pinyin of Chinese words, as column names have them: 地块名称 is dkmc.

    Level 1 of GB 2312 is sorted by pinyin, so its code tells the initial; a character with several
    readings has one place there. Anything that is no such character stays as it is.
    """
    return "".join(map(_initial, chinese)).casefold()


@cache
def _initial(character: str) -> str:
    try:
        place = character.encode("gb2312")
    except UnicodeEncodeError:
        return character
    first = _first_characters()
    if len(place) < 2 or not first[0][0] <= place < _LEVEL_2:
        return character
    return next(letter for start, letter in reversed(first) if start <= place)


@cache
def _first_characters() -> tuple[tuple[bytes, str], ...]:
    firsts = formats()["suggestions"]["first_by_initial"]
    return tuple((one.encode("gb2312"), letter) for letter, one in firsts.items())


@cache
def faults() -> Mapping[str, Fault]:
    """Faults of a boundary by the name GEOS gives them; "" for any other."""
    rows = values()["faults"]
    return {row["words"]: Fault(row["key"], row["zh"], row["en"]) for row in rows}


def is_local_system(named: str) -> bool:
    """Whether words name a city's own coordinate system, for which no transformation is public."""
    name = plain(named)
    return any(plain(word) in name for word in formats()["local"]["words"])


def in_both(rows: Mapping[str, Any], key: str, name: str, **fields: str) -> dict[str, str]:
    """A phrase as the entries `name`_zh and `name`_en of a finding's details."""
    phrase = rows[key]
    return {f"{name}_{lang}": str(phrase[lang]).format(**fields) for lang in ("zh", "en")}


def plain_set(written: Iterable[str]) -> frozenset[str]:
    """The plain forms of several words."""
    return frozenset(plain(word) for word in written)


def _load(name: str) -> Mapping[str, Any]:
    text = files("parcels").joinpath("reference", name).read_text(encoding="utf-8")
    return tomllib.loads(text)
