"""Taking laboratories' workbooks in: half good ones, sheets of limits, reports, backgrounds."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
from test_laboratory import HEAD, book, codes, ends, receive
from test_sampling import POINTS, asked, run

from maps.answers import Exit
from parcels import backgrounds, districts
from parcels.errors import BackgroundsNotUsableError

CITY = districts.bundled()
LONG = [*HEAD, "检测项目", "检测结果", "单位", "用地类型"]
TABLE = "analyte,area,background,unit,source\n"


def row(number, analyte, written, unit="mg/kg", point="D-1"):
    return [number, point, "土壤", "2024-05-06", analyte, written, unit, "第一类用地"]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A register with two points in Shunyi."""
    monkeypatch.chdir(tmp_path)
    Path("点位.csv").write_text(POINTS, "utf-8")
    done = run("库.gpkg", "import", "点位.csv", "-l", "monitoring_point", "--on", "2024-01-01")
    assert done == Exit.DONE
    return "库.gpkg"


def held(capsys, store):
    rows = asked(capsys, store, "samples")["rows"]
    return sorted((one["number"], one["analyte"], one["written"]) for one in rows)


# Samples without errors come in, the others go back whole


def mixed(path):
    return book(
        path,
        LONG,
        row("S-1", "砷", "12.5"),
        row("S-1", "镉", "0.2"),
        row("S-2", "砷", "看不清"),
        row("S-2", "镉", "0.3"),
        row("S-3", "砷", "9"),
    )


def test_samples_without_errors_come_in_and_one_with_an_error_goes_back_whole(desk, capsys):
    mixed(Path("检测.xlsx"))

    refused = run(desk, "import-samples", "检测.xlsx")
    before = held(capsys, desk)
    taken = run(desk, "import-samples", "检测.xlsx", "--accept-valid")
    said = capsys.readouterr().out
    after = held(capsys, desk)

    assert (refused, taken) == (Exit.DELIVERY_NOT_ACCEPTED,) * 2
    assert before == []
    assert after == [
        ("S-1", "arsenic", "12.5"), ("S-1", "cadmium", "0.2"), ("S-3", "arsenic", "9"),
    ]  # fmt: skip
    rows = list(openpyxl.load_workbook("检测.rejects.xlsx").active.values)
    assert [one[0] for one in rows] == ["样品编号", "S-2", "S-2"]
    assert "看不清" in rows[1][-1]
    assert "整个样品" in rows[2][-1]
    assert "1 个样品（2 行）" in said
    assert "检测.rejects.xlsx" in said


def test_rejects_are_mended_and_come_in_without_touching_the_others(desk, capsys):
    mixed(Path("检测.xlsx"))
    run(desk, "import-samples", "检测.xlsx", "--accept-valid", "--rejects", "退回.xlsx")
    mended = openpyxl.load_workbook("退回.xlsx")
    mended.active["F2"] = "13"
    mended.save("退回.xlsx")
    capsys.readouterr()

    done = run(desk, "import-samples", "退回.xlsx")
    said = capsys.readouterr().out

    assert done == Exit.DONE
    assert "lab_column_not_used" not in said
    assert [one[:2] for one in held(capsys, desk)] == [
        (f"S-{n}", analyte)
        for n, analyte in (
            (1, "arsenic"), (1, "cadmium"), (2, "arsenic"), (2, "cadmium"), (3, "arsenic"),
        )
    ]  # fmt: skip


def test_the_rows_of_units_and_limits_go_back_with_a_wide_list(desk, capsys):
    head = [*HEAD, "用地类型", "砷", "镉"]
    book(
        Path("宽表.xlsx"),
        head,
        ["单位", *[None] * 4, "mg/kg", "µg/kg"],
        ["检出限", *[None] * 4, 0.01, 20],
        ["S-1", "D-1", "土壤", "2024-05-06", "第一类用地", 12.5, "ND"],
        ["S-2", "D-2", "土壤", "没有日期", "第一类用地", 12.5, "ND"],
    )

    run(desk, "import-samples", "宽表.xlsx", "--accept-valid")
    rows = [one[0] for one in openpyxl.load_workbook("宽表.rejects.xlsx").active.values]

    assert rows == ["样品编号", "单位", "检出限", "S-2"]
    assert held(capsys, desk) == [("S-1", "arsenic", "12.5"), ("S-1", "cadmium", "ND")]


