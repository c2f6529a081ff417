"""Parcels of a layer out to a file, in the format of its ending, some at a time.

What goes out this way comes in again as it was; what a format cannot hold is told as losses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError

from parcels import crs
from parcels.errors import FormatNotKnownError, FormatNotOfferedError, OutputNotWritableError
from parcels.exchange import arrow, listed, ogr, shapefile
from parcels.exchange.account import NOT_IN_XML, Account, Pages, Style, refuse_lacking
from parcels.exchange.losses import Loss
from parcels.exchange.output import named
from parcels.model import Field, Kind, Layer, Shape

_TYPES: Final = {Shape.POLYGON: "MultiPolygon", Shape.POINT: "Point", Shape.EITHER: "Unknown"}
_SHORT_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,9}")


def write(path: Path, layer: Layer, pages: Pages, style: Style) -> Account:
    """Write parcels in the format of the path's ending.

    GeoPackage, FlatGeobuf, GeoJSON, GeoParquet, shapefiles and CSV are written page by page and
    need no more memory for many parcels than for few; KML, XLSX and boundary points are made in
    memory. Computed areas do not go out: on the way in they would be taken for declared ones.

    Args:
        path: Ends in one of SUFFIXES; its folder exists and is our own.
        layer: What the parcels are.
        pages: The parcels.
        style: Choices.

    Raises:
        FormatNotKnownError: For any other ending.
        FormatNotOfferedError: An unknown CRS; KML or a list in another than its own.
        OutputNotWritableError: It cannot be written, or the encoding lacks a character.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise FormatNotKnownError(file=path.name, kinds=SUFFIXES)
    account = Account()
    try:
        pyproj.CRS.from_epsg(style.epsg or crs.STORAGE)
    except CRSError as error:
        offered = [f"EPSG:{code}" for code in (crs.STORAGE, crs.GK_ZONE_39, crs.GK_117)]
        raise FormatNotOfferedError(format=f"EPSG:{style.epsg}", offered=offered) from error
    try:
        with ogr.dated(style.made_at):
            writer(path, layer, account.counted(pages), style, account)
    except (DataSourceError, DataLayerError, pa.ArrowException, RuntimeError, ValueError) as error:
        raise OutputNotWritableError(file=path.name, reason=str(error)) from error
    return account


# -- as columns with types -------------------------------------------------------------------


def _begun(pages: Iterator[gpd.GeoDataFrame]) -> tuple[gpd.GeoDataFrame, Iterator[Any]]:
    """The first page, and all of them."""
    first = next(pages)

    def whole() -> Iterator[gpd.GeoDataFrame]:
        yield first
        yield from pages

    return first, whole()


def _through_gdal(
    path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch], **options: Any
) -> None:
    failures: list[BaseException] = []

    def told() -> Iterator[pa.RecordBatch]:
        # What is raised in here comes out of GDAL as an error that says nothing.
        try:
            yield from batches
        except BaseException as error:
            failures.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(schema, told())
    try:
        with named(path) as made:
            pyogrio.write_arrow(reader, made, geometry_name=arrow.GEOMETRY, **options)
    except RuntimeError:
        if failures:
            raise failures[0] from None
        raise


def _moved(page: gpd.GeoDataFrame, epsg: int | None) -> gpd.GeoDataFrame:
    return page if epsg in {None, crs.STORAGE} else page.to_crs(epsg)


