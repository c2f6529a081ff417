"""Maps a person opens in a browser: Folium's map, drawing parcels by the thousand without help.

The page holds all it needs. Folium makes the page, the map, its panes and the outlines of the
districts; the parcels are drawn by the scripts in `static/map` from what `encoding` packs.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, Final

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from branca.element import Element, Figure
from folium.elements import JSCSSMixin
from folium.map import CustomPane
from folium.template import Template
from folium.utilities import JsCode

from maps import assets, encoding, facts, palette, text
from maps.views import NAMING, LayerView, Sheet
from parcels.districts import Territory
from parcels.model import Field, Kind, Label, Layer

OUTLINE_TOLERANCE_DEGREES: Final = 0.0003
"""District outlines are drawn 30 m coarse; areas and shares come from the full ones."""

DENSE: Final = 3
"""Parcels in no more districts than this: the map opens on those districts."""

POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)
_SCRIPTS: Final = (
    "bytes",
    "boundaries",
    "marks",
    "grid",
    "state",
    "popup",
    "search",
    "position",
    "districts",
    "panel",
    "print",
    "main",
)
_NOT_LISTED: Final = frozenset({"stage"})  # stands above the list, with its mark


def offline_map(
    views: Sequence[LayerView],
    territory: Territory,
    *,
    sheet: Sheet,
    coverage: pd.DataFrame | None = None,
    lang: str = "zh",
) -> str:
    """One HTML page that opens from a disk with the network off.

    Args:
        views: The layers, in the order of the legend; later ones are drawn on top.
        territory: Whose outlines are the base of the map.
        sheet: Title, moment and notices.
        coverage: Shares for shading: columns layer (key), district (code), share (0 to 1 of the
            district's area; missing where not known). Districts that are not listed count as not
            known.
        lang: "zh" or "en".

    Returns:
        The page. The same arguments give the same text.
    """
    made = folium_map(views, territory, sheet=sheet, coverage=coverage, lang=lang)
    policy = Element(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">')
    page = made.get_root()
    assert isinstance(page, Figure)  # noqa: S101 - made so below; tells the type
    page.header.add_child(policy, name="policy", index=1)
    return assets.offline_html(page)


def folium_map(
    views: Sequence[LayerView],
    territory: Territory,
    *,
    sheet: Sheet,
    coverage: pd.DataFrame | None = None,
    lang: str = "zh",
) -> folium.Map:
    """The map as a Folium map, to be added to or written by `assets.offline_html`.

    Arguments are those of `offline_map`.
    """
    page = Page(sheet.title, lang)
    bounds = territory.districts.total_bounds
    made = PlanMap(
        [float(bounds[1] + bounds[3]) / 2, float(bounds[0] + bounds[2]) / 2],
        tiles=None,
        zoom_start=9,
        max_zoom=19,
        min_zoom=7,
        zoom_snap=0.5,
        fade_animation=False,
    )
    page.add_child(made)
    for name, height in (("districts", 300), ("parcels", 350), ("chosen", 450), ("names", 460)):
        made.add_child(CustomPane(name, height, pointer_events=name == "districts"))
    borders = outlines(territory)
    made.add_child(borders)
    drawn = [_Drawn.of(view, i, territory, sheet, lang) for i, view in enumerate(views)]
    config = {
        "lang": lang,
        "words": dict(text.words("map", lang)),
        "title": sheet.title,
        "moment": sheet.moment,
        "notice": notices(territory, sheet, lang),
        "noData": asdict(palette.NO_DATA),
        "layers": [one.declared for one in drawn],
        "districts": district_labels(territory, lang),
        "units": [{"name": n} for n in _names(territory.units, lang)],
        "shadings": _shadings(views, territory, coverage, lang),
        "bounds": _opening(views, territory),
    }
    blocks = {name: packed for one in drawn for name, packed in one.blocks.items()}
    made.add_child(ParcelMap(made, borders, config, blocks))
    number_elements(page)
    return made


class Page(Figure):
    """An HTML page that says its language."""

    _template = Template(
        '<!DOCTYPE html>\n<html lang="{{ this.lang }}">\n<head>\n'
        "{{ this.header.render(**kwargs) }}\n</head>\n<body>\n"
        "{{ this.html.render(**kwargs) }}\n<script>\n{{ this.script.render(**kwargs) }}\n"
        "</script>\n</body>\n</html>\n"
    )

    def __init__(self, title: str, lang: str) -> None:
        super().__init__()
        self.lang = "zh-CN" if lang == "zh" else lang
        # A slash written as a reference cannot make an address of a title.
        safe = html.escape(title).replace("/", "&#47;")
        self.header.add_child(Element(f"<title>{_verbatim(safe)}</title>"), name="page_title")


class PlanMap(folium.Map):
    """Folium's map without the libraries that only its markers need, zoomable by everyone."""

    default_js: ClassVar = [("leaflet", f"{assets.OWN}vendor/leaflet/leaflet.js")]  # type: ignore[misc] # Folium writes it so
    default_css: ClassVar = [("leaflet_css", f"{assets.OWN}vendor/leaflet/leaflet.css")]  # type: ignore[misc] # Folium writes it so

    _template = Template("""
        {% macro header(this, kwargs) %}
        <meta name="viewport" content="width=device-width, initial-scale=1">
        {% endmacro %}

        {% macro html(this, kwargs) %}
        <div class="folium-map" id={{ this.get_name()|tojson }}></div>
        {% endmacro %}

        {% macro script(this, kwargs) %}
        const {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
            center: {{ this.location|tojson }},
            crs: L.CRS.{{ this.crs }},
            ...{{ this.options|tojavascript }}
        });
        {% endmacro %}
    """)


class ParcelMap(JSCSSMixin):
    """Parcels, legend, search and all else on a Folium map.

    Args:
        map_: The map.
        outlines: The layer of the districts.
        config: What `static/map/main.js` starts with.
        blocks: Packed bytes by the name under which the script looks for them.
    """

    default_js: ClassVar = [(f"jingtu_{name}", f"{assets.OWN}map/{name}.js") for name in _SCRIPTS]  # type: ignore[misc] # Folium writes it so
    default_css: ClassVar = [("jingtu_style", f"{assets.OWN}map/map.css")]  # type: ignore[misc] # Folium writes it so

    _template = Template("""
        {% macro html(this, kwargs) %}
        <noscript>{{ this.noscript }}</noscript>
        <script type="application/json" id="jt-config">{{ this.config }}</script>
        {%- for name, content in this.blocks.items() %}
        <script type="text/plain" id="jt-{{ name }}">{{ content }}</script>
        {%- endfor %}
        {% endmacro %}

        {% macro script(this, kwargs) %}
        Jingtu.start({{ this.map.get_name() }}, {{ this.outlines.get_name() }},
            JSON.parse(document.getElementById("jt-config").textContent));
        {% endmacro %}
    """)

    def __init__(
        self,
        map_: folium.Map,
        outlines: folium.GeoJson,
        config: Mapping[str, Any],
        blocks: Mapping[str, bytes],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Branca has no types
        self._name = "ParcelMap"
        self.map = map_
        self.outlines = outlines
        self.noscript = html.escape(config["words"]["noscript"])
        self.config = encoding.json_for_html(config)
        self.blocks = {name: encoding.as_text(content) for name, content in blocks.items()}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A layer as the page holds it: what is declared of it, and its packed blocks."""

    declared: dict[str, Any]
    blocks: dict[str, bytes]

    @classmethod
    def of(
        cls, view: LayerView, position: int, territory: Territory, sheet: Sheet, lang: str
    ) -> _Drawn:
        layer = view.layer
        parcels = view.parcels.iloc[encoding.drawing_order(view.parcels.geometry.to_numpy())]
        keys = [stage.key for stage in layer.stages]
        stages = _places(parcels["stage"], pd.Index(keys))
        tags = {
            "stages": stages,
            "districts": _places(parcels["district"], territory.districts.index),
            "units": _places(parcels["unit"], territory.units.index),
        }
        packed = encoding.pack_boundaries(parcels.geometry.to_numpy(), tags)
        fields = _listed(layer, sheet.show_sensitive)
        unknown = [text.say("map.no_stage", lang)] if (stages == len(keys)).any() else []
        marks = [*palette.marks(layer, position=position).values(), palette.NO_STAGE]
        kinds = np.frombuffer(packed.kinds, dtype=np.uint8)
        declared = {
            "key": layer.key,
            "label": layer.label.in_(lang),
            "on": view.on,
            "stageLabel": layer.stage_label.in_(lang),
            "stages": [*(s.label.in_(lang) for s in layer.stages), *unknown],
            "declared": np.bincount(stages, minlength=len(keys) + len(unknown)).tolist(),
            "marks": [asdict(mark) for mark in marks[: len(keys) + len(unknown)]],
            "fields": [field.label.in_(lang) for field in fields],
            "hasAreas": bool((kinds != encoding.POINT).all() or (kinds == encoding.POLYGON).any()),
            "hasPoints": bool((kinds == encoding.POINT).any()),
            "packed": {
                "count": packed.count,
                "origin": packed.origin_m,
                "step": packed.step_m,
                "streams": packed.streams,
            },
        }
        columns = [_column(parcels, field, territory, lang) for field in fields]
        blocks = {
            f"boundaries-{position}": packed.content,
            f"columns-{position}": encoding.pack_columns(columns),
        }
        return cls(declared, blocks)


def _listed(layer: Layer, show_sensitive: bool) -> list[Field]:  # noqa: FBT001 - from Sheet
    """Fields of a popup: what a parcel is called, then as declared, then the computed area."""
    declared = {field.key: field for field in layer.fields}
    naming = [declared.get(key, Field(key, Label(key, key))) for key in NAMING]
    others = [
        field
        for field in layer.fields
        if field.key not in _NOT_LISTED | set(NAMING) and (show_sensitive or not field.sensitive)
    ]
    area = Label(text.say("map.computed_area", "zh"), text.say("map.computed_area", "en"))
    return [*naming, *others, Field("area_m2", area, Kind.NUMBER, unit="m2")]


def _column(parcels: gpd.GeoDataFrame, field: Field, territory: Territory, lang: str) -> pd.Series:
    if field.key not in parcels.columns:
        return pd.Series(None, index=parcels.index, dtype=object)
    column = parcels[field.key]
    names = {"district": territory.districts, "unit": territory.units}.get(field.key)
    if names is not None:
        known = column.map(dict(zip(names.index, _names(names, lang), strict=True)))
        return known.astype(object).where(known.notna(), column.astype(object))
    if field.key == "area_m2":
        return column.map(lambda area: text.area(area, lang), na_action="ignore").astype(object)
    return facts.fact(column, field, lang=lang)


def _places(codes: pd.Series, known: pd.Index) -> np.ndarray:
    """Position of each code among the known; one past the last where it is not known."""
    found = known.get_indexer(codes.astype(object))
    return np.where(found < 0, len(known), found).astype(np.uint8)


def _names(places: pd.DataFrame, lang: str) -> list[str]:
    return list(places["name_en" if lang == "en" else "name"])


def outlines(territory: Territory) -> folium.GeoJson:
    """The borders of the districts as a layer, drawn coarse; features in the districts' order."""
    shapes = shapely.coverage_simplify(
        territory.districts.geometry.to_numpy(), OUTLINE_TOLERANCE_DEGREES
    )
    rounded = shapely.transform(shapes, lambda lonlat: np.round(lonlat, 5))
    features = gpd.GeoSeries(rounded, index=territory.districts.index, crs=4490).to_json()
    return folium.GeoJson(
        features,
        control=False,
        smooth_factor=0.5,
        pane="districts",
        # Drawn past the edge of the screen, so that dragging shows no blank.
        renderer=JsCode("L.svg({ padding: 0.6, pane: 'districts' })"),
    )


def district_labels(territory: Territory, lang: str) -> list[dict[str, Any]]:
    """Name, place for the name, and extent of each district."""
    shapes = territory.districts.geometry.to_numpy()
    middle = shapely.get_coordinates(
        shapely.get_point(shapely.maximum_inscribed_circle(shapes, 0.002), 0)
    )
    return [
        {"name": name, "at": [round(lat, 5), round(lon, 5)], "bounds": _corners(box)}
        for name, (lon, lat), box in zip(
            _names(territory.districts, lang), middle.tolist(), shapely.bounds(shapes), strict=True
        )
    ]


def _opening(views: Sequence[LayerView], territory: Territory) -> list[list[float]]:
    """What the map opens on: the districts of the parcels if they are few, else all."""
    codes = {code for view in views for code in view.parcels["district"].dropna().unique()}
    places = territory.districts
    some = places.loc[places.index.isin(codes)]
    return _corners((some if 0 < len(some) <= DENSE else places).total_bounds)


def _corners(box: np.ndarray) -> list[list[float]]:
    west, south, east, north = (round(float(side), 5) for side in box)
    return [[south, west], [north, east]]


def notices(territory: Territory, sheet: Sheet, lang: str) -> list[str]:
    """What a map must say of itself: whose borders it shows, and whether it was reviewed."""
    sample = [text.say("map.sample", lang)] if territory.is_sample else []
    if sheet.approval:
        return [*sample, text.say("map.approved", lang, number=sheet.approval), *sheet.notices]
    return [*sample, text.say("map.not_approved", lang), *sheet.notices]


def _shadings(
    views: Sequence[LayerView], territory: Territory, coverage: pd.DataFrame | None, lang: str
) -> list[dict[str, Any]]:
    """For each layer with known shares: the class of each district, and the legend."""
    if coverage is None:
        return []
    made = []
    for view in views:
        own = coverage[coverage["layer"] == view.layer.key]
        shares = own.set_index("district")["share"].reindex(territory.districts.index)
        if not own.empty:
            made.append(_shading(view.layer.label.in_(lang), shares.astype("Float64"), lang))
    return made


def _shading(label: str, shares: pd.Series, lang: str) -> dict[str, Any]:
    classed = palette.classes(shares)
    edges = [text.share(edge, lang, decimals=2) for edge in classed.edges]
    return {
        "label": label,
        "note": text.say("map.share_note", lang, layer=label),
        "colours": classed.colours,
        "ranges": [f"{low} – {high}" for low, high in pairwise(edges)],
        "classes": [None if pd.isna(c) else int(c) for c in classed.of(shares)],
        "shown": [None if pd.isna(s) else text.share(s, lang, decimals=2) for s in shares],
    }


def _verbatim(written: str) -> str:
    """Text that Jinja gives as it is."""
    return written.replace("{", "&#123;")


def number_elements(page: Figure) -> None:
    """Give elements numbers for names, so that the same map is the same text."""
    for number, element in enumerate(_walk(page)):
        element._id = str(number)  # noqa: SLF001 - Branca offers no other way


def _walk(element: Element) -> Iterator[Element]:
    yield element
    for child in element._children.values():  # noqa: SLF001 - Branca offers no other way
        yield from _walk(child)
