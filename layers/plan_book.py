"""The book of plans: those loaded into the register, and who does what for their measures.

A plan is kept as the files it was read from. The cells of a plan are never changed: who does what
instead is a row beside them, and every row belongs to the change that wrote it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from layers import plan, plan_words
from layers.measures import ROLES, Measure, Plan
from parcels.errors import UnknownMeasureError, UnknownPlanError
from parcels.model import Moment
from parcels.plan_tables import ASSIGN, LOAD, plan_file, plan_role, report
from parcels.plan_tables import plan as kept
from parcels.reading import known_at
from parcels.recording import Act, Recorder
from parcels.register import Register
from parcels.tables import NOT_SUPERSEDED, change


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a plan did.

    Attributes:
        change: Number of the change; None when the register has this very plan already.
        replaces: Number of the change that had loaded the former plan of the year, if any.
        unmatched: Measures of the year that reports or assignments are about and that the plan
            does not have.
    """

    change: int | None
    replaces: int | None = None
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """Who does what for a measure.

    Attributes:
        bodies: In the order they are named.
        change: The change by which a person said so; None for the cell of the plan.
    """

    measure: str
    role: str
    bodies: tuple[str, ...]
    change: int | None = None


def load(register: Register, found: Plan, act: Act, *, folder: str) -> Loaded:
    """Keep a plan that was read without problems; a former one of its year is kept closed.

    Args:
        register: The register.
        found: The plan.
        act: Who, when, why.
        folder: Name of the folder it came from.

    Raises:
        StoreBusyError: Another process is writing.
    """
    with register.store.write() as connection:
        former = connection.execute(
            sa.select(kept.c.id, kept.c.recorded_from).where(
                kept.c.year == found.year, kept.c.recorded_to == NOT_SUPERSEDED
            )
        ).first()
        if former is not None and _files(connection, former.id) == dict(found.files):
            return Loaded(None)
        recorder = Recorder(register.store, connection, act)
        number = recorder.open(LOAD)
        if former is not None:
            _close(connection, kept, former.id, number)
        _write(recorder, found, folder)
        unmatched = _named(connection, found.year) - {one.id for one in found.measures}
    replaces = None if former is None else int(former.recorded_from)
    return Loaded(number, replaces, tuple(sorted(unmatched)))


def years(register: Register, moment: Moment) -> pd.DataFrame:
    """The plans there are: those loaded, as known then, and the one that comes with Jingtu.

    Returns:
        `year`, `folder`, `change`, `made_by`, `made_at`, `reason`; the last four are missing for
        the plan that comes with Jingtu.
    """
    query = (
        sa.select(
            kept.c.year,
            kept.c.folder,
            kept.c.recorded_from.label("change"),
            *[change.c[name] for name in ("made_by", "made_at", "reason")],
        )
        .select_from(kept.join(change, kept.c.recorded_from == change.c.id))
        .order_by(kept.c.year)
    )
    with register.store.read() as connection:
        known = known_at(connection, moment)
        rows = register.store.frame(connection, query.where(believed(kept, known)))
    own = _bundled()
    if own.year not in set(rows["year"]):
        first = pd.DataFrame({"year": [own.year], "folder": [plan.CURRENT]}, dtype=object)
        rows = pd.concat([rows, first], ignore_index=True)
    return rows.sort_values("year", kind="stable", ignore_index=True)


def plan_of(register: Register, moment: Moment, year: int | None = None) -> Plan:
    """The plan of a year, as known then.

    Args:
        register: The register.
        moment: As known when; its day tells the year where none is named: that year's plan, or
            the last before it, or else the first.
        year: The year.

    Raises:
        UnknownPlanError: There is no plan for it.
    """
    there = [int(one) for one in years(register, moment)["year"]]
    if year is None:
        year = max((one for one in there if one <= moment.on.year), default=min(there))
    if year not in there:
        raise UnknownPlanError(year=year, known=there)
    with register.store.read() as connection:
        known = known_at(connection, moment)
        query = sa.select(kept.c.id).where(kept.c.year == year, believed(kept, known))
        number = connection.execute(query).scalar()
        texts = {} if number is None else _files(connection, number)
    return _bundled() if number is None else _read(tuple(sorted(texts.items())))


def measure_of(found: Plan, number: str) -> Measure:
    """The measure of a number.

    Raises:
        UnknownMeasureError: The plan has none.
    """
    try:
        return found.measure(number.strip())
    except KeyError:
        known = [one.id for one in found.measures]
        raise UnknownMeasureError(measure=number, known=known) from None


def roles(register: Register, found: Plan, moment: Moment) -> dict[tuple[str, str], Assigned]:
    """Who does what for every measure, by its id and role: as a person said, else by the plan."""
    by_plan = {
        (one.id, role): Assigned(one.id, role, plan_words.bodies(one.raw(role)))
        for one in found.measures
        for role in ROLES
    }
    with register.store.read() as connection:
        known = known_at(connection, moment)
        query = sa.select(plan_role).where(
            plan_role.c.year == found.year, believed(plan_role, known)
        )
        said = {
            (row.measure, row.role): Assigned(
                row.measure, row.role, tuple(json.loads(row.bodies)), int(row.recorded_from)
            )
            for row in connection.execute(query.order_by(plan_role.c.id))
        }
    return by_plan | {key: one for key, one in said.items() if key in by_plan}