def _with_gdal(
    path: Path,
    layer: Layer,
    pages: Iterator[gpd.GeoDataFrame],
    style: Style,
    account: Account,
) -> None:
    first, whole = _begun(pages)
    fields = arrow.fields(layer, first)
    schema = arrow.schema(fields)
    kind = _TYPES[layer.shape]
    options: dict[str, Any] = {"driver": _DRIVERS[path.suffix.lower()], "geometry_type": kind}
    if path.suffix.lower() == ".geojson":
        # Sixteen digits hold a degree to 1e-13; the default would write up to 1 mm of error.
        options |= {"geometry_type": "Unknown", "layer_options": {"COORDINATE_PRECISION": "13"}}
    if path.suffix.lower() == ".fgb":
        whole = _bounded(whole, account)
    promote = options["geometry_type"] == "MultiPolygon"
    _through_gdal(
        path,
        schema,
        (
            arrow.batch(_several(_moved(page, style.epsg), promote), fields, schema)
            for page in whole
        ),
        crs=f"EPSG:{style.epsg or crs.STORAGE}",
        layer=layer.key,
        **options,
    )


def _bounded(pages: Iterator[gpd.GeoDataFrame], account: Account) -> Iterator[gpd.GeoDataFrame]:
    """Only parcels with a boundary: GDAL's readers of FlatGeobuf fail on any other."""
    for page in pages:
        known = ~shapely.is_missing(page.geometry.to_numpy())
        lost = int((~known).sum())
        account.parcels -= lost
        account.lose(Loss("parcel_left_out", arrow.GEOMETRY, "", lost))
        yield page[known]


def _several(page: gpd.GeoDataFrame, promote: bool) -> gpd.GeoDataFrame:  # noqa: FBT001 - inside
    """Every polygon as a MultiPolygon of one part, where a file holds only such."""
    shapes = page.geometry.to_numpy()
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    if not promote or not single.any():
        return page
    made = shapes.copy()
    made[single] = shapely.multipolygons(shapes[single], indices=np.arange(single.sum()))
    return page.set_geometry(gpd.GeoSeries(made, index=page.index, crs=page.crs))


def _parquet(
    path: Path,
    layer: Layer,
    pages: Iterator[gpd.GeoDataFrame],
    style: Style,
    account: Account,  # noqa: ARG001 - nothing is lost
) -> None:
    first, whole = _begun(pages)
    fields = arrow.fields(layer, first)
    system = pyproj.CRS.from_epsg(style.epsg or crs.STORAGE)
    column = {"encoding": "WKB", "geometry_types": [], "crs": system.to_json_dict()}
    geo = {
        "version": "1.1.0",
        "primary_column": arrow.GEOMETRY,
        "columns": {arrow.GEOMETRY: column},
    }
    schema = arrow.schema(fields).with_metadata({"geo": json.dumps(geo)})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for page in whole:
            batch = arrow.batch(_moved(page, style.epsg), fields, arrow.schema(fields))
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def _kml(
    path: Path, layer: Layer, pages: Iterator[gpd.GeoDataFrame], style: Style, account: Account
) -> None:
    if style.epsg not in {None, crs.WGS84, crs.STORAGE}:
        raise FormatNotOfferedError(format=f"KML EPSG:{style.epsg}", offered=["EPSG:4326"])
    first, whole = _begun(pages)
    texts = [Field(one.key, one.label) for one in arrow.fields(layer, first)]
    schema = arrow.schema(texts)

    def batches() -> Iterator[pa.RecordBatch]:
        for page in whole:
            written = {one.key: _plain(page[one.key], layer.field(one.key)) for one in texts}
            for key, column in written.items():
                clean = column.str.replace(NOT_IN_XML, "", regex=True)
                changed = int((column.notna() & (column != clean)).sum())
                account.lose(Loss("text_changed", key, key, changed))
                written[key] = clean
            plain = gpd.GeoDataFrame(written, geometry=page.geometry, crs=page.crs)
            yield arrow.batch(plain, texts, schema)

    _through_gdal(
        path,
        schema,
        batches(),
        driver="LIBKML",
        geometry_type="Unknown",
        crs=f"EPSG:{crs.WGS84}",
        layer=layer.key,
    )


