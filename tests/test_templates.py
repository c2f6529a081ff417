"""Empty files for staff: what GIS and office programs find in them."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import fiona
import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

from layers import catalog
from maps import text
from parcels import crs
from parcels.errors import FormatNotKnownError, OutputNotWritableError
from parcels.exchange import templates
from parcels.model import Choice, Field, Kind, Label, Shape

LAYERS = catalog.load()
SAID = {
    lang: {**text.words("catalog.template", lang), "units.mu": {"zh": "亩", "en": "mu"}[lang]}
    for lang in text.LANGUAGES
}
EACH = pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))

needs_gdal = pytest.mark.skipif(not shutil.which("ogrinfo"), reason="needs ogrinfo (gdal-bin)")


def made(layer, path: Path, lang: str = "zh") -> Path:
    templates.write_template(layer, path, lang=lang, words=SAID[lang])
    return path


def queried(path: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def dropdown(book, sheet, key_column: str) -> list[str] | None:
    """What the drop-down list of a column offers."""
    for validation in sheet.data_validations.dataValidation:
        if validation.type == "list" and f"{key_column}2" in validation.sqref:
            formula = validation.formula1
            if formula.startswith('"'):
                return formula.strip('"').split(",")
            name, cells = formula.split("!")
            return [row[0].value for row in _rows(book[name.strip("'")][cells.replace("$", "")])]
    return None


def _rows(cells):
    return cells if isinstance(cells, tuple) else ((cells,),)


def letter(sheet, label: str) -> str:
    (cell,) = (cell for cell in sheet[1] if cell.value == label)
    return cell.column_letter


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_word_a_template_needs_is_there_and_no_other(lang):
    assert set(text.words("catalog.template", lang)) == set(templates.WORDS)


@pytest.mark.parametrize("lang", text.LANGUAGES)
@EACH
def test_the_first_sheet_has_the_columns_of_the_layer_and_nothing_else(tmp_path, layer, lang):
    book = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx", lang))

    sheet = book.worksheets[0]
    labels = [field.label.in_(lang) for field in layer.fields]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [labels]
    assert sheet.freeze_panes == "A2"


@EACH
def test_the_second_sheet_explains_every_column(tmp_path, layer):
    book = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx"))

    rows = list(book.worksheets[1].iter_rows(min_row=2, values_only=True))
    assert [(row[0], row[1]) for row in rows] == [(f.label.zh, f.key) for f in layer.fields]
    assert [row[4] for row in rows] == ["是" if f.required else "否" for f in layer.fields]
    for row, field in zip(rows, layer.fields, strict=True):
        assert {*field.aliases, field.label.zh} <= {*row[6].split("; "), row[0]}


@EACH
def test_cells_for_text_keep_leading_zeros_and_dates_are_iso(tmp_path, layer):
    sheet = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx")).worksheets[0]

    for field in layer.fields:
        form = sheet.column_dimensions[letter(sheet, field.label.zh)].number_format
        if field.kind is Kind.DATE:
            assert form == "yyyy-mm-dd"
        elif field.kind not in {Kind.INTEGER, Kind.NUMBER}:
            assert form == "@"


@pytest.mark.parametrize("lang", text.LANGUAGES)
@EACH
def test_lists_offer_every_label_that_can_be_delivered(tmp_path, layer, lang):
    book = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx", lang))

    sheet = book.worksheets[0]
    offered = {
        f.key: dropdown(book, sheet, letter(sheet, f.label.in_(lang))) for f in layer.fields
    }
    for field in layer.fields:
        if field.key == "stage":
            expected = [s.label.in_(lang) for s in layer.stages if not s.derived]
        elif field.kind is Kind.CODE:
            expected = [choice.label.in_(lang) for choice in field.choices]
        elif field.kind is Kind.BOOLEAN:
            expected = [SAID[lang]["yes"], SAID[lang]["no"]]
        else:
            expected = None

        assert offered[field.key] == expected


def test_the_unit_of_a_column_is_named_as_people_do(tmp_path):
    book = openpyxl.load_workbook(made(LAYERS["farmland"], tmp_path / "t.xlsx"))

    units = {row[1]: row[3] for row in book.worksheets[1].iter_rows(values_only=True)}
    assert (units["area_mu"], units["declared_area_m2"]) == ("亩", "m2")


@pytest.mark.parametrize(
    ("low", "high", "operator", "said"),
    [
        (0, None, "greaterThanOrEqual", "不小于 0"),
        (None, 14, "lessThanOrEqual", "不大于 14"),
        (0, 14, "between", "0 至 14"),
    ],
)
def test_limits_of_a_number_are_checked_while_typing_and_explained(
    tmp_path, low, high, operator, said
):
    reading = Field("reading", Label("读数", "Reading"), Kind.NUMBER, minimum=low, maximum=high)
    layer = replace(LAYERS["orchard"], fields=(reading,))
    book = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx"))

    (validation,) = book.worksheets[0].data_validations.dataValidation
    assert (validation.type, validation.operator or "between") == ("decimal", operator)
    assert book.worksheets[1]["F2"].value == said


def test_a_label_that_looks_like_a_formula_stays_text(tmp_path):
    trap = Label("=1+1", "=cmd|' /C calc'!A0")
    field = Field("trap", trap, Kind.CODE, choices=(Choice("a", trap),))
    layer = replace(LAYERS["orchard"], fields=(field,))
    book = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx", "en"))

    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}


def test_a_list_longer_than_a_formula_may_be_is_offered_whole(tmp_path):
    choices = tuple(
        Choice(f"c{i}", Label(f"第{i}类，含逗号", f'Kind {i}, "quoted"')) for i in range(300)
    )
    field = Field("kind", Label("类", "Kind"), Kind.CODE, choices=choices)
    book = openpyxl.load_workbook(
        made(replace(LAYERS["orchard"], fields=(field,)), tmp_path / "t.xlsx")
    )

    assert dropdown(book, book.worksheets[0], "A") == [c.label.zh for c in choices]


def test_what_staff_type_is_read_back_by_gdal(tmp_path):
    path = made(LAYERS["farmland"], tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    sheet.append({letter(sheet, "编码"): "0070", letter(sheet, "pH值"): 6.5})
    book.save(path)

    frame = pyogrio.read_dataframe(path, layer="地块", read_geometry=False)
    assert frame.loc[0, "编码"] == "0070"
    assert frame.loc[0, "pH值"] == 6.5


@pytest.mark.parametrize("lang", text.LANGUAGES)
@EACH
def test_a_geopackage_has_one_empty_layer_with_typed_columns(tmp_path, layer, lang):
    path = made(layer, tmp_path / "t.gpkg", lang)

    info = pyogrio.read_info(path)
    types = {
        Kind.INTEGER: "int64",
        Kind.NUMBER: "float64",
        Kind.DATE: "datetime64[D]",
        Kind.BOOLEAN: "bool",
    }
    assert pyogrio.list_layers(path)[:, 0].tolist() == [layer.key]
    assert info["features"] == 0
    assert info["crs"] == f"EPSG:{crs.STORAGE}"
    assert dict(zip(info["fields"], info["dtypes"], strict=True)) == {
        f.key: types.get(f.kind, "object") for f in layer.fields
    }
    assert queried(path, "SELECT geometry_type_name, srs_id FROM gpkg_geometry_columns") == [
        (
            {"polygon": "MULTIPOLYGON", "point": "POINT", "either": "GEOMETRY"}[layer.shape],
            crs.STORAGE,
        )
    ]


@pytest.mark.parametrize("lang", text.LANGUAGES)
@EACH
def test_columns_of_a_geopackage_have_their_labels_as_aliases(tmp_path, layer, lang):
    path = made(layer, tmp_path / "t.gpkg", lang)

    sql = "SELECT table_name, column_name, name, title FROM gpkg_data_columns"
    labels = [(layer.key, f.key, f.label.in_(lang), f.label.in_(lang)) for f in layer.fields]
    assert queried(path, sql) == labels


@EACH
def test_code_lists_of_a_geopackage_are_those_of_the_layer(tmp_path, layer):
    path = made(layer, tmp_path / "t.gpkg")

    sql = """SELECT c.column_name, e.value, e.description FROM gpkg_data_columns c
        JOIN gpkg_data_column_constraints e USING (constraint_name)
        WHERE e.constraint_type = 'enum' ORDER BY e.rowid"""
    expected = [("stage", s.key, s.label.zh) for s in layer.stages if not s.derived]
    for field in layer.fields:
        if field.kind is Kind.CODE:
            expected += [(field.key, c.code, c.label.zh) for c in field.choices]
    assert queried(path, sql) == expected


@needs_gdal
@EACH
def test_an_older_gdal_opens_a_geopackage_without_a_word(tmp_path, layer):
    path = made(layer, tmp_path / "t.gpkg")
    shown = subprocess.run(
        ["ogrinfo", "-so", path, layer.key], capture_output=True, text=True, check=True
    )

    assert shown.stderr == ""
    for field in layer.fields:
        assert f"\n{field.key}: " in shown.stdout
    assert f"stage: String (0.0), domain name={layer.key}_stage" in shown.stdout


@needs_gdal
def test_gdal_reads_a_code_list_with_its_labels(tmp_path):
    path = made(LAYERS["farmland"], tmp_path / "t.gpkg")
    shown = subprocess.run(
        ["ogrinfo", "-fielddomain", "farmland_land_type", path],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Type: coded" in shown.stdout
    assert "paddy: 水田" in shown.stdout


def test_a_geopackage_of_a_template_can_be_filled(tmp_path):
    path = made(LAYERS["farmland"], tmp_path / "t.gpkg")
    square = shapely.multipolygons([shapely.box(116.3, 39.9, 116.31, 39.91)])
    filled = gpd.GeoDataFrame(
        {"code": ["007"], "ph": [6.5], "stage": ["safe_use"]},
        geometry=[square],
        crs=crs.STORAGE,
    ).rename_geometry("geom")
    pyogrio.write_dataframe(filled, path, layer="farmland", append=True)

    with fiona.open(path) as opened:
        (row,) = opened
    assert row["properties"]["code"] == "007"
    assert row["properties"]["stage"] == "safe_use"
    assert queried(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_field_of_several_codes_is_not_held_to_one_of_them(tmp_path):
    layer = LAYERS["heavy_metal_enterprise"]
    path = made(layer, tmp_path / "t.gpkg")
    sql = "SELECT constraint_name FROM gpkg_data_columns WHERE column_name = 'metals'"
    book = openpyxl.load_workbook(made(layer, tmp_path / "t.xlsx"))

    allowed = {row[1]: row[5] for row in book.worksheets[1].iter_rows(values_only=True)}
    assert queried(path, sql) == [(None,)]
    assert allowed["metals"].splitlines()[:2] == ["可填多个，用分号隔开", "砷 (As)"]


def test_a_layer_without_fields_of_its_own_or_stages_still_has_a_template(tmp_path):
    layer = replace(LAYERS["unused_land"], stages=(), shape=Shape.EITHER)

    assert made(layer, tmp_path / "t.xlsx").exists()
    assert made(layer, tmp_path / "t.gpkg").exists()


@pytest.mark.parametrize("name", ["t.docx", "t", "t.xls", "t.gpkg.zip"])
def test_another_kind_of_file_is_refused_with_the_kinds_there_are(tmp_path, name):
    with pytest.raises(FormatNotKnownError) as refusal:
        made(LAYERS["orchard"], tmp_path / name)

    assert refusal.value.fields["kinds"] == (".xlsx", ".gpkg")
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", templates.SUFFIXES)
def test_a_file_that_is_there_is_never_touched(tmp_path, suffix):
    path = tmp_path / f"filled{suffix}"
    path.write_text("a week of work")
    with pytest.raises(OutputNotWritableError) as refusal:
        made(LAYERS["orchard"], path)

    assert path.read_text() == "a week of work"
    assert refusal.value.fields["reason"] == "File exists"


@pytest.mark.parametrize("suffix", templates.SUFFIXES)
def test_a_folder_that_is_not_there_is_refused(tmp_path, suffix):
    with pytest.raises(OutputNotWritableError):
        made(LAYERS["orchard"], tmp_path / "nowhere" / f"t{suffix}")


def test_the_ending_may_be_in_capitals(tmp_path):
    assert openpyxl.load_workbook(made(LAYERS["orchard"], tmp_path / "T.XLSX"))


def test_the_day_a_template_is_made_is_not_in_the_way_of_dates(tmp_path):
    path = made(LAYERS["priority_plot"], tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    sheet[f"{letter(sheet, '关停时间')}2"] = dt.date(2019, 3, 1)
    book.save(path)

    again = openpyxl.load_workbook(path).worksheets[0]
    assert again[f"{letter(again, '关停时间')}2"].value == dt.datetime(2019, 3, 1)  # noqa: DTZ001 - Excel's days have no zone
