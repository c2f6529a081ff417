"""How QGIS shows a layer lent out for editing: stages by colour and pattern, labels, a form.

The form offers what the register takes: code lists and stages by their names, a calendar for
days, a box for yes and no, and says at once what the door would refuse later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

from maps import palette, text
from maps.palette import NO_STAGE, Mark, Pattern, Symbol
from parcels.exchange.checkout import NUMBER
from parcels.exchange.templates import values_of
from parcels.model import Field, Kind, Layer

_HEAD: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_CATEGORIES: Final = "Symbology|Labeling|Fields|Forms"
_LABEL: Final = """coalesce("name", "code", '')"""
_LABELS_FROM_SCALE: Final = "25000"

NOTHING: Final = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"
"""How QGIS writes NULL in a list of values."""

_BRUSHES: Final[Mapping[Pattern, str]] = {
    Pattern.RISING: "b_diagonal",
    Pattern.DOTTED: "dense6",
    Pattern.LEVEL: "horizontal",
    Pattern.CROSSED: "diagonal_x",
    Pattern.FALLING: "f_diagonal",
    Pattern.UPRIGHT: "vertical",
    Pattern.GRID: "cross",
}
_FORMS: Final[Mapping[Symbol, str]] = {
    Symbol.CIRCLE: "circle",
    Symbol.SQUARE: "square",
    Symbol.TRIANGLE: "triangle",
    Symbol.DIAMOND: "diamond",
    Symbol.CROSS: "cross_fill",
    Symbol.WEDGE: "triangle",
    Symbol.STAR: "star",
    Symbol.HEXAGON: "hexagon",
}
# Flags and strengths of QGIS: what may not be empty, what comes once, what an expression asks.
_NOT_EMPTY, _ONCE, _EXPRESSION = 1, 2, 4
_HARD, _SOFT = "1", "2"


def style(layer: Layer, lang: str, *, points: bool) -> str:
    """The style and form of a layer for QGIS 3.

    Args:
        layer: What is shown.
        lang: "zh" or "en".
        points: Whether its parcels are points; else areas.
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories=_CATEGORIES)
    _drawing(root, layer, lang, points=points)
    _labels(root)
    fields = ET.SubElement(root, "fieldConfiguration")
    _widget(fields, NUMBER, "TextEdit", {})
    for field in layer.fields:
        _widget(fields, field.key, *_form_of(layer, field, lang))
    _aliases(root, layer, lang)
    _constraints(root, layer, lang)
    editable = ET.SubElement(root, "editable")
    ET.SubElement(editable, "field", name=NUMBER, editable="0")
    for field in layer.fields:
        ET.SubElement(editable, "field", name=field.key, editable="1")
    ET.SubElement(root, "previewExpression").text = _LABEL
    ET.SubElement(root, "layerGeometryType").text = "0" if points else "2"
    return _HEAD + ET.tostring(root, encoding="unicode")


# Drawing


def _drawing(root: ET.Element, layer: Layer, lang: str, *, points: bool) -> None:
    drawing = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="stage")
    for name in ("symbollevels", "enableorderby", "forceraster"):
        drawing.set(name, "0")
    categories = ET.SubElement(drawing, "categories")
    symbols = ET.SubElement(drawing, "symbols")
    marks = palette.marks(layer)
    named = [(one.key, one.label.in_(lang), marks[one.key]) for one in layer.stages]
    named.append(("", text.say("checkout.no_stage", lang), NO_STAGE))
    for place, (key, label, mark) in enumerate(named):
        # An empty value stands for all that has no symbol of its own.
        ET.SubElement(
            categories, "category", value=key, label=label, symbol=str(place), render="true"
        )
        symbol = ET.SubElement(symbols, "symbol", name=str(place), alpha="1")
        symbol.set("type", "marker" if points else "fill")
        symbol.set("clip_to_extent", "1")
        symbol.set("force_rhr", "0")
        for kind, held in _marker(mark) if points else _fill(mark):
            part = ET.SubElement(symbol, "layer", enabled="1", locked="0")
            part.set("class", kind)
            part.set("pass", "0")
            _properties(part, held)


def _fill(mark: Mark) -> list[tuple[str, dict[str, str]]]:
    ground = {
        "color": _rgba(mark.colour, 150),
        "outline_color": _rgba(mark.edge),
        "outline_style": "solid",
        "outline_width": "0.4",
        "outline_width_unit": "MM",
        "style": "solid",
    }
    if mark.pattern not in _BRUSHES:
        return [("SimpleFill", ground)]
    lines = {
        "color": _rgba(mark.edge),
        "outline_style": "no",
        "style": _BRUSHES[mark.pattern],
    }
    return [("SimpleFill", ground), ("SimpleFill", lines)]


def _marker(mark: Mark) -> list[tuple[str, dict[str, str]]]:
    return [
        (
            "SimpleMarker",
            {
                "color": _rgba(mark.colour),
                "name": _FORMS[mark.symbol],
                "angle": "180" if mark.symbol is Symbol.WEDGE else "0",
                "outline_color": _rgba(mark.edge),
                "outline_style": "solid",
                "outline_width": "0.4",
                "size": "3.4",
                "size_unit": "MM",
            },
        )
    ]


def _rgba(colour: str, opaque: int = 255) -> str:
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return ",".join(str(part) for part in (*parts, opaque))


