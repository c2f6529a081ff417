"""What every command stands at: which register, which language, who, and how to print."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

from layers import catalog, indicator_files
from layers.catalog import Catalog
from layers.indicators import Indicators
from maps import settings, text
from parcels.model import FOREVER, Moment
from parcels.reviewing import Reviewing
from parcels.store import is_embedded


class Language(StrEnum):
    """The languages of the command line."""

    ZH = "zh"
    EN = "en"


AsOf: TypeAlias = Annotated[
    dt.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="cli.options.as_of"),
]
"""The day on which what is read was true; every reading command takes it."""

Known: TypeAlias = Annotated[str | None, typer.Option("--known", help="cli.options.known")]
"""The day or instant at which the register knew what is read; every reading command takes it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What holds for one run of the command line.

    Attributes:
        store: A path or a database URL.
        user: In whose name changes are made.
        layer_folders: Folders with further layer declarations.
        files: Folder of the documents of evidence; "" for the one beside the register.
        enable: Keys of gates and milestones to switch on.
        review: "own", "other" or "", as `Settings.review`.
        weights: As `Settings.weights`.
    """

    store: str
    lang: str
    user: str
    layer_folders: tuple[str, ...] = ()
    files: str = ""
    enable: tuple[str, ...] = ()
    review: str = ""
    weights: tuple[tuple[str, Fraction], ...] = ()

    @property
    def asks_review(self) -> bool:
        """Whether another person approves before anything enters the register."""
        return self.review == "other" or (not self.review and not is_embedded(self.store))

    def catalog(self) -> Catalog:
        """The declared layers, with those of the user's own folders."""
        return catalog.load(
            extra=[Path(folder) for folder in self.layer_folders], enable=self.enable
        )

    def indicators(self, layers: Catalog) -> Indicators:
        """The declared indicators, with the weights asked for."""
        return indicator_files.load(layers, weights=dict(self.weights))

    def open(self, layers: Catalog, *, create: bool = False) -> Reviewing:
        """The register; reading one that is not there is refused, a delivery makes it."""
        files = Path(self.files) if self.files else None
        return Reviewing(self.store, list(layers.values()), create=create, files=files)

    def moment(self, as_of: dt.date | None = None, known: str | None = None) -> Moment:
        """The two times of what is read: true today and as known now, unless others are named.

        Args:
            as_of: The day, of which a datetime's hours do not count.
            known: An ISO day, of which all counts that was known by its end in Beijing, or an ISO
                instant, in Beijing time where it names no other.

        Raises:
            typer.BadParameter: `known` is neither.
        """
        on = as_of.date() if isinstance(as_of, dt.datetime) else as_of
        return Moment(on or settings.today(), None if known is None else self._instant(known))

    def any_day(self, as_of: dt.date | None = None, known: str | None = None) -> Moment:
        """What `moment` gives, but true on any day unless one is named."""
        return self.moment(as_of or FOREVER, known)

    def state(self, moment: Moment) -> str:
        """Both dates of what is read, as a sentence."""
        if moment.on == FOREVER:
            at = text.instant(moment.known, self.lang) if moment.known else ""
            return self.say("cli.state.any_then" if at else "cli.state.any_now", known=at)
        if moment.change is not None:
            return self.say("cli.state.change", on=moment.on, change=moment.change)
        if moment.known is None:
            return self.say("cli.state.now", on=moment.on)
        at = f"{moment.known.astimezone(text.BEIJING_TIME):%Y-%m-%d %H:%M:%S}"
        return self.say("cli.state.then", on=moment.on, known=at)

    def _instant(self, written: str) -> dt.datetime:
        last = dt.timedelta(days=1) - dt.timedelta(microseconds=1)
        try:
            told = dt.datetime.fromisoformat(written.strip())
            if len(written.strip()) <= len("2024-06-30"):
                told += last
            told = told if told.tzinfo else told.replace(tzinfo=text.BEIJING_TIME)
            return told.astimezone(dt.UTC)
        except (ValueError, OverflowError) as error:
            raise typer.BadParameter(self.say("cli.state.not_known", found=written)) from error

    def say(self, key: str, **fields: Any) -> str:
        """A sentence in the language of this run."""
        return text.say(key, self.lang, **fields)

    def print(self, sentence: str, *, aside: bool = False) -> None:
        """Print one line; aside, on the stream of errors, where the output is for a program."""
        Console(stderr=aside).print(sentence, soft_wrap=True, highlight=False, markup=False)


def dates(moment: Moment) -> dict[str, Any]:
    """Both dates of what is read, for programs; null for any day, and for all that is known."""
    at = None if moment.known is None else moment.known.isoformat()
    on = None if moment.on == FOREVER else moment.on.isoformat()
    return {"on": on, "known": at, "change": moment.change}


def desk_of(context: typer.Context) -> Desk:
    """The desk the command stands at."""
    desk: Desk = context.obj
    return desk
