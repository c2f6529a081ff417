"""`jingtu coverage`: the coverage table of layers by district or unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import geopandas as gpd
import pandas as pd
import typer

from layers import coverage as figures
from layers.library import Library
from maps import tables, text
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from parcels.districts import Territory
from parcels.errors import UnknownDistrictError, UnknownStageError
from parcels.model import Moment
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
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[
        tables.Format, typer.Option("--format", help="cli.options.format")
    ] = tables.Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Print the coverage table."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    with desk.open(desk.catalog()) as register:
        show(
            desk,
            register,
            keys=layer,
            moment=moment,
            by=by,
            where=chosen(register, layer or [], districts=district, stages=stage),
            stages=not no_stages,
            recompute=recompute,
            format_=format_,
            out=out,
        )


def show(  # noqa: PLR0913 - one argument per option of the command line
    desk: Desk,
    register: Register,
    *,
    keys: Sequence[str] | None = None,
    moment: Moment | None = None,
    by: Place = Place.DISTRICT,
    where: Filter | None = None,
    stages: bool = True,
    recompute: bool = False,
    format_: tables.Format = tables.Format.TABLE,
    out: Path | None = None,
) -> None:
    """Print the coverage of layers; of all that hold a parcel when `keys` is None."""
    library = Library(register, desk.catalog())
    at = moment or desk.moment()
    asked = [library.catalog.layer(key).key for key in keys or library.used(at)]
    if not asked:
        desk.print(desk.say("coverage.nothing"))
        return
    table = library.coverage(
        asked, at, by=by.value, stages=stages, where=where, recompute=recompute
    )
    territory = register.territory_at(at)
    shown = _shapes(table, territory) if format_ is tables.Format.GEOJSON else table
    if format_ in {tables.Format.TABLE, tables.Format.XLSX}:
        shown = _in_words(_without_empty(table), library, desk, territory)
    headings = tables.headings("coverage.columns", desk.lang, _columns(shown), **NUMBERS)
    tables.show(
        shown,
        headings=headings,
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("coverage.title", state=desk.state(at)),
        notes=_notes(desk, territory, by),
        meta={**dates(at), "by": by.value},
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
    territory = register.territory
    return Filter(
        districts=_codes(districts, territory.district_codes, territory.districts),
        units=_codes(units, territory.unit_codes, territory.units),
        stages=_stage_keys(register, layers, stages),
        codes=tuple(codes) if codes else None,
        bbox=bbox,
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


def _stage_keys(
    register: Register, layers: Sequence[str], stages: Sequence[str] | None
) -> tuple[str, ...] | None:
    if not stages:
        return None
    declared = [register.layer(key) for key in layers] or register.layers
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


def _shapes(table: pd.DataFrame, territory: Territory) -> gpd.GeoDataFrame:
    """The rows of districts with their borders, for other programs to draw."""
    borders = territory.districts.geometry
    drawn = table[table["place"].isin(borders.index)]
    return gpd.GeoDataFrame(
        drawn, geometry=borders.reindex(drawn["place"]).to_numpy(), crs=borders.crs
    )


def _in_words(
    table: pd.DataFrame, library: Library, desk: Desk, territory: Territory
) -> pd.DataFrame:
    name = "name_en" if desk.lang == "en" else "name"
    places = {
        **territory.districts[name].to_dict(),
        **territory.units[name].to_dict(),
        **text.words("coverage.places", desk.lang),
    }
    stages = {
        (key, stage.key): stage.label.in_(desk.lang)
        for key, layer in library.catalog.items()
        for stage in layer.stages
    }
    others = text.words("coverage.stages", desk.lang)
    layers = {key: layer.label.in_(desk.lang) for key, layer in library.catalog.items()}
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
