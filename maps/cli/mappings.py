"""`jingtu mappings`: which column of which sender is which field, and how to end that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from maps import settings, tables, text
from maps.cli.desk import Desk, desk_of
from maps.tables import Format
from parcels.errors import UnknownMappingError

app = typer.Typer(help="commands.mappings", invoke_without_command=True)


@app.callback(epilog="commands.mappings_example")
def list_mappings(
    context: typer.Context,
    closed: Annotated[bool, typer.Option("--closed", help="commands.options.closed")] = False,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List the mappings in force."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        found = register.mappings(closed=closed)
    shown = found if closed else found.drop(columns=["closed_by", "closed_at"])
    for key in ("confirmed_at", "closed_at"):
        if key in shown:
            shown = shown.assign(**{key: _instants(shown[key], desk)})
    headings = tables.headings("commands.columns", desk.lang, list(shown.columns))
    tables.show(shown, headings=headings, format=format_.value, out=out, lang=desk.lang)


@app.command("forget", help="commands.mappings_forget", epilog="commands.mappings_forget_example")
def forget(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="commands.arguments.mapping")],
) -> None:
    """Close one mapping."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        if not register.forget_mapping(number, by=desk.user, at=settings.now()):
            known = register.mappings()["mapping"].tolist()
            raise UnknownMappingError(mapping=number, known=known)
    desk.print(desk.say("commands.mapping_forgotten", mapping=number))


def _instants(column: pd.Series, desk: Desk) -> pd.Series:
    return column.map(lambda at: text.instant(at, desk.lang), na_action="ignore")
