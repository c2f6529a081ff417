"""Workbooks of laboratories on disk: long and wide, units, detection limits, what is wrong."""

from __future__ import annotations

import openpyxl
import pandas as pd
import pytest
from town import act, plots

from layers import catalog
from maps.cli import laboratory
from parcels.findings import Findings
from parcels.ingest.laboratory import receive_samples
from parcels.register import Register

HEAD = ["样品编号", "点位编码", "样品类型", "采样日期"]
SAMPLE = ["S-1", "D-1", "土壤", "2024-05-06"]


def book(path, *rows):
    whole = openpyxl.Workbook()
    for row in rows:
        whole.active.append(row)
    whole.save(path)
    return path


def receive(path, **said):
    return receive_samples(path, Findings("monitoring_point", path.name), said=said)


def ends(told):
    return {(one.number, one.analyte): (one.low, one.high) for one in told.readings.itertuples()}


def codes(told):
    return told.findings.frame()["code"].tolist()


def test_a_wide_list_has_a_column_for_each_analyte_and_rows_for_units_and_detection_limits(
    tmp_path,
):
    told = receive(
        book(
            tmp_path / "宽表.xlsx",
            [*HEAD, "采样深度", "用地类型", "pH", "砷（mg/kg）", "Cd", "铅", "苯并(a)芘"],
            ["单位", *[None] * 7, "mg/kg", "µg/kg", "mg/kg"],
            ["检出限", *[None] * 6, 0.01, 0.02, 100, 0.1],
            [*SAMPLE, "0-20cm", "水田", 6.5, 12.5, "ND", 90000, "/"],
            ["S-2", "D-2", "土壤", "2024-05-07", "0-20cm", "水田", 7.1, "0.01L", 0.3, "<50", 0.6],
        )
    )

    assert codes(told) == []
    assert told.samples["ph"].tolist() == [6.5, 7.1]
    assert told.samples.loc[0, ["number", "medium", "land", "sampled_on", "row"]].tolist() == [
        "S-1", "soil", "paddy", "2024-05-06", 4,
    ]  # fmt: skip
    assert ends(told) == {
        ("S-1", "arsenic"): (12.5, 12.5),
        ("S-1", "cadmium"): (0.0, 0.02),
        ("S-1", "lead"): (90.0, 90.0),
        ("S-2", "arsenic"): (0.0, 0.01),
        ("S-2", "cadmium"): (0.3, 0.3),
        ("S-2", "lead"): (0.0, 0.05),
        ("S-2", "benzo_a_pyrene"): (0.6, 0.6),
    }


def test_a_long_list_has_a_row_for_each_reading(tmp_path):
    told = receive(
        book(
            tmp_path / "长表.xlsx",
            [*HEAD, "检测项目", "检测结果", "单位", "检出限", "检测方法"],
            [*SAMPLE, "pH值", 6.1, "无量纲", None, "甲"],
            [*SAMPLE, "7440-38-2", "12.5", "mg/kg", "0.01", "乙"],
            [*SAMPLE, "二噁英类（总毒性当量）", "12", "ng TEQ/kg", None, "丙"],
            ["G-1", "D-1", "地下水", "2024-05-06", "镉", "未检出", "µg/L", 0.05, "丁"],
        )
    )

    assert codes(told) == []
    assert told.samples["number"].tolist() == ["S-1", "G-1"]
    assert told.samples["ph"].tolist()[0] == 6.1
    assert ends(told) == {
        ("S-1", "arsenic"): (12.5, 12.5),
        ("S-1", "dioxins_teq"): (0.000012, 0.000012),
        ("G-1", "cadmium"): (0.0, 0.00005),
    }
    assert told.readings["method"].tolist() == ["乙", "丙", "丁"]


def test_what_the_list_leaves_out_can_be_told(tmp_path):
    path = tmp_path / "检测.csv"
    path.write_text("样品编号,点位编码,采样日期,镉(mg/kg)\nS-1,D-1,2024-05-06,0.2\n", "utf-8")

    told = receive(path, medium="soil", land="第一类用地", lab="示例实验室")

    assert codes(told) == []
    assert told.samples.loc[0, ["medium", "land", "lab"]].tolist() == [
        "soil", "class1", "示例实验室",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code", "field", "found"),
    [
        ([*SAMPLE, "砷", "坏", "mg/kg"], "value_not_understood", "检测结果", "砷 坏"),
        ([*SAMPLE, "砷", -1, "mg/kg"], "value_not_understood", "检测结果", "砷 -1"),
        ([*SAMPLE, "砷", 1, "mg/L"], "value_not_understood", "单位", "砷 mg/L"),
        ([*SAMPLE, "砷", 1, None], "value_not_understood", "单位", "砷 "),
        ([*SAMPLE, "二噁英类", 1, "ng/kg"], "value_not_understood", "单位", "二噁英类 ng/kg"),
        ([*SAMPLE, "pH", 15, None], "value_not_understood", "ph", "15"),
        (["S-2", None, "土壤", "2024-05-06", "砷", 1, "mg/kg"], "value_missing", "点位编码", None),
        (
            ["S-2", "D-1", "气", "2024-05-06", "砷", 1, "mg/kg"],
            "value_not_in_list",
            "样品类型",
            "气",
        ),
        (
            ["S-2", "D-1", "土壤", "昨天", "砷", 1, "mg/kg"],
            "value_not_understood",
            "采样日期",
            "昨天",
        ),
        (
            ["S-1", "D-9", "土壤", "2024-05-06", "铅", 1, "mg/kg"],
            "sample_contradicts",
            "点位编码",
            "D-9",
        ),
        ([*SAMPLE, "某物质", 1, "mg/kg"], "analyte_not_known", "检测项目", "某物质"),
        ([*SAMPLE, "铅", "ND", "mg/kg"], "detection_limit_missing", "检出限", "铅"),
        ([*SAMPLE, "镉", 0.3, "mg/kg"], "reading_repeated", "检测项目", "镉"),
    ],
)
def test_what_is_wrong_is_told_with_row_and_column(tmp_path, row, code, field, found):
    told = receive(
        book(
            tmp_path / "检测.xlsx",
            [*HEAD, "检测项目", "检测结果", "单位"],
            [*SAMPLE, "镉", 0.2, "mg/kg"],
            row,
        )
    )

    seen = told.findings.frame()
    seen = seen[seen["code"] == code]
    assert seen["row"].tolist() == [3]
    assert seen["field"].tolist() == [field]
    assert [None if pd.isna(one) else one for one in seen["found"]] == [found]


