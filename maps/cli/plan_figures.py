"""The indicators of a measure, unit by unit, as `jingtu plan show` tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from layers import indicators, periods, reckoning, report_book, reported
from layers.coverage import TOTAL
from layers.figures import Basis, Figure, Verdict
from layers.indicators import Indicator, Indicators
from layers.measures import Measure
from layers.reckoning import Scope
from maps import figure_tables, tables, text
from maps.cli.desk import Desk
from maps.tables import Heading
from parcels.districts import Territory
from parcels.model import Moment
from parcels.register import Register

_PROGRESS = "state"


def figures(
    register: Register,
    measure: Measure,
    moment: Moment,
    *,
    declared: Indicators,
    territory: Territory,
) -> list[Figure]:
    """What the indicators of a measure come to for each unit and the city.

    Computed ones are of the day; of reported ones it is the last that a unit reported until then.

    Args:
        register: Where parcels and reports are.
        measure: The measure.
        moment: The two times.
        declared: The indicators; what is not declared gives nothing.
        territory: The units.
    """
    keys = tuple(key for key in measure.indicators if key in declared)
    asked = [declared[key] for key in declared.with_readings(keys)]
    asked = [one for one in asked if one.unit != _PROGRESS]
    units = [str(one) for one in territory.units.index]
    of = periods.day(moment.on)
    computed = [one for one in asked if one.basis is Basis.COMPUTED]
    made: list[Figure] = []
    if computed:
        given = reckoning.accounts(register, computed, Scope(of, moment), ways=["unit"])
        made = reckoning.figures(given, computed, of, {"unit": units})
    reports = report_book.reported(register, moment, subjects=measure.indicators, values=True)
    return made + reported.latest(asked, [*units, TOTAL], reports, period=of)


def side_by_side(
    desk: Desk,
    found: Sequence[Figure],
    declared: Indicators,
    names: Mapping[str, str],
) -> tuple[pd.DataFrame, dict[str, Heading]]:
    """A row for each place and a column for each indicator, in words."""
    cells = {
        (one.place, one.indicator): _cell(desk, one, declared[one.indicator]) for one in found
    }
    asked = list(dict.fromkeys(one.indicator for one in found))
    places = list(dict.fromkeys(one.place for one in found))
    rows = {key: [cells.get((place, key)) for place in places] for key in asked}
    frame = pd.DataFrame({"unit": [names.get(one, one) for one in places], **rows}, dtype=object)
    headings = tables.headings("plan.columns", desk.lang, ["unit"])
    over = {key: Heading(declared[key].label.in_(desk.lang)) for key in asked}
    return frame, headings | over


def rows(desk: Desk, found: Sequence[Figure], declared: Indicators) -> list[dict[str, Any]]:
    """The figures for programs."""
    whole: list[dict[str, Any]] = figure_tables.rows(found, declared, desk.lang).to_dict("records")
    return whole


def _cell(desk: Desk, figure: Figure, indicator: Indicator) -> str:
    """The value, of which period where it was reported, and how it stands to the target."""
    said = figure_tables.value(figure, desk.lang)
    if figure.report is not None:
        said = desk.say("plan.said.of_period", value=said, period=figure.period)
    verdict = indicators.verdict(indicator, figure)
    if verdict in {Verdict.NO_TARGET, Verdict.NO_DATA}:
        return said
    word = text.say(f"indicators.verdicts.{verdict}", desk.lang)
    return desk.say("plan.said.with_verdict", value=said, verdict=word)
