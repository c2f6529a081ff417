"""`jingtu check`: what does not stand between layers, and the exceptions that people accept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from layers import acceptances, rule_book, rule_findings
from layers.catalog import Catalog
from layers.rule_book import Look
from layers.rules.table import RULES
from maps import report, report_files, settings, tables, text
from maps.answers import Exit
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.due import places_of
from maps.report_files import Told
from maps.tables import Format
from parcels.model import Label, Layer, Moment
from parcels.reading import Filter
from parcels.recording import Act
from parcels.register import Register

app = typer.Typer(
    help="check.commands.check",
    epilog="check.commands.check_example",
    invoke_without_command=True,
)


@app.callback()
def check(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    rule: Annotated[list[str] | None, typer.Option(help="check.options.rule")] = None,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="check.options.layer")
    ] = None,
    district: Annotated[list[str] | None, typer.Option(help="check.options.district")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="check.options.open")] = False,
    as_of: AsOf = None,
    known: Known = None,
    report_to: Annotated[
        list[Path] | None, typer.Option("--report", help="check.options.report")
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="commands.options.report_format")
    ] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="commands.options.report_out")] = None,
) -> int:
    """Look at the rules between layers in the whole register."""
    if context.invoked_subcommand is not None:
        return int(Exit.DONE)
    desk = desk_of(context)
    for path in report_to or ():
        report_files.check(path)
    layers = desk.catalog()
    moment = desk.moment(as_of, known)
    with desk.open(layers) as register:
        look = Look(
            rules=tuple(rule_book.rule_keys(layers, rule or ())),
            layers=tuple(layers.layer(key).key for key in layer or ()),
            places=places_of(register.territory_at(moment), district),
        )
        issues = rule_book.issues(register, layers, moment, look)
        if open_only:
            standing = issues["state"] != acceptances.State.ACCEPTED
            issues = issues[standing].reset_index(drop=True)
        told = told_of(desk, register, layers, moment, issues)
    aside = format_ is not Format.TABLE and out is None
    for path in report_to or ():
        for line in [*report_files.write(told, path), desk.say("cli.written", file=path)]:
            desk.print(line, aside=aside)
    _show(desk, told, issues, moment, format_, out)
    forbidden = (told.found["severity"] == "error").any()
    return int(Exit.RULES_NOT_MET if forbidden else Exit.DONE)


@app.command("accept", help="check.commands.accept", epilog="check.commands.accept_example")
def accept(
    context: typer.Context,
    issue: Annotated[list[str], typer.Argument(help="check.arguments.issue")],
    until: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="check.options.until")],
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
) -> None:
    """Accept issues as they are until a day."""
    desk = desk_of(context)
    layers = desk.catalog()
    moment = desk.moment()
    with desk.open(layers) as register:
        found = [rule_book.issue(register, layers, moment, one) for one in issue]
        for one in found:
            number = acceptances.accept(register, one, _act(desk, reason), until=until.date())
            desk.print(
                desk.say(
                    "check.accepted",
                    issue=one["issue"],
                    until=until.date(),
                    by=desk.user,
                    change=number,
                )
            )


@app.command("withdraw", help="check.commands.withdraw", epilog="check.commands.withdraw_example")
def withdraw(
    context: typer.Context,
    issue: Annotated[str, typer.Argument(help="check.arguments.issue")],
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
) -> None:
    """No longer accept an issue."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        number = acceptances.withdraw(register, issue, _act(desk, reason))
    desk.print(desk.say("check.withdrawn", issue=issue, change=number))


