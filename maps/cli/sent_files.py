"""The options that help to read a file that was sent, shared by the commands that read one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from parcels.ingest.delivery import ReceiveOptions
from parcels.matching import SameLand


class Offset(StrEnum):
    """The web maps whose shift can be undone."""

    GCJ02 = "gcj02"
    BD09 = "bd09"


Crs = Annotated[str | None, typer.Option("--crs", help="commands.options.crs")]
Swapped = Annotated[bool, typer.Option("--swapped", help="commands.options.swapped")]
OffsetBy = Annotated[Offset | None, typer.Option("--offset", help="commands.options.offset")]
ControlPoints = Annotated[
    Path | None, typer.Option("--control-points", help="commands.options.control_points")
]
Encoding = Annotated[str | None, typer.Option("--encoding", help="commands.options.encoding")]
Part = Annotated[str | None, typer.Option("--part", help="commands.options.part")]
Column = Annotated[list[str] | None, typer.Option("--column", help="commands.options.column")]
Sender = Annotated[str | None, typer.Option("--sender", help="commands.options.sender")]
AcceptSuggested = Annotated[
    bool, typer.Option("--accept-suggested", help="commands.options.accept_suggested")
]
Repair = Annotated[bool, typer.Option("--repair", help="commands.options.repair")]
SameLandIs = Annotated[SameLand, typer.Option("--same-land", help="commands.options.same_land")]


def options(  # noqa: PLR0913 - one argument per option of the command line
    *,
    crs: str | None = None,
    swapped: bool = False,
    offset: Offset | None = None,
    control_points: Path | None = None,
    encoding: str | None = None,
    part: str | None = None,
    column: Sequence[str] | None = None,
    accept_suggested: bool = False,
    repair: bool = False,
    same_land: SameLand = SameLand.ASK,
) -> ReceiveOptions:
    """What was typed of how a file is to be read; see `ReceiveOptions`."""
    return ReceiveOptions(
        crs=crs,
        swapped=swapped,
        offset=None if offset is None else offset.value,
        control_points=control_points,
        encoding=encoding,
        part=part,
        mapping=mapping(column or ()),
        accept_suggested=accept_suggested,
        repair=repair,
        same_land=same_land,
    )


def mapping(stated: Sequence[str]) -> dict[str, str]:
    """Column and field of each COLUMN=FIELD; a column without one is left out on purpose."""
    pairs = (one.rpartition("=") for one in stated)
    return {column: field for column, _, field in pairs}
