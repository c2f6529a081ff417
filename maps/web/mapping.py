"""The map: its page, its tiles, and what it asks about a place."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import asdict, replace
from typing import Annotated, Any, ClassVar, Final

import geopandas as gpd
import numpy as np
import shapely
from branca.element import Element
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from folium.elements import JSCSSMixin
from folium.map import CustomPane
from folium.template import Template

from maps import assets, encoding, palette, text
from maps.interactive import Page, PlanMap, district_labels, notices, number_elements, outlines
from maps.tiles.kept import UNKNOWN, Choice, Kept
from maps.tiles.world import Tile, from_lonlat
from maps.views import Sheet
from maps.web import pages
from maps.web.guard import OfficeOf, VisitorOf
from maps.web.office import Office
from maps.web.telling import listed
from maps.web.visitors import Visitor
from parcels import search
from parcels.model import Layer

router: Final = APIRouter()

MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
MOST_FOUND: Final = 20

_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_METRES_PER_DEGREE: Final = 111_320.0

Codes = Annotated[list[str] | None, Query(max_length=64)]
On = Annotated[dt.date | None, Query()]
Known = Annotated[int | None, Query(ge=0)]


@router.get("/", include_in_schema=False)
def map_page(request: Request, office: OfficeOf, visitor: VisitorOf) -> Response:
    """The map of all layers that hold parcels."""
    html, script = _page(request, office, visitor)
    return HTMLResponse(_INLINE.sub("", html).replace("<!--start-->", _link(script)))


@router.get("/map/start.js", include_in_schema=False)
def start(request: Request, office: OfficeOf, visitor: VisitorOf) -> Response:
    """What the page of the map runs: a file of its own, since no page runs what stands in it."""
    _html, script = _page(request, office, visitor)
    return Response(script, media_type="text/javascript; charset=utf-8")


@router.get("/tiles/{layer}/{z}/{x}/{y}", responses={200: {"content": {MEDIA_TYPE: {}}}, 204: {}})
def tile(  # noqa: PLR0913, PLR0917 - one argument per part of the address
    request: Request,
    office: OfficeOf,
    visitor: VisitorOf,
    layer: str,
    z: int,
    x: int,
    y: int,
    on: On = None,
    known: Known = None,
    unit: Codes = None,
    district: Codes = None,
    stage: Codes = None,
) -> Response:
    """One tile of a layer at a moment, compressed; 204 where there is nothing to see."""
    where = Tile(z, x, y)
    if not where.is_on_earth:
        return Response(status_code=404)
    choice = choice_of(office, visitor, on, known, unit=unit, district=district, stage=stage)
    drawn = office.tiles.tile(layer, where, choice)
    if not drawn:
        return Response(status_code=204, headers={"Cache-Control": "private, no-cache"})
    tag = f'"{hashlib.sha256(drawn).hexdigest()[:20]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Encoding": "gzip"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(drawn, media_type=MEDIA_TYPE, headers=headers)


@router.get("/api/layers/{layer}/counts")
def counts(  # noqa: PLR0913, PLR0917 - one argument per part of the address
    office: OfficeOf,
    visitor: VisitorOf,
    layer: str,
    on: On = None,
    known: Known = None,
    unit: Codes = None,
    district: Codes = None,
    stage: Codes = None,
    bbox: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """How many parcels of a layer, and of each stage, district and unit, are in a box."""
    choice = choice_of(office, visitor, on, known, unit=unit, district=district, stage=stage)
    kept = office.tiles.layer(layer)
    positions = kept.positions(choice)
    if bbox is not None:
        positions = positions[_meet(kept, positions, _box(bbox))]
    return {"layer": layer, "total": len(positions), **_by(kept, positions)}


@router.get("/api/at")
def at(  # noqa: PLR0913, PLR0917 - one argument per part of the address
    office: OfficeOf,
    visitor: VisitorOf,
    lon: Annotated[float, Query(ge=-180, le=180)],
    lat: Annotated[float, Query(ge=-85, le=85)],
    layer: Codes = None,
    on: On = None,
    known: Known = None,
    reach_m: Annotated[float, Query(ge=0, le=5000)] = 0.0,
) -> dict[str, Any]:
    """The parcels at a place, or within a reach of it, the smallest first."""
    moment = office.moment(on, known)
    reach = max(reach_m, 0.1) / _METRES_PER_DEGREE
    east = reach / max(np.cos(np.radians(lat)), 0.01)
    box = (lon - east, lat - reach, lon + east, lat + reach)
    place = shapely.Point(lon, lat)
    found = []
    for key in layer or list(office.layers):
        declared = office.layers.layer(key)
        frame = office.register.frame(key, moment, where=visitor.filter(bbox=box))
        near = frame[shapely.distance(frame.geometry.to_numpy(), place) <= reach]
        found += _told(near, declared, office, visitor)
    return {"found": sorted(found, key=lambda one: one["area_m2"] or 0.0)[:MOST_FOUND]}


@router.get("/api/search")
def look_for(
    office: OfficeOf,
    visitor: VisitorOf,
    q: Annotated[str, Query(max_length=100)],
    layer: Codes = None,
    on: On = None,
    known: Known = None,
) -> dict[str, Any]:
    """Parcels by code, name, former name or address."""
    moment = office.moment(on, known)
    keys = [office.layers.layer(key).key for key in layer or office.layers]
    rows = search.find(
        office.register, q, moment, layers=keys, where=visitor.filter(), most=MOST_FOUND
    )
    found = []
    for key, group in rows.groupby("layer", sort=False):
        codes = tuple(code for code in group["code"] if code is not None)
        frame = office.register.frame(str(key), moment, where=visitor.filter(codes=codes))
        found += _told(frame, office.layers.layer(str(key)), office, visitor)
    return {"found": found}


def choice_of(  # noqa: PLR0913 - one argument per way to choose
    office: Office,
    visitor: Visitor,
    on: dt.date | None,
    known: int | None,
    *,
    unit: list[str] | None = None,
    district: list[str] | None = None,
    stage: list[str] | None = None,
) -> Choice:
    """The parcels of a moment that a visitor may see and asks for."""
    where = visitor.filter(units=_tuple(unit), districts=_tuple(district), stages=_tuple(stage))
    choice = Choice(
        on or office.today(),
        units=_set(where.units),
        districts=_set(where.districts),
        stages=_set(where.stages),
    )
    return choice if known is None else replace(choice, known=known)


def _tuple(codes: list[str] | None) -> tuple[str, ...] | None:
    return None if codes is None else tuple(codes)


def _set(codes: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if codes is None else frozenset(codes)


def _by(kept: Kept, positions: np.ndarray) -> dict[str, dict[str, int]]:
    """Counts by stage, district and unit; what is not known under UNKNOWN."""
    own = kept.versions
    counted = {}
    for name, known, coded in (
        ("stages", kept.stages, own.stage),
        ("districts", kept.districts, own.district),
        ("units", kept.units, own.unit),
    ):
        places = coded[positions].astype(np.int64)
        places = np.where((places < 0) | (places >= len(known)), len(known), places)
        each = np.bincount(places, minlength=len(known) + 1)
        counted[name] = {
            code: int(count) for code, count in zip([*known, UNKNOWN], each, strict=True) if count
        }
    return counted


def _box(written: str) -> tuple[int, int, int, int]:
    try:
        west, south, east, north = (float(side) for side in written.split(","))
    except ValueError:
        west, south, east, north = 0.0, 0.0, 0.0, 0.0
    corners = from_lonlat(np.array([[west, north], [east, south]]))
    return tuple(int(side) for side in corners.ravel())  # type: ignore[return-value] # four of them


def _meet(kept: Kept, positions: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    boxes = kept.boxes(positions)
    west, north, east, south = box
    meets: np.ndarray = (
        (boxes[:, 2] >= west)
        & (boxes[:, 0] <= east)
        & (boxes[:, 3] >= north)
        & (boxes[:, 1] <= south)
    )
    return meets


def _told(
    frame: gpd.GeoDataFrame, layer: Layer, office: Office, visitor: Visitor
) -> list[dict[str, Any]]:
    """Parcels as a popup lists them: what they are called, their stage, and their facts."""
    lang = visitor.lang
    rows = listed(frame, layer, office, visitor)
    stages = {stage.key: stage.label.in_(lang) for stage in layer.stages}
    told = []
    boxes = shapely.bounds(frame.geometry.to_numpy())
    for row, parcel in enumerate(frame.index):
        area = float(frame["area_m2"].iloc[row])
        told.append(
            {
                "layer": layer.key,
                "layer_label": layer.label.in_(lang),
                "parcel": int(parcel),
                "code": _or_none(frame["code"].iloc[row]),
                "name": _or_none(frame["name"].iloc[row]),
                "stage": stages.get(frame["stage"].iloc[row]),
                "area_m2": None if np.isnan(area) else area,
                "area": None if np.isnan(area) else text.area(area, lang),
                "facts": [list(fact) for fact in rows[row]],
                "bounds": None if np.isnan(boxes[row]).any() else boxes[row].tolist(),
            }
        )
    return told


def _or_none(value: Any) -> str | None:
    return str(value) if isinstance(value, str) else None


class TileMap(JSCSSMixin):
    """Layers of tiles on a Folium map.

    Args:
        map_: The map.
        outlines_: The layer of the districts.
        config: What `static/web/map.js` starts with.
    """

    default_js: ClassVar = [  # type: ignore[misc] # Folium writes it so
        (f"jingtu_{name.replace('/', '_')}", f"{assets.OWN}{name}.js")
        for name in ("map/marks", "map/state", "web/mvt", "web/tiles", "web/map")
    ]
    default_css: ClassVar = [("jingtu_web", f"{assets.OWN}web/web.css")]  # type: ignore[misc] # Folium writes it so

    _template = Template("""
        {% macro html(this, kwargs) %}
        <script type="application/json" id="jt-config">{{ this.config }}</script>
        <!--start-->
        {% endmacro %}

        {% macro script(this, kwargs) %}
        Jingtu.serve({{ this.map.get_name() }}, {{ this.outlines.get_name() }},
            JSON.parse(document.getElementById("jt-config").textContent));
        {% endmacro %}
    """)

    def __init__(self, map_: PlanMap, outlines_: Any, config: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Branca has no types
        self._name = "TileMap"
        self.map = map_
        self.outlines = outlines_
        self.config = encoding.json_for_html(config)


def _page(request: Request, office: Office, visitor: Visitor) -> tuple[str, str]:
    """The page of the map, and the script that would stand in it."""
    lang = visitor.lang
    territory = office.register.territory
    west, south, east, north = (float(side) for side in territory.districts.total_bounds)
    page = Page(text.say("web.title", lang), lang)
    frame = pages.fragment(request, "map_frame.html")
    page.html.add_child(Element("{% raw %}" + frame + "{% endraw %}"), name="frame")
    made = PlanMap(
        [(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_start=9,
        max_zoom=19,
        min_zoom=7,
        zoom_snap=0.5,
        fade_animation=False,
    )
    page.add_child(made)
    for name, height in (("districts", 300), ("parcels", 350)):
        made.add_child(CustomPane(name, height, pointer_events=False))
    borders = outlines(territory)
    made.add_child(borders)
    config = {
        "lang": lang,
        "words": dict(text.words("web.map", lang)),
        "notice": notices(territory, Sheet(text.say("web.title", lang), ""), lang),
        "today": office.today().isoformat(),
        "layers": _layers(office, lang),
        "districts": [
            {"code": code, **label}
            for code, label in zip(
                territory.districts.index, district_labels(territory, lang), strict=True
            )
        ],
        "bounds": [[south, west], [north, east]],
    }
    made.add_child(TileMap(made, borders, config))
    number_elements(page)
    html = assets.offline_html(page, mode="link", base="/static/")
    icon = '<link rel="icon" href="/static/web/icon.svg" type="image/svg+xml"/>'
    html = html.replace("</head>", f"{icon}\n</head>", 1)
    return html, "\n".join(_INLINE.findall(html))


def _link(script: str) -> str:
    version = hashlib.sha256(script.encode()).hexdigest()[:12]
    return f'<script src="/map/start.js?v={version}" defer></script>'


def _layers(office: Office, lang: str) -> list[dict[str, Any]]:
    """The layers that hold parcels, as the map lists them."""
    used = office.library.used(office.moment(None, None))
    return [
        _declared(office.layers.layer(key), position, lang) for position, key in enumerate(used)
    ]


def _declared(layer: Layer, position: int, lang: str) -> dict[str, Any]:
    marks = [*palette.marks(layer, position=position).values(), palette.NO_STAGE]
    return {
        "key": layer.key,
        "label": layer.label.in_(lang),
        "stages": [
            *({"key": one.key, "label": one.label.in_(lang)} for one in layer.stages),
            {"key": UNKNOWN, "label": text.say("map.no_stage", lang)},
        ],
        "marks": [asdict(mark) for mark in marks],
        "on": position < 2,
    }
