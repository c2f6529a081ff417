"""The book of evaluations: schemes by quarter, points that people gave, and results.

Nothing is overwritten: a scheme that is loaded again stands beside the former, and points that are
given again, or withdrawn, close those before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import pandas as pd
import sqlalchemy as sa

from layers import evaluation, evaluation_files, figure_book, reckoning, report_book
from layers.coverage import TOTAL
from layers.evaluation import Override, Result, Scheme
from layers.figures import Figure
from layers.indicators import Indicator, Indicators
from layers.periods import Period
from layers.reckoning import Scope
from parcels import freezing
from parcels.errors import OverrideNotUsableError, ReasonNeededError
from parcels.freezing import Frozen
from parcels.model import Moment
from parcels.recording import Act, Recorder
from parcels.register import Register
from parcels.tables import change
from parcels.tables import evaluation_override as override
from parcels.tables import evaluation_scheme as kept

HISTORY: Final = ("quarter", "unit", "item", "points", "made_by", "made_at", "reason", "change")
"""Columns of `overrides_made`, with `ended_in`."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation of a quarter.

    Attributes:
        scheme: By which scheme.
        scheme_change: The change that brought it; None for the sample that comes with Jingtu.
        results: Every unit, in the order of the territory.
        freeze: The freeze whose figures count; None where they are as known at the moment.
    """

    scheme: Scheme
    scheme_change: int | None
    results: tuple[Result, ...]
    freeze: Frozen | None = None


def load_scheme(
    register: Register, path: Path, indicators: Indicators, act: Act
) -> tuple[Scheme, int]:
    """Keep a scheme; the scheme and the number of the change.

    Raises:
        DeclarationError: With all problems of the file.
        ReasonNeededError: No reason is said.
        StoreBusyError: Another process is writing.
    """
    if not act.reason or not act.reason.strip():
        raise ReasonNeededError(what="jingtu evaluation load")
    scheme, text = evaluation_files.load(path, indicators)
    with register.store.write() as connection:
        recorder = Recorder(register.store, connection, act)
        recorder.open("load_scheme")
        connection.execute(
            sa.insert(kept).values(
                id=register.store.next_id(connection, kept),
                change_id=recorder.number,
                quarter=scheme.quarter,
                content=text,
            )
        )
    return scheme, recorder.number


def schemes(register: Register) -> pd.DataFrame:
    """Every scheme that was loaded, in order.

    Returns:
        Columns `quarter`, `change`, `made_by`, `made_at`, `reason`, `content`.
    """
    query = (
        sa.select(
            kept.c.quarter,
            change.c.id.label("change"),
            change.c.made_by,
            change.c.made_at,
            change.c.reason,
            kept.c.content,
        )
        .select_from(kept.join(change, kept.c.change_id == change.c.id))
        .order_by(kept.c.id)
    )
    with register.store.read() as connection:
        return register.store.frame(connection, query)


def scheme_of(register: Register, period: Period, moment: Moment) -> tuple[Scheme, int | None]:
    """The scheme in force for a quarter, as known at a moment, and its change.

    The last one loaded for the latest quarter up to this one; the sample where there is none.
    """
    with register.store.read() as connection:
        known = register.known(connection, moment)
    rows = schemes(register)
    rows = rows[(rows["quarter"] <= str(period)) & (rows["change"].astype("int64") <= known)]
    if rows.empty:
        return evaluation_files.read(evaluation_files.SAMPLE.read_text("utf-8-sig")), None
    last = rows.sort_values(["quarter", "change"]).iloc[-1]
    return evaluation_files.read(str(last["content"])), int(last["change"])


def give_points(
    register: Register, period: Period, unit: str, item: str, points: Fraction, act: Act
) -> int:
    """Give a unit points for an item instead of those computed; the number of the change.

    Raises:
        OverrideNotUsableError: The scheme has no such item, or no unit is so called, or the points
            are not between 0 and its cap.
        ReasonNeededError: No reason is said.
        StoreBusyError: Another process is writing.
    """
    if not act.reason or not act.reason.strip():
        raise ReasonNeededError(what="jingtu evaluation points")
    scheme, _ = scheme_of(register, period, Moment(period.last))
    items = {one.key: one for one in scheme.items}
    told = {"quarter": str(period), "unit": unit, "item": item}
    if item not in items or unit not in register.territory.units.index:
        raise OverrideNotUsableError(**told, reason="no_item", known=sorted(items))
    if not 0 <= points <= items[item].cap:
        raise OverrideNotUsableError(**told, reason="out_of_range", known=[str(items[item].cap)])
    with register.store.write() as connection:
        recorder = Recorder(register.store, connection, act)
        recorder.open("override_points")
        _close(connection, str(period), unit, item, recorder.number)
        connection.execute(
            sa.insert(override).values(
                id=register.store.next_id(connection, override),
                change_id=recorder.number,
                quarter=str(period),
                unit=unit,
                item=item,
                points=str(points),
            )
        )
    return recorder.number


def withdraw_points(register: Register, period: Period, unit: str, item: str, act: Act) -> int:
    """Let the computed points count again; the number of the change.

    Raises:
        OverrideNotUsableError: No points were given.
        ReasonNeededError: No reason is said.
    """
    if not act.reason or not act.reason.strip():
        raise ReasonNeededError(what="jingtu evaluation withdraw")
    with register.store.write() as connection:
        if (unit, item) not in _overrides(register, connection, period, Moment(period.last)):
            told = {"quarter": str(period), "unit": unit, "item": item}
            raise OverrideNotUsableError(**told, reason="none_given", known=[])
        recorder = Recorder(register.store, connection, act)
        recorder.open("withdraw_points")
        _close(connection, str(period), unit, item, recorder.number)
    return recorder.number


def evaluate(
    register: Register, indicators: Indicators, period: Period, moment: Moment
) -> Evaluated:
    """Evaluate every unit for a quarter.

    Args:
        register: The register.
        indicators: The declared ones.
        period: The quarter.
        moment: Its last day, and as known when.
    """
    scheme, number = scheme_of(register, period, moment)
    asked = tuple(indicators.indicator(key) for key in dict.fromkeys(
        item.indicator for item in scheme.items))  # fmt: skip
    units = register.territory_at(moment).units.index.tolist()
    figures, freeze = figures_of(register, asked, period, moment, units)
    with register.store.read() as connection:
        given = _overrides(register, connection, period, moment)
    results = evaluation.evaluate(scheme, units, figures, {one.key: one for one in asked}, given)
    return Evaluated(scheme, number, results, freeze)


def figures_of(
    register: Register,
    asked: tuple[Indicator, ...],
    period: Period,
    moment: Moment,
    units: list[str],
) -> tuple[dict[tuple[str, str], Figure], Frozen | None]:
    """The figure of each indicator and unit, computed or as it was reported.

    Figures of a quarter that is frozen are those that were frozen, whatever was corrected since;
    an indicator that was not declared then is reckoned as of then.

    Returns:
        By indicator and unit, and the freeze that counts; None where none was known.
    """
    freeze = _frozen(register, period, moment)
    kept = {} if freeze is None else _kept(register, freeze)
    at = moment if freeze is None else freeze.moment
    left = tuple(one for one in asked if (one.key, TOTAL) not in kept)
    given = reckoning.accounts(register, left, Scope(period, at), ways=["unit"])
    made = [*kept.values(), *reckoning.figures(given, left, period, {"unit": units})]
    told = report_book.with_reports(register, made, at)
    return {(one.indicator, one.place): one for one in told}, freeze


def _frozen(register: Register, period: Period, moment: Moment) -> Frozen | None:
    """The last freeze of a quarter that was known at a moment."""
    with register.store.read() as connection:
        known = register.known(connection, moment)
    found = [one for one in freezing.listed(register, str(period)) if one.change <= known]
    return found[-1] if found else None


def _kept(register: Register, freeze: Frozen) -> dict[tuple[str, str], Figure]:
    figures = [told.figure for told in figure_book.kept(register, freeze)]
    return {(one.indicator, one.place): one for one in figures if one.by == "unit"}


def overrides_made(register: Register) -> pd.DataFrame:
    """All points that people ever gave, in order; the columns of HISTORY, and `ended_in`."""
    query = (
        sa.select(
            override.c.quarter,
            override.c.unit,
            override.c.item,
            override.c.points,
            change.c.made_by,
            change.c.made_at,
            change.c.reason,
            change.c.id.label("change"),
            override.c.closed_in.label("ended_in"),
        )
        .select_from(override.join(change, override.c.change_id == change.c.id))
        .order_by(override.c.id)
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
    return rows.assign(ended_in=rows["ended_in"].astype("Int64"))


def _overrides(
    register: Register, connection: sa.Connection, period: Period, moment: Moment
) -> Mapping[tuple[str, str], Override]:
    known = register.known(connection, moment)
    query = (
        sa.select(
            override.c.unit, override.c.item, override.c.points,
            change.c.made_by, change.c.reason, change.c.id,
        )
        .select_from(override.join(change, override.c.change_id == change.c.id))
        .where(
            override.c.quarter == str(period),
            override.c.change_id <= known,
            sa.or_(override.c.closed_in.is_(None), override.c.closed_in > known),
        )
        .order_by(override.c.id)
    )  # fmt: skip
    return {
        (row.unit, row.item): Override(Fraction(row.points), row.made_by, row.reason, row.id)
        for row in connection.execute(query)
    }


def _close(connection: sa.Connection, quarter: str, unit: str, item: str, number: int) -> None:
    connection.execute(
        sa.update(override)
        .where(
            override.c.quarter == quarter,
            override.c.unit == unit,
            override.c.item == item,
            override.c.closed_in.is_(None),
        )
        .values(closed_in=number)
    )
