"""`jingtu export` and `jingtu exports`: files for others, and the log of what was handed out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from layers import publication
from maps import settings, tables, text
from maps.cli.coverage import chosen
from maps.cli.desk import AsOf, Desk, Known, desk_of
from maps.cli.listing import box_of
from maps.tables import Format
from parcels import handing_out
from parcels.errors import FormatNotKnownError, LayerNotPublicError, OutputNotWritableError
from parcels.exchange import files
from parcels.exchange.account import Account, Pages, Style
from parcels.exchange.spoken import Speech, spoken
from parcels.export_log import Export
from parcels.model import Layer, Moment, SourceFile
from parcels.register import Filter, Register

app = typer.Typer(help="exports.commands.export", invoke_without_command=True)


class Encoding(StrEnum):
    """Encodings Chinese offices use."""

    UTF8 = "UTF-8"
    GBK = "GBK"


@app.callback(epilog="exports.commands.export_example")
def export(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", help="history.options.layer")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="exports.options.to")] = None,
    code: Annotated[list[str] | None, typer.Option(help="history.options.code")] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="history.options.unit")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="commands.options.only_stage")] = None,
    bbox: Annotated[str | None, typer.Option(help="history.options.bbox")] = None,
    epsg: Annotated[int | None, typer.Option(help="exports.options.epsg")] = None,
    encoding: Annotated[Encoding | None, typer.Option(help="exports.options.encoding")] = None,
    sender: Annotated[str, typer.Option(help="exports.options.sender")] = "",
    as_of: AsOf = None,
    known: Known = None,
) -> None:
    """Write parcels of a layer to a file for others."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    if layer is None or to is None:
        raise typer.BadParameter(desk.say("exports.said.layer_and_file"))
    moment = desk.moment(as_of, known)
    layers = desk.catalog()
    declared = layers.layer(layer)
    _refuse_unknown(to)
    box = None if bbox is None else box_of(desk, bbox)
    with desk.open(layers) as register:
        where = chosen(
            register,
            [layer],
            districts=district,
            units=unit,
            stages=stage,
            codes=code,
            bbox=box,
        )
        style = Style(
            encoding=encoding.value if encoding else None,
            epsg=epsg,
            sender=sender,
            made_at=settings.now(),
            speak=_speech(desk, register, declared, moment),
            headings={one.key: one.label.in_(desk.lang) for one in declared.fields},
            title=declared.label.in_(desk.lang),
        )
        ask = Ask(declared, moment, where, "file")
        pages = register.pages(layer, moment, where=where)
        account, made, number = give(desk, register, ask, to, style=style, pages=pages)
    say_given(desk, to, account, made, number, declared)


@app.command("public", help="exports.commands.public", epilog="exports.commands.public_example")
def public(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    layer: Annotated[str, typer.Option("--layer", "-l", help="history.options.layer")],
    to: Annotated[Path, typer.Option(help="exports.options.to")],
    grid: Annotated[
        int, typer.Option(min=publication.FINEST_GRID_M, help="exports.options.grid")
    ] = 1000,
    approval: Annotated[str | None, typer.Option(help="exports.options.approval")] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    stage: Annotated[list[str] | None, typer.Option(help="commands.options.only_stage")] = None,
    as_of: AsOf = None,
) -> None:
    """Write what may be published of a layer."""
    desk = desk_of(context)
    moment = desk.moment(as_of)
    layers = desk.catalog()
    declared = layers.layer(layer)
    if not declared.public:
        known = [key for key, one in layers.items() if one.public]
        raise LayerNotPublicError(layer=layer, known=known)
    _refuse_unknown(to)
    with desk.open(layers) as register:
        where = chosen(register, [layer], districts=district, stages=stage)
        whole = register.frame(layer, moment, where=where, columns=declared.public)
        shown = publication.generalised(
            whole,
            declared,
            grid_m=grid,
            approval=approval or desk.say("exports.said.no_approval"),
        )
        thing = publication.public_layer(declared)
        speak = _speech(desk, register, thing, moment)
        words = speak(pd.DataFrame(shown.drop(columns="geometry")))
        style = Style(
            made_at=settings.now(),
            headings={one.key: one.label.in_(desk.lang) for one in thing.fields},
            title=declared.label.in_(desk.lang),
        )
        ask = Ask(thing, moment, where, "public", approval)
        pages = [shown.assign(**{key: words[key] for key in _worded(thing)})]
        account, made, number = give(desk, register, ask, to, style=style, pages=pages)
    say_given(desk, to, account, made, number, thing)
    hidden = [one.label.in_(desk.lang) for one in declared.fields if one.key not in shown.columns]
    desk.print(desk.say("exports.said.public", grid=grid, fields=hidden))
    if approval is None:
        desk.print(desk.say("exports.said.not_approved"))


