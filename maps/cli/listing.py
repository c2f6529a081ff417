"""`jingtu parcels`: the parcels of a layer at any moment, in a table or for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import pandas as pd
import typer

from maps import facts, tables
from maps.cli.coverage import chosen
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.tables import Format, Heading
from parcels.districts import Territory
from parcels.model import Field, Layer

_ON_SCREEN: Final = ("code", "name", "district", "unit", "stage", "area_m2", "valid_from")
"""What fits on a screen; the other forms hold every field."""

_COMPUTED: Final = ("area_m2", "valid_from")
_CORNERS: Final = 4


def parcels(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    layer: Annotated[str, typer.Option("--layer", "-l", help="history.options.layer")],
    code: Annotated[list[str] | None, typer.Option(help="history.options.code")] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="history.options.unit")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="commands.options.only_stage")] = None,
    bbox: Annotated[str | None, typer.Option(help="history.options.bbox")] = None,
    sensitive: Annotated[
        bool, typer.Option("--sensitive", help="history.options.sensitive")
    ] = False,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List the parcels of a layer."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    layers = desk.catalog()
    declared = layers.layer(layer)
    box = None if bbox is None else box_of(desk, bbox)
    with desk.open(layers) as register:
        where = chosen(
            register,
            [layer],
            districts=district,
            units=unit,
            stages=stage,
            codes=code,
            bbox=box,
        )
        shown = _shown(declared, format_, sensitive=sensitive)
        frame = register.frame(
            layer,
            moment,
            where=where,
            columns=shown,
            boundaries=format_ is Format.GEOJSON,
        )
        territory = register.territory_at(moment)
    rows = frame.sort_values("code", kind="stable")[[*shown, "geometry"]]
    people = format_ in {Format.TABLE, Format.XLSX}
    listed = pd.DataFrame(rows[shown]) if format_ is not Format.GEOJSON else rows
    tables.show(
        in_words(listed, declared, territory, lang=desk.lang) if people else listed,
        headings=headings(declared, shown, desk.lang),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say(
            "history.parcels.title",
            layer=declared.label.in_(desk.lang),
            count=len(rows),
            state=desk.state(moment),
        ),
        notes=_notes(desk, declared, territory, sensitive=sensitive),
        meta={**dates(moment), "layer": declared.key},
    )


def in_words(
    frame: pd.DataFrame, layer: Layer, territory: Territory, *, lang: str
) -> pd.DataFrame:
    """The columns of a parcels frame as people read them: labels for codes, names for places."""
    named = {
        "district": territory.districts["name_en" if lang == "en" else "name"],
        "unit": territory.units["name_en" if lang == "en" else "name"],
        "stage": pd.Series({one.key: one.label.in_(lang) for one in layer.stages}, dtype=object),
    }
    spoken = {}
    for field in layer.fields:
        if field.key not in frame.columns:
            continue
        column = frame[field.key]
        if field.key in named:
            spoken[field.key] = column.map(named[field.key]).fillna(column)
        elif field.choices:
            spoken[field.key] = facts.fact(column, field, lang=lang)
    return frame.assign(**spoken)


def headings(layer: Layer, keys: Sequence[str], lang: str) -> dict[str, Heading]:
    """What stands over the fields of a layer."""
    fields = {field.key: field for field in layer.fields}
    computed = tables.headings(
        "history.columns", lang, _COMPUTED, area_m2={"unit": "m2", "decimals": 0}
    )
    return {key: computed.get(key) or _heading(fields[key], lang) for key in keys}


def _heading(field: Field, lang: str) -> Heading:
    return Heading(field.label.in_(lang), unit=field.unit)


def _shown(layer: Layer, form: Format, *, sensitive: bool) -> list[str]:
    whole = [
        *[field.key for field in layer.fields if sensitive or not field.sensitive],
        *_COMPUTED,
    ]
    return [key for key in whole if form is not Format.TABLE or key in _ON_SCREEN]


def _notes(desk: Desk, layer: Layer, territory: Territory, *, sensitive: bool) -> list[str]:
    hidden = [field.label.in_(desk.lang) for field in layer.fields if field.sensitive]
    notes = [] if sensitive or not hidden else [desk.say("history.parcels.hidden", fields=hidden)]
    return [*notes, *([desk.say("commands.sample_borders")] if territory.is_sample else [])]


def box_of(desk: Desk, written: str) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees, as they were typed.

    Raises:
        typer.BadParameter: They are no box.
    """
    parts = written.split(",")
    try:
        sides = [float(part) for part in parts]
    except ValueError:
        sides = []
    west, south, east, north = sides if len(sides) == _CORNERS else (1.0, 1.0, 0.0, 0.0)
    if not (west <= east and south <= north):
        raise typer.BadParameter(desk.say("history.parcels.bbox", found=written))
    return west, south, east, north
