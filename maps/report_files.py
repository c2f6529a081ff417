"""A report as a file: a page with a map, a workbook, a GeoPackage, JSON or CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from maps import report, report_style, tables, text
from maps.tables import Heading
from parcels import crs
from parcels.districts import Territory, bundled
from parcels.errors import FormatNotOfferedError
from parcels.exchange import workbook
from parcels.exchange.faults import FaultLayer, write_faults
from parcels.exchange.output import placed
from parcels.model import Layer

MOST_ROWS: Final = 200_000
"""Findings a workbook lists: about a minute of writing; JSON and CSV hold all of them."""

MOST_FAULTS: Final = 500_000
"""Findings a GeoPackage lists."""

MOST_BOUNDARIES: Final = 100_000
"""Boundaries a GeoPackage holds."""

_LISTED: Final = (
    "severity",
    "file",
    "row",
    "number",
    "field",
    "found",
    "what",
    "mend",
    "lon",
    "lat",
    "code",
    "layer",
)
_PLACED: Final = ("severity", "code", "file", "row", "number", "field", "found", "what", "mend")
_BOUNDED: Final = ("severity", "file", "row", "number", "count", "what")


@dataclass(frozen=True, slots=True)
class Told:
    """A report with what it takes to tell it.

    Attributes:
        found: As `Findings.frame` gives it.
        layer: The layer the delivery is for.
        lang: "zh" or "en".
        boundaries: Delivered boundaries, EPSG:4490, with `file` and `row`; those that a finding
            concerns are drawn. None if there are none.
        territory: The districts drawn below; the bundled ones by default.
        register: The findings are about parcels of the register, as in `report.show`.
    """

    found: pd.DataFrame
    layer: Layer
    lang: str
    boundaries: gpd.GeoDataFrame | None = None
    territory: Territory | None = None
    register: bool = False

    def headings(self, keys: Sequence[str]) -> dict[str, Heading]:
        """What stands over columns."""
        made = tables.headings("report.columns", self.lang, keys)
        if not self.register:
            return made
        other = text.words("report.register", self.lang)
        return {key: Heading(other.get(key, one.label)) for key, one in made.items()}


def write(told: Told, path: Path) -> list[str]:
    """Write a report in the form of the path's ending: .html, .xlsx, .gpkg, .json or .csv.

    The JSON has the shape of `maps.tables`, with the findings as they are, their sentences, and
    `meta.counts`.

    Returns:
        Sentences on what was left out for its size; empty if all is there.

    Raises:
        FormatNotOfferedError: The name ends in something else.
        OutputNotWritableError: The file cannot be written.
    """
    check(path)
    return _FORMS[path.suffix.lower()](told, path)


def check(path: Path) -> None:
    """Refuse a file that no report can be, before any work is done.

    Raises:
        FormatNotOfferedError: The name ends in something else.
    """
    kind = path.suffix.lower()
    if kind not in _FORMS:
        raise FormatNotOfferedError(format=kind or path.name, offered=list(_FORMS))


def show(
    told: Told,
    *,
    format: str,  # noqa: A002 - the word of the command line
    out: Path | None,
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Print a report, or write it to a file, in a form of `maps.tables`, for programs.

    Args:
        told: The report.
        format: A `tables.Format`; GeoJSON has a point for each finding with a place.
        out: File to write; None for the screen.
        meta: What else the JSON tells.

    Raises:
        OutputFileNeededError: XLSX without `out`.
        OutputNotWritableError: The file cannot be written.
    """
    if format == tables.Format.XLSX and out is not None:
        _write_workbook(told, out)
        return
    found, said = told.found, report.sentences(told.found, layer=told.layer, lang=told.lang)
    details = [json.loads(one) for one in found["details"]]
    whole = found.assign(
        details=pd.Series(details, index=found.index, dtype=object),
        what=said["what"],
        mend=said["mend"],
    )
    if format == tables.Format.GEOJSON:
        whole = gpd.GeoDataFrame(whole, geometry=_points(found), crs=crs.STORAGE)
    tables.show(
        whole,
        headings=told.headings((*_LISTED, "details")),
        format=format,
        out=out,
        lang=told.lang,
        meta={
            "layer": None if told.register else told.layer.key,
            "counts": report.counts(found),
            **(meta or {}),
        },
    )


def _write_table(told: Told, path: Path) -> list[str]:
    show(told, format=path.suffix.lower().removeprefix("."), out=path)
    return []


