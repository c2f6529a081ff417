"""`jingtu freeze`, `figures` and `restate`: figures kept, listed, and compared with now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from layers import declared, figure_book, periods
from layers.catalog import Catalog
from layers.coverage import By
from layers.declared import Declared
from layers.figure_book import Restated, Told
from layers.reckoning import WAYS
from maps import restated, settings, tables, text
from maps.cli.coverage import Place, chosen
from maps.cli.desk import Desk, dates, desk_of
from maps.figure_words import Words
from maps.tables import Format
from parcels.errors import ReasonNeededError
from parcels.freezing import Frozen, listed
from parcels.recording import Act
from parcels.register import Register

app = typer.Typer(help="figures.commands.figures", invoke_without_command=True)

_PERIODS: Final = (
    *("period", "edition", "true_on", "known", "made_at", "made_by", "reason", "change", "sha256"),
)
_PEOPLE: Final = (Format.TABLE, Format.XLSX)

PeriodNamed = Annotated[str, typer.Argument(metavar="PERIOD", help="figures.arguments.period")]
Edition = Annotated[int | None, typer.Option(help="figures.options.edition")]
Keys = Annotated[
    list[str] | None, typer.Option("--indicator", "-i", help="figures.options.indicator")
]
Units = Annotated[list[str] | None, typer.Option("--unit", help="figures.options.unit")]
Ways = Annotated[Place | None, typer.Option(help="figures.options.by")]
Form = Annotated[Format, typer.Option("--format", help="cli.options.format")]
Out = Annotated[Path | None, typer.Option(help="cli.options.out")]


def freeze(
    context: typer.Context,
    period: PeriodNamed,
    reason: Annotated[str, typer.Option(help="figures.options.reason")] = "",
    again: Annotated[bool, typer.Option("--again", help="figures.options.again")] = False,
) -> None:
    """Freeze the figures of a period."""
    desk = desk_of(context)
    if again and not reason.strip():
        raise ReasonNeededError(what="freeze")
    of = periods.read(period)
    if of.first > settings.today():
        raise typer.BadParameter(desk.say("figures.said.not_begun", period=str(of)))
    layers = desk.catalog()
    today = settings.today()
    act = Act(by=desk.user, at=settings.now(), on=today, reason=reason.strip() or None)
    with desk.open(layers) as register:
        until = of.until(today)
        made = figure_book.freeze(register, desk.indicators(layers), until, act, again=again)
        count = len(figure_book.kept(register, made))
    if of.last > today:
        desk.print(desk.say("figures.said.not_over", period=str(of), last=of.last))
    desk.print(
        desk.say(
            "figures.said.done",
            period=made.period,
            edition=made.edition,
            figures=count,
            change=made.change,
        )
    )


@app.callback(epilog="figures.commands.figures_example")
def figures(context: typer.Context, format_: Form = Format.TABLE, out: Out = None) -> None:
    """List the frozen periods."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        found = listed(register)
    rows = pd.DataFrame([_period(one) for one in found], columns=list(_PERIODS))
    if format_ in _PEOPLE:
        rows["made_at"] = [text.instant(one, desk.lang) for one in rows["made_at"]]
    tables.show(
        rows,
        headings=tables.headings("figures.columns", desk.lang, _PERIODS),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("figures.said.frozen"),
    )


