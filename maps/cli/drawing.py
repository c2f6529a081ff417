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
from maps.cli.desk import AsOf, Desk, Known, desk_of
from maps.views import LayerView, Sheet
from parcels.errors import OutputNotWritableError
from parcels.model import Moment
from parcels.register import Filter, Register


def map_(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
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
    as_of: AsOf = None,
    known: Known = None,
) -> None:
    """Write the map."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    with desk.open(desk.catalog()) as register:
        where = chosen(register, layer or [], districts=district)
        draw(
            desk,
            register,
            out,
            keys=layer,
            moment=moment,
            where=where,
            title=title,
            approval=approval,
        )


def draw(  # noqa: PLR0913 - one argument per option of the command line
    desk: Desk,
    register: Register,
    out: Path,
    *,
    keys: Sequence[str] | None = None,
    moment: Moment | None = None,
    where: Filter | None = None,
    title: str | None = None,
    approval: str | None = None,
) -> None:
    """Write the map of layers; of all that hold a parcel when `keys` is None.

    Raises:
        OutputNotWritableError: The page cannot be written.
    """
    # Folium takes a fifth of the time in which a command starts, and only this one draws.
    from maps.interactive import offline_map  # noqa: PLC0415 - see above

    library = Library(register, desk.catalog())
    at = moment or desk.moment()
    asked = [library.catalog.layer(key).key for key in keys or library.used(at)]
    views = [LayerView(register.layer(key), register.frame(key, at, where=where)) for key in asked]
    sheet = Sheet(
        title=title or desk.say("commands.map_said.title"),
        moment=desk.state(at),
        approval=approval,
    )
    page = offline_map(
        views,
        register.territory_at(at),
        sheet=sheet,
        coverage=_shares(library, asked, where, at) if asked else None,
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
    library: Library, keys: Sequence[str], where: Filter | None, moment: Moment
) -> pd.DataFrame:
    table = library.coverage(keys, moment, stages=False, where=where)
    places = ~table["place"].isin([figures.TOTAL, figures.UNKNOWN, figures.OUTSIDE])
    # From a district that sent nothing nothing is known; that is not a share of 0.
    nothing = (table["parcels"] == 0) & (table["area_m2"] == 0)
    shares = table.assign(share=table["share"].mask(nothing))
    return shares.loc[places, ["layer", "place", "share"]].rename(columns={"place": "district"})
