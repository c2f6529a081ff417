"""`jingtu due`: what is to be done by when, in a table or a calendar."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from layers.library import Library
from maps import ics, settings, tables
from maps.cli.desk import Desk, Known, dates, desk_of
from maps.ics import Event
from parcels.districts import Territory
from parcels.errors import OutputFileNeededError, UnknownDistrictError
from parcels.exchange.output import placed
from parcels.model import Milestone, Moment
from parcels.register import Register


class Format(StrEnum):
    """The forms of output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    ICS = "ics"


class Status(StrEnum):
    """Where a milestone stands."""

    OVERDUE = "overdue"
    DUE = "due"
    DONE = "done"


def due(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    district: Annotated[list[str] | None, typer.Option(help="commands.options.due_of")] = None,
    within: Annotated[str | None, typer.Option(help="commands.options.within")] = None,
    status: Annotated[list[Status] | None, typer.Option(help="commands.options.status")] = None,
    today: Annotated[
        dt.datetime | None,
        typer.Option("--today", "--as-of", formats=["%Y-%m-%d"], help="commands.options.today"),
    ] = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show what is overdue, due and done."""
    desk = desk_of(context)
    layers = desk.catalog()
    keys = [layers.layer(key).key for key in layer or layers]
    moment = desk.moment(today, known)
    days = None if within is None else _days(desk, within)
    if format_ is Format.ICS and out is None:
        raise OutputFileNeededError(format="ICS")
    with desk.open(layers) as register:
        whole = Library(register, layers).due(keys, moment)
        places = places_of(register.territory, district)
        territory = register.territory
        kept = _chosen(whole, places, days=days, status=[one.value for one in status or Status])
        spoken = _spoken(desk, register, territory, kept)
    asked = [m for key in keys for m in layers.layer(key).milestones if m.question is not None]
    if format_ is Format.ICS:
        assert out is not None  # noqa: S101 - for mypy: refused above
        _write_calendar(desk, kept, spoken, out)
        return
    _show(desk, spoken, asked, at=moment, format_=format_, out=out)


def _show(
    desk: Desk,
    spoken: pd.DataFrame,
    asked: Sequence[Milestone],
    *,
    at: Moment,
    format_: Format,
    out: Path | None,
) -> None:
    notes = [desk.say("commands.due_said.lists")]
    notes += [
        desk.say(
            "commands.due_said.off",
            milestone=one.key,
            label=one.label.in_(desk.lang),
            question=one.question.in_(desk.lang) if one.question else "",
        )
        for one in asked
    ]
    tables.show(
        spoken,
        headings=tables.headings("commands.due_columns", desk.lang, list(spoken.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("commands.due_said.title", on=at.on),
        notes=notes if at.is_as_known_now else [desk.state(at), *notes],
        meta=dates(at),
    )


def _days(desk: Desk, written: str) -> int:
    found = re.fullmatch(r"\s*(\d{1,5})\s*([dw]?)\s*", written.lower())
    if found is None:
        raise typer.BadParameter(desk.say("commands.due_said.within", found=written))
    return int(found[1]) * (7 if found[2] == "w" else 1)


def places_of(territory: Territory, named: Sequence[str] | None) -> frozenset[str] | None:
    """Codes of districts and units of these names.

    Raises:
        UnknownDistrictError: Neither a district nor a unit is called so.
    """
    if not named:
        return None
    written = pd.Series(list(named), dtype="str")
    districts, units = territory.district_codes(written), territory.unit_codes(written)
    unknown = (districts.isna() & units.isna()).to_numpy(bool)
    if unknown.any():
        known = territory.units["name"].tolist()
        raise UnknownDistrictError(district=written[unknown].iloc[0], known=known)
    return frozenset([*districts.dropna(), *units.dropna()])


def _chosen(
    whole: pd.DataFrame,
    places: frozenset[str] | None,
    *,
    days: int | None,
    status: Sequence[str],
) -> pd.DataFrame:
    """The rows of some places; what is overdue stays, however long ago it was due."""
    keep = whole["status"].isin(status)
    if places is not None:
        # The list of a unit is its own; a parcel also lies in a district.
        inside = whole["district"].isin(places) & whole["code"].notna()
        keep &= whole["unit"].isin(places) | inside
    if days is not None:
        near = whole["days"].abs() <= days
        keep &= near | (whole["status"] == Status.OVERDUE.value)
    rank = whole["status"].map({one.value: place for place, one in enumerate(Status)})
    ordered = whole.assign(rank=rank)[keep].sort_values(
        ["rank", "due_on", "layer", "milestone", "unit", "code"], kind="stable"
    )
    return ordered.drop(columns="rank").reset_index(drop=True)


def _spoken(
    desk: Desk, register: Register, territory: Territory, rows: pd.DataFrame
) -> pd.DataFrame:
    """The rows in words; codes stay beside them."""
    named = "name" if desk.lang == "zh" else "name_en"
    stages = {
        (layer.key, stage.key): stage.label.in_(desk.lang)
        for layer in register.layers
        for stage in layer.stages
    }
    labels = {
        m.key: (m.label.in_(desk.lang), m.basis)
        for layer in register.layers
        for m in layer.milestones
    }
    status = {one.value: desk.say(f"commands.due_said.{one.value}") for one in Status}
    return pd.DataFrame(
        {
            "status": rows["status"].map(status),
            "due_on": rows["due_on"],
            "days": rows["days"],
            "milestone": [labels[key][0] for key in rows["milestone"]],
            "layer": [register.layer(key).label.in_(desk.lang) for key in rows["layer"]],
            "district": rows["district"].map(territory.districts[named].to_dict()),
            "unit": rows["unit"].map(territory.units[named].to_dict()),
            "code": rows["code"],
            "name": rows["name"],
            "stage": [stages.get(pair) for pair in zip(rows["layer"], rows["stage"], strict=True)],
            "done_on": rows["done_on"],
            "basis": [labels[key][1] for key in rows["milestone"]],
        }
    )


def _write_calendar(desk: Desk, rows: pd.DataFrame, spoken: pd.DataFrame, out: Path) -> None:
    events = [
        _event(desk, one, said)
        for one, said in zip(rows.to_dict("records"), spoken.to_dict("records"), strict=True)
    ]
    whole = ics.calendar(
        events,
        name=desk.say("commands.due_said.calendar"),
        lang=desk.lang,
        stamp=settings.now(),
    )
    with placed(out) as path:
        path.write_bytes(whole.encode())
    desk.print(desk.say("cli.written", file=out))


def _event(desk: Desk, one: dict[Any, Any], said: dict[Any, Any]) -> Event:
    # The list of a unit is due again and again; the day of a parcel moves and is the same event.
    about = one["code"] if pd.notna(one["code"]) else f"{one['unit']} {one['due_on']}"
    words = {key: "" if pd.isna(value) else value for key, value in said.items()}
    who = words["name"] or words["code"] or words["unit"]
    return Event(
        key=f"{one['milestone']} {one['layer']} {about}",
        on=one["due_on"],
        summary=desk.say("commands.due_said.summary", **words, who=who),
        description=desk.say("commands.due_said.description", **words).replace("\\n", "\n"),
        category=words["status"],
    )
