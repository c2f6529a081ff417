"""An XLSX file holds what was in the columns, opens in any program, and runs nothing."""

import datetime as dt
import resource
import zipfile
from xml.etree import ElementTree as ET

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcels.errors import OutputNotWritableError
from parcels.exchange import workbook
from parcels.exchange.workbook import sheet_name, write_sheets


def reopened(path, **sheets):
    write_sheets(path, sheets)
    book = openpyxl.load_workbook(path)
    rows = {sheet.title: list(sheet.iter_rows(min_row=2)) for sheet in book.worksheets}
    book.close()
    return rows


def only_column(path, column):
    (rows,) = reopened(path, s=pd.DataFrame({"a": column, "row": 0})).values()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    "written",
    [
        '=HYPERLINK("http://x","y")',
        "=1+1",
        "+86 10 6461",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "\t=1+1",
        "\n=1+1",
        "  =1+1",
        "#N/A",
        "#REF!",
        "=",
        "-",
    ],
)
@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_text_that_begins_like_a_formula_stays_text(tmp_path, written, dtype):
    (cell,) = only_column(tmp_path / "a.xlsx", pd.Series([written], dtype=dtype))

    assert cell.data_type == "s"
    assert cell.value == written
    assert cell.quotePrefix


def test_a_heading_is_text_too(tmp_path):
    write_sheets(tmp_path / "a.xlsx", {"s": pd.DataFrame({"a": [1]})}, headings={"a": "=1+1"})

    head = openpyxl.load_workbook(tmp_path / "a.xlsx")["s"]["A1"]
    assert (head.data_type, head.value) == ("s", "=1+1")


def test_what_xml_cannot_hold_is_left_out_and_the_rest_is_kept(tmp_path):
    (cell,) = only_column(
        tmp_path / "a.xlsx", pd.Series(["朝\x00阳\x1b[31m\x08\ufffe\ud800区\t\n。"], dtype=object)
    )

    assert cell.value == "朝阳[31m区\t\n。"


@given(st.lists(st.one_of(st.none(), st.text(st.characters(), max_size=20)), max_size=6))
def test_any_text_at_all_makes_a_file_that_opens(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("any") / "a.xlsx"
    write_sheets(path, {"s": pd.DataFrame({"a": pd.Series(written, dtype=object)})})

    with zipfile.ZipFile(path) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
    assert sheet.findall(".//{*}f") == []


def test_text_longer_than_a_cell_is_cut(tmp_path):
    (cell,) = only_column(tmp_path / "a.xlsx", ["长" * 40_000])

    assert len(cell.value) == workbook.LONGEST_CELL


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (1, 1),
        (-1.5, -1.5),
        (np.int64(7), 7),
        (999_999_999_999_999, 999_999_999_999_999),
        (1_101_050_000_001_234, "1101050000001234"),
        (True, True),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (dt.date(2026, 11, 24), dt.datetime(2026, 11, 24)),  # noqa: DTZ001 - as XLSX holds it
        (dt.date(9999, 12, 31), dt.datetime(9999, 12, 31)),  # noqa: DTZ001 - as XLSX holds it
        (dt.date(1899, 12, 31), "1899-12-31"),
        (dt.date(1900, 2, 28), "1900-02-28"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05+00:00"),
        (["110105", "110106"], "['110105', '110106']"),
    ],
)
def test_a_value_comes_back_as_what_it_was_or_as_text_never_as_another(tmp_path, written, kept):
    (cell,) = only_column(tmp_path / "a.xlsx", pd.Series([written], dtype=object))

    assert cell.value == kept
    assert type(cell.value) is type(kept)


@pytest.mark.parametrize(
    ("dtype", "written", "kept"),
    [
        ("Int64", [1, None], [1, None]),
        ("float64", [1.25, float("nan")], [1.25, None]),
        ("boolean", [True, None], [True, None]),
        ("str", ["a", None], ["a", None]),
        ("category", ["a", None], ["a", None]),
    ],
)
def test_columns_of_every_type_keep_what_is_missing_empty(tmp_path, dtype, written, kept):
    cells = only_column(tmp_path / "a.xlsx", pd.Series(written, dtype=dtype))

    assert [cell.value for cell in cells] == kept


