"""Empty files for staff to fill in: a workbook or a GeoPackage that fits one layer."""

from __future__ import annotations

import io
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import openpyxl
import pyarrow as pa
import pyogrio
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from parcels import crs
from parcels.errors import FormatNotKnownError, OutputNotWritableError
from parcels.model import Field, Kind, Label, Layer, Shape

SUFFIXES: Final = (".xlsx", ".gpkg")
"""The kinds of file a template can be."""

WORDS: Final = (
    "sheet_parcels",
    "sheet_fields",
    "sheet_lists",
    "heading_label",
    "heading_key",
    "heading_kind",
    "heading_unit",
    "heading_required",
    "heading_values",
    "heading_names",
    "heading_note",
    "yes",
    "no",
    "several",
    "between",
    "at_least",
    "at_most",
    "pick",
    *(f"kind_{kind}" for kind in Kind),
)
"""Keys that `words` must have."""

_HEADINGS: Final = ("label", "key", "kind", "unit", "required", "values", "names", "note")
_WIDTHS: Final = (24, 24, 20, 10, 8, 44, 60, 60)
_LAST_ROW: Final = 1_048_576
_REQUIRED_FILL: Final = PatternFill("solid", fgColor="FFE3A3")
_OPTIONAL_FILL: Final = PatternFill("solid", fgColor="E7E6E6")
_FORMATS: Final = {
    Kind.TEXT: "@",
    Kind.CODE: "@",
    Kind.CODES: "@",
    Kind.BOOLEAN: "@",
    Kind.DATE: "yyyy-mm-dd",
    Kind.INTEGER: "0",
}
_EXCEL_TYPES: Final = {Kind.INTEGER: "whole", Kind.NUMBER: "decimal"}
_ARROW: Final = {
    Kind.TEXT: pa.string(),
    Kind.CODE: pa.string(),
    Kind.CODES: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.BOOLEAN: pa.bool_(),
}
_GEOMETRIES: Final = {
    Shape.POLYGON: "MultiPolygon",
    Shape.POINT: "Point",
    Shape.EITHER: "Unknown",
}
SCHEMA_TABLES: Final = """
CREATE TABLE IF NOT EXISTS gpkg_extensions(table_name TEXT, column_name TEXT,
  extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE(table_name, column_name, extension_name));
CREATE TABLE gpkg_data_columns(table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT,
  title TEXT, description TEXT, mime_type TEXT, constraint_name TEXT,
  CONSTRAINT pk_gdc PRIMARY KEY(table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE(table_name, name));
CREATE TABLE gpkg_data_column_constraints(constraint_name TEXT NOT NULL,
  constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC,
  max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE(constraint_name, constraint_type, value));
INSERT INTO gpkg_extensions VALUES
  ('gpkg_data_columns', NULL, 'gpkg_schema',
   'http://www.geopackage.org/spec121/#extension_schema', 'read-write'),
  ('gpkg_data_column_constraints', NULL, 'gpkg_schema',
   'http://www.geopackage.org/spec121/#extension_schema', 'read-write');
"""