def _write_page(told: Told, path: Path) -> list[str]:
    # Folium is slow to load, and only pages need it.
    from maps import report_page  # noqa: PLC0415 - see above

    page, cut = report_page.page(
        told.found,
        layer=told.layer,
        lang=told.lang,
        boundaries=told.boundaries,
        territory=told.territory or bundled(),
        register=told.register,
    )
    with placed(path) as made:
        made.write_text(page, encoding="utf-8")
    return _cut(told, path, cut)


def _write_workbook(told: Told, path: Path) -> list[str]:
    severities = text.words("report.severity", told.lang)
    kept = report.some(told.found, MOST_ROWS)
    said = report.sentences(kept, layer=told.layer, lang=told.lang)
    listed = kept.assign(
        severity=kept["severity"].map(severities),
        field=report.field_labels(kept, told.layer, told.lang),
        layer=kept["file"] if told.register else told.layer.label.in_(told.lang),
        what=said["what"],
        mend=said["mend"],
    )[list(_LISTED)]
    counted = report.summary(told.found)
    counted["severity"] = counted["severity"].map(severities)
    columns = told.headings((*_LISTED, "count", "rows"))
    cut = _cut(told, path, [("findings", len(kept), len(told.found))])
    sheets = {
        text.say("report.sheets.summary", told.lang): counted,
        text.say("report.sheets.findings", told.lang): listed,
    }
    if cut:
        sheets[text.say("tables.notes", told.lang)] = pd.DataFrame({"what": cut})
    workbook.write_sheets(
        path,
        sheets,
        headings={key: one.label for key, one in columns.items()},
        formats={"lon": "0.000000", "lat": "0.000000"},
    )
    return cut


def _write_geopackage(told: Told, path: Path) -> list[str]:
    kept = report.some(told.found, MOST_FAULTS)
    said = report.sentences(kept, layer=told.layer, lang=told.lang)
    spoken = kept.assign(
        field=report.field_labels(kept, told.layer, told.lang),
        what=said["what"],
        mend=said["mend"],
    )
    places = gpd.GeoDataFrame(
        spoken[list(_PLACED)], geometry=_points(kept), crs=crs.STORAGE
    ).rename_geometry("geom")
    layers = [_fault_layer(told, "findings", places, points=True)]
    cut = [("findings", len(kept), len(told.found))]
    concerned = report.concerned(spoken, told.boundaries, lang=told.lang)
    if len(concerned):
        held = concerned.head(MOST_BOUNDARIES)
        cut.append(("boundaries", len(held), report.concerned_count(told.found, told.boundaries)))
        shapes = held.geometry
        areas = held[shapely.get_dimensions(shapes.to_numpy()) == 2]
        if len(areas):
            areas = areas[[*_BOUNDED, areas.geometry.name]].rename_geometry("geom")
            parts, owner = shapely.get_parts(areas.geometry.to_numpy(), return_index=True)
            areas = areas.set_geometry(shapely.multipolygons(parts, indices=owner), crs=areas.crs)
            layers.insert(0, _fault_layer(told, "boundaries", areas, points=False))
    write_faults(path, layers)
    return _cut(told, path, cut)


def _fault_layer(told: Told, key: str, frame: gpd.GeoDataFrame, *, points: bool) -> FaultLayer:
    columns = [name for name in frame.columns if name != frame.geometry.name]
    lang = told.lang
    titles = {name: one.label for name, one in told.headings(columns).items()}
    severities = dict(text.words("report.severity", lang))
    return FaultLayer(
        key,
        text.say(f"report.layers.{key}", lang),
        frame.reset_index(drop=True),
        titles,
        {"severity": severities},
        report_style.qml(titles=titles, severities=severities, points=points),
    )


def _points(found: pd.DataFrame) -> np.ndarray:
    """A point for each finding with a place on Earth, None for the others."""
    places = found[["lon", "lat"]].to_numpy(float)
    known = np.isfinite(places).all(axis=1)
    points = np.full(len(found), None, object)
    points[known] = shapely.points(places[known])
    return points


def _cut(told: Told, path: Path, parts: Sequence[tuple[str, int, int]]) -> list[str]:
    """What a file does not hold, said."""
    return [
        text.say(f"report.cut.{what}", told.lang, file=path.name, shown=shown, all=whole)
        for what, shown, whole in parts
        if shown < whole
    ]


_FORMS: Final[Mapping[str, Callable[[Told, Path], list[str]]]] = {
    ".html": _write_page,
    ".xlsx": _write_workbook,
    ".gpkg": _write_geopackage,
    ".json": _write_table,
    ".csv": _write_table,
}