def exports(
    context: typer.Context,
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", help="history.options.layer")
    ] = None,
    of: Annotated[Path | None, typer.Option(help="exports.options.of")] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List what was handed out."""
    desk = desk_of(context)
    layers = desk.catalog()
    key = None if layer is None else layers.layer(layer).key
    with desk.open(layers) as register:
        found = register.exports(layer=key, sha256=None if of is None else _digest(of))
    for column in ("made_at", "known_at"):
        found[column] = found[column].map(
            lambda at: text.instant(at, desk.lang), na_action="ignore"
        )
    if format_ in {Format.TABLE, Format.XLSX}:
        found = _in_words(found, desk)
    shown = list(found.columns)
    headings = tables.headings("exports.columns", desk.lang, shown)
    tables.show(found, headings=headings, format=format_.value, out=out, lang=desk.lang)


# -- inside ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked for.

    Attributes:
        layer: Of which layer.
        moment: Of which state of the register.
        where: Which parcels.
        purpose: "file", "national" or "public".
        approval: Approval number of the map, where one was stated.
    """

    layer: Layer
    moment: Moment
    where: Filter
    purpose: str
    approval: str | None = None

    def entry(
        self, desk: Desk, form: str, count: int
    ) -> Callable[[tuple[SourceFile, ...]], Export]:
        """The entry of the log for the files that were made."""

        def note(made: tuple[SourceFile, ...]) -> Export:
            return Export(
                by=desk.user,
                at=settings.now(),
                layer=self.layer.key,
                purpose=self.purpose,
                format=form,
                moment=self.moment,
                where=self.where,
                parcels=count,
                files=made,
                approval=self.approval,
            )

        return note


def give(
    desk: Desk,
    register: Register,
    ask: Ask,
    to: Path,
    *,
    style: Style,
    pages: Pages,
) -> tuple[Account, tuple[SourceFile, ...], int]:
    """Make a file, note it in the log, and put it in its place."""
    folder = to.absolute().parent
    with handing_out.workshop(register, folder, (to.name,)) as made:
        account = files.write(made / to.name, ask.layer, pages, style)
        note = ask.entry(desk, to.suffix.lower().lstrip("."), account.parcels)
        given, number = handing_out.hand_over(register, made, folder, note)
    return account, given, number


def say_given(
    desk: Desk,
    to: Path,
    account: Account,
    made: tuple[SourceFile, ...],
    number: int,
    layer: Layer,
) -> None:
    """Say what went out, and what of it could not go out as it was."""
    names = [one.name for one in made]
    desk.print(
        desk.say(
            "exports.said.written",
            count=account.parcels,
            folder=to.absolute().parent,
            files=names,
            number=number,
        )
    )
    labels = {one.key: one.label.in_(desk.lang) for one in layer.fields}
    short = [one for one in account.losses if one.what == "field_name"]
    if short:
        pairs = [f"{labels.get(one.field, one.field)} {one.became}" for one in short]
        desk.print(desk.say("exports.losses.field_name", fields=pairs))
    for loss in account.losses:
        if loss.what != "field_name":
            field = labels.get(loss.field, loss.field)
            desk.print(desk.say(f"exports.losses.{loss.what}", field=field, count=loss.count))


def _refuse_unknown(to: Path) -> None:
    if to.suffix.lower() not in files.SUFFIXES:
        raise FormatNotKnownError(file=to.name, kinds=files.SUFFIXES)


def _speech(
    desk: Desk, register: Register, layer: Layer, moment: Moment
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    territory = register.territory_at(moment)
    words = Speech(desk.lang, desk.say("words.yes"), desk.say("words.no"))
    return lambda frame: spoken(frame, layer, territory, words)


def _worded(layer: Layer) -> list[str]:
    """Fields of which people read words and not codes."""
    return [
        one.key for one in layer.fields if one.choices or one.key in {"district", "unit", "stage"}
    ]


def _digest(of: Path) -> str:
    try:
        return handing_out.sha256(of)
    except OSError as error:
        raise OutputNotWritableError(file=str(of), reason=str(error.strerror)) from error


def _in_words(found: pd.DataFrame, desk: Desk) -> pd.DataFrame:
    layers: dict[str, Any] = dict(desk.catalog())
    names = {key: one.label.in_(desk.lang) for key, one in layers.items()}
    purposes = text.words("exports.purposes", desk.lang)
    return found.assign(
        layer=found["layer"].map(names).fillna(found["layer"]),
        purpose=found["purpose"].map(purposes).fillna(found["purpose"]),
        chosen=[_chosen_in_words(one, desk) for one in found["chosen"]],
    )


def _chosen_in_words(written: str, desk: Desk) -> str:
    asked = json.loads(written)
    said = [f"{desk.say(f'exports.chosen.{key}')} {_joined(one)}" for key, one in asked.items()]
    return "; ".join(said)


def _joined(found: list[Any]) -> str:
    return ", ".join(str(one) for one in found)
