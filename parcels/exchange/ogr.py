"""Parcels out as GeoPackage, GeoJSON, KML or FlatGeobuf."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from parcels import crs
from parcels.errors import FormatNotKnownError, OutputNotWritableError
from parcels.exchange.output import named


@dataclass(frozen=True, slots=True)
class _Format:
    driver: str
    takes_layer: bool = False
    only_epsg: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


_FORMATS: Final[Mapping[str, _Format]] = {
    ".gpkg": _Format("GPKG", takes_layer=True, options={"geometry_name": "geom"}),
    # Sixteen digits hold a degree to 1e-13; the default would write up to 1 mm of error.
    ".geojson": _Format("GeoJSON", options={"layer_options": {"COORDINATE_PRECISION": "13"}}),
    ".kml": _Format("LIBKML", takes_layer=True, only_epsg=crs.WGS84),
    ".fgb": _Format("FlatGeobuf", takes_layer=True),
}

SUFFIXES: Final = tuple(_FORMATS)
"""The endings this module writes."""


def write(
    path: Path,
    parcels: gpd.GeoDataFrame,
    *,
    layer: str | None = None,
    epsg: int = crs.STORAGE,
    made_at: dt.datetime | None = None,
) -> None:
    """Write a frame as it is, in the format of the path's ending.

    Args:
        path: Ends in one of SUFFIXES; a file that is there is replaced.
        parcels: Any CRS; columns are written under their own names, in their order. Dates are
            written as dates.
        layer: Name of the layer inside the file, where the format has such; None for the file's.
        epsg: CRS to write in. KML is always EPSG:4326.
        made_at: Instant to put into the file as its date (aware), so that the same frame gives
            the same bytes; None for the clock of GDAL.

    Raises:
        FormatNotKnownError: For any other ending.
        OutputNotWritableError: GDAL cannot write it.
    """
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise FormatNotKnownError(file=path.name, kinds=SUFFIXES)
    path.unlink(missing_ok=True)
    options = dict(form.options)
    options["layer"] = (layer if form.takes_layer else None) or path.stem
    with dated(made_at):
        write_arrow(path, parcels, form.driver, epsg=form.only_epsg or epsg, options=options)


def write_arrow(
    path: Path, parcels: gpd.GeoDataFrame, driver: str, *, epsg: int, options: Mapping[str, Any]
) -> None:
    """Hand a frame to a GDAL driver through Arrow.

    Raises:
        OutputNotWritableError: GDAL cannot write it.
    """
    moved = parcels if parcels.crs == pyproj.CRS.from_epsg(epsg) else parcels.to_crs(epsg)
    shapes = moved.geometry.to_numpy()
    table = pa.Table.from_pandas(
        moved.drop(columns=moved.geometry.name).reset_index(drop=True), preserve_index=False
    )
    name = options.get("geometry_name", "geometry")
    table = table.append_column(name, pa.array(shapely.to_wkb(shapes), pa.binary()))
    given = {"geometry_name": name, "geometry_type": _type(shapes), "crs": f"EPSG:{epsg}"}
    try:
        with named(path, keep=bool(options.get("append"))) as made:
            pyogrio.write_arrow(table, made, driver=driver, **(given | dict(options)))
    except (DataSourceError, DataLayerError, RuntimeError, OSError, ValueError) as error:
        raise OutputNotWritableError(file=path.name, reason=str(error)) from error


@contextmanager
def dated(at: dt.datetime | None) -> Iterator[None]:
    """While it lasts GDAL writes this instant as the present one; None leaves its clock alone."""
    if at is None:
        yield
        return
    stamp = at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": stamp})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _type(shapes: np.ndarray) -> str:
    """OGR's name for what the geometries have in common."""
    kinds = set(shapely.get_type_id(shapes[~shapely.is_missing(shapes)]).tolist())
    for name, members in (("Point", {0}), ("Polygon", {3}), ("MultiPolygon", {3, 6})):
        if kinds and kinds <= members:
            return name
    return "Unknown"
