"""`jingtu plan`: the measures of the action plan, who does what by when, where units stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import pandas as pd
import typer

from layers import plan_book, progress, report_book
from layers.catalog import Catalog
from layers.coverage import TOTAL
from layers.measures import ALL, ROLES, Measure, Plan, Target
from layers.plan_book import Assigned
from maps import tables, text
from maps.cli import plan_desk, plan_figures
from maps.cli.desk import Desk, Known, dates, desk_of
from maps.cli.plan_desk import Out, Shape, Today, Year
from maps.tables import Format

app = typer.Typer(help="plan.commands.plan", invoke_without_command=True)

_LISTED: Final = (
    "task", "measure", "heading", "deadline", "due_on", "days", "lead", "responsible", "unit",
    "concern", "state", "concerned", *progress.STATES[:-1],
)  # fmt: skip
_TOO_LONG: Final = frozenset({"sha256", "note"})
_LONGEST: Final = {"heading": 24, "lead": 14, "responsible": 14}
"""Characters of a cell on the screen; the other forms have the whole."""
_SHOWN: Final = (
    "deadline", "due_on", "days", "unit", "concern", "state", "reported_on", "report", "kind",
    "number", "dated_on", "issued_by", "file", "sha256", "note",
)  # fmt: skip
_EVIDENCE: Final = (
    "report", "kind", "number", "dated_on", "issued_by", "file", "sha256", "note",
)  # fmt: skip


class State(StrEnum):
    """Where a unit stands with a measure."""

    LATE = "late"
    NO_REPORT = "no_report"
    NOT_STARTED = "not_started"
    GOING = "going"
    DONE = "done"


@app.callback(epilog="plan.commands.plan_example")
def list_measures(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    task: Annotated[list[int] | None, typer.Option(help="plan.options.task")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="plan.options.unit")] = None,
    district: Annotated[list[str] | None, typer.Option(help="plan.options.district")] = None,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="plan.options.layer")
    ] = None,
    state: Annotated[list[State] | None, typer.Option(help="plan.options.state")] = None,
    late: Annotated[bool, typer.Option("--late", help="plan.options.late")] = False,
    year: Year = None,
    today: Today = None,
    known: Known = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """List the measures with their deadlines and where the units stand."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    moment = desk.moment(today, known)
    layers = desk.catalog()
    keys = {layers.layer(key).key for key in layer or ()}
    with desk.open(layers) as register:
        territory = register.territory_at(moment)
        places = plan_desk.places_of(territory, [*(unit or ()), *(district or ())])
        found = plan_book.plan_of(register, moment, year)
        assigned = plan_book.roles(register, found, moment)
        rows = plan_desk.standing(register, found, assigned, moment, territory=territory)
    rows = rows[rows["measure"].isin(_chosen(found, task or (), keys))]
    if places is not None:
        theirs = (rows["concern"] != progress.NOBODY) | rows["report"].notna()
        rows = rows[rows["unit"].isin(places) & theirs].assign(concerned=pd.NA)
    if late:
        rows = rows[progress.is_open(rows)]
    if state:
        rows = rows[rows["state"].isin([one.value for one in state])]
    table = rows if places is not None else progress.counted(rows).assign(unit=None, concern=None)
    whole = _with_plan(desk, found, table, assigned)
    if format_ in plan_desk.FOR_PEOPLE:
        whole = plan_desk.in_words(desk, found, whole, territory)
    if format_ is Format.TABLE:
        for key, longest in _LONGEST.items():
            whole[key] = [_cut(one, longest) for one in whole[key]]
    shown = _columns(format_, by_unit=places is not None)
    tables.show(
        whole[shown],
        headings=tables.headings("plan.columns", desk.lang, shown),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("plan.said.title", plan=plan_desk.name(desk, found), on=moment.on),
        notes=plan_desk.notes(desk, moment),
        meta={**dates(moment), "year": found.year},
    )


