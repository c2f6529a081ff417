"""`jingtu indicators`: figures against targets, what the indicators are, and the cases behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from layers import cases as cases_of
from layers import periods, plan, plan_book, reckoning, report_book
from layers.catalog import Catalog
from layers.coverage import TOTAL, By
from layers.figures import Figure
from layers.indicators import NO_PARCELS, Indicator, Indicators
from layers.measures import Plan
from layers.periods import Period
from layers.reckoning import Scope
from maps import figure_tables, settings, tables, text
from maps.cli.coverage import Place, chosen
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.districts import bordered
from maps.tables import Format
from parcels.districts import Territory
from parcels.errors import UnknownMeasureError
from parcels.model import Moment
from parcels.register import Filter, Register

app = typer.Typer(help="indicators.commands.indicators", invoke_without_command=True)

EXPLAINED_AT_MOST: Final = 2
"""So many indicators at most are explained below a table; more would hide it."""

Keys = Annotated[
    list[str] | None, typer.Option("--indicator", "-i", help="indicators.options.indicator")
]
Measures = Annotated[
    list[str] | None, typer.Option("--measure", "-m", help="indicators.options.measure")
]
Units = Annotated[list[str] | None, typer.Option("--unit", help="indicators.options.unit")]
Districts = Annotated[
    list[str] | None, typer.Option("--district", help="indicators.options.district")
]
Of = Annotated[str | None, typer.Option("--period", "-p", help="indicators.options.period")]
Form = Annotated[Format, typer.Option("--format", help="cli.options.format")]
Out = Annotated[Path | None, typer.Option(help="cli.options.out")]


@app.callback(epilog="indicators.commands.indicators_example")
def indicators(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    indicator: Keys = None,
    measure: Measures = None,
    unit: Units = None,
    district: Districts = None,
    by: Annotated[Place | None, typer.Option(help="indicators.options.by")] = None,
    period: Of = None,
    trend: Annotated[str | None, typer.Option(help="indicators.options.trend")] = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Form = Format.TABLE,
    out: Out = None,
) -> None:
    """Show figures against their targets."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    layers = desk.catalog()
    declared = desk.indicators(layers)
    of = _periods(desk, period, trend, as_of)
    moments = [desk.moment(one.last, known) for one in of]
    with desk.open(layers) as register:
        in_force = plan_book.plan_of(register, moments[-1])
        asked = [declared[key] for key in _asked(declared, indicator, measure, in_force)]
        where = chosen(register, [], districts=district, units=unit)
        place = _place(by, where, few=len(asked) <= EXPLAINED_AT_MOST)
        scopes = [Scope(*pair) for pair in zip(of, moments, strict=True)]
        found = _figures(register, asked, scopes, place, where)
        territory = register.territory_at(moments[-1])
    about = _About(desk, territory, moments, place, in_force.year)
    _show(about, found, asked, declared=declared, format_=format_, out=out)


@app.command("list", help="indicators.commands.list", epilog="indicators.commands.list_example")
def list_(
    context: typer.Context,
    indicator: Keys = None,
    measure: Measures = None,
    format_: Form = Format.TABLE,
    out: Out = None,
) -> None:
    """List the indicators with formula, target and source."""
    desk = desk_of(context)
    declared = desk.indicators(desk.catalog())
    bundled = plan.load()
    asked = [declared[key] for key in _asked(declared, indicator, measure, bundled)]
    named: dict[str, list[str]] = {}
    for one in bundled.measures:
        for key in one.indicators:
            named.setdefault(key, []).append(one.id)
    frame = figure_tables.listed(asked, {k: " ".join(v) for k, v in named.items()}, desk.lang)
    _print(desk, frame, "indicators.list_columns", format_=format_, out=out)


@app.command("cases", help="indicators.commands.cases", epilog="indicators.commands.cases_example")
def cases(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    unit: Units = None,
    district: Districts = None,
    period: Of = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Form = Format.TABLE,
    out: Out = None,
) -> None:
    """List the parcels that an indicator counts as unlawful, why, and by which article."""
    desk = desk_of(context)
    layers = desk.catalog()
    asked = [one for one in desk.indicators(layers).values() if one.cases and one.beside is None]
    (of,) = _periods(desk, period, None, as_of)
    moment = desk.moment(of.last, known)
    with desk.open(layers) as register:
        where = chosen(register, [], districts=district, units=unit)
        found = [_cases(register, one, Scope(of, moment, where)) for one in asked]
        territory = register.territory_at(moment)
    whole = pd.concat(found, ignore_index=True)
    shown = _cases_in_words(desk, whole, layers, territory, for_people=format_ in _WORDS)
    _print(
        desk,
        shown[[name for name in cases_of.COLUMNS if name != "reason_label"]],
        "indicators.case_columns",
        format_=format_,
        out=out,
        title=desk.say("indicators.said.cases", period=str(of), state=desk.state(moment)),
        notes=[one.question.in_(desk.lang) for one in asked if one.question is not None],
        meta={**dates(moment), "period": str(of)},
    )


