"""`jingtu evaluate` and `evaluation`: what a quarter comes to for each unit, by which scheme."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from layers import evaluation_book, evaluation_files, periods
from layers.evaluation import Line, Result, Scheme
from layers.evaluation_book import Evaluated
from layers.indicators import Indicators
from layers.periods import Period
from maps import settings, tables, text
from maps.cli.desk import Desk, Known, dates, desk_of
from maps.tables import Format
from parcels.districts import Territory
from parcels.errors import PeriodNotUnderstoodError, UnknownDistrictError
from parcels.recording import Act

app = typer.Typer(help="evaluation.commands.evaluation", no_args_is_help=True)

Quarter = Annotated[str, typer.Argument(metavar="QUARTER", help="evaluation.arguments.quarter")]
Unit = Annotated[str | None, typer.Option(help="evaluation.options.unit")]
Shape = Annotated[Format, typer.Option("--format", help="cli.options.format")]
Out = Annotated[Path | None, typer.Option(help="cli.options.out")]
Reason = Annotated[str | None, typer.Option(help="commands.options.reason")]

_DECIMALS: Final = 2
_MOVES: Final = 3
_NUMBERS: Final[dict[str, dict[str, Any]]] = {
    "score": {"decimals": _DECIMALS},
    "points": {"decimals": _DECIMALS},
    "computed": {"decimals": _DECIMALS},
    "gain": {"decimals": _DECIMALS},
    "judged": {"share": True},
    "weight": {"share": True},
}


def evaluate(
    context: typer.Context,
    quarter: Quarter,
    unit: Unit = None,
    known: Known = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """Evaluate the units for a quarter by the scheme in force."""
    desk = desk_of(context)
    period = quarter_of(quarter)
    layers = desk.catalog()
    declared = desk.indicators(layers)
    # What is to come has not come.
    moment = desk.moment(min(period.last, settings.today()), known)
    with desk.open(layers) as register:
        territory = register.territory_at(moment)
        found = evaluation_book.evaluate(register, declared, period, moment)
    wanted = unit_of(territory, unit)
    results = [one for one in found.results if wanted in {None, one.unit}]
    named = territory.units["name" if desk.lang == "zh" else "name_en"].to_dict()
    if wanted is not None and format_ not in {Format.JSON, Format.GEOJSON}:
        lines = [_line(desk, found.scheme, declared, one) for one in results[0].lines]
        rows = pd.DataFrame(lines).astype(dict.fromkeys(("computed", "points", "gain"), "float64"))
    else:
        rows = _rows(desk, found.scheme, declared, results, named)
    title = desk.say(
        "evaluation.title", title=found.scheme.title.in_(desk.lang), quarter=str(period)
    )
    if wanted is not None:
        score = text.number(_float(results[0].score), desk.lang, decimals=_DECIMALS)
        title = desk.say("evaluation.of_unit", title=title, unit=named[wanted], score=score)
    tables.show(
        rows,
        headings=tables.headings(
            "evaluation.columns",
            desk.lang,
            list(rows.columns),
            **{key: one for key, one in _NUMBERS.items() if key in rows},
        ),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=title,
        notes=[*_notes(desk, found), desk.state(moment)],
        meta={
            **dates(moment),
            "quarter": str(period),
            "scheme": _told_scheme(found),
            "freeze": None if found.freeze is None else found.freeze.number,
            "results": [_result(desk, declared, one) for one in results],
        },
    )


@app.command("load", help="evaluation.commands.load", epilog="evaluation.commands.load_example")
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="evaluation.arguments.file")],
    reason: Reason = None,
) -> None:
    """Take a scheme into use from a quarter on."""
    desk = desk_of(context)
    layers = desk.catalog()
    declared = desk.indicators(layers)
    with desk.open(layers, create=True) as register:
        scheme, number = evaluation_book.load_scheme(register, file, declared, _act(desk, reason))
    desk.print(
        desk.say(
            "evaluation.loaded",
            title=scheme.title.in_(desk.lang),
            quarter=scheme.quarter,
            change=number,
            items=len(scheme.items),
        )
    )


@app.command(
    "schemes", help="evaluation.commands.schemes", epilog="evaluation.commands.schemes_example"
)
def schemes(context: typer.Context, format_: Shape = Format.TABLE, out: Out = None) -> None:
    """List the schemes that were loaded; without any, the sample holds."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        rows = evaluation_book.schemes(register)
    read = [evaluation_files.read(str(one)) for one in rows["content"]]
    shown = rows.drop(columns="content").assign(
        title=[one.title.in_(desk.lang) for one in read],
        sample=[one.is_sample for one in read],
        made_at=rows["made_at"].map(lambda at: text.instant(at, desk.lang)),
    )
    notes = [desk.say("evaluation.sample_holds")] if rows.empty else []
    tables.show(
        shown,
        headings=tables.headings("evaluation.columns", desk.lang, list(shown.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("evaluation.schemes_title"),
        notes=notes,
    )


@app.command("sample", help="evaluation.commands.sample")
def sample(context: typer.Context) -> None:
    """Print the scheme that comes with Jingtu, to be changed and loaded."""
    desk_of(context)
    typer.echo(evaluation_files.SAMPLE.read_text("utf-8-sig"), nl=False)


@app.command(
    "points", help="evaluation.commands.points", epilog="evaluation.commands.points_example"
)
def points(
    context: typer.Context,
    quarter: Quarter,
    unit: Annotated[str, typer.Argument(help="evaluation.arguments.unit")],
    item: Annotated[str, typer.Argument(help="evaluation.arguments.item")],
    given: Annotated[str, typer.Argument(metavar="POINTS", help="evaluation.arguments.points")],
    reason: Reason = None,
) -> None:
    """Give points instead of those computed."""
    desk = desk_of(context)
    period = quarter_of(quarter)
    try:
        amount = Fraction(Decimal(given))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise typer.BadParameter(desk.say("evaluation.not_points", found=given)) from error
    with desk.open(desk.catalog()) as register:
        code = unit_of(register.territory, unit) or ""
        number = evaluation_book.give_points(
            register, period, code, item, amount, _act(desk, reason)
        )
    desk.print(desk.say("evaluation.given", unit=unit, item=item, points=given, change=number))


@app.command(
    "withdraw", help="evaluation.commands.withdraw", epilog="evaluation.commands.withdraw_example"
)
def withdraw(
    context: typer.Context,
    quarter: Quarter,
    unit: Annotated[str, typer.Argument(help="evaluation.arguments.unit")],
    item: Annotated[str, typer.Argument(help="evaluation.arguments.item")],
    reason: Reason = None,
) -> None:
    """Let the computed points count again."""
    desk = desk_of(context)
    period = quarter_of(quarter)
    with desk.open(desk.catalog()) as register:
        code = unit_of(register.territory, unit) or ""
        number = evaluation_book.withdraw_points(register, period, code, item, _act(desk, reason))
    desk.print(desk.say("evaluation.withdrawn", unit=unit, item=item, change=number))


@app.command("given", help="evaluation.commands.given", epilog="evaluation.commands.given_example")
def given(context: typer.Context, format_: Shape = Format.TABLE, out: Out = None) -> None:
    """List the points that people gave, withdrawn ones too."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        rows = evaluation_book.overrides_made(register)
        named = register.territory.units["name" if desk.lang == "zh" else "name_en"].to_dict()
    shown = rows.assign(
        unit=rows["unit"].map(lambda one: named.get(one, one)),
        points=[float(Fraction(one)) for one in rows["points"]],
        made_at=rows["made_at"].map(lambda at: text.instant(at, desk.lang)),
        ended_in=rows["ended_in"].astype("str"),
    )
    tables.show(
        shown,
        headings=tables.headings(
            "evaluation.columns", desk.lang, list(shown.columns), points={"decimals": _DECIMALS}
        ),
        format=format_.value,
        out=out,
        lang=desk.lang,
    )


def _rows(
    desk: Desk,
    scheme: Scheme,
    declared: Indicators,
    results: list[Result],
    named: dict[str, str],
) -> pd.DataFrame:
    """One row per unit, the best first; those without a score last."""
    ordered = sorted(results, key=lambda one: (one.rank is None, one.rank or 0))
    rows = [
        {
            "rank": one.rank,
            "unit": named[one.unit],
            "score": _float(one.score),
            "judged": float(one.judged),
            "aspects": _aspects(desk, scheme, one),
            "moves": _moves(desk, declared, one),
        }
        for one in ordered
    ]
    columns = ["rank", "unit", "score", "judged", "aspects", "moves"]
    return pd.DataFrame(rows, columns=columns).astype({"rank": "Int64", "score": "float64"})


def _aspects(desk: Desk, scheme: Scheme, result: Result) -> str:
    told = []
    for aspect in scheme.aspects:
        lines = [x for x in result.lines if x.aspect == aspect.key and x.points is not None]
        whole = sum((line.weight for line in lines), Fraction())
        mean = sum((line.weight * (line.points or 0) for line in lines), Fraction())
        score = text.number(_float(mean / whole) if whole else None, desk.lang, decimals=_DECIMALS)
        told.append(f"{aspect.label.in_(desk.lang)} {score}")
    return desk.say("evaluation.semicolon").join(told)


def _moves(desk: Desk, declared: Indicators, result: Result) -> str:
    told = [
        desk.say(
            "evaluation.move",
            label=declared[line.item.indicator].label.in_(desk.lang),
            gain=float(line.gain or 0),
        )
        for line in result.moves()[:_MOVES]
    ]
    return desk.say("evaluation.semicolon").join(told)


def _line(desk: Desk, scheme: Scheme, declared: Indicators, line: Line) -> dict[str, Any]:
    """A line in words."""
    aspects = {one.key: one.label.in_(desk.lang) for one in scheme.aspects}
    value = line.figure.value if line.figure is not None else None
    unit = declared[line.item.indicator].unit
    shown = text.share(_float(value), desk.lang, decimals=2) if unit == "share" else _float(value)
    why = desk.say(f"evaluation.standing.{line.standing}")
    if line.override is not None:
        why = desk.say(
            "evaluation.by_hand", person=line.override.person, reason=line.override.reason
        )
    return {
        "aspect": aspects[line.aspect],
        "item": line.item.key,
        "indicator": declared[line.item.indicator].label.in_(desk.lang),
        "rule": desk.say(f"evaluation.rules.{line.item.rule}"),
        "value": str(shown),
        "computed": _float(line.computed),
        "points": _float(line.points),
        "weight": float(line.weight),
        "gain": _float(line.gain),
        "standing": why,
    }


def _result(desk: Desk, declared: Indicators, result: Result) -> dict[str, Any]:
    """A result for programs: exact numbers as fractions in text."""
    return {
        "unit": result.unit,
        "score": _exact(result.score),
        "rank": result.rank,
        "judged": _exact(result.judged),
        "items": [
            {
                "item": line.item.key,
                "aspect": line.aspect,
                "indicator": line.item.indicator,
                "label": declared[line.item.indicator].label.in_(desk.lang),
                "rule": line.item.rule.value,
                "standing": line.standing.value,
                "figure": None if line.figure is None else str(line.figure.key),
                "value": None if line.figure is None else _exact(line.figure.value),
                "computed": _exact(line.computed),
                "points": _exact(line.points),
                "weight": _exact(line.weight),
                "gain": _exact(line.gain),
                "override": None
                if line.override is None
                else {
                    "points": _exact(line.override.points),
                    "person": line.override.person,
                    "reason": line.override.reason,
                    "change": line.override.change,
                },
            }
            for line in result.lines
        ],
    }


def _notes(desk: Desk, found: Evaluated) -> list[str]:
    scheme = found.scheme
    notes = [scheme.note.in_(desk.lang)]
    if scheme.is_sample:
        notes.insert(0, desk.say("evaluation.is_sample"))
    notes.append(desk.say(f"evaluation.no_data.{scheme.no_data}"))
    if found.freeze is not None:
        frozen = found.freeze
        at = text.instant(frozen.at, desk.lang)
        notes.append(desk.say("evaluation.frozen", edition=frozen.edition, by=frozen.by, at=at))
    return [*notes, desk.say("evaluation.judged")]


def _told_scheme(found: Evaluated) -> dict[str, Any]:
    scheme = found.scheme
    return {
        "quarter": scheme.quarter,
        "change": found.scheme_change,
        "sample": scheme.is_sample,
        "no_data": scheme.no_data.value,
    }


def quarter_of(written: str) -> Period:
    """The quarter that is written so.

    Raises:
        PeriodNotUnderstoodError: It is none.
    """
    period = periods.read(written)
    if not evaluation_files.QUARTER.fullmatch(str(period)):
        raise PeriodNotUnderstoodError(period=written)
    return period


def unit_of(territory: Territory, named: str | None) -> str | None:
    """Code of the unit so called; None where none is named.

    Raises:
        UnknownDistrictError: No unit is called so.
    """
    if named is None:
        return None
    code = territory.unit_codes(pd.Series([named], dtype="str")).iloc[0]
    if pd.isna(code):
        raise UnknownDistrictError(district=named, known=territory.units["name"].tolist())
    return str(code)


def _float(number: Fraction | None) -> float | None:
    return None if number is None else float(number)


def _exact(number: Fraction | None) -> str | None:
    return None if number is None else str(number)


def _act(desk: Desk, reason: str | None) -> Act:
    return Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)