def _labels(root: ET.Element) -> None:
    labelling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labelling, "settings", calloutType="simple")
    style = ET.SubElement(
        settings,
        "text-style",
        fieldName=_LABEL,
        isExpression="1",
        fontSize="9",
        fontSizeUnit="Point",
        textColor="28,42,36,255",
    )
    ET.SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
    )
    ET.SubElement(settings, "placement", placement="1", dist="0", distUnits="MM")
    ET.SubElement(
        settings,
        "rendering",
        scaleVisibility="1",
        scaleMin="0",
        scaleMax=_LABELS_FROM_SCALE,
        obstacle="1",
    )


# Form


def _form_of(layer: Layer, field: Field, lang: str) -> tuple[str, dict[str, Any]]:
    """The widget of a field, and how it is set up."""
    listed = values_of(layer, field)
    if listed and field.kind is not Kind.CODES:
        pairs = [(label.in_(lang), code) for code, label in listed]
        return "ValueMap", {"map": [(text.say("checkout.nothing", lang), NOTHING), *pairs]}
    if field.kind is Kind.DATE:
        return "DateTime", {
            "allow_null": True,
            "calendar_popup": True,
            "display_format": "yyyy-MM-dd",
            "field_format": "yyyy-MM-dd",
            "field_iso_format": False,
        }
    if field.kind is Kind.BOOLEAN:
        return "CheckBox", {"CheckedState": "", "UncheckedState": "", "TextDisplayMethod": 0}
    return "TextEdit", {"IsMultiline": False, "UseHtml": False}


def _widget(fields: ET.Element, key: str, kind: str, held: Mapping[str, Any]) -> None:
    field = ET.SubElement(fields, "field", name=key, configurationFlags="None")
    config = ET.SubElement(ET.SubElement(field, "editWidget", type=kind), "config")
    options = ET.SubElement(config, "Option", type="Map")
    for name, value in held.items():
        if isinstance(value, list):
            _listed(options, name, value)
            continue
        shown = {bool: "bool", int: "int"}.get(type(value), "QString")
        written = str(value).lower() if isinstance(value, bool) else str(value)
        ET.SubElement(options, "Option", type=shown, name=name, value=written)


def _listed(options: ET.Element, name: str, pairs: Sequence[tuple[str, str]]) -> None:
    """A list of values in their order, each by the word for people."""
    whole = ET.SubElement(options, "Option", type="List", name=name)
    for label, code in pairs:
        one = ET.SubElement(whole, "Option", type="Map")
        ET.SubElement(one, "Option", type="QString", name=label, value=code)


def _aliases(root: ET.Element, layer: Layer, lang: str) -> None:
    aliases = ET.SubElement(root, "aliases")
    named = [(NUMBER, text.say("checkout.number", lang))]
    for field in layer.fields:
        label = field.label.in_(lang)
        if field.unit is not None:
            key = f"words.units.{field.unit}"
            unit = text.say(key, lang) if text.has(key, lang) else field.unit
            label = text.say("checkout.with_unit", lang, label=label, unit=unit)
        named.append((field.key, label))
    # The number of the feature, which comes first, has no words.
    for index, (key, label) in enumerate(named, start=1):
        ET.SubElement(aliases, "alias", field=key, index=str(index), name=label)


def _constraints(root: ET.Element, layer: Layer, lang: str) -> None:
    rules = ET.SubElement(root, "constraints")
    asked = ET.SubElement(root, "constraintExpressions")
    for field in layer.fields:
        expression = _expression(field)
        flags = _NOT_EMPTY * field.required + _ONCE * (field.key == "code")
        flags += _EXPRESSION * bool(expression)
        ET.SubElement(
            rules,
            "constraint",
            field=field.key,
            constraints=str(flags),
            notnull_strength=_HARD if field.required else "0",
            unique_strength=_SOFT if field.key == "code" else "0",
            exp_strength=_HARD if expression else "0",
        )
        told = _told(field, lang) if expression else ""
        ET.SubElement(asked, "constraint", field=field.key, exp=expression, desc=told)


def _expression(field: Field) -> str:
    """What QGIS checks while typing; nothing typed is for the rule about empty fields."""
    parts = []
    if field.minimum is not None:
        parts.append(f'"{field.key}" >= {field.minimum!r}')
    if field.maximum is not None:
        parts.append(f'"{field.key}" <= {field.maximum!r}')
    if field.pattern is not None:
        pattern = field.pattern.replace("\\", "\\\\").replace("'", "''")
        parts.append(f"regexp_match(\"{field.key}\", '^(?:{pattern})$') > 0")
    if not parts:
        return ""
    return f'"{field.key}" IS NULL OR ({" AND ".join(parts)})'


def _told(field: Field, lang: str) -> str:
    if field.pattern is not None:
        return text.say("checkout.pattern", lang, pattern=field.pattern)
    key = {(False, True): "at_most", (True, False): "at_least"}.get(
        (field.minimum is not None, field.maximum is not None), "between"
    )
    return text.say(f"checkout.{key}", lang, low=field.minimum, high=field.maximum)


def _properties(element: ET.Element, held: Mapping[str, str]) -> None:
    """As QGIS reads them since 3.24, and as it did before."""
    listed = ET.SubElement(element, "Option", type="Map")
    for key, value in held.items():
        ET.SubElement(listed, "Option", type="QString", name=key, value=value)
    for key, value in held.items():
        ET.SubElement(element, "prop", k=key, v=value)