_WORDS: Final = (Format.TABLE, Format.XLSX)


@dataclass(frozen=True, slots=True)
class _Places:
    """Which places are shown: those of `codes`, or all; or the city alone."""

    by: By
    codes: tuple[str, ...] | None = None
    city_only: bool = False

    def wants(self, place: str) -> bool:
        if self.codes is not None:
            return place in self.codes
        return place == TOTAL or not self.city_only


def _place(by: Place | None, where: Filter, *, few: bool) -> _Places:
    if where.districts is not None or by is Place.DISTRICT:
        return _Places("district", where.districts)
    if where.units is not None or by is Place.UNIT:
        return _Places("unit", where.units)
    return _Places("unit", city_only=not few)


def _asked(
    declared: Indicators,
    keys: Sequence[str] | None,
    measures: Sequence[str] | None,
    in_force: Plan,
) -> tuple[str, ...]:
    """Keys of the indicators asked for, with their other readings; all where none is named."""
    by_number = {one.id: one for one in in_force.measures}
    for number in measures or ():
        if number not in by_number:
            raise UnknownMeasureError(measure=number, known=list(by_number))
    named = [declared.indicator(key).key for key in keys or ()]
    of_measures = [key for number in measures or () for key in by_number[number].indicators]
    named += [key for key in of_measures if key in declared]
    return declared.with_readings(tuple(named)) if named else tuple(declared)


def _periods(
    desk: Desk, period: str | None, trend: str | None, as_of: dt.date | None
) -> tuple[Period, ...]:
    """The periods asked for; of one that is not over, the days up to today."""
    if sum(one is not None for one in (period, trend, as_of)) > 1:
        raise typer.BadParameter(desk.say("indicators.said.one_period"))
    today = settings.today()
    if trend is not None:
        of = periods.between(trend)
    elif as_of is not None:
        of = (periods.day(as_of.date() if isinstance(as_of, dt.datetime) else as_of),)
    else:
        of = (periods.quarter_of(today) if period is None else periods.read(period),)
    if as_of is None and of[-1].first > today:
        raise typer.BadParameter(desk.say("indicators.said.not_begun", period=str(of[-1])))
    return of if as_of is not None else tuple(one.until(today) for one in of)


def _figures(
    register: Register,
    asked: Sequence[Indicator],
    scopes: Sequence[Scope],
    places: _Places,
    where: Filter,
) -> list[Figure]:
    """The figures of the places, each place with its periods in a row."""
    by = places.by
    # Land of a district can belong to a parcel of another: only units are read by themselves.
    read = Filter(units=where.units) if by == "unit" else None
    found: list[Figure] = []
    for scope in scopes:
        territory = register.territory_at(scope.moment)
        codes = list((territory.units if by == "unit" else territory.districts).index)
        narrow = Scope(scope.period, scope.moment, read)
        given = reckoning.accounts(register, asked, narrow, ways=[by])
        made = reckoning.figures(given, asked, scope.period, {by: codes})
        found += report_book.with_reports(register, made, scope.moment)
    kept = [one for one in found if places.wants(one.place)]
    order = {one.key: position for position, one in enumerate(asked)}
    rank: dict[str, int] = {}
    for one in kept:
        rank.setdefault(one.place, len(rank))
    return sorted(kept, key=lambda one: (order[one.indicator], rank[one.place]))


@dataclass(frozen=True, slots=True)
class _About:
    """What stands around a table of figures; `plan_year` is that of the plan in force."""

    desk: Desk
    territory: Territory
    moments: Sequence[Moment]
    places: _Places
    plan_year: int


