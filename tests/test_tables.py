"""What is printed is the same whatever its form, and what is not known is said to be unknown."""

import csv
import datetime as dt
import io
import json
import os

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from rich.cells import cell_len

from maps import tables, text
from maps.tables import Heading, show
from parcels.errors import (
    FormatNotOfferedError,
    OutputFileNeededError,
    OutputNotWritableError,
)
from parcels.exchange.output import placed

FRAME = pd.DataFrame(
    {
        "district": ["朝阳区", "北京经济技术开发区", None],
        "parcels": pd.array([1200, 7, pd.NA], "Int64"),
        "area_m2": [1_234_567.891, 0.04, np.nan],
        "share": [0.5, 0.0001, np.nan],
        "on": [dt.date(2026, 11, 24), None, None],
        "listed": pd.array([True, False, pd.NA], "boolean"),
        "hidden": ["x", "x", "x"],
    }
)
HEADINGS = {
    "district": "区",
    "parcels": "地块数",
    "area_m2": Heading("面积", "m2", decimals=1),
    "share": Heading("占比", "share", share=True),
    "on": "日期",
    "listed": "列入名录",
}


def printed(capsys, frame=FRAME, headings=HEADINGS, **how):
    show(frame, headings=headings, **how)
    return capsys.readouterr().out


def test_json_has_columns_rows_and_meta_and_rounds_nothing(capsys):
    made = json.loads(
        printed(capsys, format="json", notes=["n"], meta={"on": dt.date(2026, 1, 2)})
    )

    assert list(made) == ["columns", "rows", "meta"]
    assert made["columns"][2] == {"key": "area_m2", "label": "面积", "unit": "m2"}
    assert made["rows"][0] == {
        "district": "朝阳区",
        "parcels": 1200,
        "area_m2": 1_234_567.891,
        "share": 0.5,
        "on": "2026-11-24",
        "listed": True,
    }
    assert set(made["rows"][2].values()) == {None}
    assert made["meta"] == {"title": "", "notes": ["n"], "on": "2026-01-02"}


@pytest.mark.parametrize(
    ("held", "given_as"),
    [
        (np.int32(3), 3),
        (float("inf"), None),
        (np.float32(0.5), 0.5),
        (pd.NaT, None),
        (pd.Timestamp("2026-11-24"), "2026-11-24"),
        (pd.Timestamp("2026-11-24T01:02:03", tz="UTC"), "2026-11-24T01:02:03+00:00"),
        ({"a": np.int64(1)}, {"a": 1}),
        (("b", pd.NA), ["b", None]),
        ({"b", "a"}, ["a", "b"]),
        (np.bool_(1), True),
        (2**70, 2**70),
    ],
)
def test_json_takes_whatever_a_frame_holds(capsys, held, given_as):
    frame = pd.DataFrame({"a": pd.Series([held], dtype=object)})

    made = json.loads(printed(capsys, frame, {"a": "A"}, format="json"))

    assert made["rows"] == [{"a": given_as}]


def test_csv_is_unrounded_and_what_is_unknown_is_empty(capsys):
    rows = list(csv.reader(io.StringIO(printed(capsys, format="csv"))))

    assert rows[0] == ["区", "地块数", "面积 (平方米)", "占比", "日期", "列入名录"]
    assert rows[1] == ["朝阳区", "1200", "1234567.891", "0.5", "2026-11-24", "true"]
    assert rows[3] == ["", "", "", "", "", ""]


def test_a_csv_file_begins_with_the_mark_that_excel_needs(tmp_path, capsys):
    show(FRAME, headings=HEADINGS, format="csv", out=tmp_path / "a.csv")

    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert not printed(capsys, format="csv").startswith("\ufeff")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("-", "-"),
        ("+86 (10) 6461-0000", "+86 (10) 6461-0000"),
        ("-12.5", "-12.5"),
        ("普通", "普通"),
    ],
)
def test_a_spreadsheet_does_not_run_the_text_of_a_csv(capsys, written, kept):
    made = printed(capsys, pd.DataFrame({"a": [written]}), {"a": "A"}, format="csv")

    assert list(csv.reader(io.StringIO(made)))[1] == [kept]


def test_a_table_aligns_numbers_and_says_what_is_unknown(capsys):
    lines = printed(capsys, title="覆盖", notes=["分母:区面积"]).splitlines()

    assert lines[0].strip() == "覆盖"
    assert lines[-1] == "分母:区面积"
    rows = [line for line in lines if line.strip().startswith(("朝阳区", "北京", "—"))]
    assert "1,200" in rows[0]
    assert "<0.1%" in rows[1]
    assert "1,234,567.9" in rows[0]
    assert rows[2].count("未知") == 3
    assert rows[2].count("—") == 3
    assert "否" in rows[1]


