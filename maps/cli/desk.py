"""What every command stands at: which register, which language, who, and how to print."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from layers import catalog
from layers.catalog import Catalog
from maps import settings, text
from parcels.model import Moment
from parcels.register import Register


class Language(StrEnum):
    """The languages of the command line."""

    ZH = "zh"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Desk:
    """What holds for one run of the command line.

    Attributes:
        store: A path or a database URL.
        user: In whose name changes are made.
        layer_folders: Folders with further layer declarations.
        files: Folder of the documents of evidence; "" for the one beside the register.
        enable: Keys of gates and milestones to switch on.
    """

    store: str
    lang: str
    user: str
    layer_folders: tuple[str, ...] = ()
    files: str = ""
    enable: tuple[str, ...] = ()

    def catalog(self) -> Catalog:
        """The declared layers, with those of the user's own folders."""
        return catalog.load(
            extra=[Path(folder) for folder in self.layer_folders], enable=self.enable
        )

    def open(self, layers: Catalog, *, create: bool = False) -> Register:
        """The register; reading one that is not there is refused, a delivery makes it."""
        files = Path(self.files) if self.files else None
        return Register(self.store, list(layers.values()), create=create, files=files)

    def moment(self) -> Moment:
        """Now: true today, as known now."""
        return Moment(settings.today())

    def say(self, key: str, **fields: Any) -> str:
        """A sentence in the language of this run."""
        return text.say(key, self.lang, **fields)

    def print(self, sentence: str, *, aside: bool = False) -> None:
        """Print one line; aside, on the stream of errors, where the output is for a program."""
        Console(stderr=aside).print(sentence, soft_wrap=True, highlight=False, markup=False)


def desk_of(context: typer.Context) -> Desk:
    """The desk the command stands at."""
    desk: Desk = context.obj
    return desk
