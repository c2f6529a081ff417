"""What the commands about the plan and its reports share: options, places, words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import pandas as pd
import typer

from layers import plan_words, progress, report_book, report_form
from layers.catalog import Catalog
from layers.coverage import TOTAL
from layers.measures import Deadline, Plan
from layers.plan_book import Assigned
from maps.cli.desk import Desk
from maps.tables import Format
from parcels.districts import Territory
from parcels.errors import UnknownDistrictError
from parcels.model import Choice, Moment
from parcels.register import Register

Year: TypeAlias = Annotated[int | None, typer.Option("--plan", help="plan.options.year")]
Today: TypeAlias = Annotated[
    dt.datetime | None,
    typer.Option("--today", "--as-of", formats=["%Y-%m-%d"], help="commands.options.today"),
]
Shape: TypeAlias = Annotated[Format, typer.Option("--format", help="cli.options.format")]
Out: TypeAlias = Annotated[Path | None, typer.Option(help="cli.options.out")]
Reason: TypeAlias = Annotated[str | None, typer.Option(help="commands.options.reason")]


FOR_PEOPLE: Final = frozenset({Format.TABLE, Format.XLSX})
"""The forms in which names stand for codes."""


def places_of(territory: Territory, named: Sequence[str]) -> frozenset[str] | None:
    """Codes of the units of these names, and of the districts' own governments; None for none.

    Raises:
        UnknownDistrictError: Neither a unit nor a district is called so.
    """
    if not named:
        return None
    return frozenset(place_of(territory, one) for one in named)


def place_of(territory: Territory, written: str) -> str:
    """Code of the unit of this name, TOTAL for the municipal bodies.

    Raises:
        UnknownDistrictError: Neither a unit nor a district is called so.
    """
    place = plan_words.place_of(written, territory)
    if place is not None:
        return place
    code = territory.district_codes(pd.Series([written], dtype="str")).iloc[0]
    own = territory.units.index[territory.units["district"] == code] if pd.notna(code) else []
    if len(own) == 0:
        raise UnknownDistrictError(district=written, known=territory.units["name"].tolist())
    return str(own[0])


def standing(
    register: Register,
    found: Plan,
    assigned: Mapping[tuple[str, str], Assigned],
    moment: Moment,
    *,
    territory: Territory,
) -> pd.DataFrame:
    """Where every unit stands; see `progress.standing`."""
    bodies = {key: one.bodies for key, one in assigned.items()}
    concern = progress.concerns(found, bodies, territory)
    reports = report_book.reported(register, moment, values=False)
    ours = reports[reports["year"] == found.year]
    return progress.standing(found, concern, ours, today=moment.on)


def in_words(
    desk: Desk,
    found: Plan,
    rows: pd.DataFrame,
    territory: Territory,
    *,
    layers: Catalog | None = None,
) -> pd.DataFrame:
    """Rows of deadlines, units and states as people read them; what is missing stays so.

    Args:
        desk: The desk.
        found: The plan.
        rows: `measure`, `deadline`, `unit`, `concern`, `state`, and `kind` with `layers`.
        territory: Names of units.
        layers: Names of kinds of documents.
    """
    named = {(one.measure, one.key): deadline_name(desk, one) for one in found.deadlines}
    pairs = zip(rows["measure"], rows["deadline"], strict=True)
    states = {one: desk.say(f"plan.states.{one}") for one in progress.STATES}
    concerns = {one: desk.say(f"plan.concerns.{one}") for one in progress.CONCERNS}
    spoken = rows.assign(
        deadline=[named.get(pair) for pair in pairs],
        unit=rows["unit"].map(place_names(desk, territory)).astype(object),
        state=rows["state"].map(states).astype(object),
        concern=rows["concern"].map(concerns).astype(object),
    )
    if layers is None:
        return spoken
    labels = {code: one.label.in_(desk.lang) for code, one in kinds(layers).items()}
    return spoken.assign(kind=rows["kind"].map(labels).astype(object).fillna(rows["kind"]))


def place_names(desk: Desk, territory: Territory) -> dict[str, str]:
    """The names of the units and of the city by code."""
    names = territory.units["name_en" if desk.lang == "en" else "name"].to_dict()
    return {**{str(key): str(name) for key, name in names.items()}, TOTAL: desk.say("plan.city")}


def deadline_name(desk: Desk, deadline: Deadline) -> str:
    """What is due, in words."""
    if deadline.label is not None:
        return deadline.label.in_(desk.lang)
    return desk.say("plan.said.whole")


def name(desk: Desk, found: Plan) -> str:
    """What a plan is called."""
    return found.label.in_(desk.lang) if found.label is not None else str(found.year)


def joined(desk: Desk, bodies: Iterable[str]) -> str:
    """Names in a row, as the language joins them; "" for none."""
    listed = list(bodies)
    return desk.say("plan.said.bodies", bodies=listed) if listed else ""


def kinds(layers: Catalog) -> Mapping[str, Choice]:
    """The kinds of documents that a report can rest on."""
    return report_form.kinds(layers.documents)


def reports_in_words(
    desk: Desk, rows: pd.DataFrame, territory: Territory, layers: Catalog
) -> pd.DataFrame:
    """Reports as people read them: names of indicators, units, states and documents."""
    labels = {key: one.label.in_(desk.lang) for key, one in desk.indicators(layers).items()}
    documents = {code: one.label.in_(desk.lang) for code, one in kinds(layers).items()}
    states = {one: desk.say(f"plan.states.{one}") for one in progress.STATES}
    return rows.assign(
        subject=rows["subject"].map(labels).astype(object).fillna(rows["subject"]),
        unit=rows["unit"].map(place_names(desk, territory)).astype(object),
        state=rows["state"].map(states).astype(object),
        kind=rows["kind"].map(documents).astype(object).fillna(rows["kind"]),
    )


def notes(desk: Desk, moment: Moment) -> list[str]:
    """What stands below every table of progress."""
    said = [desk.say("plan.said.rules")]
    if not moment.is_as_known_now:
        said.insert(0, desk.state(moment))
    return said


def decimal(amount: Fraction) -> str:
    """An exact amount as decimal digits, without an exponent."""
    digits = format(Decimal(amount.numerator) / Decimal(amount.denominator), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
