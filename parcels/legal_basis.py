"""Which article says what, by the day of the act, read from `reference/legal_basis.toml`."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from parcels.model import FOREVER, Label


@dataclass(frozen=True, slots=True)
class Instrument:
    """A law, in force from `since` to `until`, both days included."""

    key: str
    label: Label
    since: dt.date
    until: dt.date


@dataclass(frozen=True, slots=True)
class Article:
    """An article in force, as it is cited."""

    instrument: Instrument
    number: str
    cited: Label


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that laws provide for.

    Attributes:
        articles: One for each instrument that deals with it, the oldest first.
        change: What the newest changed beyond wording.
    """

    key: str
    label: Label
    articles: tuple[Article, ...]
    change: Label | None = None

    def on(self, day: dt.date) -> Article | None:
        """The article in force on a day; None where no instrument dealt with it then."""
        for article in self.articles:
            if article.instrument.since <= day <= article.instrument.until:
                return article
        return None


@cache
def subjects() -> Mapping[str, Subject]:
    """Every subject by key."""
    table = tomllib.loads(
        files("parcels").joinpath("reference", "legal_basis.toml").read_text(encoding="utf-8")
    )
    laws = {
        row["key"]: Instrument(
            row["key"], Label(row["zh"], row["en"]), row["from"], row.get("to", FOREVER)
        )
        for row in table["instruments"]
    }
    found: dict[str, Subject] = {}
    for row in table["subjects"]:
        articles = tuple(
            Article(law, row["articles"][law.key], _cited(table["cite"], law, row["articles"]))
            for law in sorted(laws.values(), key=lambda law: law.since)
            if law.key in row["articles"]
        )
        change = Label(**row["change"]) if "change" in row else None
        label = Label(row["zh"], row["en"])
        found[row["key"]] = Subject(row["key"], label, articles, change)
    return MappingProxyType(found)


def _cited(sentence: Mapping[str, str], law: Instrument, articles: Mapping[str, str]) -> Label:
    number = articles[law.key]
    return Label(
        sentence["zh"].format(instrument=law.label.zh, article=number),
        sentence["en"].format(instrument=law.label.en, article=number),
    )
