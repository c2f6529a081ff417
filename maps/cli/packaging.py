"""`jingtu export national`: boundary packages of the national system, each checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd
import typer

from maps import tables
from maps.answers import Exit
from maps.cli.coverage import chosen
from maps.cli.desk import AsOf, Desk, Known, desk_of
from maps.cli.exporting import Ask, Encoding
from parcels import handing_out
from parcels.errors import OutputNotWritableError, UnknownParcelError
from parcels.exchange import national as packing
from parcels.exchange.national import Obstacle, Style
from parcels.register import Register


class Survey(StrEnum):
    """The surveys a package can be of; their names are those of the national system."""

    PRELIMINARY, DETAILED = packing.surveys()


@dataclass(slots=True)
class Packed:
    """What became of the parcels.

    Attributes:
        files: Names of the packages.
        obstacles: What kept other parcels from having one.
        unchecked: How many packages have no registered point to be checked.
        zones: The 3-degree zones they lie in.
        number: Of the export in the log; None where nothing went out.
    """

    files: list[str] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    unchecked: int = 0
    zones: set[int] = field(default_factory=set)
    number: int | None = None


def national(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="exports.options.folder")],
    layer: Annotated[str, typer.Option("--layer", "-l", help="history.options.layer")],
    survey: Annotated[Survey, typer.Option(help="exports.options.survey")],
    code: Annotated[list[str] | None, typer.Option(help="history.options.code")] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    sender: Annotated[str, typer.Option(help="exports.options.sender")] = "",
    encoding: Annotated[Encoding, typer.Option(help="exports.options.table")] = Encoding.UTF8,
    report: Annotated[Path | None, typer.Option(help="exports.options.obstacles")] = None,
    as_of: AsOf = None,
    known: Known = None,
) -> None:
    """Write the package of each parcel that passes every check."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    layers = desk.catalog()
    declared = layers.layer(layer)
    style = Style(survey.value, sender, encoding.value)
    with desk.open(layers) as register:
        where = chosen(register, [layer], districts=district, codes=code)
        parcels = register.frame(layer, moment, where=where)
        _refuse_unknown(layer, code or (), parcels)
        ask = Ask(declared, moment, where, "national")
        packed = pack(desk, register, ask, folder, parcels=parcels, style=style)
    _say(desk, packed, folder)
    if packed.obstacles:
        _list(desk, packed.obstacles, report)
        raise typer.Exit(Exit.EXPORT_INCOMPLETE)


def pack(
    desk: Desk,
    register: Register,
    ask: Ask,
    folder: Path,
    *,
    parcels: gpd.GeoDataFrame,
    style: Style,
) -> Packed:
    """Make the packages, note them in the log, and put them into a folder, which is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritableError(file=str(folder), reason=str(error.strerror)) from error
    packed = Packed()
    territory = register.territory_at(ask.moment)
    with handing_out.workshop(register, folder) as made:
        for one in packing.packages(parcels, territory, style):
            if isinstance(one, Obstacle):
                packed.obstacles.append(one)
                continue
            (made / one.file).write_bytes(one.content)
            packed.files.append(one.file)
            packed.unchecked += not one.point_checked
            packed.zones.add(one.zone)
        if packed.files:
            note = ask.entry(desk, "zip", len(packed.files))
            _, packed.number = handing_out.hand_over(register, made, folder, note)
    return packed


def _refuse_unknown(layer: str, codes: Sequence[str], parcels: pd.DataFrame) -> None:
    lost = sorted(set(codes) - set(parcels["code"].dropna()))
    if lost:
        raise UnknownParcelError(layer=layer, codes=lost[:5], count=len(lost))


def _say(desk: Desk, packed: Packed, folder: Path) -> None:
    if not packed.files:
        desk.print(desk.say("exports.said.no_packages"))
        return
    count = len(packed.files)
    desk.print(desk.say("exports.said.packages", count=count, folder=folder, number=packed.number))
    zones = [str(one) for one in sorted(packed.zones)]
    desk.print(desk.say("exports.said.area", zones=zones))
    if packed.unchecked:
        desk.print(desk.say("exports.said.unchecked", count=packed.unchecked))


def _list(desk: Desk, obstacles: Sequence[Obstacle], report: Path | None) -> None:
    """Each parcel without a package, what is wrong with it, and the cure."""
    rows = pd.DataFrame(
        {
            "code": [one.code or None for one in obstacles],
            "name": [one.name or None for one in obstacles],
            **{
                part: [
                    desk.say(f"exports.obstacles.{one.what}.{part}", **_fields(one))
                    for one in obstacles
                ]
                for part in ("what", "mend")
            },
        }
    )
    form = "table" if report is None else report.suffix.lower().lstrip(".")
    tables.show(
        rows,
        headings=tables.headings("exports.obstacle_columns", desk.lang, list(rows.columns)),
        format=form,
        out=report,
        lang=desk.lang,
        title=desk.say("exports.said.obstacles", count=rows["code"].nunique(dropna=False)),
    )


def _fields(one: Obstacle) -> dict[str, object]:
    return dict.fromkeys(("found", "field", "lon", "lat"), "") | dict(one.details)
