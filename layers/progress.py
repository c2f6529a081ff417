"""How far the measures of a plan are, unit by unit: what was reported, held against the deadlines.

Nothing is inferred: a unit that reported nothing has reported nothing, and only a measure that was
reported as not done is late. What a unit is to report on is read from who leads or answers for a
measure, and from the districts that its text names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from layers import plan_words
from layers.coverage import TOTAL
from layers.measures import Measure, Plan
from parcels.districts import Territory

NOT_STARTED: Final = "not_started"
GOING: Final = "going"
DONE: Final = "done"
REPORTABLE: Final = (NOT_STARTED, GOING, DONE)
"""What a unit can report of a measure."""

LATE: Final = "late"
NO_REPORT: Final = "no_report"
NOT_CONCERNED: Final = "not_concerned"
STATES: Final = (LATE, NO_REPORT, NOT_STARTED, GOING, DONE, NOT_CONCERNED)
"""Where a unit can stand."""

NAMED: Final = "named"
OPEN: Final = "open"
NOBODY: Final = "none"
CONCERNS: Final = (NAMED, OPEN, NOBODY)
"""Whether a measure is a unit's: it is; the plan says "related districts" and not which; no."""

COLUMNS: Final = (
    "measure",
    "deadline",
    "due_on",
    "days",
    "unit",
    "concern",
    "state",
    "reported_on",
    "report",
)
"""Columns of `standing`: `days` from today to the due day, negative once it is past; `report` is
the number of the report that says so."""

Bodies = Mapping[tuple[str, str], tuple[str, ...]]
"""Who does what: bodies by measure and role."""


def concerns(found: Plan, bodies: Bodies, territory: Territory) -> pd.DataFrame:
    """Whose measure each one is.

    Args:
        found: The plan.
        bodies: Who leads and answers for its measures.
        territory: The units.

    Returns:
        One row per measure and unit, and one for the municipal bodies (TOTAL): `measure`, `unit`,
        `concern` (of CONCERNS).
    """
    places = [*territory.units.index, TOTAL]
    rows = [
        (measure.id, place, concern)
        for measure in found.measures
        for place, concern in zip(
            places, _concerns_of(measure, bodies, territory, places), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["measure", "unit", "concern"])


def _concerns_of(
    measure: Measure, bodies: Bodies, territory: Territory, places: list[str]
) -> list[str]:
    named = [
        body for role in ("lead", "responsible") for body in bodies.get((measure.id, role), ())
    ]
    who = plan_words.concerned(named, territory)
    units = who.units | plan_words.concerned(measure.named_districts, territory).units
    if who.city:
        units |= {TOTAL}
    other = OPEN if who.some else NOBODY
    return [NAMED if place in units else (NOBODY if place == TOTAL else other) for place in places]


def standing(
    found: Plan, concern: pd.DataFrame, reports: pd.DataFrame, *, today: dt.date
) -> pd.DataFrame:
    """Where every unit stands with every measure, at each of its deadlines.

    Args:
        found: The plan.
        concern: As `concerns` gives it.
        reports: What was reported until today: `report`, `subject`, `deadline`, `unit`,
            `true_on` (date), `state`. Of several the one of the last day counts.
        today: The caller's day.

    Returns:
        COLUMNS, in the order of the plan.
    """
    due = pd.DataFrame(
        [(one.measure, one.key, one.due_on) for one in found.deadlines],
        columns=["measure", "deadline", "due_on"],
    )
    last = reports.sort_values(["true_on", "report"], kind="stable").drop_duplicates(
        ["subject", "deadline", "unit"], keep="last"
    )
    said = last.rename(columns={"subject": "measure", "state": "said", "true_on": "reported_on"})
    wanted = ["measure", "deadline", "unit", "said", "reported_on", "report"]
    whole = due.merge(concern, on="measure", how="left")
    whole = whole.merge(said[wanted], on=["measure", "deadline", "unit"], how="left")
    whole["days"] = [(day - today).days for day in whole["due_on"]]
    past = whole["days"] < 0
    open_ = whole["said"].isin([NOT_STARTED, GOING])
    silent = np.where(whole["concern"] == NOBODY, NOT_CONCERNED, NO_REPORT)
    whole["state"] = whole["said"].astype(object).where(whole["said"].notna(), silent)
    whole["state"] = whole["state"].mask(open_ & past, LATE)
    whole["report"] = whole["report"].astype("Int64")
    return whole[list(COLUMNS)]


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """How many units stand where with each measure, at each deadline.

    Args:
        rows: As `standing` gives them, or some of them.

    Returns:
        One row per measure and deadline: `measure`, `deadline`, `due_on`, `days`, `state` (the
        one of all, missing where units differ), `concerned` (units whose measure it is), and for
        each of STATES but the last how many units.
    """
    keys = ["measure", "deadline"]
    groups = rows.groupby(keys, sort=False)
    table = groups[["due_on", "days"]].first()
    table["concerned"] = (rows["concern"] == NAMED).groupby([rows[k] for k in keys]).sum()
    theirs = rows[rows["state"] != NOT_CONCERNED]
    for state in STATES[:-1]:
        table[state] = (rows["state"] == state).groupby([rows[k] for k in keys]).sum()
    states = theirs.groupby(keys)["state"]
    table["state"] = states.min().where(states.min() == states.max())
    return table.reset_index()


def is_open(rows: pd.DataFrame) -> pd.Series:
    """Whether something is past its day and not reported as done, whether late or silent."""
    return (rows["days"] < 0) & rows["state"].isin([LATE, NO_REPORT])