@app.command("accepted", help="check.commands.accepted", epilog="check.commands.accepted_example")
def accepted(
    context: typer.Context,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List every exception, those that ended too."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers) as register:
        rows = acceptances.history(register)
    shown = rows.assign(
        rule=[layers.rules[key].label.in_(desk.lang) if key in layers.rules else key
              for key in rows["rule"]],
        state=rows["state"].map(lambda one: desk.say(f"check.states.{one}")),
        ended_in=rows["ended_in"].astype("str"),
        **{
            key: rows[key].map(lambda at: text.instant(at, desk.lang), na_action="ignore")
            for key in ("accepted_at", "ended_at")
        },
    )  # fmt: skip
    tables.show(
        shown,
        headings=tables.headings("check.columns", desk.lang, list(shown.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
    )


def told_of(
    desk: Desk, register: Register, layers: Catalog, moment: Moment, issues: pd.DataFrame
) -> Told:
    """Issues as a report, with the boundaries of all parcels that they are about."""
    numbers = np.union1d(issues["parcel"], issues["other"].dropna().astype("int64"))
    boundaries = register.versions(numbers.tolist(), moment, boundaries=True)
    files = {layer.key: layer.label.in_(desk.lang) for layer in layers.values()}
    return Told(
        rule_findings.findings(issues, layers, boundaries, files=files),
        all_layers(layers),
        desk.lang,
        rule_findings.drawn(boundaries, files=files),
        register.territory_at(moment),
        register=True,
    )


def show_touched(
    desk: Desk, register: Register, layers: Catalog, layer: str, codes: Sequence[str], on: dt.date
) -> None:
    """Print what does not stand of some parcels after they were changed; nothing where all does.

    Args:
        desk: The desk.
        register: The register.
        layers: The rules and layers.
        layer: Key of their layer.
        codes: Their codes.
        on: The day on which the change is true.
    """
    if not any(key in RULES and RULES[key].at_door for key in layers[layer].rules):
        return
    moment = Moment(on)
    where = Filter(codes=tuple(codes)) if len(codes) <= _NAMED_AT_MOST else None
    there = register.frame(layer, moment, columns=["code"], where=where, boundaries=False)
    numbers = there.index[there["code"].isin(codes)].tolist()
    _show_of(desk, register, layers, {layer: numbers}, moment)


def show_of_changes(
    desk: Desk, register: Register, layers: Catalog, changes: Sequence[int]
) -> None:
    """The same for all parcels of which some changes wrote a version, as they are today."""
    touched = rule_book.touched_by(register, changes) if changes else {}
    _show_of(desk, register, layers, touched, desk.moment())


def _show_of(
    desk: Desk,
    register: Register,
    layers: Catalog,
    touched: Mapping[str, Sequence[int]],
    moment: Moment,
) -> None:
    count = sum(len(numbers) for numbers in touched.values())
    if not count:
        return
    if count > MOST_TOUCHED:
        desk.print(desk.say("check.many_touched", count=count))
        return
    # What a parcel alone says was told at the door; jingtu check tells it again.
    rules = tuple(key for key in rule_book.rule_keys(layers) if RULES[key].at_door)
    issues = rule_book.issues(register, layers, moment, Look(rules=rules, touched=touched))
    issues = issues[issues["state"] != acceptances.State.ACCEPTED].reset_index(drop=True)
    if issues.empty:
        return
    told = told_of(desk, register, layers, moment, issues)
    desk.print(desk.say("check.touched"))
    report.show(told.found, layer=told.layer, lang=told.lang, register=True)


MOST_TOUCHED = 5_000
"""Parcels of a change up to which what is around them is looked at at once."""

_NAMED_AT_MOST = 500


def all_layers(layers: Catalog) -> Layer:
    """A layer that stands for all: the fields by which findings are named."""
    first = next(iter(layers.values()))
    fields = {field.key: field for layer in layers.values() for field in layer.fields}
    label = Label(*(text.say("check.all_layers", lang) for lang in text.LANGUAGES))
    return replace(first, key="all", label=label, fields=tuple(fields.values()), stages=())


def _show(
    desk: Desk,
    told: Told,
    issues: pd.DataFrame,
    moment: Moment,
    format_: Format,
    out: Path | None,
) -> None:
    accepted_count = int((issues["state"] == acceptances.State.ACCEPTED).sum())
    if format_ is Format.TABLE:
        report.show(told.found, layer=told.layer, lang=told.lang, out=out, register=True)
        desk.print(desk.state(moment))
        if accepted_count:
            desk.print(desk.say("check.accepted_count", count=accepted_count))
        return
    meta: dict[str, Any] = {**dates(moment), "accepted": accepted_count}
    report_files.show(told, format=format_.value, out=out, meta=meta)


def _act(desk: Desk, reason: str | None) -> Act:
    return Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)
