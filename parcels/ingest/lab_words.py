"""How laboratories head columns, and what they write in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import pandas as pd

from parcels import words
from parcels.analytes import table
from parcels.ingest.headings import heading_forms


@cache
def vocabulary() -> Mapping[str, Any]:
    """How laboratories head columns and what they write in them."""
    text = files("parcels").joinpath("reference", "samples.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def _fields() -> Mapping[str, str]:
    """The field, or "ignored", by plain form of a heading."""
    return MappingProxyType(
        {
            words.plain(name): key
            for key, names in vocabulary()["fields"].items()
            for name in (key, *names)
        }
    )


@cache
def headings() -> frozenset[str]:
    """Plain forms of the headings that a list of a laboratory may have."""
    names = [
        name
        for row in table("analytes.csv")
        for name in (row["zh"], row["en"], row["cas"], *row["names"].split("|"))
    ]
    return words.plain_set(names) | frozenset(_fields())


def named(columns: Iterable[object]) -> dict[str, str]:
    """The column of each field that a list has."""
    found: dict[str, str] = {}
    for column in columns:
        for form in heading_forms(str(column)):
            field = _fields().get(form)
            if field is not None:
                found.setdefault(field, str(column))
                break
    return found


def cells(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """The texts of a list that arrived, None for what is blank, without empty rows."""
    whole = pd.DataFrame(frame.drop(columns="geometry"))
    texts = whole.astype("str").astype(object)
    texts = texts.where(whole.notna() & ~texts.map(_is_blank), None)
    return texts[texts.notna().any(axis=1)]


def called(field: str) -> str:
    """How people call a field: the first of its names."""
    return str(vocabulary()["fields"].get(field, [field])[0])


def expected(key: str) -> dict[str, str]:
    """What should stand in a field, in both languages, for the details of a finding."""
    return words.in_both(vocabulary()["expected"], key, "expected")


def _is_blank(cell: Any) -> bool:
    return words.plain(str(cell)) in words.blanks()
