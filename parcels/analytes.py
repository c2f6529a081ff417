"""What laboratories measure, by every name they give it, from `reference/analytes.csv`."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import pandas as pd

from parcels.model import Label
from parcels.words import plain

_PRIME = re.compile(r"(?<=\d)['\u2019\u2032\uff07]")
# Names differ between laboratories in these alone: 顺-1,2 and 顺1,2, 苯并[a]芘 and 苯并（a）芘.
_LEFT_OUT = re.compile(r"[-\u2010-\u2015\u2212,，、.·\[\]()【】{}'’‘′`\"_]")
# A name often carries its unit: 砷（mg/kg）, 二噁英类 ng TEQ/kg.
_UNIT_BEHIND = re.compile(
    r"[\s(（\[]*(?P<unit>[mμµunp]?g[\s\-·]*(?:[a-z\-]*TEQ[\s\-]*)?[/·.]\s*(?:kg|g|m?L|m3)"
    r"(?:\s*-\s*1)?(?:\s*TEQ)?)[\s)）\]]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Analyte:
    """Something that is measured.

    Attributes:
        key: What Jingtu calls it.
        cas: Its number in the CAS register; "" for sums, and where one number is used for two.
        unit: In which limits and readings are kept; "" for what has none, such as pH.
        parts: What a total is the sum of; empty for what is measured by itself.
    """

    key: str
    label: Label
    cas: str
    unit: str
    parts: tuple[str, ...] = ()


@cache
def analytes() -> Mapping[str, Analyte]:
    """Every analyte by key, in the order of the standards."""
    return MappingProxyType(
        {
            row["key"]: Analyte(
                row["key"],
                Label(row["zh"], row["en"]),
                row["cas"],
                row["unit"],
                tuple(row["parts"].split()),
            )
            for row in table("analytes.csv")
        }
    )


@cache
def _keys() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for row in table("analytes.csv"):
        for name in (row["key"], row["zh"], row["en"], row["cas"], *row["names"].split("|")):
            if name:
                found[_bare(name)] = row["key"]
    return MappingProxyType(found)


def _bare(name: str) -> str:
    # 2,3,4,4',5 and 2,3',4,4',5 are two substances: behind a number a prime is part of the name.
    return _LEFT_OUT.sub("", plain(_PRIME.sub("prime", name)))


def analyte_of(name: str) -> str | None:
    """Key of the analyte called so: Chinese, English, abbreviation or CAS number; None if none.

    A unit behind the name does not matter.
    """
    return _keys().get(_bare(name)) or _keys().get(_bare(parted(name)[0]))


def parted(name: str) -> tuple[str, str]:
    """A name without the unit behind it, and the unit; "" where none is written."""
    written = unicodedata.normalize("NFKC", name).strip()
    found = _UNIT_BEHIND.search(written)
    if found is None or not found.start():
        return written, ""
    return written[: found.start()].strip(), found["unit"]


def keys_of(names: pd.Series) -> pd.Series:
    """Key of the analyte of each name, missing where no analyte is called so; same index."""
    known = {name: analyte_of(str(name)) for name in names.dropna().unique()}
    return names.map(known).rename("analyte")


def table(name: str) -> list[dict[str, str]]:
    """The rows of a table in `reference`."""
    text = files("parcels").joinpath("reference", name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))
