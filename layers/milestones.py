"""What is to be done by a day, and whether it is done: of parcels, and of the lists of units."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Final

import numpy as np
import pandas as pd

from parcels.model import Layer, Milestone

COLUMNS: Final = (
    "status",
    "due_on",
    "days",
    "milestone",
    "layer",
    "district",
    "unit",
    "code",
    "name",
    "stage",
    "done_on",
)
"""Columns of a table of milestones.

`status` is "overdue", "due" or "done"; `days` counts from today to the due day, negative once it
is past; `code`, `name` and `stage` are blank for the list of a unit.
"""


def of_parcels(
    parcels: pd.DataFrame, layer: Layer, milestone: Milestone, *, today: dt.date
) -> pd.DataFrame:
    """A milestone that each parcel has its own day for.

    Done by its stage: outside `milestone.stages`, unless its flag keeps it. Where there is
    a day of its own for what was done, only that tells: not before the due day, and come already.
    A parcel without a stage is still to do.

    Args:
        parcels: One row per parcel: `code`, `name`, `district`, `unit`, `stage` and the fields of
            the milestone.
        layer: The layer.
        milestone: One with `due`.
        today: The caller's day.

    Returns:
        COLUMNS, one row per parcel that has a day.
    """
    assert milestone.due is not None  # noqa: S101 - for mypy: as documented
    due = _later(_days(parcels[milestone.due]), milestone.months_after)
    concerned = ~np.isnat(due)
    stage = parcels["stage"]
    standing = (stage.isna() | stage.isin(milestone.stages)).to_numpy(bool, copy=True)
    if milestone.flag is not None:
        standing |= parcels[milestone.flag].astype("boolean").fillna(value=False).to_numpy(bool)
    done_on = np.full(len(parcels), np.datetime64("NaT"), "datetime64[D]")
    done = ~standing
    if milestone.done is not None:
        done_on = _days(parcels[milestone.done])
        done = (done_on >= due) & (done_on <= np.datetime64(today))
        concerned &= standing | done
    rows = parcels[["code", "name", "district", "unit", "stage"]].assign(
        due_on=due, done_on=np.where(done, done_on, np.datetime64("NaT")), done=done
    )
    return _judged(rows[concerned], layer, milestone, today)


def of_lists(
    refreshes: pd.DataFrame,
    units: pd.DataFrame,
    layer: Layer,
    milestone: Milestone,
    *,
    today: dt.date,
) -> pd.DataFrame:
    """A milestone of the calendar: the list of each unit at the end of some months.

    A list is refreshed when a delivery of the unit became true after the last such day and not
    after this one.

    Args:
        refreshes: Columns `unit` and `effective_on` (date) of deliveries to the layer.
        units: Indexed by code, with `district`.
        layer: The layer.
        milestone: One with `months`.
        today: The caller's day.

    Returns:
        COLUMNS, two rows per unit: the last day that has come or passed, and the next.
    """
    days = _month_ends(milestone.months, today.year)
    following = next(place for place, day in enumerate(days) if day >= today)
    parts = []
    for place in (following - 1, following):
        after, due = days[place - 1], days[place]
        told = refreshes[(refreshes["effective_on"] > after) & (refreshes["effective_on"] <= due)]
        done_on = told.groupby("unit")["effective_on"].max().reindex(units.index)
        parts.append(
            pd.DataFrame(
                {
                    "code": None,
                    "name": None,
                    "district": units["district"].to_numpy(object),
                    "unit": units.index.to_numpy(object),
                    "stage": None,
                    "due_on": np.datetime64(due, "D"),
                    "done_on": _days(done_on),
                    "done": done_on.notna().to_numpy(bool),
                }
            )
        )
    return _judged(pd.concat(parts, ignore_index=True), layer, milestone, today)


def nothing() -> pd.DataFrame:
    """A table of milestones without a row."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})


def _judged(
    rows: pd.DataFrame, layer: Layer, milestone: Milestone, today: dt.date
) -> pd.DataFrame:
    due = rows["due_on"].to_numpy("datetime64[D]")
    days = (due - np.datetime64(today)).astype("int64")
    status = np.where(rows["done"].to_numpy(bool), "done", np.where(days < 0, "overdue", "due"))
    whole = rows.assign(
        status=status,
        days=days,
        milestone=milestone.key,
        layer=layer.key,
        due_on=_dates(due),
        done_on=_dates(rows["done_on"].to_numpy("datetime64[D]")),
    )
    return whole[list(COLUMNS)].reset_index(drop=True)


def _days(column: pd.Series) -> np.ndarray:
    days: np.ndarray = pd.to_datetime(column).to_numpy("datetime64[s]").astype("datetime64[D]")
    return days


def _dates(days: np.ndarray) -> list[dt.date | None]:
    found: list[dt.date | None] = days.astype("datetime64[D]").tolist()
    return found


def _later(days: np.ndarray, months: int) -> np.ndarray:
    """Days some calendar months later; the end of a shorter month stands for what it lacks."""
    if not months:
        return days
    month = days.astype("datetime64[M]")
    wanted = month + np.timedelta64(months, "M")
    last = (wanted + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    same = wanted.astype("datetime64[D]") + (days - month.astype("datetime64[D]"))
    later: np.ndarray = np.where(np.isnat(days), days, np.minimum(same, last))
    return later


def _month_ends(months: tuple[int, ...], year: int) -> list[dt.date]:
    """The last days of months from two years back to one ahead."""
    return [
        dt.date(one, month, calendar.monthrange(one, month)[1])
        for one in range(year - 2, year + 2)
        for month in sorted(months)
    ]