def assign(
    register: Register,
    measure: Measure,
    role: str,
    bodies: Sequence[str] | None,
    act: Act,
    *,
    year: int,
) -> int | None:
    """Say who does what for a measure; the cell of the plan stays as it is.

    Args:
        register: The register.
        measure: The measure.
        role: One of ROLES.
        bodies: Names, in order; None goes back to the cell of the plan.
        act: Who, when, why.
        year: Of the plan.

    Returns:
        The number of the change; None where this was said already.
    """
    with register.store.write() as connection:
        query = sa.select(plan_role.c.id, plan_role.c.bodies).where(
            plan_role.c.year == year,
            plan_role.c.measure == measure.id,
            plan_role.c.role == role,
            plan_role.c.recorded_to == NOT_SUPERSEDED,
        )
        former = connection.execute(query).first()
        before = None if former is None else json.loads(former.bodies)
        wanted = None if bodies is None else list(dict.fromkeys(bodies))
        if before == wanted:
            return None
        recorder = Recorder(register.store, connection, act)
        number = recorder.open(ASSIGN)
        if former is not None:
            _close(connection, plan_role, former.id, number)
        if wanted is not None:
            connection.execute(
                sa.insert(plan_role).values(
                    id=register.store.next_id(connection, plan_role),
                    year=year,
                    measure=measure.id,
                    role=role,
                    bodies=json.dumps(wanted, ensure_ascii=False),
                    recorded_from=number,
                    recorded_to=NOT_SUPERSEDED,
                )
            )
    return number


def role_history(register: Register, year: int, measure: str) -> pd.DataFrame:
    """Everything that was ever said of who does what for a measure, in the order it was said.

    Returns:
        `role`, `bodies` (list of names), `change`, `made_by`, `made_at`, `reason`, and
        `until_change`, the change by which it ended (missing while it holds).
    """
    query = (
        sa.select(
            plan_role.c.role,
            plan_role.c.bodies,
            plan_role.c.recorded_from.label("change"),
            *[change.c[name] for name in ("made_by", "made_at", "reason")],
            plan_role.c.recorded_to.label("until_change"),
        )
        .select_from(plan_role.join(change, plan_role.c.recorded_from == change.c.id))
        .where(plan_role.c.year == year, plan_role.c.measure == measure)
        .order_by(plan_role.c.id)
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
    ended = rows["until_change"].astype("Int64")
    return rows.assign(
        bodies=rows["bodies"].map(json.loads), until_change=ended.mask(ended == NOT_SUPERSEDED)
    )


def _write(recorder: Recorder, found: Plan, folder: str) -> None:
    store, connection, number = recorder.store, recorder.connection, recorder.number
    key = store.next_id(connection, kept)
    row = {"id": key, "year": found.year, "folder": folder}
    known = {"recorded_from": number, "recorded_to": NOT_SUPERSEDED}
    connection.execute(sa.insert(kept).values(row | known))
    for name, body in found.files.items():
        connection.execute(
            sa.insert(plan_file).values(
                id=store.next_id(connection, plan_file),
                plan_id=key,
                name=name,
                sha256=hashlib.sha256(body.encode()).hexdigest(),
                body=body,
                change_id=number,
            )
        )


def _files(connection: sa.Connection, number: int) -> dict[str, str]:
    query = sa.select(plan_file.c.name, plan_file.c.body).where(plan_file.c.plan_id == number)
    return {str(name): str(body) for name, body in connection.execute(query)}


def _named(connection: sa.Connection, year: int) -> set[str]:
    """The measures of a year that reports or assignments are about."""
    queries: list[sa.Select[Any]] = [
        sa.select(plan_role.c.measure).where(
            plan_role.c.year == year, plan_role.c.recorded_to == NOT_SUPERSEDED
        ),
        sa.select(report.c.subject).where(
            report.c.year == year, report.c.recorded_to == NOT_SUPERSEDED
        ),
    ]
    return {str(one) for query in queries for one in connection.execute(query).scalars()}


def _close(connection: sa.Connection, table: sa.Table, key: int, number: int) -> None:
    connection.execute(sa.update(table).where(table.c.id == key).values(recorded_to=number))


def believed(table: sa.Table, known: int) -> sa.ColumnElement[bool]:
    """The condition that a row counted right after a change, as `known_at` gives it."""
    last = min(known, NOT_SUPERSEDED - 1)
    return sa.and_(table.c.recorded_from <= last, table.c.recorded_to > last)


@cache
def _bundled() -> Plan:
    return plan.load()


@cache
def _read(texts: tuple[tuple[str, str], ...]) -> Plan:
    """A plan from its kept files, which were checked when it was loaded."""
    with tempfile.TemporaryDirectory(prefix="jingtu-") as folder:
        for name, body in texts:
            (Path(folder) / name).write_text(body, encoding="utf-8", newline="")
        return plan.load(Path(folder))
