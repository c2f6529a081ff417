"""`jingtu plan load`, `years`, `role` and `roles`: the plans there are, and who does what."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import pandas as pd
import typer

from layers import plan, plan_book
from maps import settings, tables
from maps.cli import plan_desk
from maps.cli.desk import AsOf, Known, dates, desk_of
from maps.cli.plan_desk import Out, Reason, Shape, Year
from maps.tables import Format
from parcels.errors import ReasonNeededError
from parcels.model import Moment
from parcels.recording import Act

_BY: Final = ("change", "made_by", "made_at", "reason")


class Role(StrEnum):
    """What a body does for a measure."""

    LEAD = "lead"
    RESPONSIBLE = "responsible"
    ASSISTING = "assisting"


def load(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="plan.arguments.folder")],
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")] = False,
) -> None:
    """Check a folder with the plan of a year and keep it in the register."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers, create=True) as register:
        known = plan.Known(layers.keys(), register.territory)
        found = plan.load(folder, known=known)
        counts = {"tasks": len(found.tasks), "measures": len(found.measures)}
        desk.print(desk.say("plan.said.read", plan=plan_desk.name(desk, found), **counts))
        if dry_run:
            desk.print(desk.say("commands.import_said.dry_run"))
            return
        act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)
        done = plan_book.load(register, found, act, folder=folder.resolve().name)
    if done.change is None:
        desk.print(desk.say("plan.said.same", year=found.year))
        return
    key = "loaded" if done.replaces is None else "replaced"
    desk.print(
        desk.say(f"plan.said.{key}", year=found.year, change=done.change, former=done.replaces)
    )
    if done.unmatched:
        desk.print(desk.say("plan.said.unmatched", measures=list(done.unmatched)))


def years(
    context: typer.Context,
    as_of: AsOf = None,
    known: Known = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """List the plans there are."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    with desk.open(desk.catalog()) as register:
        rows = plan_book.years(register, moment)
        plans = [plan_book.plan_of(register, moment, int(year)) for year in rows["year"]]
    shown = rows.assign(
        name=[plan_desk.name(desk, one) for one in plans],
        tasks=[len(one.tasks) for one in plans],
        measures=[len(one.measures) for one in plans],
    )
    columns = ["year", "name", "tasks", "measures", "folder", *_BY]
    tables.show(
        shown[columns],
        headings=tables.headings("plan.columns", desk.lang, columns),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("plan.said.years"),
        meta=dates(moment),
    )


def role(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="plan.arguments.measure")],
    role: Annotated[Role, typer.Argument(help="plan.arguments.role")],
    body: Annotated[list[str] | None, typer.Option(help="plan.options.body")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="plan.options.nobody")] = False,
    as_in_plan: Annotated[
        bool, typer.Option("--as-in-plan", help="plan.options.as_in_plan")
    ] = False,
    reason: Reason = None,
    year: Year = None,
) -> None:
    """Say who does what for a measure, in place of the cell of the plan."""
    desk = desk_of(context)
    if sum([bool(body), nobody, as_in_plan]) != 1:
        raise typer.BadParameter(desk.say("plan.said.one_of_three"))
    if not (reason or "").strip():
        raise ReasonNeededError
    act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)
    with desk.open(desk.catalog(), create=True) as register:
        found = plan_book.plan_of(register, Moment(settings.today()), year)
        measure = plan_book.measure_of(found, number)
        bodies = None if as_in_plan else [one.strip() for one in body or () if one.strip()]
        change = plan_book.assign(register, measure, role.value, bodies, act, year=found.year)
    words = {
        "measure": measure.id,
        "role": desk.say(f"plan.roles.{role.value}"),
        "cell": measure.raw(role.value) or desk.say("plan.said.nobody"),
        "bodies": plan_desk.joined(desk, bodies or ()) or desk.say("plan.said.nobody"),
        "change": change,
    }
    key = "role_same" if change is None else "role_back" if bodies is None else "role_said"
    desk.print(desk.say(f"plan.said.{key}", **words))


def roles(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="plan.arguments.measure")],
    year: Year = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """Show everything that was ever said of who does what for a measure."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        found = plan_book.plan_of(register, Moment(settings.today()), year)
        measure = plan_book.measure_of(found, number)
        said = plan_book.role_history(register, found.year, measure.id)
    cells = pd.DataFrame(
        {
            "role": [one.value for one in Role],
            "bodies": [measure.raw(one.value) for one in Role],
        },
        dtype=object,
    )
    shown = pd.concat(
        [cells, said.assign(bodies=said["bodies"].map(lambda b: plan_desk.joined(desk, b)))]
    )
    columns = ["role", "bodies", *_BY, "until_change"]
    shown = shown.astype({"until_change": object}).reset_index(drop=True)
    if format_ in plan_desk.FOR_PEOPLE:
        shown["role"] = [desk.say(f"plan.roles.{one}") for one in shown["role"]]
    tables.show(
        shown[columns],
        headings=tables.headings("plan.columns", desk.lang, columns),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("plan.said.roles", measure=measure.id),
        notes=[desk.say("plan.said.cells")],
        meta={"year": found.year, "measure": measure.id},
    )
