"""`jingtu districts`: the districts and units in force, and their replacement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd
import typer

from maps import settings, tables
from maps.cli.desk import desk_of
from maps.tables import Format
from parcels.districts import Territory
from parcels.ingest.territories import read_territory
from parcels.recording import Act

app = typer.Typer(help="commands.districts", invoke_without_command=True)


@app.callback(epilog="commands.districts_example")
def list_districts(
    context: typer.Context,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List districts and units with their areas."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        territory = register.territory
    name = "name_en" if desk.lang == "en" else "name"
    units = pd.DataFrame(
        {
            "code": territory.units.index,
            "label": territory.units[name].to_numpy(),
            "district": territory.units["district"].to_numpy(),
            "area_km2": territory.units["district"].map(territory.area_m2).to_numpy() / 1e6,
        }
    )
    keys = list(units.columns)
    headings = tables.headings("commands.columns", desk.lang, keys, area_km2={"decimals": 2})
    notes = [desk.say("commands.sample_borders")] if territory.is_sample else []
    tables.show(
        units, headings=headings, format=format_.value, out=out, lang=desk.lang, notes=notes
    )


@app.command("load", help="commands.districts_load", epilog="commands.districts_load_example")
def load(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="commands.arguments.districts")],
    source: Annotated[str | None, typer.Option(help="commands.options.source")] = None,
) -> None:
    """Replace the districts; every parcel is split and assigned anew."""
    desk = desk_of(context)
    territory = read_territory(path)
    act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=source)
    with desk.open(desk.catalog(), create=True) as register:
        outcome = register.load_territory(territory, act, source=source or path.name)
    desk.print(
        desk.say("commands.districts_said", count=len(territory.districts), moved=outcome.updated)
    )


def bordered(table: pd.DataFrame, territory: Territory) -> gpd.GeoDataFrame:
    """The rows of districts with their borders, for other programs to draw."""
    borders = territory.districts.geometry
    drawn = table[table["place"].isin(borders.index)]
    return gpd.GeoDataFrame(
        drawn, geometry=borders.reindex(drawn["place"]).to_numpy(), crs=borders.crs
    )