@app.command("show", help="plan.commands.show", epilog="plan.commands.show_example")
def show(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="plan.arguments.measure")],
    year: Year = None,
    today: Today = None,
    known: Known = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """Show a measure: text, who, when, layers, indicators, and where every unit stands."""
    desk = desk_of(context)
    moment = desk.moment(today, known)
    layers = desk.catalog()
    with desk.open(layers) as register:
        territory = register.territory_at(moment)
        found = plan_book.plan_of(register, moment, year)
        measure = plan_book.measure_of(found, number)
        assigned = plan_book.roles(register, found, moment)
        rows = plan_desk.standing(register, found, assigned, moment, territory=territory)
        said = report_book.reported(register, moment, subjects=[measure.id], values=False)
        declared = desk.indicators(layers)
        figures = plan_figures.figures(
            register, measure, moment, declared=declared, territory=territory
        )
    rows = rows[(rows["measure"] == measure.id) & _is_shown(rows)]
    whole = rows.merge(said[list(_EVIDENCE)].astype({"report": "Int64"}), on="report", how="left")
    if format_ is Format.TABLE and out is None:
        for line in _lines(desk, found, measure, assigned, layers):
            desk.print(line)
    whole["report"] = whole["report"].astype(object)
    if format_ in plan_desk.FOR_PEOPLE:
        whole = plan_desk.in_words(desk, found, whole, territory, layers=layers)
    headings = tables.headings("plan.columns", desk.lang, _SHOWN)
    if format_ is Format.TABLE:
        headings = {key: one for key, one in headings.items() if key not in _TOO_LONG}
        if len(found.deadlines_of(measure.id)) > 1:
            whole, headings = _side_by_side(desk, whole)
    tables.show(
        whole,
        headings=headings,
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("plan.said.standing", measure=measure.id, on=moment.on),
        notes=plan_desk.notes(desk, moment),
        meta={
            **dates(moment),
            **_about(desk, found, measure, assigned, layers),
            "figures": plan_figures.rows(desk, figures, declared),
        },
    )
    if format_ is Format.TABLE and out is None and figures:
        city = {TOTAL: text.say("coverage.places.total", desk.lang)}
        names = plan_desk.place_names(desk, territory) | city
        frame, over = plan_figures.side_by_side(desk, figures, declared, names)
        tables.show(
            frame,
            headings=over,
            lang=desk.lang,
            title=desk.say("plan.said.figures", measure=measure.id, on=moment.on),
            notes=[desk.say("plan.said.of_figures")],
        )


def _chosen(found: Plan, tasks: Collection[int], layers: Collection[str]) -> list[str]:
    """Ids of the measures of some tasks and layers; of all where none is named."""
    return [
        one.id
        for one in found.measures
        if (not tasks or one.task_no in tasks) and (not layers or {ALL, *layers} & set(one.layers))
    ]


def _side_by_side(
    desk: Desk, rows: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, tables.Heading]]:
    """One row per unit and a column for each deadline, where there are several."""
    said = [
        state if pd.isna(report) else desk.say("plan.said.by_report", state=state, report=report)
        for state, report in zip(rows["state"], rows["report"], strict=True)
    ]
    over = rows["deadline"] + " " + rows["due_on"].astype("str")
    keys = rows["due_on"].astype("str") + rows["deadline"]
    table = rows.assign(said=said, key=keys).pivot_table(
        index=["unit", "concern"], columns="key", values="said", aggfunc="first"
    )
    # Pivoting sorts; the units stay in their order.
    order = rows.drop_duplicates("unit")[["unit", "concern"]]
    wide = table.reindex(pd.MultiIndex.from_frame(order)).reset_index()
    headings = tables.headings("plan.columns", desk.lang, ["unit", "concern"])
    return wide, headings | {key: tables.Heading(one) for key, one in zip(keys, over, strict=True)}


def _cut(written: str, longest: int) -> str:
    """A text short enough for a row of the screen."""
    return written if len(written) <= longest else f"{written[: longest - 1]}…"


def _columns(form: Format, *, by_unit: bool) -> list[str]:
    if form is not Format.TABLE:
        return list(_LISTED)
    hidden = {"task"}
    hidden |= {"concerned", *progress.STATES} if by_unit else {"unit", "concern", "state"}
    return [key for key in _LISTED if key not in hidden]


def _with_plan(
    desk: Desk, found: Plan, rows: pd.DataFrame, assigned: Mapping[tuple[str, str], Assigned]
) -> pd.DataFrame:
    """The rows with what the plan says of each measure."""
    measures = {one.id: one for one in found.measures}
    roles = {
        role: [plan_desk.joined(desk, assigned[key, role].bodies) for key in rows["measure"]]
        for role in ("lead", "responsible")
    }
    counts = {
        key: rows[key].astype("Int64") if key in rows else pd.NA
        for key in ("concerned", *progress.STATES[:-1])
    }
    return rows.assign(
        task=[measures[key].task_no for key in rows["measure"]],
        heading=[measures[key].heading for key in rows["measure"]],
        **roles,
        **counts,
    )