def test_numbers_of_a_table_end_in_one_column_beside_chinese_words(capsys):
    frame = pd.DataFrame({"d": ["朝阳", "北京经济技术开发区", "x"], "n": [1, 22_222, 333]})
    lines = printed(capsys, frame, {"d": "区", "n": "数"}).splitlines()

    ends = {cell_len(line.rstrip()) for line in lines if line.rstrip().endswith(("1", "2", "3"))}
    assert len(ends) == 1


def test_a_wide_table_is_not_cut_where_the_output_is_not_a_terminal(capsys):
    frame = pd.DataFrame({f"c{n}": ["很长的内容" * 10] for n in range(10)})

    made = printed(capsys, frame, {name: name for name in frame})

    assert made.count("很长的内容" * 10) == 10


def test_text_from_files_can_neither_colour_nor_fill_the_terminal(capsys):
    frame = pd.DataFrame({"a": ["[red]x[/red] :smile: \x1b[31m\u202eabc"]})

    made = printed(capsys, frame, {"a": "A"})

    assert "[red]x[/red] :smile: \\x1b[31m\\u202eabc" in made
    assert "\x1b" not in made


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_table_of_nothing_says_so(capsys, lang):
    made = printed(capsys, FRAME.iloc[:0], title="T", lang=lang)

    assert text.say("tables.empty", lang) in made


@pytest.mark.parametrize("form", ["json", "csv", "xlsx"])
def test_nothing_still_has_its_columns(tmp_path, form):
    show(FRAME.iloc[:0], headings=HEADINGS, format=form, out=tmp_path / "a")

    assert (tmp_path / "a").stat().st_size > 0


def test_a_workbook_holds_numbers_as_numbers_with_their_formats_and_notes(tmp_path):
    show(
        FRAME, headings=HEADINGS, format="xlsx", out=tmp_path / "a.xlsx", title="覆盖", notes=["n"]
    )

    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["覆盖", "说明"]
    row = book["覆盖"][2]
    assert [cell.value for cell in row[:4]] == ["朝阳区", 1200, 1_234_567.891, 0.5]
    assert row[2].number_format == "#,##0.0"
    assert row[3].number_format == "0.0%"
    assert book["覆盖"][4][2].value is None


def test_a_workbook_goes_to_a_file_alone():
    with pytest.raises(OutputFileNeededError):
        show(FRAME, headings=HEADINGS, format="xlsx")


def test_geojson_is_wgs84_counter_clockwise_with_the_same_rows(capsys):
    clockwise = shapely.Polygon([(500_000, 0), (500_000, 9), (500_009, 9), (500_009, 0)])
    frame = gpd.GeoDataFrame({"a": ["x", None]}, geometry=[clockwise, None], crs=4548)

    made = json.loads(printed(capsys, frame, {"a": "A"}, format="geojson", meta={"n": 1}))

    assert made["type"] == "FeatureCollection"
    assert [f["properties"] for f in made["features"]] == [{"a": "x"}, {"a": None}]
    assert made["features"][1]["geometry"] is None
    ring = shapely.LinearRing(made["features"][0]["geometry"]["coordinates"][0])
    assert ring.is_ccw
    assert ring.coords[0][0] == pytest.approx(117, abs=0.01)
    assert made["meta"] == {"n": 1}


@pytest.mark.parametrize("form", ["geojson", "pdf", ""])
def test_a_form_that_cannot_be_given_is_refused_with_those_that_can(form):
    with pytest.raises(FormatNotOfferedError) as refused:
        show(FRAME, headings=HEADINGS, format=form)

    assert refused.value.fields["offered"] == ["table", "json", "csv", "xlsx"]


def test_a_column_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        show(FRAME, headings={"no_such": "x"}, format="json")


@pytest.mark.parametrize("form", ["table", "json", "csv", "xlsx"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, form):
    with pytest.raises(OutputNotWritableError):
        show(FRAME, headings=HEADINGS, format=form, out=tmp_path / "no" / "a")


def test_a_file_takes_its_place_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a"
    path.write_text("former")

    def fail_half_way() -> None:
        with placed(path) as made:
            made.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_what_is_no_file_is_written_into(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    for path in (link, pipe):
        with placed(path) as made:
            made.write_text("new")

    assert link.is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert os.read(reader, 9) == b"new"
    os.close(reader)


def test_headings_take_their_words_from_the_sentences():
    made = tables.headings("words.units", "en", ["m2", "ha"], ha={"decimals": 2})

    assert made == {"m2": Heading("m²"), "ha": Heading("ha", decimals=2)}
