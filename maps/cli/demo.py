"""`jingtu demo`: from nothing to a register, a coverage table and a map, in one folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from layers.samples import deliveries as samples
from maps.cli import coverage, drawing
from maps.cli.deliveries import Wish, bring_in
from maps.cli.desk import Desk, desk_of
from parcels.ingest.delivery import ReceiveOptions
from parcels.reviewing import Reviewing

ON: Final = dt.date(2024, 8, 31)
"""The day on which the sample deliveries are true: the second list refresh of the plan's year."""


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="commands.arguments.folder")],
) -> None:
    """Make sample deliveries, take them in, and show what comes of it."""
    here = desk_of(context)
    store = folder / "jingtu.gpkg"
    desk = Desk(str(store), here.lang, here.user, here.layer_folders)
    _set_aside(desk, store)
    layers = desk.catalog()
    with desk.open(layers, create=True) as register:
        made = samples.demo_deliveries(
            folder / "deliveries", catalog=layers, territory=register.territory
        )
        desk.print(desk.say("commands.demo_said.deliveries", folder=folder / "deliveries"))
        desk.print(desk.say("commands.demo_said.good"))
        _bring_in(desk, register, [one for one in made if one.good], dry_run=False)
        desk.print(desk.say("commands.demo_said.bad"))
        _bring_in(desk, register, [one for one in made if not one.good], dry_run=True)
        desk.print(desk.say("commands.demo_said.coverage"))
        coverage.show(desk, register, shown=coverage.Shown(stages=False))
        desk.print(desk.say("commands.demo_said.map"))
        drawing.draw(desk, register, folder / "map.html")
    _say_what_next(desk, folder, next(one for one in made if not one.good))


def _set_aside(desk: Desk, store: Path) -> None:
    if not store.exists():
        return
    backup = store.with_suffix(".old.gpkg")
    store.replace(backup)
    desk.print(desk.say("commands.demo_said.exists", store=store, backup=backup))


def _bring_in(
    desk: Desk, register: Reviewing, made: Sequence[samples.SampleDelivery], *, dry_run: bool
) -> None:
    for one in made:
        layer = register.layer(one.layer)
        wish = Wish(ReceiveOptions(), on=ON, dry_run=dry_run, accept_valid=False)
        bring_in(desk, register, layer, [one.path], wish)


def _say_what_next(desk: Desk, folder: Path, bad: samples.SampleDelivery) -> None:
    desk.print(desk.say("commands.demo_said.next"))
    desk.print("  " + desk.say("commands.demo_said.open_map", file=folder / "map.html"))
    desk.print("  " + desk.say("commands.demo_said.open_qgis", file=folder / "jingtu.gpkg"))
    said = desk.say(
        "commands.demo_said.try_import",
        store=folder / "jingtu.gpkg",
        file=bad.path,
        layer=bad.layer,
    )
    desk.print("  " + said)
