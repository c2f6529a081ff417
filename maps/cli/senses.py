"""`jingtu coverage --sense`: in how far layers are covered in the senses that staff ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import typer

from layers import periods, reckoning, senses
from layers.catalog import Catalog
from layers.coverage import TOTAL, By
from layers.reckoning import Scope
from layers.senses import Sense
from maps import tables, text
from maps.cli.desk import Desk, dates
from maps.cli.districts import bordered
from maps.tables import Format
from parcels.districts import Territory
from parcels.model import Moment
from parcels.register import Filter, Register

_AREA: Final = {"unit": "m2", "decimals": 0}
NUMBERS: Final[dict[str, dict[str, Any]]] = {
    "area_m2": _AREA,
    **{f"{answer}_m2": _AREA for answer in senses.ANSWERS},
    "share": {"share": True, "decimals": 2},
    "area_share": {"share": True, "decimals": 2},
}
"""How the figures of a table of senses are shown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: layers (all that hold a parcel when none), senses, places and parcels."""

    layers: tuple[str, ...]
    senses: tuple[str, ...]
    by: By
    where: Filter


def show(
    desk: Desk,
    register: Register,
    asked: Asked,
    *,
    moment: Moment,
    format_: Format,
    out: Path | None,
) -> None:
    """Print in how far layers are covered in some senses.

    Raises:
        typer.BadParameter: There is no such sense.
    """
    layers = desk.catalog()
    wanted = _senses(desk, layers, asked.senses)
    counts = register.counts(moment)
    keys = [layers.layer(key).key for key in asked.layers] or [k for k in layers if counts.get(k)]
    scope = Scope(periods.day(moment.on), moment, asked.where)
    made = [
        reckoning.sense_table(register, sense, key, scope, by=asked.by).assign(
            sense=sense.key, layer=key
        )
        for sense in wanted
        for key in keys
        if key in sense.shown
    ]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in senses.COLUMNS})
    whole = pd.concat(made, ignore_index=True) if made else empty.assign(sense=None, layer=None)
    whole = whole[["sense", "layer", *senses.COLUMNS]]
    territory = register.territory_at(moment)
    if format_ in {Format.TABLE, Format.XLSX}:
        whole = _in_words(desk, _without_empty(whole), layers, territory, wanted)
    elif format_ is Format.GEOJSON and asked.by == "district":
        whole = bordered(whole, territory)
    shown = ["sense", "layer", *senses.COLUMNS]
    tables.show(
        whole,
        headings=tables.headings("coverage.senses.columns", desk.lang, shown, **NUMBERS),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("coverage.senses.title", state=desk.state(moment)),
        notes=_notes(desk, layers, keys, wanted, territory),
        meta={
            **dates(moment),
            "by": asked.by,
            "not_shown": {
                one.key: [key for key in keys if key not in one.shown] for one in wanted
            },
        },
    )


def _senses(desk: Desk, layers: Catalog, asked: Sequence[str]) -> list[Sense]:
    there = senses.load(layers)
    words = {
        word: one.key for one in there.values() for word in (one.key, one.label.zh, one.label.en)
    }
    for one in asked:
        if one not in words:
            raise typer.BadParameter(
                desk.say("coverage.senses.not_known", sense=one, known=list(there))
            )
    return [there[key] for key in dict.fromkeys(words[one] for one in asked)]


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Places without a parcel or any land of one are left out where people read."""
    something = (table["parcels"] > 0) | (table["area_m2"].astype("float64").fillna(0) > 0)
    return table[something | (table["place"] == TOTAL)]


def _in_words(
    desk: Desk,
    table: pd.DataFrame,
    layers: Catalog,
    territory: Territory,
    wanted: Sequence[Sense],
) -> pd.DataFrame:
    name = "name_en" if desk.lang == "en" else "name"
    places = {
        **territory.districts[name].to_dict(),
        **territory.units[name].to_dict(),
        **text.words("coverage.places", desk.lang),
    }
    labels = {one.key: one.label.in_(desk.lang) for one in wanted}
    kinds = {key: layer.label.in_(desk.lang) for key, layer in layers.items()}
    return table.assign(
        sense=table["sense"].map(labels),
        layer=table["layer"].map(kinds),
        place=table["place"].map(places).fillna(table["place"]),
    )


def _notes(
    desk: Desk,
    layers: Catalog,
    keys: Sequence[str],
    wanted: Sequence[Sense],
    territory: Territory,
) -> list[str]:
    notes = [desk.say("coverage.senses.counting")]
    notes += [
        desk.say(
            "coverage.senses.note", sense=one.label.in_(desk.lang), note=one.note.in_(desk.lang)
        )
        for one in wanted
        if one.note is not None
    ]
    for one in wanted:
        mute = [layers[key].label.in_(desk.lang) for key in keys if key not in one.shown]
        if mute:
            sense = one.label.in_(desk.lang)
            notes.append(desk.say("coverage.senses.not_shown", sense=sense, layers=mute))
    if territory.is_sample:
        notes.append(desk.say("commands.sample_borders"))
    return notes