def _is_shown(rows: pd.DataFrame) -> pd.Series:
    """Units that the measure is not of are left out, unless they report; so is an idle city."""
    return (rows["concern"] != progress.NOBODY) | rows["report"].notna()


def _lines(
    desk: Desk,
    found: Plan,
    measure: Measure,
    assigned: Mapping[tuple[str, str], Assigned],
    layers: Catalog,
) -> Iterator[str]:
    """What the plan says of a measure, line by line."""
    yield desk.say("plan.said.measure", measure=measure.id, task=measure.task)
    yield measure.text
    for role in ROLES:
        one = assigned[measure.id, role]
        key = "role" if one.change is None else "role_changed"
        yield desk.say(
            f"plan.said.{key}",
            role=desk.say(f"plan.roles.{role}"),
            bodies=plan_desk.joined(desk, one.bodies) or desk.say("plan.said.nobody"),
            cell=measure.raw(role) or desk.say("plan.said.nobody"),
            change=one.change,
        )
    for deadline in found.deadlines_of(measure.id):
        yield desk.say(
            "plan.said.deadline",
            deadline=plan_desk.deadline_name(desk, deadline),
            on=deadline.due_on,
            text=deadline.text,
        )
    for target in found.targets_of(measure.id):
        yield _target_line(desk, target)
    if measure.named_districts:
        yield desk.say("plan.said.named", districts=list(measure.named_districts))
    labels = [layers[key].label.in_(desk.lang) if key in layers else key for key in measure.layers]
    if ALL in measure.layers:
        labels = [desk.say("plan.said.all_layers")]
    yield desk.say("plan.said.layers", layers=labels or [desk.say("plan.said.no_layer")])
    named = desk.indicators(layers)
    yield desk.say(
        "plan.said.indicators",
        indicators=[
            named[key].label.in_(desk.lang) if key in named else key for key in measure.indicators
        ],
    )


def _target_line(desk: Desk, target: Target) -> str:
    amount = _amount(desk, target)
    operator = target.operator.name.lower() if target.operator is not None else "number"
    said = desk.say(f"plan.operators.{operator}", amount=amount)
    about = desk.say("plan.said.about") if target.about else ""
    condition = f" ({target.condition.in_(desk.lang)})" if target.condition else ""
    key = "alternative" if target.alternative else "target"
    return desk.say(f"plan.said.{key}", target=about + said + condition, text=target.text)


def _amount(desk: Desk, target: Target) -> str:
    if target.unit == "share":
        return f"{plan_desk.decimal(target.value * 100)}%"
    unit = "" if target.unit == "count" else f" {text.unit_name(target.unit, desk.lang)}"
    return f"{plan_desk.decimal(target.value)}{unit}"


def _about(
    desk: Desk,
    found: Plan,
    measure: Measure,
    assigned: Mapping[tuple[str, str], Assigned],
    layers: Catalog,
) -> dict[str, Any]:
    """What JSON tells of a measure besides where units stand."""
    return {
        "year": found.year,
        "measure": measure.id,
        "task": measure.task_no,
        "task_name": measure.task,
        "chapter": measure.chapter,
        "text": measure.text,
        "roles": [_role(measure, role, assigned[measure.id, role]) for role in ROLES],
        "deadlines": [
            {
                "deadline": one.key,
                "due_on": one.due_on,
                "text": one.text,
                "label": plan_desk.deadline_name(desk, one),
            }
            for one in found.deadlines_of(measure.id)
        ],
        "targets": [_target(desk, one) for one in found.targets_of(measure.id)],
        "named_districts": list(measure.named_districts),
        "layers": list(layers) if ALL in measure.layers else list(measure.layers),
        "indicators": list(measure.indicators),
    }


def _role(measure: Measure, role: str, one: Assigned) -> dict[str, Any]:
    return {
        "role": role,
        "cell": measure.raw(role),
        "bodies": list(one.bodies),
        "change": one.change,
    }


def _target(desk: Desk, target: Target) -> dict[str, Any]:
    return {
        "indicator": target.indicator,
        "operator": None if target.operator is None else target.operator.value,
        "value": plan_desk.decimal(target.value),
        "unit": target.unit,
        "about": target.about,
        "alternative": target.alternative,
        "condition": None if target.condition is None else target.condition.in_(desk.lang),
        "districts": list(target.districts),
        "text": target.text,
    }
