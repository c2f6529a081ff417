"""Sample deliveries as districts send them: good ones, and bad ones with what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from pyproj.enums import WktVersion

from layers.catalog import Catalog
from layers.samples import faults, handwriting
from layers.samples.attributes import described
from layers.samples.shapes import tiles, tiling
from layers.samples.sites import points, sites
from layers.samples.words import words
from parcels import crs
from parcels.districts import Territory
from parcels.exchange import boundary_points, lists, ogr, shapefile
from parcels.exchange.shapefile import Declared
from parcels.model import Layer

MADE_AT: Final = dt.datetime(2024, 8, 30, 2, tzinfo=dt.UTC)
"""The instant in all sample files, so that the same seed gives the same bytes."""

_HOME_SHARE: Final = (0.6, 0.97)
_BAND_DEG: Final = 0.008


@dataclass(frozen=True, slots=True)
class SampleDelivery:
    """One file and what is known of it.

    Attributes:
        path: The file; a shapefile's .shp.
        layer: Key of the layer it is for.
        district: Code of the sender's district; None for more than one.
        unit: Code of the unit that sends it; None for the city.
        count: How many parcels it holds.
        good: Whether it can be taken in: warnings at most.
        expected: Codes of findings that importing it must report; others may come with them.
        note: Key of the sentence that says what is special about it, in maps/locale.
    """

    path: Path
    layer: str
    district: str | None
    unit: str | None
    count: int
    good: bool
    expected: frozenset[str]
    note: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """One entry of `deliveries` in `reference/samples.toml`."""

    file: str
    layer: str
    sender: str
    count: int
    shape: str
    kind: str
    hand: str
    note: str
    expected: tuple[str, ...] = ()
    crossing: int = 0
    overlapping: int = 0
    fault: str = ""


def demo_deliveries(
    folder: Path, *, catalog: Catalog, territory: Territory, seed: int = 2024
) -> tuple[SampleDelivery, ...]:
    """Write the sample deliveries into `folder`/good and `folder`/bad.

    Good ones come first, in the order in which to import them. A bad one about parcels of a good
    one (a copy on a shifted map) shows its fault when the good one is in the register.

    Args:
        folder: Made if it is not there; files of the same names are replaced.
        catalog: The layers.
        territory: The districts of Beijing.
        seed: The same seed gives the same files, byte for byte.

    Raises:
        OutputNotWritableError: A file cannot be written.
        UnknownLayerError: The catalog lacks a layer of the samples.
    """
    plans = [_plan(entry) for entry in words()["deliveries"]]
    return tuple(
        _make(plan, folder, catalog=catalog, territory=territory, seed=seed) for plan in plans
    )


def _plan(entry: Mapping[str, Any]) -> _Plan:
    own = dict(entry)
    kind, expected = own.pop("as"), tuple(own.pop("expected", ()))
    return _Plan(kind=kind, expected=expected, **own)


def _make(
    plan: _Plan, folder: Path, *, catalog: Catalog, territory: Territory, seed: int
) -> SampleDelivery:
    layer = catalog.layer(plan.layer)
    path = folder / plan.file
    path.parent.mkdir(parents=True, exist_ok=True)
    parcels = _parcels(plan, layer, territory, seed=_seed_of(plan, seed))
    by = handwriting.hand(plan.hand)
    table = handwriting.written(parcels, layer, territory, by=by)
    if plan.fault in faults.OF_TABLES:
        table = faults.OF_TABLES[plan.fault](table)
    _WRITERS[plan.kind](path, _Written(parcels, table, layer, _sender(plan, territory)))
    if plan.fault in faults.OF_FILES:
        faults.OF_FILES[plan.fault](path)
    return SampleDelivery(
        path,
        plan.layer,
        plan.sender if plan.sender in territory.districts.index else None,
        plan.sender if plan.sender in territory.units.index else None,
        len(parcels),
        plan.file.startswith("good/"),
        frozenset(plan.expected),
        f"samples.notes.{plan.note}",
    )


def _seed_of(plan: _Plan, seed: int) -> int:
    """The same for a good delivery and its spoiled copy, different for all others."""
    entries = [(e["layer"], e["sender"]) for e in words()["deliveries"]]
    return seed * 1000 + entries.index((plan.layer, plan.sender)) * 10


# The parcels


def _parcels(plan: _Plan, layer: Layer, territory: Territory, *, seed: int) -> gpd.GeoDataFrame:
    land = _land(plan, territory)
    shapes = _SHAPES[plan.shape](plan.count, seed=seed, within=land).to_numpy()
    if plan.crossing:
        shapes[: plan.crossing] = _across(plan, territory, shapes, seed=seed)
    # The last ones lie half over others.
    for place in range(plan.overlapping):
        shapes[-1 - place] = _beside(shapes[plan.crossing + place])
    parcels = described(layer, shapes, seed=seed, territory=territory)
    if plan.sender in territory.units.index:
        parcels["unit"] = pd.Series(plan.sender, index=parcels.index, dtype="str")
    if plan.fault in faults.OF_PARCELS:
        parcels = faults.OF_PARCELS[plan.fault](parcels)
    return parcels


def _land(plan: _Plan, territory: Territory) -> Any:
    """Where a sender has its parcels."""
    borders = territory.districts.geometry
    if plan.sender in borders.index:
        return borders.loc[plan.sender]
    city = shapely.union_all(borders.to_numpy())
    place = words()["places"].get(plan.sender)
    return city if place is None else shapely.intersection(city, shapely.box(*place))


def _across(plan: _Plan, territory: Territory, others: np.ndarray, *, seed: int) -> np.ndarray:
    """Parcels mostly in one district, the sender's if it is one, and partly in another."""
    borders = territory.districts.geometry
    home = borders.loc[plan.sender] if plan.sender in borders.index else borders.iloc[0]
    city = shapely.union_all(borders.to_numpy())
    band = shapely.intersection(shapely.buffer(home.boundary, _BAND_DEG), city)
    near = tiling(1500, seed=seed, within=band, mean_area_m2=8_000, clustered=False).polygons
    share = crs.area_m2(shapely.intersection(near, home)) / crs.area_m2(near)
    low, high = _HOME_SHARE
    fits = (share > low) & (share < high) & shapely.disjoint(near, shapely.union_all(others))
    chosen = near[fits][: plan.crossing]
    return np.asarray(shapely.multipolygons(chosen, indices=np.arange(len(chosen))))