def _plain(column: pd.Series, kind: Field) -> pd.Series:
    """Texts that say what a column holds: days in ISO 8601, numbers with all their digits."""
    if kind.kind is Kind.DATE:
        column = pd.to_datetime(column).map(lambda day: day.date().isoformat(), na_action="ignore")
    elif kind.kind is Kind.NUMBER:
        column = column.map(lambda one: repr(float(one)), na_action="ignore")
    elif kind.kind is Kind.BOOLEAN:
        column = column.astype("boolean").map({True: "true", False: "false"})
    elif kind.kind is Kind.INTEGER:
        column = column.astype("Int64").map(str, na_action="ignore")
    texts: pd.Series = column.astype("str")
    return texts


# -- shapefiles ------------------------------------------------------------------------------


def _shapefile(
    path: Path, layer: Layer, pages: Iterator[gpd.GeoDataFrame], style: Style, account: Account
) -> None:
    """One file of polygons; points of a layer that has both go to a second one."""
    first, whole = _begun(pages)
    fields = arrow.fields(layer, first)
    encoding = (style.encoding or "UTF-8").upper()
    names = short_names(fields, encoding)
    for one in fields:
        if names[one.key] != one.key:
            account.lose(Loss("field_name", one.key, names[one.key]))
    schema = arrow.schema(fields, names)
    points: list[pa.RecordBatch] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for page in whole:
            fitted = _fitted(_moved(page, style.epsg), fields, names, encoding, account)
            is_point = shapely.get_dimensions(fitted.geometry.to_numpy()) == 0
            points.append(arrow.batch(fitted[is_point], fields, schema))
            yield arrow.batch(fitted[~is_point], fields, schema)

    options = {
        "driver": "ESRI Shapefile",
        "crs": f"EPSG:{style.epsg or crs.STORAGE}",
        "encoding": encoding,
    }
    if layer.shape is Shape.POINT:
        list(batches())
        _through_gdal(path, schema, iter(points), geometry_type="Point", **options)
        return
    _through_gdal(path, schema, batches(), geometry_type="Polygon", **options)
    if any(batch.num_rows for batch in points):
        beside = path.with_name(f"{path.stem}_points.shp")
        _through_gdal(beside, schema, iter(points), geometry_type="Point", **options)


def short_names(fields: list[Field], encoding: str = "UTF-8") -> dict[str, str]:
    """Names of at most ten bytes by which the fields are known again on the way in.

    The key where it is short enough, else the first alias that is, else the key cut.
    """
    wished = []
    for one in fields:
        short = [name for name in (one.key, *one.aliases) if _SHORT_NAME.fullmatch(name)]
        wished.append(short[0] if short else one.key)
    return dict(
        zip([one.key for one in fields], shapefile.field_names(wished, encoding), strict=True)
    )


def _fitted(
    page: gpd.GeoDataFrame,
    fields: list[Field],
    names: Mapping[str, str],
    encoding: str,
    account: Account,
) -> gpd.GeoDataFrame:
    columns: dict[str, Any] = {}
    for one in fields:
        column = page[one.key]
        if arrow.TYPES[one.kind] == pa.string():
            refuse_lacking(column, encoding)
            column, cut = shapefile.cut_texts(column, encoding)
            account.lose(Loss("text_cut", one.key, names[one.key], cut))
        columns[one.key] = column
    return gpd.GeoDataFrame(columns, geometry=page.geometry, crs=page.crs)


_DRIVERS: Final = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".geojson": "GeoJSON"}

_Writer = Callable[[Path, Layer, Iterator[gpd.GeoDataFrame], Style, Account], None]

_WRITERS: Final[Mapping[str, _Writer]] = {
    ".gpkg": _with_gdal,
    ".parquet": _parquet,
    ".shp": _shapefile,
    ".txt": listed.write_points,
    ".geojson": _with_gdal,
    ".kml": _kml,
    ".fgb": _with_gdal,
    ".xlsx": listed.write_xlsx,
    ".csv": listed.write_csv,
}

SUFFIXES: Final = tuple(_WRITERS)
"""The endings this module writes."""
