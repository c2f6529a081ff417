"""A report as a page that opens without a network: a list beside a map of the faults."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Final

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from branca.element import Element
from folium.elements import JSCSSMixin
from folium.map import CustomPane
from folium.template import Template

from maps import assets, encoding, interactive, report, report_style, text
from parcels.districts import Territory
from parcels.findings import Severity
from parcels.model import Layer

MOST_LISTED: Final = 10_000
"""Findings that a page lists; about 2 MB, found and filtered without a wait on a small machine."""

MOST_DRAWN: Final = 2_000
"""Boundaries that a page draws."""

MOST_CORNERS: Final = 200_000
"""Corners of all boundaries together; they are simplified further until they fit."""

FINEST_DEGREES: Final = 2e-6
"""Boundaries are drawn 0.2 m coarse at the finest, and coordinates written to 0.1 m."""

_DIGITS: Final = 1e6
_SCRIPTS: Final = (
    "map/bytes",
    "map/state",
    "map/position",
    "report/marks",
    "report/list",
    "report/map",
    "report/main",
)
_COLUMNS: Final = ("severity", "code", "file", "number", "field", "found", "what", "mend")


def page(
    found: pd.DataFrame,
    *,
    layer: Layer,
    lang: str,
    boundaries: gpd.GeoDataFrame | None,
    territory: Territory,
    register: bool = False,
) -> tuple[str, list[tuple[str, int, int]]]:
    """The page of a report, and what it does not hold of it.

    Args:
        found: As `Findings.frame` gives it.
        layer: The layer the delivery is for.
        lang: "zh" or "en".
        boundaries: Delivered boundaries, EPSG:4490, with `file` and `row`.
        territory: Whose outlines are drawn below.
        register: The findings are about parcels of the register, as in `report.show`.

    Returns:
        The page, the same for the same arguments; and for "findings" and "boundaries" how many it
        holds, and of how many.
    """
    kept = report.some(found, MOST_LISTED)
    spoken = _spoken(kept, layer, lang)
    concerned = report.concerned(spoken, boundaries, lang=lang)
    drawn = concerned.head(MOST_DRAWN).reset_index(drop=True)
    whole_count = report.concerned_count(found, boundaries)
    cut = [("findings", len(kept), len(found)), ("boundaries", len(drawn), whole_count)]
    lines = _lines(drawn.geometry.to_numpy())
    words = dict(text.words("report_page", lang))
    if register:
        words |= text.words("report_page.register", lang)
    title = words["title"].format(layer=layer.label.in_(lang))
    config = {
        "lang": lang,
        "words": words,
        "title": title,
        "about": "" if register else _about(found, lang),
        "severities": _severities(found, lang),
        "codes": _codes(found, lang),
        "all": len(found),
        "cut": [
            text.say(f"report_page.cut_{what}", lang, shown=shown, all=whole)
            for what, shown, whole in cut
            if shown < whole
        ],
        "notice": [text.say("report_page.sample", lang)] if territory.is_sample else [],
        "districts": interactive.district_labels(territory, lang),
        "bounds": _bounds(kept, drawn, territory),
    }
    blocks = {
        "findings": encoding.pack_columns(_columns(spoken, drawn)),
        "lines": encoding.pack_columns([pd.Series(lines, dtype=object)]),
    }
    return _written(title, config, blocks, territory, lang), cut


class _FaultMap(JSCSSMixin):
    """List and faults on a Folium map.

    Args:
        map_: The map.
        outlines: The layer of the districts.
        config: What `static/report/main.js` starts with.
        blocks: Packed bytes by the name under which the script looks for them.
    """

    default_js: ClassVar = [  # type: ignore[misc] # Folium writes it so
        (f"jingtu_{name}", f"{assets.OWN}{name}.js") for name in _SCRIPTS
    ]
    default_css: ClassVar = [  # type: ignore[misc] # Folium writes it so
        ("jingtu_style", f"{assets.OWN}map/map.css"),
        ("jingtu_report", f"{assets.OWN}report/report.css"),
    ]

    _template = Template("""
        {% macro html(this, kwargs) %}
        <noscript>{{ this.noscript }}</noscript>
        <script type="application/json" id="jt-config">{{ this.config }}</script>
        {%- for name, content in this.blocks.items() %}
        <script type="text/plain" id="jt-{{ name }}">{{ content }}</script>
        {%- endfor %}
        {% endmacro %}

        {% macro script(this, kwargs) %}
        Jingtu.report({{ this.map.get_name() }}, {{ this.outlines.get_name() }},
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
        self._name = "FaultMap"
        self.map = map_
        self.outlines = outlines
        self.noscript = html.escape(config["words"]["noscript"])
        self.config = encoding.json_for_html(config)
        self.blocks = {name: encoding.as_text(content) for name, content in blocks.items()}


def _written(
    title: str,
    config: Mapping[str, Any],
    blocks: Mapping[str, bytes],
    territory: Territory,
    lang: str,
) -> str:
    made = interactive.Page(title, lang)
    (south, west), (north, east) = config["bounds"]
    plan = interactive.PlanMap(
        [(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_start=9,
        max_zoom=20,
        min_zoom=5,
        zoom_snap=0.5,
        fade_animation=False,
        zoom_animation=False,
        prefer_canvas=True,
    )
    made.add_child(plan)
    panes = (("districts", 300), ("boundaries", 350), ("places", 420), ("names", 460))
    for name, height in panes:
        plan.add_child(CustomPane(name, height, pointer_events=name in {"boundaries", "places"}))
    borders = interactive.outlines(territory)
    plan.add_child(borders)
    plan.add_child(_FaultMap(plan, borders, config, blocks))
    policy = Element(f'<meta http-equiv="Content-Security-Policy" content="{interactive.POLICY}">')
    made.header.add_child(policy, name="policy", index=1)
    interactive.number_elements(made)
    return assets.offline_html(plan)


def _spoken(found: pd.DataFrame, layer: Layer, lang: str) -> pd.DataFrame:
    said = report.sentences(found, layer=layer, lang=lang)
    field = report.field_labels(found, layer, lang)
    spoken = found.assign(field=field, what=said["what"], mend=said["mend"])
    for name in ("file", "number", "found", "field"):
        # What a file holds is shown as in the other forms: on one line, nothing invisible.
        spoken[name] = spoken[name].map(text.plain, na_action="ignore")
    return spoken


def _columns(spoken: pd.DataFrame, drawn: pd.DataFrame) -> list[pd.Series]:
    """What the script lists: texts, then row, longitude, latitude, and which boundaries."""
    keys = drawn.reset_index()[["index", "file", "row"]]
    own = spoken[["file", "row"]].merge(keys, on=["file", "row"], how="left")["index"]
    other = report.other_places(spoken).merge(keys, on=["file", "row"], how="left")["index"]
    numbers = [
        spoken["row"].astype(object),
        spoken["lon"].round(6).astype(object),
        spoken["lat"].round(6).astype(object),
        own.astype("Int64").astype(object),
        other.astype("Int64").astype(object),
    ]
    return [spoken[name].astype(object) for name in _COLUMNS] + numbers


def _about(found: pd.DataFrame, lang: str) -> str:
    files = [text.plain(one) for one in found["file"].dropna().unique() if one]
    if len(files) > 1:
        return text.say("report_page.files", lang, first=files[0], count=len(files) - 1)
    return files[0] if files else ""


def _severities(found: pd.DataFrame, lang: str) -> list[dict[str, Any]]:
    counts = report.counts(found)
    return [
        {
            "key": one.value,
            "label": text.say(f"report.severity.{one}", lang),
            "count": counts[one.value],
            **asdict(report_style.LOOKS[one]),
        }
        for one in Severity
    ]


def _codes(found: pd.DataFrame, lang: str) -> list[dict[str, Any]]:
    counted = report.summary(found)
    return [
        {
            "key": code,
            "label": report.title(code, lang),
            "severity": severity,
            "count": int(count),
        }
        for code, severity, count in zip(
            counted["code"], counted["severity"], counted["count"], strict=True
        )
    ]


def _bounds(found: pd.DataFrame, drawn: gpd.GeoDataFrame, territory: Territory) -> Any:
    """What the map opens on: the faults, else the city; [[south, west], [north, east]]."""
    places = found[["lon", "lat"]].to_numpy(float)
    places = places[np.isfinite(places).all(axis=1)]
    boxes = shapely.bounds(drawn.geometry.to_numpy()).reshape(-1, 2)
    corners = np.concatenate([places, boxes])
    corners = corners[(np.abs(corners) <= (180, 85)).all(axis=1)]
    if not len(corners):
        west, south, east, north = territory.districts.total_bounds
        return [[float(south), float(west)], [float(north), float(east)]]
    low, high = corners.min(axis=0).round(6), corners.max(axis=0).round(6)
    return [[float(low[1]), float(low[0])], [float(high[1]), float(high[0])]]


def _lines(geometries: np.ndarray) -> list[str | None]:
    """The rings of each boundary: differences of 1e-6 degrees, rings apart by a semicolon.

    A point has no rings; its place is marked anyway.
    """
    parts, owner = shapely.get_parts(geometries, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    owner = owner[part]
    corners, of_ring = shapely.get_coordinates(rings, return_index=True)
    if not len(corners):
        return [None] * len(geometries)
    # As lines, since a boundary that crosses itself must be seen doing so.
    lines = shapely.linestrings(corners, indices=of_ring)
    tolerance = FINEST_DEGREES
    drawn = shapely.simplify(lines, tolerance)
    while shapely.get_num_coordinates(drawn).sum() > MOST_CORNERS and tolerance < 1:
        tolerance *= 4
        drawn = shapely.simplify(lines, tolerance)
    written: list[list[str]] = [[] for _ in geometries]
    for place, line in zip(owner.tolist(), drawn, strict=True):
        steps = np.rint(shapely.get_coordinates(line) * _DIGITS).astype(np.int64)
        steps[1:] -= steps[:-1].copy()
        written[place].append(",".join(map(str, steps.ravel().tolist())))
    return [";".join(one) or None for one in written]