def _beside(shape: Any) -> Any:
    west, _, east, _ = shapely.bounds(shape)
    return shapely.transform(shape, lambda lonlat: lonlat + np.array([0.45 * (east - west), 0.0]))


def _tiles(count: int, *, seed: int, within: Any) -> gpd.GeoSeries:
    made = tiles(count, seed=seed, within=within, mean_area_m2=12_000, vertices=9).to_numpy()
    whole = shapely.multipolygons(made, indices=np.arange(count))
    return gpd.GeoSeries(whole, crs=crs.STORAGE)


_SHAPES: Final[Mapping[str, Callable[..., gpd.GeoSeries]]] = {
    "sites": sites,
    "tiles": _tiles,
    "points": points,
    "parks": partial(sites, mean_area_m2=600_000),
}


# The files


@dataclass(frozen=True, slots=True)
class _Written:
    """What goes into a file: the parcels, the same as the sender's table, layer and sender."""

    parcels: gpd.GeoDataFrame
    table: gpd.GeoDataFrame
    layer: Layer
    sender: str


_Writer = Callable[[Path, _Written], None]


def _sender(plan: _Plan, territory: Territory) -> str:
    if plan.sender in territory.units.index:
        return str(territory.units.loc[plan.sender, "name"])
    return str(words()["senders"][plan.sender])


def _as_shapefile(style: shapefile.Style) -> _Writer:
    def write(path: Path, written: _Written) -> None:
        shapefile.write(path, written.table, style=style)

    return write


def _as_shapefile_wrong_zone(path: Path, written: _Written) -> None:
    """Coordinates of zone 39 with a .prj that says zone 38."""
    shapefile.write(path, written.table)
    wrong = pyproj.CRS.from_epsg(crs.GK_ZONE_38).to_wkt(WktVersion.WKT1_ESRI)
    path.with_suffix(".prj").write_text(wrong, "ascii")


def _as_ogr(epsg: int = crs.STORAGE) -> _Writer:
    def write(path: Path, written: _Written) -> None:
        ogr.write(path, written.table, layer=written.layer.key, epsg=epsg, made_at=MADE_AT)

    return write


def _as_kml(path: Path, written: _Written) -> None:
    # A placemark's own name is what map programs show.
    name = written.layer.field("name").label.zh
    table = written.table.rename(columns={name: "Name"})
    ogr.write(path, table, layer=written.layer.key, made_at=MADE_AT)


def _as_boundary_points(path: Path, written: _Written) -> None:
    boundary_points.write(path, written.parcels, sender=written.sender, made_on=MADE_AT.date())


def _as_xlsx(path: Path, written: _Written) -> None:
    said = words()["list"]
    lists.write_xlsx(
        path,
        _rows(written),
        title=said["title"].format(sender=written.sender, layer=written.layer.label.zh),
        notes=said["notes"].format(sender=written.sender),
        made_at=MADE_AT,
    )


def _as_csv(encoding: str) -> _Writer:
    def write(path: Path, written: _Written) -> None:
        lists.write_csv(path, _rows(written), encoding=encoding)

    return write


def _rows(written: _Written) -> pd.DataFrame:
    return pd.DataFrame(written.table.drop(columns=written.table.geometry.name))


_Style: Final = shapefile.Style

_WRITERS: Final[Mapping[str, _Writer]] = {
    "shapefile_gbk": _as_shapefile(_Style("GBK", Declared.CPG)),
    "shapefile_gbk_byte": _as_shapefile(_Style("GBK", Declared.LANGUAGE_BYTE)),
    "shapefile_gbk_silent": _as_shapefile(_Style("GBK", Declared.NOT_AT_ALL)),
    "shapefile_utf8": _as_shapefile(_Style()),
    "shapefile_utf8_unzoned": _as_shapefile(_Style(epsg=crs.GK_117)),
    "shapefile_no_prj": _as_shapefile(_Style(epsg=crs.GK_117, prj=False)),
    "shapefile_wrong_zone": _as_shapefile_wrong_zone,
    "geopackage": _as_ogr(),
    "geopackage_planar": _as_ogr(crs.GK_117),
    "geojson": _as_ogr(),
    "kml": _as_kml,
    "boundary_points": _as_boundary_points,
    "xlsx": _as_xlsx,
    "csv": _as_csv("utf-8-sig"),
    "csv_gbk": _as_csv("gbk"),
}
