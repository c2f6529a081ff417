"""A report as a file loses no finding, shows each in words, and says what it leaves out."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from dataclasses import replace
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from town import square

from maps import report_files, report_page, text
from maps.report_files import Told
from parcels import districts
from parcels.errors import FormatNotOfferedError, OutputNotWritableError
from parcels.findings import CODES, Findings
from parcels.model import Field, Kind, Label, Layer, Shape, Stage

LAYER = Layer(
    key="town_plot",
    label=Label("镇地块", "Town plots"),
    shape=Shape.POLYGON,
    fields=(
        Field("code", Label("地块编码", "Parcel code"), required=True, core=True),
        Field("depth", Label("深度", "Depth"), kind=Kind.NUMBER),
    ),
    stages=(Stage("found", Label("发现", "Found")),),
    stage_label=Label("环节", "Stage"),
)
BOW_TIE = shapely.Polygon([(116.3, 40), (116.301, 40.001), (116.301, 40), (116.3, 40.001)])
NASTY = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "=1+1",
    "{{ this }} ${alert(3)}",
    "引号\"'`\u2028行\x1b[2J",
]
TOWN = districts.bundled()


def boundaries(count=8, *, file="镇.shp"):
    shapes = [square(116.2 + i * 0.003, 40) for i in range(count)]
    shapes[1] = BOW_TIE
    return gpd.GeoDataFrame(
        {"file": file, "row": np.arange(1, count + 1)}, geometry=shapes, crs=4490
    )


def told(*, lang="zh", rows=8, **more):
    found = Findings(LAYER.key, "镇.shp")
    numbers = list(range(1, rows + 1))
    found.add("value_missing", rows=numbers, numbers=[f"P{n}" for n in numbers], field="code")
    found.add("boundary_invalid", rows=[2], numbers=["P2"], at=np.array([[116.3005, 40.0005]]))
    found.add("overlap", rows=[4], numbers=["P4"], details={"other_row": 5, "other": "P5"})
    found.add("number_twice", rows=[3], numbers=["P3"], details={"rows": [3, 4]})
    found.add("crs_assumed")
    return Told(found.frame(), LAYER, lang, boundaries(rows), TOWN, **more)


def empty(lang="zh"):
    return Told(Findings(LAYER.key, "f").frame(), LAYER, lang, None, TOWN)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_workbook_holds_every_finding_in_words_and_a_summary(tmp_path, lang):
    whole = told(lang=lang)
    report_files.write(whole, tmp_path / "r.xlsx")

    counted, listed = openpyxl.load_workbook(tmp_path / "r.xlsx").worksheets
    heads = [cell.value for cell in listed[1]]
    assert counted.max_row == 1 + 5
    assert listed.max_row == 1 + len(whole.found)
    assert heads == [
        text.say(f"report.columns.{c}", lang)
        for c in (
            *("severity", "file", "row", "number", "field", "found", "what", "mend"),
            *("lon", "lat", "code", "layer"),
        )
    ]
    assert all(row[6].value and row[7].value for row in listed.iter_rows(min_row=2))
    placed = [row for row in listed.iter_rows(min_row=2) if row[8].value is not None]
    assert [(row[8].value, row[9].value) for row in placed] == [(116.3005, 40.0005)]


def test_the_sheets_can_be_filtered_and_read_with_the_heading_in_view(tmp_path):
    report_files.write(told(), tmp_path / "r.xlsx")

    for sheet in openpyxl.load_workbook(tmp_path / "r.xlsx").worksheets:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref.startswith("A1:")
        widths = [one.width for one in sheet.column_dimensions.values()]
        assert all(8 <= width <= 60 for width in widths)


def test_the_json_holds_the_findings_as_they_are_with_their_sentences(tmp_path):
    report_files.write(told(lang="en"), tmp_path / "r.json")

    made = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert made["meta"] == {
        "layer": "town_plot",
        "counts": {"error": 10, "warning": 1, "info": 1},
    }
    twice = next(row for row in made["rows"] if row["code"] == "number_twice")
    assert twice["details"] == {"rows": [3, 4]}
    assert (twice["row"], twice["lon"]) == (3, None)
    assert twice["what"]


def test_the_csv_holds_every_finding(tmp_path):
    whole = told()
    report_files.write(whole, tmp_path / "r.csv")

    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert len(list(csv.reader(stream))) == 1 + len(whole.found)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_gdal_reads_places_and_boundaries_with_titles(tmp_path, lang):
    report_files.write(told(lang=lang), tmp_path / "问题.gpkg")

    layers = dict(pyogrio.list_layers(tmp_path / "问题.gpkg"))
    places = pyogrio.read_dataframe(tmp_path / "问题.gpkg", layer="findings")
    areas = pyogrio.read_dataframe(tmp_path / "问题.gpkg", layer="boundaries")
    connection = sqlite3.connect(tmp_path / "问题.gpkg")
    titles = connection.execute(
        "SELECT title FROM gpkg_data_columns WHERE table_name = 'findings' "
        "AND column_name = 'severity'"
    ).fetchone()
    connection.close()

    assert (layers["findings"], layers["boundaries"]) == ("Point", "MultiPolygon")
    assert len(places) == len(told().found)
    assert places.geometry.notna().sum() == 1
    assert places.crs.to_epsg() == areas.crs.to_epsg() == 4490
    assert titles[0] == text.say("report.columns.severity", lang)
    assert dict(zip(areas["row"], areas["count"], strict=True))[2] == 2
    assert set(areas["severity"]) == {"error"}
    assert (
        areas[areas["row"] == 2]
        .geometry.iloc[0]
        .equals_exact(shapely.MultiPolygon([BOW_TIE]), 1e-9)
    )


def test_the_row_a_finding_names_is_among_the_boundaries(tmp_path):
    whole = told()
    only = replace(whole, found=whole.found[whole.found["code"] == "overlap"])
    report_files.write(only, tmp_path / "r.gpkg")

    areas = pyogrio.read_dataframe(tmp_path / "r.gpkg", layer="boundaries").set_index("row")

    assert set(areas.index) == {4, 5}
    assert areas.loc[5, "what"].startswith("见第 4 行")


def test_qgis_finds_a_default_style_for_each_layer(tmp_path):
    report_files.write(told(), tmp_path / "r.gpkg")

    connection = sqlite3.connect(tmp_path / "r.gpkg")
    styles = connection.execute(
        "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
    ).fetchall()
    connection.close()
    assert {one[0] for one in styles} == {"findings", "boundaries"}
    for _, column, default, qml in styles:
        root = ET.fromstring(qml)  # noqa: S314 - written by ourselves just now
        categories = root.findall("renderer-v2/categories/category")
        symbols = {one.get("name") for one in root.findall("renderer-v2/symbols/symbol")}
        assert (column, default) == ("geom", 1)
        assert [one.get("value") for one in categories] == ["error", "warning", "info"]
        assert [one.get("label") for one in categories] == ["错误", "警告", "提示"]
        assert {one.get("symbol") for one in categories} == symbols
        assert root.find("labeling/settings/text-style").get("fieldName")
        assert len(root.findall("aliases/alias")) > 5


@pytest.mark.parametrize("name", ["r.xlsx", "r.json", "r.csv", "r.html", "r.gpkg"])
def test_a_report_of_nothing_can_be_written(tmp_path, name):
    assert report_files.write(empty(), tmp_path / name) == []
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["r.pdf", "r", "r.XLS"])
def test_a_report_in_another_form_is_refused(tmp_path, name):
    with pytest.raises(FormatNotOfferedError):
        report_files.write(told(), tmp_path / name)


@pytest.mark.parametrize("name", ["r.xlsx", "r.json", "r.csv", "r.html", "r.gpkg"])
def test_a_report_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, name):
    with pytest.raises(OutputNotWritableError):
        report_files.write(told(), tmp_path / "没有的文件夹" / name)

    assert list(tmp_path.iterdir()) == []


def test_what_is_cut_is_said_and_every_kind_of_finding_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(report_files, "MOST_ROWS", 6)
    monkeypatch.setattr(report_files, "MOST_FAULTS", 6)
    monkeypatch.setattr(report_files, "MOST_BOUNDARIES", 2)
    monkeypatch.setattr(report_page, "MOST_LISTED", 6)
    monkeypatch.setattr(report_page, "MOST_DRAWN", 2)

    sheet = report_files.write(told(), tmp_path / "r.xlsx")
    faults = report_files.write(told(), tmp_path / "r.gpkg")
    page = report_files.write(told(), tmp_path / "r.html")
    whole = report_files.write(told(), tmp_path / "r.json")

    notes = openpyxl.load_workbook(tmp_path / "r.xlsx").worksheets[2]
    places = pyogrio.read_dataframe(tmp_path / "r.gpkg", layer="findings")
    assert notes["A2"].value == sheet[0]
    assert "全部 12 处" in sheet[0]
    assert len(faults) == len(page) == 2
    assert whole == []
    assert len(places) == 6
    assert set(places["code"]) == set(told().found["code"])


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_same_report_gives_the_same_page_without_an_outside_address(tmp_path, lang):
    report_files.write(told(lang=lang), tmp_path / "a.html")
    report_files.write(told(lang=lang), tmp_path / "b.html")

    page = (tmp_path / "a.html").read_text("utf-8")
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w{2,}", page))
    assert page == (tmp_path / "b.html").read_text("utf-8")
    assert {one for one in addresses if "www.w3.org" not in one} == set()
    assert "default-src 'none'" in page


def test_boundaries_are_simplified_until_they_fit(monkeypatch):
    monkeypatch.setattr(report_page, "MOST_CORNERS", 200)
    rounds = shapely.buffer(shapely.points([[116, 40], [116.1, 40]]), 0.01, quad_segs=500)

    lines = report_page._lines(rounds)

    corners = sum(one.count(",") + 1 for one in lines) / 2
    assert 20 < corners <= 200


def test_every_kind_of_finding_and_nothing_else_has_a_short_name():
    for lang in text.LANGUAGES:
        assert set(text.words("titles", lang)) == set(CODES)


@pytest.fixture
def opened(chromium_page, tmp_path):
    """Open the page of a report; what it asks of the network and what goes wrong is kept."""
    wrong = []
    chromium_page.on(
        "request",
        lambda r: (
            wrong.append(r.url)
            if "://" in r.url[:8] and not r.url.startswith(("file:", "data:"))
            else None
        ),
    )
    chromium_page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    chromium_page.on("pageerror", lambda e: wrong.append(str(e)))
    chromium_page.on("dialog", lambda d: (wrong.append(d.message), d.dismiss()))

    def open_(whole):
        report_files.write(whole, tmp_path / "报告.html")
        chromium_page.goto((tmp_path / "报告.html").as_uri())
        chromium_page.wait_for_selector("html[data-jt-ready]", timeout=20_000)
        return chromium_page, wrong

    return open_


@pytest.mark.browser
@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_page_lists_every_finding_in_the_language_and_counts_them(opened, lang):
    page, wrong = opened(told(lang=lang))

    said = page.inner_text("body")
    assert wrong == []
    assert page.locator(".jr-item").count() == 12
    assert text.say("titles.boundary_invalid", lang) in said
    assert re.search(text.say("report.severity.error", lang) + r"\s*10", said)
    assert page.evaluate("document.documentElement.lang") == ("zh-CN" if lang == "zh" else "en")


@pytest.mark.browser
def test_the_list_is_filtered_by_severity_code_row_and_words(opened):
    page, _ = opened(told())

    page.click(".jr-chip >> nth=0")
    without_errors = page.locator(".jr-item").count()
    page.click(".jr-chip >> nth=0")
    page.select_option("select >> nth=0", "value_missing")
    of_code = page.locator(".jr-item").count()
    page.select_option("select >> nth=0", "")
    page.fill(".jr-row", "2")
    of_row = page.locator(".jr-item").count()
    page.fill(".jr-row", "")
    page.fill("input[type=search]", "p4 重叠")
    of_words = page.locator(".jr-item").count()

    assert (without_errors, of_code, of_row, of_words) == (2, 8, 2, 1)
    assert "列出 1 处" in page.inner_text(".jr-count")


@pytest.mark.browser
def test_the_list_is_grouped_as_asked(opened):
    page, _ = opened(told())

    by_code = page.locator(".jr-list section").count()
    page.select_option("select >> nth=1", "place")
    by_place = page.locator(".jr-list section").count()
    page.select_option("select >> nth=1", "none")

    assert (by_code, by_place) == (5, 9)
    assert page.locator(".jr-fold").count() == 0
    assert page.locator(".jr-item").count() == 12


@pytest.mark.browser
def test_a_click_in_the_list_goes_to_the_place_on_the_map(opened):
    page, _ = opened(told())

    page.click("section:has-text('边界无效') .jr-item")
    centre = page.evaluate("[Jingtu.map.getCenter().lng, Jingtu.map.getCenter().lat]")

    assert centre == pytest.approx([116.3005, 40.0005], abs=0.002)
    assert "116.300500, 40.000500" in page.inner_text(".jr-card")
    assert "P2" in page.inner_text(".jr-item[aria-current=true]")


@pytest.mark.browser
def test_a_click_on_the_map_marks_the_finding_in_the_list(opened):
    page, _ = opened(told())
    at = page.evaluate(
        "(() => { const m = Jingtu.map; m.setView([40.0005, 116.3005], 16, {animate: false});"
        " const p = m.latLngToContainerPoint([40.0005, 116.3005]);"
        " const r = m.getContainer().getBoundingClientRect(); return [r.x + p.x, r.y + p.y]; })()"
    )
    page.wait_for_timeout(300)

    page.mouse.click(*at)

    assert "P2" in page.inner_text(".jr-item[aria-current=true]")
    assert "P2" in page.inner_text(".jr-card h2")


@pytest.mark.browser
def test_the_page_can_be_used_with_the_keyboard_alone(opened):
    page, _ = opened(told())

    page.focus(".jr-item >> nth=0")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    chosen = page.get_attribute(".jr-item[aria-current=true]", "data-n")
    page.focus(".jr-card .jt-close")
    page.keyboard.press("Escape")

    assert chosen == page.evaluate("document.activeElement.dataset.n")
    assert page.locator(".jr-card").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("words", NASTY)
def test_what_a_file_holds_is_only_text_on_the_page(opened, words):
    found = Findings(LAYER.key, f"{words}.shp".replace("/", ""))
    found.add(
        "value_not_understood", rows=[1], numbers=[words], field=words, found=[words],
        at=np.array([[116.3, 40.0]]),
    )  # fmt: skip
    page, wrong = opened(Told(found.frame(), LAYER, "zh", None, TOWN))

    page.click(".jr-item")

    assert wrong == []
    assert words[:5] in page.inner_text(".jr-card")
    assert "\x1b" not in page.inner_text("body")


@pytest.mark.browser
def test_a_phone_needs_no_sideways_scrolling(opened):
    page, _ = opened(told())

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".jr-item >> nth=0").bounding_box()["y"] < 844


@pytest.mark.browser
def test_paper_shows_every_finding_open_and_no_buttons(opened):
    page, _ = opened(told(rows=30))
    before = page.locator(".jr-item").count()

    page.emulate_media(media="print")
    page.wait_for_timeout(300)

    assert before < 34
    assert page.locator(".jr-item").count() == 34
    assert not page.is_visible(".jr-foot")
    assert page.evaluate("document.querySelector('.jr-list').scrollHeight") > 1000


@pytest.mark.browser
def test_a_report_of_nothing_says_so(opened):
    page, wrong = opened(empty())

    assert wrong == []
    assert "没有发现问题" in page.inner_text(".jr-list")


def test_a_large_report_stays_a_small_page():
    rows = np.arange(1, 100_001)
    found = Findings(LAYER.key, "大.shp")
    found.add(
        "value_missing", rows=rows, numbers=[f"P{n}" for n in rows], field="code",
        at=np.column_stack([116 + rows / 1e6, 40 + rows / 1e6]),
    )  # fmt: skip
    found.add("crs_assumed")
    shapes = gpd.GeoDataFrame(
        {"file": "大.shp", "row": rows}, geometry=shapely.box(rows / 1e4, 40, rows / 1e4 + 1, 41),
        crs=4490,
    )  # fmt: skip

    page, cut = report_page.page(
        found.frame(), layer=LAYER, lang="zh", boundaries=shapes, territory=TOWN
    )

    assert cut == [("findings", 10_000, 100_001), ("boundaries", 2_000, 100_000)]
    assert len(page.encode()) < 2_000_000
    assert pd.Series(found.frame()["code"]).nunique() == 2
