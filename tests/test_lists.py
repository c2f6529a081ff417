"""Lists in CSV and XLSX as people keep them, and as no person would make them."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from parcels import districts
from parcels.errors import FileNotReadableError, FileTooLargeError, Refusal
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
HEAD = ["地块编码", "地块名称", "用地面积（亩）", "所属区"]
A, B, C = "1101080320001", "1101080320002", "1101080320003"
ROWS = [[A, "示例甲", "15", "海淀区"], [B, "示例乙", "30", "海淀区"]]


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管", **options))


def errors(delivery):
    whole = delivery.findings.frame()
    return sorted(set(whole.loc[whole["severity"] == "error", "code"]))


def found(delivery, code):
    whole = delivery.findings.frame()
    return whole[whole["code"] == code]


def text(tmp_path, content, encoding="utf-8-sig", name="列表.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def lines(*rows, mark=","):
    return "\n".join(mark.join(row) for row in rows) + "\n"


def workbook(tmp_path, rows, *, change=None, name="列表.xlsx"):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    path = tmp_path / name
    book.save(path)
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "，"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_text_list_is_read_by_any_mark_in_any_encoding(tmp_path, mark, encoding):
    delivery = door(text(tmp_path, lines(HEAD, *ROWS, mark=mark), encoding))

    assert errors(delivery) == []
    assert delivery.ready["name"].tolist() == ["示例甲", "示例乙"]


def test_the_mark_is_that_of_the_headings_not_the_most_frequent_one(tmp_path):
    rows = [[A, "示例,甲,乙,丙,丁,戊", "15", "海淀区"]]

    delivery = door(text(tmp_path, lines(HEAD, *rows, mark=";")))

    assert delivery.ready["name"].tolist() == ["示例,甲,乙,丙,丁,戊"]


def test_quotes_hold_marks_quotes_and_line_ends(tmp_path):
    written = f'{",".join(HEAD)}\r\n{A},"示例""甲"",\n一期",15,海淀区\r\n{B},示例乙,30,海淀区\r\n'

    delivery = door(text(tmp_path, written))

    assert delivery.ready["name"].tolist() == ['示例"甲",\n一期', "示例乙"]
    assert delivery.ready["row"].tolist() == [2, 3]


@pytest.mark.parametrize("tail", ["", "\n"])
def test_a_quote_that_is_never_closed_costs_its_row_and_no_other(tmp_path, tail):
    written = lines(HEAD, [A, '"示例甲', "15", "海淀区"], *ROWS[1:]) + f"{C},示例丙,3,海淀区"

    delivery = door(text(tmp_path, written + tail))

    assert found(delivery, "record_damaged")["row"].tolist() == [2]
    assert delivery.ready["code"].tolist() == [B, C]
    assert len(delivery.frame) == 3


def test_a_quote_that_is_closed_by_one_of_another_row_keeps_both_out(tmp_path):
    rows = [
        [A, '"示例甲', "15", "海淀区"],
        [B, '"示例乙', "30", "海淀区"],
        [C, "丙", "3", "海淀区"],
    ]

    delivery = door(text(tmp_path, lines(HEAD, *rows)))

    assert found(delivery, "record_damaged")["row"].tolist() == [2]
    assert B in delivery.frame["name"].iloc[0]
    assert delivery.ready["code"].tolist() == [C]


def test_a_thousand_quotes_that_are_never_closed_take_no_longer_than_twenty(tmp_path):
    rows = [[f"11010803{i:05d}", '"示例', "15", "海淀区"] for i in range(999)]

    delivery = door(text(tmp_path, lines(HEAD, *rows)))

    assert "record_damaged" in errors(delivery)
    assert len(delivery.ready) == 0


def test_a_row_with_a_mark_too_many_is_kept_out_and_a_short_one_is_not(tmp_path):
    rows = [[A, "示例,甲", "15", "海淀区"], [B, "示例乙"]]

    delivery = door(text(tmp_path, lines(HEAD, *rows)), district="海淀区")

    assert found(delivery, "record_damaged")["row"].tolist() == [2]
    assert delivery.ready["code"].tolist() == [B]


def test_a_zero_byte_spoils_its_row_and_is_never_stored(tmp_path):
    rows = [[A, "示\0例甲", "15", "海淀区"], ROWS[1]]

    delivery = door(text(tmp_path, lines(HEAD, *rows)))

    assert found(delivery, "record_damaged")["row"].tolist() == [2]
    assert delivery.ready["code"].tolist() == [B]
    assert not delivery.frame["name"].str.contains("\0").any()


def test_a_cell_of_ten_million_characters_is_refused(tmp_path):
    path = text(tmp_path, lines(HEAD, [A, "长" * 10_000_000, "15", "海淀区"]))

    with pytest.raises(FileNotReadableError):
        door(path)


def test_two_columns_of_one_name_are_told_apart(tmp_path):
    head = [*HEAD, "经度", "纬度", "经度", "纬度"]
    rows = [[*row, "116.3", "40.0", "116.3", "40.0"] for row in ROWS]

    delivery = door(text(tmp_path, lines(head, *rows)))

    assert "column_twice" in errors(delivery)
    assert len(delivery.frame) == 2


NOTES = ["2024年优先监管地块清单", None, None, None], ["填报单位：海淀区", None, None, None]


@pytest.mark.parametrize("total", ["合计", "总 计", "小计：", "Total"])
def test_notes_above_and_totals_and_notes_below_are_no_records(tmp_path, total):
    rows = [*NOTES, HEAD, *ROWS, [total, None, "45", None], ["填表人：示例", "审核人：示例"]]

    delivery = door(workbook(tmp_path, rows))

    told = found(delivery, "row_no_record")
    assert errors(delivery) == []
    assert delivery.ready["row"].tolist() == [4, 5]
    assert told["row"].tolist() == [6, 7]
    assert total.split()[0] in told["found"].iloc[0]


def test_a_name_that_begins_like_a_total_is_a_record(tmp_path):
    delivery = door(workbook(tmp_path, [HEAD, [A, "合计路1号", "15", "海淀区"]]))

    assert delivery.ready["name"].tolist() == ["合计路1号"]


def test_headings_in_two_rows_are_read_together(tmp_path):
    head = [
        ["地块编码", "地块名称", "面积", "位置", None],
        [None, None, "用地面积（亩）", "中心经度", "中心纬度"],
    ]
    rows = [[A, "示例甲", 15, 116.3, 40.0]]

    delivery = door(workbook(tmp_path, [*head, *rows]))

    row = delivery.ready.iloc[0]
    assert (row["declared_area_m2"], row["registered_lon"]) == (10_000, 116.3)


def test_a_row_of_column_numbers_is_no_record(tmp_path):
    delivery = door(workbook(tmp_path, [HEAD, [1, 2, 3, 4], *ROWS]))

    assert found(delivery, "row_no_record")["row"].tolist() == [2]
    assert delivery.ready["code"].tolist() == [A, B]


def test_a_cell_merged_downwards_holds_for_each_row(tmp_path):
    rows = [HEAD, [A, "示例甲", 15, "海淀区"], [B, "示例乙", 30, None]]

    delivery = door(workbook(tmp_path, rows, change=lambda book: book.active.merge_cells("D2:D3")))

    assert errors(delivery) == []
    assert delivery.ready["district"].tolist() == ["110108", "110108"]


def test_a_hidden_sheet_is_read_last_and_every_sheet_left_out_is_told(tmp_path):
    def change(book):
        hidden = book.create_sheet("旧表", 0)
        for row in [HEAD, [C, "示例丙", 15, "海淀区"]]:
            hidden.append(row)
        hidden.sheet_state = "hidden"

    delivery = door(workbook(tmp_path, [HEAD, *ROWS], change=change))

    assert delivery.ready["code"].tolist() == [A, B]
    assert found(delivery, "part_not_used")["found"].tolist() == ["旧表"]


def test_a_formula_without_a_kept_result_keeps_its_row_out(tmp_path):
    rows = [HEAD, ROWS[0], [B, "示例乙", "=10+20", "海淀区"]]

    delivery = door(workbook(tmp_path, rows))

    assert found(delivery, "formula_without_result")["row"].tolist() == [3]
    assert delivery.ready["code"].tolist() == [A]


@pytest.mark.parametrize("shown", ["#REF!", "#N/A", "#DIV/0!"])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_an_error_of_the_spreadsheet_is_never_a_value(tmp_path, shown, suffix):
    rows = [HEAD, ROWS[0], [B, shown, "30", "海淀区"]]
    path = text(tmp_path, lines(*rows)) if suffix == ".csv" else workbook(tmp_path, rows)

    delivery = door(path)

    (told,) = found(delivery, "cell_error").itertuples()
    assert (told.row, told.field, told.found) == (3, "地块名称", shown)
    assert delivery.ready["code"].tolist() == [A]
    assert delivery.frame["name"].isna().tolist() == [False, True]


def rewritten(path, part, change):
    """The workbook with one part changed, or another added."""
    whole = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    path.write_bytes(whole.getvalue())
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_a_sheet_that_claims_to_be_huge_is_read_by_what_is_in_it(tmp_path):
    path = rewritten(
        workbook(tmp_path, [HEAD, *ROWS]),
        SHEET,
        lambda xml: xml.replace(b'ref="A1:D3"', b'ref="A1:XFD1048576"'),
    )

    tracemalloc.start()
    delivery = door(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert delivery.ready["code"].tolist() == [A, B]
    assert peak < 50_000_000


def test_rows_as_wide_as_a_sheet_can_be_are_refused_before_they_fill_the_memory(tmp_path):
    wide = b"".join(
        b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(4, 9000)
    )
    path = rewritten(
        workbook(tmp_path, [HEAD, *ROWS]),
        SHEET,
        lambda xml: xml.replace(b"</sheetData>", wide + b"</sheetData>"),
    )

    with pytest.raises(FileTooLargeError) as refused:
        door(path)

    assert refused.value.fields["reason"] == "workbook_cells"


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (OLE, "workbook_old"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "workbook_locked"),
    ],
)
def test_an_old_or_a_locked_workbook_is_refused_by_its_reason(tmp_path, content, reason):
    with pytest.raises(FileNotReadableError) as refused:
        door(text(tmp_path, content, name="列表.xlsx"))

    assert refused.value.fields["reason"] == reason


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", SHEET, "xl/styles.xml", "[Content_Types].xml"]
)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda xml: xml[: len(xml) // 2],
        lambda _: b"",
        lambda xml: xml.replace(b"1", b"99999999999999999999"),
        lambda xml: xml.replace(b'r="', b'r="ZZZZ'),
        lambda xml: xml.replace(b"sheet", b"shoot"),
    ],
)
def test_a_broken_workbook_is_refused_or_read_never_worse(tmp_path, part, spoil):
    path = rewritten(workbook(tmp_path, [HEAD, *ROWS]), part, spoil)

    try:
        delivery = door(path)
    except Refusal:
        return

    assert len(delivery.ready) <= len(delivery.frame)


def test_excel_days_and_serials_are_days(tmp_path):
    layer = catalog.load()["baseline_survey_project"]
    head = ["编码", "项目名称", "开工时间"]
    rows = [["X1", "甲", pd.Timestamp("2024-03-05")], ["X2", "乙", 45356], ["X3", "丙", "45356"]]

    delivery = receive(workbook(tmp_path, [head, *rows]), layer, CITY)

    days = delivery.frame["construction_started_on"]
    assert days.dt.strftime("%Y-%m-%d").tolist() == ["2024-03-05"] * 3


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_every_row_with_something_in_it_is_a_record_or_told_of(tmp_path_factory, cells):
    rows = [[name, other] for name, other in cells]
    path = workbook(tmp_path_factory.mktemp("l"), [["地块编码", "地块名称"], *rows])

    delivery = door(path)

    written = [n for n, row in enumerate(rows, 2) if any(str(cell).strip() for cell in row)]
    told = found(delivery, "row_no_record")["row"].astype(int).tolist()
    assert sorted([*delivery.frame["row"], *told]) == written