def test_dates_are_dates_shown_as_iso(tmp_path):
    written = pd.Series(["2026-11-24", "2026-11-24T10:30", None], dtype=object)
    column = pd.to_datetime(written, format="ISO8601")

    day, instant, nothing = only_column(tmp_path / "a.xlsx", column)

    assert day.is_date
    assert day.number_format == "yyyy-mm-dd"
    assert instant.value == dt.datetime(2026, 11, 24, 10, 30)  # noqa: DTZ001 - as XLSX holds it
    assert nothing.value is None


@pytest.mark.parametrize(
    ("written", "taken", "name"),
    [
        ("汇总", [], "汇总"),
        ("a/b:c*d?e[f]g\\h", [], "a b c d e f g h"),
        ("'quoted'", [], "quoted"),
        ("", [], "Sheet"),
        ("///", [], "Sheet"),
        ("History", [], "History (2)"),
        ("A", ["a"], "A (2)"),
        ("A", ["a", "A (2)"], "A (3)"),
        ("x" * 40, [], "x" * 31),
        ("x" * 40, ["x" * 31], "x" * 27 + " (2)"),
        ("𠮷" * 20, [], "𠮷" * 15),
    ],
)
def test_a_sheet_gets_a_name_that_excel_takes(written, taken, name):
    assert sheet_name(written, taken) == name


def test_two_frames_whose_names_come_out_alike_keep_a_sheet_each(tmp_path):
    rows = reopened(tmp_path / "a.xlsx", **{"a:b": pd.DataFrame(), "a?b": pd.DataFrame()})

    assert list(rows) == ["a b", "a b (2)"]


def test_a_frame_too_long_for_a_sheet_is_continued_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "LONGEST_SHEET", 3)

    rows = reopened(tmp_path / "a.xlsx", 地块=pd.DataFrame({"a": range(7)}))

    assert list(rows) == ["地块", "地块 (2)", "地块 (3)"]
    assert [c.value for part in rows.values() for (c,) in part] == list(range(7))


def test_the_heading_stays_in_view_filters_and_is_as_wide_as_what_stands_below(tmp_path):
    frame = pd.DataFrame(
        {"name": ["北京市朝阳区某某路某某号院内东侧"], "n": [1], "long": ["字" * 99]}
    )
    write_sheets(tmp_path / "a.xlsx", {"s": frame}, headings={"name": "名称"})

    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["s"]
    assert [cell.value for cell in sheet[1]] == ["名称", "n", "long"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:C2"
    assert sheet.column_dimensions["A"].width == 34
    assert sheet.column_dimensions["B"].width == 8
    assert sheet.column_dimensions["C"].width == 60


def test_a_number_format_applies_to_numbers_and_leaves_text_alone(tmp_path):
    frame = pd.DataFrame({"a": pd.Series([1234.5, "=1", None], dtype=object)})
    write_sheets(tmp_path / "a.xlsx", {"s": frame}, formats={"a": "#,##0.00"})

    number, written, nothing = (
        row[0] for row in openpyxl.load_workbook(tmp_path / "a.xlsx")["s"]["A2:A4"]
    )
    assert number.number_format == "#,##0.00"
    assert (written.data_type, written.value) == ("s", "=1")
    assert nothing.value is None


def test_an_empty_frame_is_a_sheet_with_its_heading(tmp_path):
    write_sheets(tmp_path / "a.xlsx", {"s": pd.DataFrame({"a": pd.Series(dtype="str")})})

    assert openpyxl.load_workbook(tmp_path / "a.xlsx")["s"]["A1"].value == "a"


@pytest.mark.parametrize(("place", "reason"), [("no/such/a.xlsx", "ENOENT"), ("", "EISDIR")])
def test_a_place_that_cannot_be_written_is_refused_with_the_reason(tmp_path, place, reason):
    (tmp_path / "kept").mkdir()

    with pytest.raises(OutputNotWritableError) as refused:
        write_sheets(tmp_path / "kept" / place, {"s": pd.DataFrame({"a": [1]})})

    assert refused.value.fields["reason"] == reason
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_when_the_disk_does_not_take_it_the_former_file_is_left(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"former")
    noise = pd.DataFrame(np.random.default_rng(1).random((400, 10)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(OutputNotWritableError) as refused:
            write_sheets(path, {"s": noise})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert refused.value.fields["reason"] == "EFBIG"
    assert path.read_bytes() == b"former"
    assert [one.name for one in tmp_path.iterdir()] == ["a.xlsx"]