def write_template(
    layer: Layer,
    path: Path,
    *,
    lang: str,
    words: Mapping[str, str],
    filled: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write an empty file for a layer; a file that is already there is never touched.

    A workbook has the columns of the layer in its first sheet, with drop-down lists, cells that
    keep leading zeros, and a second sheet that explains every column; places are given as
    longitude and latitude in degrees (EPSG:4490). A GeoPackage has one empty layer in EPSG:4490
    with typed columns, their labels as aliases, and code lists that GIS programs offer in forms.

    Args:
        layer: What the file is for.
        path: Ends in .xlsx or .gpkg.
        lang: Labels in "zh" or "en".
        words: The sentences WORDS in that language; "units.<unit>" where a unit has a name.
        filled: What the first rows of a workbook say already, by field.

    Raises:
        FormatNotKnownError: For any other ending.
        OutputNotWritableError: The file exists or cannot be written.
    """
    makers: Mapping[str, Callable[[Layer, str, Mapping[str, str]], bytes]] = {
        ".xlsx": partial(_workbook, filled=filled),
        ".gpkg": _geopackage,
    }
    make = makers.get(path.suffix.lower())
    if make is None:
        raise FormatNotKnownError(file=str(path), kinds=SUFFIXES)
    whole = make(layer, lang, words)
    try:
        with path.open("xb") as file:
            file.write(whole)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputNotWritableError(file=str(path), reason=reason) from error


def values_of(layer: Layer, field: Field) -> tuple[tuple[str, Label], ...]:
    """Code and label of what can be delivered in a field that has a list, else nothing.

    Stages that are computed from dates are left out.
    """
    if field.key == "stage":
        return tuple((stage.key, stage.label) for stage in layer.stages if not stage.derived)
    return tuple((choice.code, choice.label) for choice in field.choices)


def _workbook(
    layer: Layer,
    lang: str,
    words: Mapping[str, str],
    *,
    filled: Sequence[Mapping[str, str]] = (),
) -> bytes:
    book = openpyxl.Workbook()
    parcels: Worksheet = book.active
    parcels.title = words["sheet_parcels"]
    fields = book.create_sheet(words["sheet_fields"])
    lists = book.create_sheet(words["sheet_lists"])
    for column, field in enumerate(layer.fields, start=1):
        letter = get_column_letter(column)
        label = field.label.in_(lang)
        _heading(parcels.cell(1, column), label, field)
        parcels.column_dimensions[letter].width = max(12, 3 + _width(label))
        parcels.column_dimensions[letter].number_format = _FORMATS.get(field.kind, "General")
        values = [label.in_(lang) for _, label in values_of(layer, field)]
        validation = _validation(field, _listed(lists, values), words)
        if validation is not None:
            validation.add(f"{letter}2:{letter}{_LAST_ROW}")
            parcels.add_data_validation(validation)
        for row, said in enumerate(filled, start=2):
            if said.get(field.key):
                _text(parcels.cell(row, column), said[field.key])
                parcels.cell(row, column).number_format = "@"
    parcels.freeze_panes = "A2"
    _explain(fields, layer, lang, words=words)
    lists.sheet_state = "hidden"
    whole = io.BytesIO()
    book.save(whole)
    return whole.getvalue()


def _heading(cell: Cell, label: str, field: Field) -> None:
    _text(cell, label)
    cell.font = Font(bold=True)
    cell.fill = _REQUIRED_FILL if field.required else _OPTIONAL_FILL
    cell.number_format = "@"


def _text(cell: Cell, text: str) -> None:
    """Put a text in a cell that no program takes for a formula."""
    cell.value = text
    cell.data_type = "s"


def _width(label: str) -> int:
    return sum(1 if character.isascii() else 2 for character in label)


def _listed(sheet: Worksheet, values: Sequence[str]) -> str:
    """A reference to the values, which are put into the next column of a sheet; "" for none."""
    if not values:
        return ""
    column = sheet.max_column + (sheet.cell(1, 1).value is not None)
    for row, label in enumerate(values, start=1):
        _text(sheet.cell(row, column), label)
    letter = get_column_letter(column)
    return f"{quote_sheetname(sheet.title)}!${letter}$1:${letter}${len(values)}"


def _validation(field: Field, listed: str, words: Mapping[str, str]) -> DataValidation | None:
    if field.kind is Kind.BOOLEAN:
        return _choice(f'"{words["yes"]},{words["no"]}"', words)
    if field.kind is Kind.CODES:
        return None
    if listed:
        return _choice(listed, words)
    if field.kind is Kind.DATE:
        # Day 1 of Excel's calendar to its last: any date, so that text is questioned.
        return DataValidation(
            type="date", formula1="1", formula2="2958465", errorStyle="warning", allow_blank=True
        )
    return _bounds(field)


def _choice(formula: str, words: Mapping[str, str]) -> DataValidation:
    return DataValidation(
        type="list",
        formula1=formula,
        allow_blank=True,
        showErrorMessage=True,
        error=words["pick"],
    )


def _bounds(field: Field) -> DataValidation | None:
    kind = _EXCEL_TYPES.get(field.kind)
    low, high = field.minimum, field.maximum
    if kind is None or (low is None and high is None):
        return None
    operator = {(True, True): "between", (True, False): "greaterThanOrEqual"}.get(
        (low is not None, high is not None), "lessThanOrEqual"
    )
    ends = [str(end) for end in (low, high) if end is not None]
    return DataValidation(
        type=kind,
        operator=operator,
        formula1=ends[0],
        formula2=ends[1] if len(ends) > 1 else None,
        allow_blank=True,
        showErrorMessage=True,
    )


def _explain(sheet: Worksheet, layer: Layer, lang: str, *, words: Mapping[str, str]) -> None:
    for column, (heading, width) in enumerate(zip(_HEADINGS, _WIDTHS, strict=True), start=1):
        cell = sheet.cell(1, column)
        _text(cell, words[f"heading_{heading}"])
        cell.font = Font(bold=True)
        cell.fill = _OPTIONAL_FILL
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, field in enumerate(layer.fields, start=2):
        for column, text in enumerate(_explanation(layer, field, lang, words=words), start=1):
            cell = sheet.cell(row, column)
            _text(cell, text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"


def _explanation(
    layer: Layer, field: Field, lang: str, *, words: Mapping[str, str]
) -> tuple[str, ...]:
    unit = field.unit or ""
    note = field.note.in_(lang) if field.note else ""
    return (
        field.label.in_(lang),
        field.key,
        words["kind_code" if field.key == "stage" else f"kind_{field.kind}"],
        words.get(f"units.{unit}", unit),
        words["yes" if field.required else "no"],
        "\n".join(_allowed(layer, field, lang, words=words)),
        "; ".join(_other_names(field, lang)),
        note,
    )


def _allowed(layer: Layer, field: Field, lang: str, *, words: Mapping[str, str]) -> list[str]:
    lines = [f"{label.in_(lang)} ({code})" for code, label in values_of(layer, field)]
    if field.kind is Kind.CODES:
        return [words["several"], *lines]
    if field.kind is Kind.BOOLEAN:
        return [words["yes"], words["no"]]
    if field.minimum is None and field.maximum is None:
        return lines
    between = {(False, True): "at_most", (True, False): "at_least"}.get(
        (field.minimum is not None, field.maximum is not None), "between"
    )
    return [words[between].format(low=field.minimum, high=field.maximum)]


def _other_names(field: Field, lang: str) -> tuple[str, ...]:
    names = (field.label.zh, field.label.en, field.key, *field.aliases)
    return tuple(dict.fromkeys(name for name in names if name != field.label.in_(lang)))


def _geopackage(layer: Layer, lang: str, _words: Mapping[str, str]) -> bytes:
    schema = pa.schema(
        [(field.key, _ARROW[field.kind]) for field in layer.fields] + [("geom", pa.binary())]
    )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "template.gpkg"
        pyogrio.write_arrow(
            schema.empty_table(),
            made,
            driver="GPKG",
            layer=layer.key,
            geometry_name="geom",
            geometry_type=_GEOMETRIES[layer.shape],
            crs=f"EPSG:{crs.STORAGE}",
            # Read without a warning by GDAL 2.2 and QGIS 3.0 and everything since.
            dataset_options={"VERSION": "1.2"},
            layer_options={
                "GEOMETRY_NAME": "geom",
                "IDENTIFIER": layer.label.in_(lang),
                "DESCRIPTION": layer.label.en,
            },
        )
        describe(made, layer, lang)
        return made.read_bytes()


def describe(made: Path, layer: Layer, lang: str) -> None:
    """Give the columns of a layer's GeoPackage their labels, notes, code lists and bounds."""
    connection = sqlite3.connect(made)
    try:
        connection.executescript(SCHEMA_TABLES)
        for field in layer.fields:
            constraints = _constraints(layer, field, lang)
            label = field.label.in_(lang)
            note = field.note.in_(lang) if field.note else None
            named = constraints[0][0] if constraints else None
            connection.execute(
                "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, ?)",
                (layer.key, field.key, label, label, note, named),
            )
            connection.executemany(
                "INSERT INTO gpkg_data_column_constraints VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                constraints,
            )
        connection.commit()
    finally:
        connection.close()


def _constraints(layer: Layer, field: Field, lang: str) -> list[tuple[Any, ...]]:
    name = f"{layer.key}_{field.key}"
    if field.kind is Kind.CODES:
        # A column of several codes cannot be held to one of them.
        return []
    values = values_of(layer, field)
    if values:
        return [
            (name, "enum", code, None, None, None, None, label.in_(lang)) for code, label in values
        ]
    if field.minimum is None and field.maximum is None:
        return []
    return [(name, "range", None, field.minimum, True, field.maximum, True, None)]
