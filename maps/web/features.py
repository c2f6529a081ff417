"""OGC API - Features and Tiles: the layers for QGIS, GDAL and other programs, as of any day.

Built after OGC 17-069r4 (Features, Part 1), 18-058r1 (Part 2, CRS) and 19-079r2 (Part 3,
filtering); conformance is declared only for the classes that a test asks for.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from maps.tiles.world import from_lonlat
from maps.web import cql2
from maps.web.guard import OfficeOf, VisitorOf
from maps.web.mapping import choice_of
from maps.web.office import Office
from maps.web.visitors import Visitor
from parcels import crs
from parcels.model import Field, Kind, Layer, Moment

router: Final = APIRouter(prefix="/ogc", tags=["OGC API"])

MOST: Final = 10_000
USUAL: Final = 1_000
GEOJSON: Final = "application/geo+json"
CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

CONFORMANCE: Final = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
)

_KINDS: Final = {
    Kind.NUMBER: {"type": "number"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date"},
}
_COMPUTED: Final = {
    "area_m2": {"type": "number"},
    "valid_from": {"type": "string", "format": "date"},
}


class NotUnderstoodError(ValueError):
    """A parameter means nothing. Its argument is the name of the parameter."""


def _epsg_uri(code: int) -> str:
    return f"http://www.opengis.net/def/crs/EPSG/0/{code}"


SYSTEMS: Final = {CRS84: None, **{_epsg_uri(code): code for code in crs.OFFERED}}
"""Coordinate systems on offer; CRS84 is EPSG:4490 with the longitude first."""


@router.get("")
def landing(request: Request, visitor: VisitorOf) -> JSONResponse:
    """What there is."""
    base = _base(request)
    links = [
        _link(base, "self", "application/json"),
        _link(f"{base}/api", "service-desc", "application/vnd.oai.openapi+json;version=3.0"),
        _link(f"{base}/conformance", "conformance", "application/json"),
        _link(f"{base}/collections", "data", "application/json"),
    ]
    title = Office.say("web.title", visitor.lang)
    return JSONResponse({"title": title, "links": links})


@router.get("/api")
def description(request: Request) -> JSONResponse:
    """The OpenAPI document."""
    return JSONResponse(
        request.app.openapi(), media_type="application/vnd.oai.openapi+json;version=3.0"
    )


@router.get("/conformance")
def conformance() -> dict[str, list[str]]:
    """The classes of requirements that are met."""
    return {"conformsTo": list(CONFORMANCE)}


@router.get("/collections")
def collections(request: Request, office: OfficeOf, visitor: VisitorOf) -> dict[str, Any]:
    """The layers that hold parcels."""
    base = _base(request)
    used = office.library.used(Moment(office.today()))
    listed = [_collection(base, office, visitor, office.layers.layer(key)) for key in used]
    self_ = _link(f"{base}/collections", "self", "application/json")
    return {"links": [self_], "collections": listed, "crs": list(SYSTEMS)}


@router.get("/collections/{layer}")
def collection(
    request: Request, office: OfficeOf, visitor: VisitorOf, layer: str
) -> dict[str, Any]:
    """One layer."""
    return _collection(_base(request), office, visitor, office.layers.layer(layer))


@router.get("/collections/{layer}/queryables")
def queryables(request: Request, office: OfficeOf, visitor: VisitorOf, layer: str) -> Response:
    """What a filter may look at."""
    declared = office.layers.layer(layer)
    properties = {
        field.key: {
            "title": field.label.in_(visitor.lang),
            **_KINDS.get(field.kind, {"type": "string"}),
        }
        for field in visitor.fields(declared)
    }
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{_base(request)}/collections/{layer}/queryables",
        "type": "object",
        "title": declared.label.in_(visitor.lang),
        "properties": {
            **properties,
            **_COMPUTED,
            cql2.GEOMETRY: {"format": "geometry-any", "x-ogc-role": "primary-geometry"},
        },
        "additionalProperties": False,
    }
    return JSONResponse(document, media_type="application/schema+json")


@router.get("/collections/{layer}/items")
def items(  # noqa: PLR0913, PLR0917 - one argument per parameter of the standard
    request: Request,
    office: OfficeOf,
    visitor: VisitorOf,
    layer: str,
    limit: Annotated[int, Query(ge=1)] = USUAL,
    offset: Annotated[int, Query(ge=0)] = 0,
    bbox: Annotated[str | None, Query(max_length=200)] = None,
    bbox_crs: Annotated[str, Query(alias="bbox-crs")] = CRS84,
    crs_: Annotated[str, Query(alias="crs")] = CRS84,
    datetime: Annotated[str | None, Query(max_length=60)] = None,
    known: Annotated[int | None, Query(ge=0)] = None,
    filter_: Annotated[str | None, Query(alias="filter")] = None,
    filter_lang: Annotated[str, Query(alias="filter-lang")] = "cql2-text",
    filter_crs: Annotated[str, Query(alias="filter-crs")] = CRS84,
) -> Response:
    """Parcels of a layer, in the order of their numbers."""
    declared = office.layers.layer(layer)
    if filter_lang != "cql2-text":
        raise NotUnderstoodError("filter-lang")
    system = _system(crs_, "crs")
    day = _day(office, datetime)
    box = None if bbox is None else _box(bbox, _system(bbox_crs, "bbox-crs"))
    found = _numbers(office, visitor, declared, day, known, box)
    if filter_ is not None:
        _system(filter_crs, "filter-crs")
        found = _filtered(office, visitor, declared, found, Moment(day, change=known), filter_)
    most = min(limit, MOST)
    page = found[offset : offset + most]
    frame = _frame(office, visitor, declared, page, Moment(day, change=known))
    here = str(request.url)
    links = [
        _link(here, "self", GEOJSON),
        _link(_collection_url(request, layer), "collection", "application/json"),
    ]
    if offset + most < len(found):
        later = request.url.include_query_params(offset=offset + most, limit=most)
        links.append(_link(str(later), "next", GEOJSON))
    if offset:
        earlier = request.url.include_query_params(offset=max(0, offset - most), limit=most)
        links.append(_link(str(earlier), "prev", GEOJSON))
    body = {
        "type": "FeatureCollection",
        "numberMatched": len(found),
        "numberReturned": len(frame),
        "timeStamp": office.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "links": links,
        "features": _features(frame, visitor.fields(declared), system),
    }
    return JSONResponse(body, media_type=GEOJSON, headers={"Content-Crs": f"<{crs_}>"})


@router.get("/collections/{layer}/items/{parcel}")
def item(  # noqa: PLR0913, PLR0917 - one argument per parameter of the standard
    request: Request,
    office: OfficeOf,
    visitor: VisitorOf,
    layer: str,
    parcel: int,
    crs_: Annotated[str, Query(alias="crs")] = CRS84,
    datetime: Annotated[str | None, Query(max_length=60)] = None,
    known: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """One parcel, by its number."""
    declared = office.layers.layer(layer)
    system = _system(crs_, "crs")
    moment = Moment(_day(office, datetime), change=known)
    frame = _frame(office, visitor, declared, np.array([parcel]), moment)
    if frame.empty:
        return JSONResponse({"code": "not_there"}, status_code=404)
    feature = _features(frame, visitor.fields(declared), system)[0]
    links = [
        _link(str(request.url), "self", GEOJSON),
        _link(_collection_url(request, layer), "collection", "application/json"),
    ]
    headers = {"Content-Crs": f"<{crs_}>"}
    return JSONResponse({**feature, "links": links}, media_type=GEOJSON, headers=headers)


def _collection(base: str, office: Office, visitor: Visitor, layer: Layer) -> dict[str, Any]:
    place = f"{base}/collections/{layer.key}"
    bounds = [float(side) for side in office.register.territory.districts.total_bounds]
    return {
        "id": layer.key,
        "title": layer.label.in_(visitor.lang),
        "itemType": "feature",
        "extent": {
            "spatial": {"bbox": [bounds], "crs": CRS84},
            "temporal": {"interval": [[None, None]]},
        },
        "crs": list(SYSTEMS),
        "storageCrs": CRS84,
        "links": [
            _link(place, "self", "application/json"),
            _link(f"{place}/items", "items", GEOJSON),
            _link(
                f"{place}/queryables",
                "http://www.opengis.net/def/rel/ogc/1.0/queryables",
                "application/schema+json",
            ),
        ],
    }


def _numbers(
    office: Office,
    visitor: Visitor,
    layer: Layer,
    day: dt.date,
    known: int | None,
    box: tuple[float, float, float, float] | None,
) -> np.ndarray:
    """Numbers of the parcels of a moment whose boundary meets a box, ascending."""
    choice = choice_of(office, visitor, day, known)
    kept = office.tiles.layer(layer.key)
    if box is None:
        return np.sort(kept.versions.parcel[kept.positions(choice)])
    west, south, east, north = box
    corners = from_lonlat(np.array([[west, north], [east, south]]))
    low, high = corners[0] - 1, corners[1] + 2
    shown = kept.shown((int(low[0]), int(low[1]), int(high[0]), int(high[1])), choice)
    boxes = kept.outlines.boxes[shown.place]
    is_inside = (boxes[:, :2] > corners[0]).all(axis=1) & (boxes[:, 2:] < corners[1]).all(axis=1)
    sure, asked = shown.ids[is_inside], shown.ids[~is_inside]
    moment = Moment(day, change=known)
    named = tuple(asked.tolist())
    where = visitor.filter(parcels=named) if len(named) <= MOST else visitor.filter(bbox=box)
    frame = office.register.frame(layer.key, moment, where=where, columns=["code"])
    meets = shapely.intersects(frame.geometry.to_numpy(), shapely.box(west, south, east, north))
    return np.union1d(sure, frame.index.to_numpy()[meets])


def _filtered(
    office: Office,
    visitor: Visitor,
    layer: Layer,
    found: np.ndarray,
    moment: Moment,
    text: str,
) -> np.ndarray:
    node = cql2.read(text)
    wanted = cql2.names(node)
    allowed = {field.key for field in visitor.fields(layer)} | set(_COMPUTED) | {cql2.GEOMETRY}
    if not wanted <= allowed:
        raise cql2.FilterError(min(wanted - allowed))
    frame = office.register.frame(
        layer.key,
        moment,
        where=visitor.filter(),
        columns=sorted(wanted - {cql2.GEOMETRY}),
        boundaries=cql2.GEOMETRY in wanted,
    )
    frame = frame[frame.index.isin(found)]
    return np.sort(frame.index.to_numpy()[cql2.passes(node, frame).to_numpy()])


def _frame(
    office: Office, visitor: Visitor, layer: Layer, numbers: np.ndarray, moment: Moment
) -> gpd.GeoDataFrame:
    where = visitor.filter(parcels=tuple(int(number) for number in numbers))
    return office.register.frame(layer.key, moment, where=where).sort_index()


def _features(
    frame: gpd.GeoDataFrame, fields: list[Field], system: int | None
) -> list[dict[str, Any]]:
    """GeoJSON features; dates as ISO text, what is not known as null."""
    keys = [field.key for field in fields if field.key in frame.columns] + list(_COMPUTED)
    columns = {}
    for key in keys:
        column = frame[key]
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            column = column.dt.strftime("%Y-%m-%d")
        columns[key] = column.astype(object).where(column.notna(), None).tolist()
    shapes = frame.geometry.to_numpy()
    if system is not None:
        shapes = np.asarray(crs.as_declared(shapes, system), dtype=object)
    drawn = [None if one is None else shapely.geometry.mapping(one) for one in shapes]
    rows = zip(*columns.values(), strict=True) if len(frame) else ()
    return [
        {
            "type": "Feature",
            "id": int(number),
            "geometry": geometry,
            "properties": dict(zip(keys, values, strict=True)),
        }
        for number, geometry, values in zip(frame.index, drawn, rows, strict=True)
    ]


def _system(uri: str, name: str) -> int | None:
    if uri not in SYSTEMS:
        raise NotUnderstoodError(name)
    return SYSTEMS[uri]


def _box(written: str, system: int | None) -> tuple[float, float, float, float]:
    """West, south, east and north in degrees."""
    try:
        sides = [float(side) for side in written.split(",")]
    except ValueError as error:
        raise NotUnderstoodError("bbox") from error
    if len(sides) == 6:
        sides = [*sides[:2], *sides[3:5]]
    if len(sides) != 4 or not np.isfinite(sides).all() or sides[1] > sides[3]:
        raise NotUnderstoodError("bbox")
    west, south, east, north = sides
    if system is not None:
        return crs.box_from_declared((west, south, east, north), system)
    return west, south, east, north


def _day(office: Office, written: str | None) -> dt.date:
    """The day asked for; of an interval its last one, since a state holds until the next."""
    if written is None:
        return office.today()
    last = written.rpartition("/")[2]
    try:
        return office.today() if last in {"", ".."} else dt.date.fromisoformat(last[:10])
    except ValueError as error:
        raise NotUnderstoodError("datetime") from error


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + "/ogc"


def _collection_url(request: Request, layer: str) -> str:
    return f"{_base(request)}/collections/{layer}"


def _link(href: str, rel: str, type_: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": type_}
