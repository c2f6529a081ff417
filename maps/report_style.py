"""How findings look: a colour and a form for each severity, on pages and in QGIS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from parcels.findings import Severity


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and form of a severity; the form tells it where the colour does not.

    Attributes:
        colour: #rrggbb.
        form: Name of QGIS for the form of a point.
    """

    colour: str
    form: str

    @property
    def rgba(self) -> str:
        """The colour as QGIS writes it."""
        parts = (int(self.colour[place : place + 2], 16) for place in (1, 3, 5))
        return ",".join(str(part) for part in (*parts, 255))


LOOKS: Final[Mapping[Severity, Look]] = {
    Severity.ERROR: Look("#c1272d", "diamond"),
    Severity.WARNING: Look("#d97900", "triangle"),
    Severity.INFO: Look("#1f66b5", "circle"),
}
"""Red, orange and blue, told apart by the colour-blind too, and by their form on paper."""

_LABEL: Final = """coalesce("number", to_string("row"), '')"""
_HEAD: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def qml(*, titles: Mapping[str, str], severities: Mapping[str, str], points: bool) -> str:
    """A style for QGIS 3: one symbol per severity, labels by parcel code or row, titles.

    Args:
        titles: Words for people by column.
        severities: Words for the severities.
        points: Whether the layer is of points; else of areas.
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories="AllStyleCategories")
    drawing = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="severity", symbollevels="0"
    )
    drawing.set("enableorderby", "0")
    drawing.set("forceraster", "0")
    categories = ET.SubElement(drawing, "categories")
    symbols = ET.SubElement(drawing, "symbols")
    for place, severity in enumerate(Severity):
        ET.SubElement(
            categories,
            "category",
            value=severity.value,
            label=severities[severity.value],
            symbol=str(place),
            render="true",
        )
        _symbol(symbols, str(place), LOOKS[severity], points=points)
    _labels(root)
    aliases = ET.SubElement(root, "aliases")
    for index, (column, title) in enumerate(titles.items(), start=1):
        ET.SubElement(aliases, "alias", field=column, index=str(index), name=title)
    return _HEAD + ET.tostring(root, encoding="unicode")


def _symbol(symbols: ET.Element, name: str, look: Look, *, points: bool) -> None:
    kind = "marker" if points else "fill"
    symbol = ET.SubElement(symbols, "symbol", type=kind, name=name, alpha="1")
    symbol.set("clip_to_extent", "1")
    symbol.set("force_rhr", "0")
    drawn = "SimpleMarker" if points else "SimpleFill"
    layer = ET.SubElement(symbol, "layer", enabled="1", locked="0")
    layer.set("class", drawn)
    layer.set("pass", "0")
    marker = {
        "color": look.rgba,
        "name": look.form,
        "outline_color": "255,255,255,255",
        "outline_style": "solid",
        "outline_width": "0.3",
        "size": "3.2",
        "size_unit": "MM",
    }
    fill = {
        "color": look.rgba.removesuffix("255") + "40",
        "outline_color": look.rgba,
        "outline_style": "solid",
        "outline_width": "0.6",
        "outline_width_unit": "MM",
        "style": "solid",
    }
    _properties(layer, marker if points else fill)


def _properties(element: ET.Element, held: Mapping[str, str]) -> None:
    """As QGIS reads them since 3.24, and as it did before."""
    listed = ET.SubElement(element, "Option", type="Map")
    for key, value in held.items():
        ET.SubElement(listed, "Option", type="QString", name=key, value=value)
    for key, value in held.items():
        ET.SubElement(element, "prop", k=key, v=value)


def _labels(root: ET.Element) -> None:
    labelling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labelling, "settings", calloutType="simple")
    given: dict[str, dict[str, Any]] = {
        "text-style": {
            "fieldName": _LABEL,
            "isExpression": "1",
            "fontSize": "9",
            "fontSizeUnit": "Point",
            "textColor": "28,42,36,255",
        },
        "placement": {"placement": "6", "dist": "1.5", "distUnits": "MM"},
        "rendering": {
            "scaleVisibility": "1",
            "scaleMin": "0",
            "scaleMax": "25000",
            "obstacle": "1",
        },
    }
    for name, attributes in given.items():
        made = ET.SubElement(settings, name, attributes)
        if name == "text-style":
            ET.SubElement(
                made,
                "text-buffer",
                bufferDraw="1",
                bufferSize="0.8",
                bufferSizeUnits="MM",
                bufferColor="255,255,255,255",
            )
