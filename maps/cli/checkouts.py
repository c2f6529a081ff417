"""`jingtu checkout`: a copy of a layer to edit in QGIS and send back by `jingtu import`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from maps import qml, settings
from maps.answers import Exit
from maps.cli.coverage import chosen
from maps.cli.desk import desk_of
from parcels.errors import FormatNotKnownError
from parcels.exchange import checkout as copies
from parcels.exchange.checkout import Base
from parcels.model import Layer, Moment, Shape

_SUFFIX = ".gpkg"


def checkout(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="commands.arguments.checkout")],
    layer: Annotated[str, typer.Option("--layer", "-l", help="commands.options.lent_layer")],
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
) -> int:
    """Write a copy of a layer for editing."""
    desk = desk_of(context)
    if out.suffix.lower() != _SUFFIX:
        raise FormatNotKnownError(file=str(out), kinds=[_SUFFIX])
    layers = desk.catalog()
    declared = layers.layer(layer)
    today = settings.today()
    with desk.open(layers) as register:
        where = chosen(register, [declared.key], districts=district, stages=None)
        changes = register.changes()
        last = None if changes.empty else changes.iloc[-1]
        # What is read is what this change left, though another may come while it is read.
        known = None if last is None else _instant(last["made_at"])
        parcels = register.frame(declared.key, Moment(today, known), where=where)
    number = 0 if last is None else int(last["change"])
    base = Base(
        register=copies.identity(changes, number),
        layer=declared.key,
        districts=where.districts,
        change=number,
        on=today,
        at=settings.now(),
        by=desk.user,
    )
    rows = copies.lent(parcels, declared)
    style = qml.style(declared, desk.lang, points=_of_points(declared, parcels))
    copies.write_checkout(out, rows, declared, base, lang=desk.lang, style=style)
    desk.print(
        desk.say(
            "checkout.written",
            file=out,
            layer=declared.label.in_(desk.lang),
            parcels=len(rows),
            change=number,
            on=today,
        )
    )
    return int(Exit.DONE)


def _instant(made_at: object) -> dt.datetime:
    instant: dt.datetime = pd.Timestamp(made_at).to_pydatetime()
    return instant


def _of_points(layer: Layer, parcels: pd.DataFrame) -> bool:
    if layer.shape is not Shape.EITHER:
        return layer.shape is Shape.POINT
    kinds = set(parcels["geometry"].dropna().geom_type)
    return kinds == {"Point"}
