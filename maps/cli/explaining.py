"""`jingtu explain`: a figure down to the files and people behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from layers import declared, figure_book, periods
from layers.explaining import Explanation
from layers.figures import FigureKey
from layers.indicators import Indicators
from layers.periods import Period
from layers.reckoning import Scope
from maps import explain_page, explained, figure_tables, figure_words, settings, tables
from maps.cli.desk import Desk, Known, dates, desk_of
from maps.cli.figures import Edition, Form, Out, words_of
from maps.figure_words import Node
from maps.tables import Format
from parcels.exchange.output import placed


def explain(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    figure: Annotated[str, typer.Argument(metavar="FIGURE", help="figures.arguments.figure")],
    edition: Edition = None,
    live: Annotated[bool, typer.Option("--live", help="figures.options.live")] = False,
    known: Known = None,
    top: Annotated[int, typer.Option(min=1, help="figures.options.top")] = 10,
    html: Annotated[Path | None, typer.Option("--html", help="figures.options.html")] = None,
    format_: Form = Format.TABLE,
    out: Out = None,
) -> None:
    """Explain a figure."""
    desk = desk_of(context)
    layers = desk.catalog()
    indicators = desk.indicators(layers)
    key = FigureKey.read(figure)
    period = periods.read(key.period)
    with desk.open(layers) as register:
        now = live or known is not None
        of = None if now else figure_book.find(register, period, edition)
        told = figure_book.explain(register, indicators, key, of or _now(desk, period, known))
        words = words_of(desk, register, layers)
        drawn = explain_page.boundaries(register, told) if html is not None else None
    target = _target(told, indicators, desk.lang)
    if html is not None:
        made = explain_page.page(told, words, target, drawn, at=settings.now())
        with placed(html) as path:
            path.write_text(made, "utf-8")
        desk.print(desk.say("cli.written", file=html), aside=format_ is not Format.TABLE)
        if format_ is Format.TABLE and out is None:
            return
    if format_ is Format.TABLE and out is None:
        _print(figure_words.tree(told, words, target, most=top))
        return
    rows = explained.rows(told)
    tables.show(
        rows,
        headings=tables.headings("figures.columns", desk.lang, list(rows.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=words.title(told),
        notes=list(figure_words.facts(told, words, target)),
        meta={**dates(told.moment), **explained.meta(told)},
    )


def _now(desk: Desk, period: Period, known: str | None) -> Scope:
    until = period.until(settings.today())
    return Scope(until, desk.moment(until.last, known))


def _target(told: Explanation, indicators: Indicators, lang: str) -> str:
    """What the plan asks, in words; as it was kept where it is declared otherwise now."""
    now = indicators.get(told.figure.indicator)
    if now is not None and declared.declared(now) == told.declared:
        return figure_tables.target(now, told.figure, lang)
    return "; ".join(told.declared.asked)


def _print(node: Node) -> None:
    tree = Tree(Text(node.line, style="bold"), guide_style="dim")
    _grow(tree, node)
    tables.screen().print(tree, highlight=False)


def _grow(tree: Tree, node: Node) -> None:
    styles = {"term": "bold", "more": "italic", "source": "dim", "changes": "dim"}
    for below in node.below:
        _grow(tree.add(Text(below.line, style=styles.get(below.kind, ""))), below)
