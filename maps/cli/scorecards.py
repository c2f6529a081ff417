"""`jingtu scorecard`: how well each unit keeps its part of the register."""

from __future__ import annotations

from typing import Any, Final

import typer

from layers import scorecard
from layers.library import Library
from maps import settings, tables
from maps.cli.desk import Desk, Known, dates, desk_of
from maps.cli.evaluating import Out, Quarter, Shape, Unit, quarter_of, unit_of
from maps.tables import Format

_SHARE: Final[dict[str, dict[str, Any]]] = {"share": {"share": True}}


def card(
    context: typer.Context,
    quarter: Quarter,
    unit: Unit = None,
    known: Known = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """Show how well each unit keeps its part of the register, and what is to be mended."""
    desk = desk_of(context)
    period = quarter_of(quarter)
    layers = desk.catalog()
    # What is to come has not come.
    moment = desk.moment(min(period.last, settings.today()), known)
    with desk.open(layers) as register:
        territory = register.territory_at(moment)
        library = Library(register, layers)
        counted, mend = scorecard.of_units(library, register, period, moment)
        milestones = {
            one.key: one.label.in_(desk.lang)
            for layer in register.layers
            for one in layer.milestones
        }
    wanted = unit_of(territory, unit)
    if wanted is not None:
        counted, mend = (one[one["unit"] == wanted] for one in (counted, mend))
    named = territory.units["name" if desk.lang == "zh" else "name_en"].to_dict()
    labels = {layer.key: layer.label.in_(desk.lang) for layer in layers.values()}
    told = mend.assign(
        unit=mend["unit"].map(named),
        kind=mend["kind"].map(lambda one: desk.say(f"scorecard.kinds.{one}")),
        layer=mend["layer"].map(labels),
        what=mend["what"].map(lambda one: _what(desk, str(one), milestones)),
        since=mend["since"].dt.date,
    ).reset_index(drop=True)
    card_ = counted.assign(
        unit=counted["unit"].map(named),
        kind=counted["kind"].map(lambda one: desk.say(f"scorecard.kinds.{one}")),
        share=(counted["faults"] / counted["of"].where(counted["of"] > 0)).astype("float64"),
    )
    is_list = wanted is not None and format_ not in {Format.JSON, Format.GEOJSON}
    rows = told if is_list else card_
    notes = [desk.say("scorecard.notes"), desk.state(moment)]
    if is_list:
        notes = [_sum(desk, row) for row in card_.to_dict("records")] + notes
    tables.show(
        rows,
        headings=tables.headings(
            "scorecard.columns",
            desk.lang,
            list(rows.columns),
            **({} if is_list else _SHARE),
        ),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("scorecard.title", quarter=str(period)),
        notes=notes,
        meta={**dates(moment), "quarter": str(period), "mend": told.to_dict("records")},
    )


def _sum(desk: Desk, row: dict[Any, Any]) -> str:
    key = "sum" if row["of"] else "none"
    return desk.say(f"scorecard.{key}", kind=row["kind"], faults=row["faults"], of=row["of"])


def _what(desk: Desk, what: str, milestones: dict[str, str]) -> str:
    kind, _, key = what.partition(":")
    if kind == "due":
        return desk.say("scorecard.what.due", milestone=milestones.get(key, key))
    return desk.say(f"scorecard.what.{kind}")