def test_a_row_without_a_number_goes_back_alone(desk, capsys):
    book(Path("检测.xlsx"), LONG, row("S-1", "砷", "12.5"), row(None, "砷", "1"))

    code = run(desk, "import-samples", "检测.xlsx", "--accept-valid")

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert held(capsys, desk) == [("S-1", "arsenic", "12.5")]
    assert openpyxl.load_workbook("检测.rejects.xlsx").active.max_row == 2


def test_where_a_column_is_missing_nothing_comes_in(desk, capsys):
    book(Path("检测.xlsx"), ["样品编号", "检测项目", "检测结果"], ["S-1", "砷", "1"])

    code = run(desk, "import-samples", "检测.xlsx", "--accept-valid")

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert held(capsys, desk) == []
    assert not Path("检测.rejects.xlsx").exists()


def test_a_rejects_file_that_is_there_is_never_replaced_and_nothing_is_stored(desk, capsys):
    mixed(Path("检测.xlsx"))
    Path("退回.xlsx").write_bytes(b"mine")

    code = run(desk, "import-samples", "检测.xlsx", "--accept-valid", "--rejects", "退回.xlsx")

    assert code == Exit.OUTPUT_NOT_WRITABLE
    assert Path("退回.xlsx").read_bytes() == b"mine"
    assert held(capsys, desk) == []


def test_the_report_is_written_as_pages_and_tables(desk):
    mixed(Path("检测.xlsx"))
    names = ["报告.html", "报告.xlsx", "报告.json", "报告.csv"]

    run(desk, "import-samples", "检测.xlsx", *[w for one in names for w in ("--report", one)])

    assert "value_not_understood" in Path("报告.html").read_text("utf-8")
    assert "看不清" in Path("报告.csv").read_text("utf-8-sig")
    found = json.loads(Path("报告.json").read_text("utf-8"))["rows"]
    assert [one["code"] for one in found] == ["value_not_understood"]
    assert len(openpyxl.load_workbook("报告.xlsx").worksheets) >= 2


# Detection limits on a sheet of their own


def sheets(path, **rows):
    whole = openpyxl.Workbook()
    whole.remove(whole.active)
    for name, written in rows.items():
        sheet = whole.create_sheet(name)
        for one in written:
            sheet.append(one)
    whole.save(path)
    return path


SAMPLES = [LONG, row("S-1", "砷", "ND"), row("S-1", "镉", "ND", "µg/kg"), row("S-2", "铅", "<5")]
LIMITS = [["检测项目", "检出限", "单位", "检测方法"], ["As", 0.01, "mg/kg", "方法甲"],
          ["镉", 0.02, "mg/kg", None]]  # fmt: skip


@pytest.mark.parametrize("first", ["检测结果", "检出限"])
def test_a_sheet_of_detection_limits_says_what_not_detected_is_below(tmp_path, first):
    order = {"检测结果": SAMPLES, "检出限": LIMITS}
    named = dict(sorted(order.items(), key=lambda one: one[0] != first))

    told = receive(sheets(tmp_path / "a.xlsx", **named))

    assert codes(told) == []
    assert ends(told) == {
        ("S-1", "arsenic"): (0.0, 0.01),
        ("S-1", "cadmium"): (0.0, 0.02),
        ("S-2", "lead"): (0.0, 5.0),
    }
    assert told.readings["detection_limit"].dropna().tolist() == [0.01, 0.02]
    assert told.readings["method"].tolist()[0] == "方法甲"


def test_the_limit_beside_a_reading_goes_before_that_of_the_sheet(tmp_path):
    head = [*LONG, "检出限"]
    told = receive(
        sheets(
            tmp_path / "a.xlsx",
            检测结果=[head, [*row("S-1", "砷", "ND"), 0.5], [*row("S-2", "砷", "ND"), None]],
            检出限=LIMITS,
        )
    )

    assert ends(told) == {("S-1", "arsenic"): (0.0, 0.5), ("S-2", "arsenic"): (0.0, 0.01)}