def _show(
    about: _About,
    found: Sequence[Figure],
    asked: Sequence[Indicator],
    *,
    declared: Indicators,
    format_: Format,
    out: Path | None,
) -> None:
    desk = about.desk
    names = _names(about.territory, desk.lang)
    last = about.moments[-1]
    idle: list[str] = []
    if format_ is Format.TABLE:
        idle, found = _without_idle(found)
        frame = figure_tables.spoken(found, declared, names, desk.lang).drop(columns="figure")
    elif format_ is Format.XLSX:
        frame = figure_tables.spoken(found, declared, names, desk.lang)
    else:
        frame = figure_tables.rows(found, declared, desk.lang)
    if format_ is Format.GEOJSON and about.places.by == "district":
        frame = bordered(frame, about.territory)
    of = list(dict.fromkeys(one.period for one in found))
    title = desk.say(
        "indicators.said.title",
        period=desk.say("indicators.said.until").join(of[:1] + of[1:][-1:]),
        state=desk.state(last),
    )
    if len(asked) == 1:
        title = f"{asked[0].label.in_(desk.lang)} · {title}"
    _print(
        desk,
        frame,
        "indicators.columns",
        format_=format_,
        out=out,
        title=title,
        notes=[
            *(
                [desk.say("indicators.notes.idle", places=[names[one] for one in idle])]
                if idle
                else []
            ),
            *_notes(desk, asked, about),
        ],
        meta={**dates(last), "by": about.places.by, "periods": of},
    )


def _without_idle(found: Sequence[Figure]) -> tuple[list[str], list[Figure]]:
    """Places of which the register holds nothing that is asked for, and the other figures."""
    busy = {one.place for one in found if one.reason != NO_PARCELS} | {TOTAL}
    idle = list(dict.fromkeys(one.place for one in found if one.place not in busy))
    return idle, [one for one in found if one.place in busy]


def _notes(desk: Desk, asked: Sequence[Indicator], about: _About) -> list[str]:
    notes = [desk.say(f"indicators.notes.{about.places.by}"), desk.say("indicators.notes.unknown")]
    if len(asked) <= EXPLAINED_AT_MOST:
        for one in asked:
            notes.append(desk.say("indicators.notes.formula", said=one.text.in_(desk.lang)))
            if one.asked:
                said = figure_tables.targets([one], desk.lang)
                notes.append(desk.say("indicators.notes.target", said=said))
            if uncertain := figure_tables.questions(one, desk.lang):
                notes.append(desk.say("indicators.notes.question", said=uncertain))
            notes.append(desk.say("indicators.notes.source", said=one.source.in_(desk.lang)))
    later = [at.on.year for at in about.moments if at.on.year != about.plan_year]
    if later and any(one.asked for one in asked):
        years = {"plan": about.plan_year, "year": later[-1]}
        notes.append(desk.say("indicators.notes.plan_year", **years))
    notes += [
        desk.say("indicators.notes.weight", term=f"{key}", weight=float(weight))
        for key, weight in desk.weights
    ]
    if about.territory.is_sample:
        notes.append(desk.say("commands.sample_borders"))
    return list(dict.fromkeys(notes))


def _names(territory: Territory, lang: str) -> dict[str, str]:
    name = "name_en" if lang == "en" else "name"
    return {
        **territory.districts[name].to_dict(),
        **territory.units[name].to_dict(),
        **text.words("coverage.places", lang),
    }


def _cases(register: Register, indicator: Indicator, scope: Scope) -> pd.DataFrame:
    tables_ = [
        cases_of.cases(
            indicator,
            reckoning.facts_of(
                register, register.layer(key), [indicator], scope, also=cases_of.READ
            ),
        )
        for key in indicator.layers
    ]
    return pd.concat(tables_, ignore_index=True)


def _cases_in_words(
    desk: Desk, found: pd.DataFrame, layers: Catalog, territory: Territory, *, for_people: bool
) -> pd.DataFrame:
    """Articles in the language asked for, for programs too; for people all else in words."""
    article = found["article"].map(lambda one: one.in_(desk.lang), na_action="ignore")
    if not for_people:
        return found.assign(article=article)
    names = _names(territory, desk.lang)
    stages = {s.key: s.label.in_(desk.lang) for layer in layers.values() for s in layer.stages}
    stage = found["stage"].map(stages)
    reason = found["reason_label"].map(lambda one: one.in_(desk.lang), na_action="ignore")
    return found.assign(
        state=found["state"].map(text.words("indicators.cases", desk.lang)),
        unit=found["unit"].map(names),
        district=found["district"].map(names),
        stage=stage,
        reason=reason.fillna(stage),
        article=article,
    )


def _print(  # noqa: PLR0913 - one argument per choice of the command line
    desk: Desk,
    frame: pd.DataFrame,
    topic: str,
    *,
    format_: Format,
    out: Path | None,
    title: str = "",
    notes: Sequence[str] = (),
    meta: Mapping[str, Any] | None = None,
) -> None:
    tables.show(
        frame,
        headings=tables.headings(topic, desk.lang, [c for c in frame if c != "geometry"]),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=title,
        notes=notes,
        meta=meta,
    )
