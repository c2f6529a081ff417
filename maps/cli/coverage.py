"""`jingtu coverage`: the coverage table of layers by district or unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from layers import cluster as crews
from layers import coverage as figures
from layers.catalog import Catalog
from layers.library import Library, coverage_of_lakes
from maps import tables, text
from maps.cli import lakes, senses
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.districts import bordered
from maps.cli.hands import Address, Hands, Memory, Workers
from parcels.districts import Territory
from parcels.errors import UnknownDistrictError, UnknownStageError
from parcels.model import Layer, Moment
from parcels.register import Filter, Register

NUMBERS: Final[dict[str, dict[str, Any]]] = {
    "area_m2": {"unit": "m2", "decimals": 0},
    "area_once_m2": {"unit": "m2", "decimals": 0},
    "denominator_m2": {"unit": "m2", "decimals": 0},
    "share": {"share": True, "decimals": 2},
}
"""How the figures of a coverage table are shown."""


class Place(StrEnum):
    """What a row is about."""

    DISTRICT = "district"
    UNIT = "unit"


def coverage(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    by: Annotated[Place, typer.Option(help="commands.options.by")] = Place.DISTRICT,
    stage: Annotated[list[str] | None, typer.Option(help="commands.options.only_stage")] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    no_stages: Annotated[
        bool, typer.Option("--no-stages", help="commands.options.no_stages")
    ] = False,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="commands.options.recompute")
    ] = False,
    lake: Annotated[list[Path] | None, typer.Option(help="cluster.options.lake")] = None,
    workers: Workers = None,
    cluster: Address = None,
    memory: Memory = crews.MEMORY_MIB,
    sense: Annotated[
        list[str] | None, typer.Option("--sense", help="coverage.senses.option")
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[
        tables.Format, typer.Option("--format", help="cli.options.format")
    ] = tables.Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Print the coverage table."""
    desk = desk_of(context)
    if workers is not None and cluster is not None:
        raise typer.BadParameter(desk.say("cluster.said.one_of_both"))
    if sense and (lake or workers is not None or cluster is not None):
        raise typer.BadParameter(desk.say("coverage.senses.register_only"))
    hands = Hands(workers, cluster, memory)
    shape = Shown(by, not no_stages, format_, out)
    catalog = desk.catalog()
    moment = desk.moment(as_of, known)
    if lake:
        if layer:
            raise typer.BadParameter(desk.say("cluster.said.lake_has_its_layer"))
        asked = moment if as_of is not None or known is not None else None
        _show_lakes(desk, lake, asked, hands, shape, districts=district, stages=stage)
        return
    with desk.open(catalog) as register:
        if sense:
            where = chosen(register, layer or [], districts=district, stages=stage)
            wanted = senses.Asked(tuple(layer or ()), tuple(sense), by.value, where)
            senses.show(desk, register, wanted, moment=moment, format_=format_, out=out)
            return
        show(
            desk,
            register,
            keys=layer,
            moment=moment,
            where=chosen(register, layer or [], districts=district, stages=stage),
            recompute=recompute,
            hands=hands,
            shown=shape,
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """How a coverage table is shown.

    Attributes:
        by: What its rows are about.
        stages: Whether single stages have rows.
        format: In which form.
        out: To which file; None for the screen.
    """

    by: Place = Place.DISTRICT
    stages: bool = True
    format: tables.Format = tables.Format.TABLE
    out: Path | None = None


def show(  # noqa: PLR0913 - what, when, which, by whom, and how shown
    desk: Desk,
    register: Register,
    *,
    keys: Sequence[str] | None = None,
    moment: Moment | None = None,
    where: Filter | None = None,
    recompute: bool = False,
    hands: Hands | None = None,
    shown: Shown | None = None,
) -> None:
    """Print the coverage of layers; of all that hold a parcel when `keys` is None."""
    library = Library(register, desk.catalog())
    at = moment or desk.moment()
    asked = [library.catalog.layer(key).key for key in keys or library.used(at)]
    if not asked:
        desk.print(desk.say("coverage.nothing"))
        return
    form = shown or Shown()
    others = hands if hands is not None and hands.are_others else None
    with nullcontext(None) if others is None else others.at_work(desk) as adder:
        table = library.coverage(
            asked,
            at,
            by=form.by.value,
            stages=form.stages,
            where=where,
            recompute=recompute,
            adder=adder,
        )
    _print(desk, table, library.catalog, register.territory_at(at), at, form)


def _show_lakes(  # noqa: PLR0913 - what, when, which, by whom, and how shown
    desk: Desk,
    folders: Sequence[Path],
    asked: Moment | None,
    hands: Hands,
    shown: Shown,
    *,
    districts: Sequence[str] | None,
    stages: Sequence[str] | None,
) -> None:
    """Print the coverage of the layers of lakes."""
    catalog = desk.catalog()
    found = lakes.opened(folders, desk, catalog, asked)
    territory = found[0].territory()
    declared = [catalog.layer(one.layer) for one in found]
    where = chosen_of(territory, declared, districts=districts, stages=stages)
    with hands.at_work(desk) as adder:
        table = coverage_of_lakes(
            found, adder, by=shown.by.value, stages=shown.stages, where=where
        )
    _print(desk, table, catalog, territory, found[0].moment, shown)


def _print(
    desk: Desk,
    table: pd.DataFrame,
    catalog: Catalog,
    territory: Territory,
    moment: Moment,
    shown: Shown,
) -> None:
    format_ = shown.format
    printed = bordered(table, territory) if format_ is tables.Format.GEOJSON else table
    if format_ in {tables.Format.TABLE, tables.Format.XLSX}:
        printed = _in_words(_without_empty(table), catalog, desk, territory)
    headings = tables.headings("coverage.columns", desk.lang, _columns(printed), **NUMBERS)
    tables.show(
        printed,
        headings=headings,
        format=format_.value,
        out=shown.out,
        lang=desk.lang,
        title=desk.say("coverage.title", state=desk.state(moment)),
        notes=_notes(desk, territory, shown.by),
        meta={**dates(moment), "by": shown.by.value},
    )


def chosen(  # noqa: PLR0913 - one argument per way to choose
    register: Register,
    layers: Sequence[str],
    *,
    districts: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    stages: Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    bbox: tuple[float, float, float, float] | None = None,
) -> Filter:
    """The filter of what was typed: places as people write them, stages by key or label.

    Raises:
        UnknownDistrictError: No district or unit is called so.
        UnknownStageError: No stage of these layers is called so.
    """
    declared = [register.layer(key) for key in layers] or register.layers
    of = chosen_of(register.territory, declared, districts=districts, units=units, stages=stages)
    return replace(of, codes=tuple(codes) if codes else None, bbox=bbox)


def chosen_of(
    territory: Territory,
    declared: Sequence[Layer],
    *,
    districts: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    stages: Sequence[str] | None = None,
) -> Filter:
    """The same of these places and these layers."""
    return Filter(
        districts=_codes(districts, territory.district_codes, territory.districts),
        units=_codes(units, territory.unit_codes, territory.units),
        stages=_stage_keys(declared, stages),
    )


def _codes(
    named: Sequence[str] | None,
    understood: Callable[[pd.Series], pd.Series],
    places: pd.DataFrame,
) -> tuple[str, ...] | None:
    if not named:
        return None
    found = understood(pd.Series(named, dtype="str"))
    if found.isna().any():
        unknown = pd.Series(named)[found.isna().to_numpy()].iloc[0]
        raise UnknownDistrictError(district=unknown, known=places["name"].tolist())
    return tuple(found)


def _stage_keys(declared: Sequence[Layer], stages: Sequence[str] | None) -> tuple[str, ...] | None:
    if not stages:
        return None
    words = {
        word: stage.key
        for layer in declared
        for stage in layer.stages
        for word in (stage.key, stage.label.zh, stage.label.en, *stage.synonyms)
    }
    for stage in stages:
        if stage not in words:
            raise UnknownStageError(stage=stage, known=sorted(set(words.values())))
    return tuple(words[stage] for stage in stages)


def _columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name != "geometry"]


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Places without a parcel or any land of one are left out where people read."""
    something = (table["parcels"] > 0) | (table["area_m2"].fillna(0) > 0)
    return table[something | (table["place"] == figures.TOTAL)]


def _in_words(
    table: pd.DataFrame, catalog: Catalog, desk: Desk, territory: Territory
) -> pd.DataFrame:
    name = "name_en" if desk.lang == "en" else "name"
    places = {
        **territory.districts[name].to_dict(),
        **territory.units[name].to_dict(),
        **text.words("coverage.places", desk.lang),
    }
    stages = {
        (key, stage.key): stage.label.in_(desk.lang)
        for key, layer in catalog.items()
        for stage in layer.stages
    }
    others = text.words("coverage.stages", desk.lang)
    layers = {key: layer.label.in_(desk.lang) for key, layer in catalog.items()}
    return table.assign(
        stage=[
            stages.get((layer, stage), others.get(stage, stage))
            for layer, stage in zip(table["layer"], table["stage"], strict=True)
        ],
        place=table["place"].map(places).fillna(table["place"]),
        layer=table["layer"].map(layers),
    )


def _notes(desk: Desk, territory: Territory, by: Place) -> list[str]:
    notes = [desk.say("coverage.notes.counting"), desk.say(f"coverage.notes.{by.value}")]
    if territory.is_sample:
        notes.append(desk.say("commands.sample_borders"))
    return notes