def test_a_limit_of_another_basis_or_no_number_is_not_applied(tmp_path):
    limits = [LIMITS[0], ["砷", 0.01, "mg/L", None], ["镉", "无", "mg/kg", None]]

    told = receive(sheets(tmp_path / "a.xlsx", 检测结果=SAMPLES, 检出限=limits))

    assert sorted(codes(told)) == [
        "detection_limit_missing", "detection_limit_missing", "value_not_understood",
    ]  # fmt: skip
    assert "镉" in told.findings.of("value_not_understood")["found"].iloc[0]


def test_other_sheets_are_still_told_of(tmp_path):
    notes = [["填表说明"], ["请填写"]]

    told = receive(sheets(tmp_path / "a.xlsx", 检测结果=SAMPLES, 检出限=LIMITS, 说明=notes))

    assert codes(told) == ["part_not_used"]
    assert told.findings.of("part_not_used")["found"].tolist() == ["说明"]


# Natural contents


def judged(capsys, store, *words):
    rows = asked(capsys, store, "samples", "--judge", *words)["rows"]
    return {(one["number"], one["analyte"]): one["verdict"] for one in rows}


def test_arsenic_not_above_the_stated_background_is_no_contamination(desk, capsys):
    book(
        Path("检测.xlsx"), LONG, row("S-1", "砷", "25"), row("S-1", "镉", "25"),
        row("S-2", "砷", "25", point="D-2"), row("S-3", "砷", "31"),
    )  # fmt: skip
    run(desk, "import-samples", "检测.xlsx")
    rows = "砷,顺义区,30,mg/kg,示例来源\n砷,D-2,20000,µg/kg,示例来源\n镉,,99,mg/kg,示例来源\n"
    Path("背景.csv").write_text(TABLE + rows, "utf-8")

    without = judged(capsys, desk)
    told = judged(capsys, desk, "--background", "背景.csv")
    values = asked(capsys, desk, "samples", "--background", "背景.csv")["rows"]

    assert set(without.values()) == {"above_screening"}
    assert told == {
        ("S-1", "arsenic"): "at_background",
        # Cadmium has no footnote: its background changes nothing.
        ("S-1", "cadmium"): "above_screening",
        # The value of the point goes before that of its district.
        ("S-2", "arsenic"): "above_screening",
        ("S-3", "arsenic"): "above_screening",
    }
    assert [one["background"] for one in values] == [30, 99, 20, 30]


@pytest.mark.parametrize(
    ("written", "row_", "found"),
    [
        ("analyte,area,background,unit\n砷,,1,mg/kg\n", 1, "source"),
        (TABLE + "没有的,,1,mg/kg,某\n", 2, "没有的"),
        (TABLE + "砷,,<1,mg/kg,某\n", 2, "<1"),
        (TABLE + "砷,,1,mg/L,某\n", 2, "mg/L"),
        (TABLE + "砷,,1,mg/kg,\n", 2, "source"),
        (TABLE + "砷,,1,mg/kg,某\n砷,顺义区,1,mg/kg,某\nAs,110113,2,mg/kg,某\n", 4, "110113"),
    ],
)
def test_a_table_of_backgrounds_that_is_not_understood_is_refused(written, row_, found):
    with pytest.raises(BackgroundsNotUsableError) as refusal:
        backgrounds.given(written, CITY, file="背景.csv")

    assert (refusal.value.fields["row"], refusal.value.fields["found"]) == (row_, found)


# The twelve of the total of PCBs

TWELVE = [77, 81, 105, 114, 118, 123, 126, 156, 157, 167, 169, 189]


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(TWELVE, "above_screening"), (TWELVE[:6], "not_judged")],
    ids=["all twelve", "six of them"],
)
def test_the_twelve_congeners_add_up_to_the_total_that_is_judged(desk, capsys, measured, verdict):
    rows = [row("S-1", f"PCB {n}", 0.02 if n not in {126, 169} else 0.00001) for n in measured]
    book(Path("检测.xlsx"), LONG, *rows)
    run(desk, "import-samples", "检测.xlsx")

    assert judged(capsys, desk)["S-1", "pcbs_total"] == verdict
