"""`jingtu map`: layers on one page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from layers import coverage as figures
from layers.library import Library
from maps.cli.coverage import chosen
from maps.cli.desk import Desk, desk_of
from parcels.errors import OutputNotWritableError
from parcels.register import Filter, Register


def map_(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="commands.arguments.map")],
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    title: Annotated[str | None, typer.Option(help="commands.options.title")] = None,
    approval: Annotated[str | None, typer.Option(help="commands.options.notice")] = None,
) -> None:
    """Write the map."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        where = chosen(register, layer or [], districts=district, stages=None)
        draw(desk, register, out, keys=layer, where=where, title=title, approval=approval)


def draw(  # noqa: PLR0913 - one argument per option of the command line
    desk: Desk,
    register: Register,
    out: Path,
    *,
    keys: Sequence[str] | None = None,
    where: Filter | None = None,
    title: str | None = None,
    approval: str | None = None,
) -> None:
    """Write the map of layers; of all that hold a parcel when `keys` is None.

    Raises:
        OutputNotWritableError: The page cannot be written.
    """
    # Folium takes a fifth of the time in which a command starts, and only this one draws.
    from maps.interactive import LayerView, Sheet, offline_map  # noqa: PLC0415 - see above

    library = Library(register, desk.catalog())
    moment = desk.moment()
    asked = [library.catalog.layer(key).key for key in keys or library.used(moment)]
    views = [
        LayerView(register.layer(key), register.frame(key, moment, where=where)) for key in asked
    ]
    sheet = Sheet(
        title=title or desk.say("commands.map_said.title"),
        moment=desk.say("commands.map_said.moment", day=moment.on),
        approval=approval,
    )
    page = offline_map(
        views,
        register.territory,
        sheet=sheet,
        coverage=_shares(library, asked, where, desk) if asked else None,
        lang=desk.lang,
    )
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputNotWritableError(file=str(out), reason=str(error.strerror)) from error
    desk.print(
        desk.say(
            "commands.map_said.written",
            file=out,
            parcels=sum(len(view.parcels) for view in views),
            size=len(page.encode()) / 1e6,
        )
    )


def _shares(
    library: Library, keys: Sequence[str], where: Filter | None, desk: Desk
) -> pd.DataFrame:
    table = library.coverage(keys, desk.moment(), stages=False, where=where)
    places = ~table["place"].isin([figures.TOTAL, figures.UNKNOWN, figures.OUTSIDE])
    # From a district that sent nothing nothing is known; that is not a share of 0.
    nothing = (table["parcels"] == 0) & (table["area_m2"] == 0)
    shares = table.assign(share=table["share"].mask(nothing))
    return shares.loc[places, ["layer", "place", "share"]].rename(columns={"place": "district"})
