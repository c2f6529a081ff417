"""The options that say on which document moves rest, shared by the commands that make them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from maps.cli.desk import Desk
from parcels import words
from parcels.errors import UnknownDocumentError
from parcels.lifecycle import Evidence
from parcels.model import Choice
from parcels.register import Register

Kind = Annotated[str | None, typer.Option("--evidence", help="commands.options.evidence")]
Number = Annotated[str | None, typer.Option("--number", help="commands.options.number")]
Dated = Annotated[
    dt.datetime | None,
    typer.Option("--dated", formats=["%Y-%m-%d"], help="commands.options.dated"),
]
IssuedBy = Annotated[str | None, typer.Option("--issued-by", help="commands.options.issued_by")]
ReviewedBy = Annotated[
    str | None, typer.Option("--reviewed-by", help="commands.options.reviewed_by")
]
File = Annotated[Path | None, typer.Option("--file", help="commands.options.evidence_file")]


@dataclass(frozen=True, slots=True)
class Proof:
    """A document as it was typed, its file not yet kept."""

    said: Evidence
    path: Path | None

    def kept(self, register: Register) -> Evidence:
        """The evidence with its file in the register's folder.

        Raises:
            FileNotReadableError, OutputNotWritableError, DocumentFolderNeededError,
            DocumentDamagedError: See `Documents.keep`.
        """
        if self.path is None:
            return self.said
        return replace(self.said, file=register.documents.keep(self.path))


def proof(  # noqa: PLR0913 - one argument per option of the command line
    desk: Desk,
    documents: Mapping[str, Choice],
    *,
    kind: str | None,
    number: str | None,
    dated: dt.datetime | None,
    issued_by: str | None,
    reviewed_by: str | None,
    file: Path | None,
) -> Proof | None:
    """The document that was typed; None if none was.

    Raises:
        UnknownDocumentError: No kind of document is called so.
        typer.BadParameter: A kind without a number, or the other way round.
    """
    if not any((kind, number, dated, issued_by, reviewed_by, file)):
        return None
    if not kind or not number:
        raise typer.BadParameter(desk.say("commands.evidence_said.kind_and_number"))
    said = Evidence(
        _kind(desk, kind, documents),
        number,
        dated.date() if dated else None,
        issued_by,
        reviewed_by,
    )
    return Proof(said, file)


def _kind(desk: Desk, written: str, documents: Mapping[str, Choice]) -> str:
    asked = words.plain(written)
    for choice in documents.values():
        names = (choice.code, choice.label.zh, choice.label.en, *choice.synonyms)
        if asked in words.plain_set(names):
            return choice.code
    known = [choice.label.in_(desk.lang) for choice in documents.values()]
    raise UnknownDocumentError(document=written, known=known)