@app.command("show", help="figures.commands.show", epilog="figures.commands.show_example")
def show(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    period: PeriodNamed,
    indicator: Keys = None,
    unit: Units = None,
    by: Ways = None,
    edition: Edition = None,
    format_: Form = Format.TABLE,
    out: Out = None,
) -> None:
    """List the figures of a frozen period."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers) as register:
        one = figure_book.frozen(register, periods.read(period), edition)
        asked = _asked(desk, register, indicator, unit, by)
        told = [told for told in figure_book.kept(register, one) if asked.wants(told)]
        words = words_of(desk, register, layers)
    people = format_ in _PEOPLE
    rules = declared.read(one.declarations)
    rows = restated.spoken(told, rules, words) if people else restated.rows(told)
    tables.show(
        rows,
        headings=tables.headings("figures.columns", desk.lang, list(rows.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say(
            "figures.said.figures",
            period=one.period,
            edition=one.edition,
            on=one.moment.on,
            known=one.moment.change,
        ),
        meta=about(one),
    )


def restate(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    period: PeriodNamed,
    indicator: Keys = None,
    unit: Units = None,
    by: Ways = None,
    edition: Edition = None,
    top: Annotated[int, typer.Option(min=1, help="figures.options.top")] = 20,
    format_: Form = Format.TABLE,
    out: Out = None,
) -> None:
    """Compare a frozen period with what is known now."""
    desk = desk_of(context)
    layers = desk.catalog()
    indicators = desk.indicators(layers)
    with desk.open(layers) as register:
        asked = _asked(desk, register, indicator, unit, by)
        found = figure_book.restate(
            register,
            indicators,
            periods.read(period),
            edition=edition,
            only=asked.indicators,
            ways=asked.ways,
        )
        words = words_of(desk, register, layers)
    found = restated.chosen(found, asked.wants)
    rules = declared.read(found.frozen.declarations)
    people = format_ is Format.TABLE
    rows = restated.moved_in_words(found, rules, words, top) if people else restated.moved(found)
    tables.show(
        rows,
        headings=tables.headings("figures.columns", desk.lang, list(rows.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say(
            "figures.said.restated", period=found.frozen.period, edition=found.frozen.edition
        ),
        notes=_compared(found, rules, words, top if people else None),
        meta={
            **about(found.frozen),
            "now": dates(found.now),
            "figures": restated.differing(found),
        },
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which figures were asked for."""

    indicators: Sequence[str] | None
    units: tuple[str, ...] | None
    ways: tuple[By, ...]

    def wants(self, told: Told) -> bool:
        figure = told.figure
        return (
            figure.by in self.ways
            and (self.indicators is None or figure.indicator in self.indicators)
            and (self.units is None or figure.place in self.units)
        )


def _asked(
    desk: Desk,
    register: Register,
    indicator: list[str] | None,
    unit: list[str] | None,
    by: Place | None,
) -> _Asked:
    known = desk.indicators(desk.catalog())
    keys = [known.indicator(key).key for key in indicator or ()] or None
    units = chosen(register, [], units=unit).units
    ways: tuple[By, ...] = WAYS if by is None else (by.value,)
    return _Asked(keys, units, ("unit",) if units is not None else ways)


def words_of(desk: Desk, register: Register, layers: Catalog) -> Words:
    """Who names places and layers."""
    return Words(register.territory, dict(layers), desk.lang)


def about(one: Frozen) -> dict[str, Any]:
    """A freeze, for programs."""
    return {
        **dates(one.moment),
        "period": one.period,
        "edition": one.edition,
        "frozen_in": one.change,
        "frozen_by": one.by,
        "frozen_at": one.at.isoformat(),
        "declarations_sha256": one.sha256,
    }


def _period(one: Frozen) -> dict[str, Any]:
    return {
        "period": one.period,
        "edition": one.edition,
        "true_on": one.moment.on,
        "known": one.moment.change,
        "made_at": one.at,
        "made_by": one.by,
        "reason": one.reason,
        "change": one.change,
        "sha256": one.sha256,
    }


def _compared(
    found: Restated, rules: Mapping[str, Declared], words: Words, most: int | None
) -> list[str]:
    """How many figures differ, by how much, and of which the declaration is another."""
    lang = words.lang
    differing = [pair for pair in restated.pairs(found) if restated.differs(*pair)]
    count = len(found.before)
    if not differing:
        notes = [text.say("figures.said.same", lang, count=count)]
    else:
        notes = [text.say("figures.said.moved", lang, count=count, moved=len(differing))]
    shown = differing if most is None else differing[:most]
    notes += [restated.difference(*pair, found, rules, words) for pair in shown]
    if len(shown) < len(differing):
        more = len(differing) - len(shown)
        notes.append(text.say("figures.said.and_more", lang, count=more))
    other = [key for key, is_same in found.is_same_rule.items() if not is_same]
    if other:
        names = [rules[key].label.in_(lang) if key in rules else key for key in other]
        notes.append(text.say("figures.said.rule", lang, indicators=names))
    return notes
