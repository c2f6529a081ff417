"""`jingtu sites`: the same land in several layers, proposed by the machine, joined by a person."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from layers import site_book, sites
from maps import settings, tables, text
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.due import places_of
from maps.tables import Format
from parcels.errors import ReasonNeededError
from parcels.model import FOREVER, Moment
from parcels.reading import Filter
from parcels.recording import Act
from parcels.register import Register

app = typer.Typer(help="sites.commands.sites", no_args_is_help=True)

_NUMBERS = {
    "overlap_m2": {"unit": "m2", "decimals": 1},
    "share_a": {"share": True},
    "share_b": {"share": True},
    "name_share": {"share": True},
    "address_share": {"share": True},
}


class State(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    ALL = "all"


@app.command("propose", help="sites.commands.propose", epilog="sites.commands.propose_example")
def propose(
    context: typer.Context,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    district: Annotated[list[str] | None, typer.Option(help="commands.options.due_of")] = None,
) -> None:
    """Look for parcels that may be one site."""
    desk = desk_of(context)
    layers = desk.catalog()
    keys = [layers.layer(key).key for key in layer or layers]
    act = Act(by=desk.user, at=settings.now(), on=settings.today())
    with desk.open(layers) as register:
        named = places_of(register.territory, district)
        where = Filter(districts=tuple(sorted(named))) if named is not None else None
        moment = Moment(settings.today())
        number, count = site_book.propose(register, keys, moment, act, where=where)
        waiting = len(site_book.proposals(register))
    said = "none" if number is None else "proposed"
    desk.print(desk.say(f"sites.{said}", count=count, change=number, waiting=waiting))


@app.command("list", help="sites.commands.list", epilog="sites.commands.list_example")
def list_proposals(
    context: typer.Context,
    status: Annotated[State, typer.Option(help="sites.options.status")] = State.OPEN,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List proposals with the numbers they rest on."""
    desk = desk_of(context)
    moment = desk.any_day(as_of, known)
    wanted = site_book.STATES if status is State.ALL else (status.value,)
    with desk.open(desk.catalog()) as register:
        found = site_book.proposals(register, wanted, moment)
        shown = _in_words(desk, register, found, moment)
    shown = shown.drop(columns=["parcel_a", "parcel_b"])
    _show(desk, shown, _notes(desk), moment=moment, format_=format_, out=out)


@app.command("show", help="sites.commands.show", epilog="sites.commands.show_example")
def show(
    context: typer.Context,
    which: Annotated[str | None, typer.Argument(help="sites.arguments.which")] = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show sites with their parcels and the evidence for each."""
    desk = desk_of(context)
    moment = desk.any_day(as_of, known)
    with desk.open(desk.catalog()) as register:
        found = site_book.members(register, moment)
        if which is not None:
            wanted = found.loc[found["code"] == which, "site"]
            if which.isdecimal():
                wanted = pd.concat([wanted, pd.Series([int(which)])])
            found = found[found["site"].isin(wanted)].reset_index(drop=True)
        shown = _in_words(desk, register, found, moment).drop(columns="parcel")
    notes = [desk.say("sites.numbers")]
    _show(desk, shown, notes, moment=moment, format_=format_, out=out)


@app.command("confirm", help="sites.commands.confirm", epilog="sites.commands.confirm_example")
def confirm(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="sites.arguments.number")],
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
    by: Annotated[str | None, typer.Option(help="sites.options.by")] = None,
) -> None:
    """Confirm that two parcels are one site."""
    _decide(desk_of(context), number, reason, by, confirmed=True)


@app.command("reject", help="sites.commands.reject", epilog="sites.commands.reject_example")
def reject(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="sites.arguments.number")],
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
    by: Annotated[str | None, typer.Option(help="sites.options.by")] = None,
) -> None:
    """Say that two parcels are not one site."""
    _decide(desk_of(context), number, reason, by, confirmed=False)


def _decide(
    desk: Desk, number: int, reason: str | None, by: str | None, *, confirmed: bool
) -> None:
    what = "confirm" if confirmed else "reject"
    if not reason or not reason.strip():
        raise ReasonNeededError(what=f"jingtu sites {what}")
    act = Act(by=by or desk.user, at=settings.now(), on=settings.today(), reason=reason)
    with desk.open(desk.catalog()) as register:
        change = site_book.decide(register, number, act, confirmed=confirmed)
    desk.print(desk.say(f"sites.{what}ed", proposal=number, change=change, by=act.by))


def _notes(desk: Desk) -> list[str]:
    wanted = sites.criteria()
    return [
        desk.say("sites.numbers"),
        desk.say(
            "sites.choices",
            overlap=wanted.overlap_share,
            name=wanted.name_share,
            address=wanted.address_share,
        ),
    ]


def _in_words(desk: Desk, register: Register, rows: pd.DataFrame, moment: Moment) -> pd.DataFrame:
    """The rows with layers, stages, districts, grounds and states in words."""
    lang, told = desk.lang, rows.copy()
    layers = {layer.key: layer.label.in_(lang) for layer in register.layers}
    stages = {
        (layer.key, stage.key): stage.label.in_(lang)
        for layer in register.layers
        for stage in layer.stages
    }
    if "stage" in told:
        pairs = zip(told["layer"], told["stage"], strict=True)
        told["stage"] = [stages.get(pair) for pair in pairs]
    for key in told.columns.intersection(["layer", "layer_a", "layer_b"]):
        told[key] = told[key].map(lambda one: layers.get(one, one))
    if "district" in told:
        named = (
            register.territory_at(moment)
            .districts["name" if lang == "zh" else "name_en"]
            .to_dict()
        )
        told["district"] = told["district"].map(lambda one: named.get(one, one))
    for key, said in (
        ("state", lambda one: desk.say(f"sites.states.{one}")),
        ("valid_to", lambda day: None if day == FOREVER else day),
        ("grounds", lambda one: _grounds(desk, one)),
    ):
        if key in told:
            told[key] = told[key].map(said)
    for key in told.columns.intersection(["decided_at", "confirmed_at"]):
        told[key] = told[key].map(lambda at: text.instant(at, lang), na_action="ignore")
    for key in told.columns.intersection([*_NUMBERS]):
        told[key] = told[key].astype("float64")
    return told


def _grounds(desk: Desk, written: str) -> str:
    said = [desk.say(f"sites.grounds.{one}") for one in written.split(";") if one]
    return desk.say("commands.stages_said.comma").join(said)


def _show(
    desk: Desk,
    rows: pd.DataFrame,
    notes: Sequence[str],
    *,
    moment: Moment,
    format_: Format,
    out: Path | None,
) -> None:
    numbers: dict[str, Any] = {k: v for k, v in _NUMBERS.items() if k in rows}
    tables.show(
        rows,
        headings=tables.headings("sites.columns", desk.lang, list(rows.columns), **numbers),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("sites.title_of", title=desk.say("sites.title"), state=desk.state(moment)),
        notes=notes,
        meta=dates(moment),
    )