def test_missing_columns_are_told_all_at_once(tmp_path):
    told = receive(book(tmp_path / "检测.xlsx", ["样品编号", "镉(mg/kg)"], ["S-1", 0.2]))

    seen = told.findings.frame()
    assert set(seen["code"]) == {"lab_column_missing"}
    assert set(seen["field"]) == {"点位编码", "样品类型", "采样日期"}
    assert told.samples.empty


def test_a_column_that_is_no_analyte_is_told_and_not_used(tmp_path):
    told = receive(
        book(tmp_path / "检测.xlsx", [*HEAD, "镉(mg/kg)", "天气"], [*SAMPLE, 0.2, "晴"])
    )

    assert codes(told) == ["lab_column_not_used"]
    assert ends(told) == {("S-1", "cadmium"): (0.2, 0.2)}


def test_an_unknown_analyte_is_kept_and_has_no_verdict(tmp_path):
    told = receive(
        book(
            tmp_path / "检测.xlsx",
            [*HEAD, "检测项目", "检测结果", "单位"],
            [*SAMPLE, "某物质", 5, "µg/kg"],
        )
    )

    kept = told.readings.iloc[0]
    assert pd.isna(kept["analyte"])
    assert (kept["name"], kept["low"]) == ("某物质", 0.005)


def test_an_empty_list_is_no_crash(tmp_path):
    told = receive(book(tmp_path / "空.xlsx", HEAD))

    assert "file_empty" in codes(told)
    assert told.samples.empty


LONG = [*HEAD, "检测项目", "检测结果", "单位", "检出限"]
SOUND = [*SAMPLE, "镉", 0.2, "mg/kg", 0.01]


def long_list(*row):
    """A list with a sound row and one more."""
    return lambda folder: receive(book(folder / "检测.xlsx", LONG, SOUND, list(row)))


def wide_list(head, row):
    return lambda folder: receive(book(folder / "检测.xlsx", head, row))


def at_point(code):
    """A sample of a point, in a register that knows D-1 alone."""

    def found(folder):
        told = long_list("S-2", code, "土壤", "2024-05-06", "铅", 1, "mg/kg", None)(folder)
        layers = catalog.load()
        with Register(str(folder / "r.gpkg"), list(layers.values())) as register:
            own = plots(1).assign(code=["D-1"])
            register.take("farmland", own, act(sha="a"))
            laboratory._report_points(register, told)
        return told

    return found


FOUND = {
    "lab_column_missing": (
        wide_list(HEAD[1:], SAMPLE[1:]),
        wide_list([*HEAD, "砷(mg/kg)"], [*SAMPLE, 1]),
    ),
    "lab_column_not_used": (
        wide_list([*HEAD, "砷(mg/kg)", "天气"], [*SAMPLE, 1, "晴"]),
        wide_list([*HEAD, "砷(mg/kg)", "序号"], [*SAMPLE, 1, 1]),
    ),
    "sample_contradicts": (
        long_list("S-1", "D-2", *SAMPLE[2:], "铅", 1, "mg/kg", None),
        long_list("S-1", None, *SAMPLE[2:], "铅", 1, "mg/kg", None),
    ),
    "point_not_known": (at_point("D-9"), at_point("D-1")),
    "analyte_not_known": (
        long_list(*SAMPLE, "某物质", 1, "mg/kg", None),
        long_list(*SAMPLE, "锌", 1, "mg/kg", None),
    ),
    "detection_limit_missing": (
        long_list(*SAMPLE, "铅", "ND", "mg/kg", None),
        long_list(*SAMPLE, "铅", "ND", "mg/kg", 0.1),
    ),
    "sample_without_reading": (
        wide_list([*HEAD, "砷(mg/kg)", "pH"], [*SAMPLE, None, None]),
        wide_list([*HEAD, "砷(mg/kg)", "pH"], [*SAMPLE, None, 6.5]),
    ),
    "reading_repeated": (
        long_list(*SAMPLE, "镉", 0.2, "mg/kg", None),
        long_list("S-2", *SAMPLE[1:], "镉", 0.2, "mg/kg", None),
    ),
}
"""For each finding about samples, a list that raises it and one just without the fault."""


@pytest.mark.parametrize("code", FOUND)
def test_a_list_with_the_fault_raises_its_finding_and_one_just_without_does_not(tmp_path, code):
    raises, spares = FOUND[code]
    for folder in (odd := tmp_path / "odd", sound := tmp_path / "sound"):
        folder.mkdir()

    assert code in codes(raises(odd))
    assert code not in codes(spares(sound))
