"""`jingtu quality`: how good the data of each layer and district is, measured."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from layers import quality_book
from layers.coverage import TOTAL, UNKNOWN
from layers.library import Library
from maps import quality_page, tables
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.due import places_of
from parcels.districts import Territory
from parcels.errors import OutputFileNeededError
from parcels.exchange.output import placed
from parcels.model import Moment
from parcels.register import Register


class Format(StrEnum):
    """The forms of output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    HTML = "html"


_SHOWN = ("layer", "place", "element", "aspect", "measure", "faulty", "of", "share", "why")


def quality(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    district: Annotated[list[str] | None, typer.Option(help="quality.options.district")] = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Measure the quality of layers by district."""
    desk = desk_of(context)
    if format_ is Format.HTML and out is None:
        raise OutputFileNeededError(format="HTML")
    layers = desk.catalog()
    moment = desk.moment(as_of, known)
    with desk.open(layers) as register:
        library = Library(register, layers)
        keys = [layers.layer(key).key for key in layer or library.used(moment)]
        territory = register.territory_at(moment)
        places = places_of(territory, district)
        rows = quality_book.sheets(library, keys, moment) if keys else pd.DataFrame()
        if rows.empty:
            desk.print(desk.say("quality.empty"), aside=True)
            return
        if places is not None:
            rows = rows[rows["place"].isin(places)]
        elif not layer and format_ is Format.TABLE:
            rows = rows[rows["place"] == TOTAL]
        spoken = _spoken(desk, register, territory, rows.reset_index(drop=True))
    _show(desk, spoken, moment, format_, out, cut=not (layer or district))


def _show(
    desk: Desk,
    spoken: pd.DataFrame,
    moment: Moment,
    format_: Format,
    out: Path | None,
    *,
    cut: bool,
) -> None:
    title = desk.say("quality.title", on=moment.on)
    notes = [desk.say("quality.notes"), desk.say("quality.standard"), desk.state(moment)]
    heads = tables.headings(
        "quality.columns", desk.lang, list(_SHOWN), share={"share": True, "decimals": 2}
    )
    if format_ is Format.HTML:
        assert out is not None  # noqa: S101 - for mypy: refused above
        labels = {key: one.label for key, one in heads.items()}
        page = quality_page.page(spoken, lang=desk.lang, headings=labels, title=title, lines=notes)
        with placed(out) as path:
            path.write_text(page, encoding="utf-8")
        desk.print(desk.say("cli.written", file=out))
        return
    if format_ is Format.TABLE and cut:
        notes.append(desk.say("quality.cut"))
    tables.show(
        spoken,
        headings=heads,
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=title,
        notes=notes,
        meta=dates(moment),
    )


def _spoken(
    desk: Desk, register: Register, territory: Territory, rows: pd.DataFrame
) -> pd.DataFrame:
    """The sheet in words; `place_key` keeps what stood in `place`."""
    named = territory.districts["name" if desk.lang == "zh" else "name_en"].to_dict()
    named |= {key: desk.say(f"quality.places.{key}") for key in (TOTAL, UNKNOWN)}
    labels = {layer.key: layer.label.in_(desk.lang) for layer in register.layers}
    said = {
        name: [desk.say(f"quality.{name}s.{key}") for key in rows[name]]
        for name in ("element", "aspect", "measure")
    }
    why = [None if pd.isna(one) else desk.say(f"quality.why.{one}") for one in rows["why"]]
    return rows.assign(
        place_key=rows["place"],
        layer=rows["layer"].map(labels),
        place=rows["place"].map(lambda one: named.get(one, one)),
        **said,
        why=pd.Series(why, rows.index, dtype="str"),
    )
