"""`jingtu indicators` as staff use it: figures, targets, trend, cases, in every form."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path

import openpyxl
import pytest

from maps import cli, settings
from maps.answers import Exit

LAND = """编码,名称,环节,责任单位,所在区,批准时间,调查完成时间,开工时间,处罚时间,整改到位时间
L1,示例一号,可安全利用,朝阳区,朝阳区,2024-02-01,2024-01-05,,,
L2,示例二号,违法开发,朝阳区,朝阳区,2024-02-11,2024-01-05,2024-03-01,,
L3,示例三号,列入名录,海淀区,海淀区,2024-03-01,2024-01-05,2024-04-01,2024-05-01,2024-06-01
L4,示例四号,已调查,海淀区,海淀区,2024-04-01,,,,
"""
STATIONS = """编码,名称,责任单位,所在区,防渗漏检查时间
S1,示例一站,朝阳区,朝阳区,2024-02-01
S2,示例二站,朝阳区,朝阳区,
S3,示例三站,海淀区,海淀区,2023-12-31
S4,示例四站,海淀区,海淀区,2024-08-01
"""
COUNT = "construction_land_safe_use_rate_by_count"
LEAKS = "fuel_station_leak_check_rate"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A folder with a register that the tests only read."""
    folder = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, text, layer in (
            ("land.csv", LAND, "key_construction_land"),
            ("stations.csv", STATIONS, "fuel_station"),
        ):
            Path(name).write_text(text, "utf-8")
            start = ["--lang", "zh", "import", name, "--layer", layer]
            assert cli.run([*start, "--on", "2024-01-01"]) == Exit.DONE
    return folder


@pytest.fixture(autouse=True)
def _at_the_desk(office, monkeypatch):
    monkeypatch.chdir(office)
    monkeypatch.setattr(settings, "today", lambda: dt.date(2024, 12, 31))


def run(capsys, *words, lang="zh"):
    capsys.readouterr()
    code = cli.run(["--lang", lang, "indicators", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def rows(capsys, *words):
    code, out, _ = run(capsys, *words, "--format", "json")
    assert code == Exit.DONE
    said = json.loads(out)
    return {row["figure"]: row for row in said["rows"]}, said["meta"]


def test_all_indicators_are_shown_for_the_city_and_none_is_left_out(capsys):
    found, meta = rows(capsys, "--period", "2024Q2")

    assert len(found) == 52
    assert {row["place"] for row in found.values()} == {"total"}
    assert (meta["on"], meta["periods"]) == ("2024-06-30", ["2024Q2"])
    assert found[f"{COUNT}:total:2024Q2"]["value"] == 0.25
    assert found["straw_use_rate:total:2024Q2"]["reason"] == "not_reported"
    assert found["straw_use_rate:total:2024Q2"]["verdict"] == "no_data"
    assert found["straw_use_rate:total:2024Q2"]["value"] is None


def test_a_measure_shows_both_readings_for_every_unit(capsys):
    found, _ = rows(capsys, "--measure", "4.1", "--period", "2024Q2")

    assert len(found) == 2 * 18
    assert sum(row["place"] == "110115403" for row in found.values()) == 2
    chaoyang, haidian = (found[f"{COUNT}:{code}:2024Q2"] for code in ("110105", "110108"))
    assert (chaoyang["value"], chaoyang["verdict"]) == (0.5, "not_met")
    assert haidian["terms"] | {"unknown": 1, "rectified": 1, "changed": 2} == haidian["terms"]
    assert (haidian["least"], haidian["most"]) == (0.0, 0.5)
    by_area = found["construction_land_safe_use_rate:110105:2024Q2"]
    assert (by_area["state"], by_area["reason"]) == ("cannot_be_judged", "no_boundary")


def test_units_and_districts_are_chosen_by_name(capsys):
    unit, _ = rows(capsys, "-i", LEAKS, "-p", "2024Q2", "--unit", "朝阳区")
    district, _ = rows(capsys, "-i", LEAKS, "-p", "2024Q2", "--district", "Haidian")

    assert list(unit) == [f"{LEAKS}:110105:2024Q2"]
    assert list(district) == [f"{LEAKS}:110108:2024Q2@district"]
    assert unit[f"{LEAKS}:110105:2024Q2"]["verdict"] == "met"
    assert district[f"{LEAKS}:110108:2024Q2@district"]["verdict"] == "not_met"


def test_a_trend_tells_how_each_place_moved(capsys):
    found, meta = rows(capsys, "-i", LEAKS, "--trend", "2023Q4..2024Q3", "--unit", "海淀")

    told = [(row["period"], row["value"], row["change"]) for row in found.values()]
    assert told == [
        ("2023Q4", None, None),
        ("2024Q1", 0.0, None),
        ("2024Q2", 0.0, 0.0),
        ("2024Q3", 0.5, 0.5),
    ]
    assert found[f"{LEAKS}:110108:2023Q4"]["reason"] == "formula_not_in_force"
    assert meta["periods"] == ["2023Q4", "2024Q1", "2024Q2", "2024Q3"]


def test_a_period_that_is_not_over_counts_up_to_today(capsys, monkeypatch):
    monkeypatch.setattr(settings, "today", lambda: dt.date(2024, 7, 15))

    running, meta = rows(capsys, "-i", LEAKS, "--unit", "海淀")
    code, _, err = run(capsys, "-i", LEAKS, "--period", "2024Q4")

    assert list(running) == [f"{LEAKS}:110108:2024Q3"]
    assert running[f"{LEAKS}:110108:2024Q3"]["value"] == 0.0
    assert meta["on"] == "2024-07-15"
    assert (code, "还没有开始" in err) == (Exit.USAGE, True)


def test_a_day_and_what_was_known_then_can_be_asked_for(capsys):
    found, meta = rows(capsys, "-i", LEAKS, "--unit", "海淀", "--as-of", "2024-08-01")
    nothing, _ = rows(capsys, "-i", LEAKS, "--as-of", "2024-08-01", "--known", "2020-01-01")

    assert found[f"{LEAKS}:110108:2024-08-01"]["value"] == 0.5
    assert meta["on"] == "2024-08-01"
    assert {row["reason"] for row in nothing.values()} == {"no_parcels"}


def test_people_read_names_reasons_and_what_is_not_certain(capsys):
    _, out, _ = run(capsys, "--measure", "4.1", "--period", "2024Q2")

    assert "重点建设用地安全利用率（按面积）" in out
    assert "25.00%" in out
    assert "未达到" in out
    assert "没有登记地块的：东城区" in out
    assert "目标：=100%，或 ≥95% 且" in out
    assert "未决：" in out
    assert "None" not in out
    assert "construction_land" not in out


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("words", [[], ["list"], ["cases"], ["--by", "district"]])
def test_every_view_speaks_both_languages(capsys, lang, words):
    code, out, err = run(capsys, *words, *([] if words == ["list"] else ["-p", "2024"]), lang=lang)

    assert (code, err) == (Exit.DONE, "")
    assert ("指标" in out or "违法" in out) is (lang == "zh")
    assert "{" not in out


def test_csv_and_workbook_hold_the_figures(office, capsys):
    _, out, _ = run(capsys, "-i", LEAKS, "-p", "2024Q2", "--format", "csv")
    code, _, _ = run(capsys, "-i", LEAKS, "-p", "2024Q2", "--format", "xlsx", "--out", "a.xlsx")

    table = list(csv.DictReader(io.StringIO(out)))
    assert len(table) == 18
    assert json.loads(table[-1]["构成"])["checked"] == 1
    sheet = openpyxl.load_workbook(office / "a.xlsx").active
    assert (code, sheet.max_row) == (Exit.DONE, 19)
    assert sheet["A1"].value == "单位或地区"


def test_the_cases_say_which_parcel_why_and_by_which_article(capsys):
    code, out, _ = run(capsys, "cases", "--period", "2024Q2", "--format", "json")
    few = json.loads(run(capsys, "cases", "-p", "2024Q2", "--unit", "朝阳", "--format", "json")[1])

    told = [
        (row["state"], row["code"], row["reason"], row["act_on"], "66" in (row["article"] or ""))
        for row in json.loads(out)["rows"]
    ]
    assert code == Exit.DONE
    assert told == [
        ("open", "L2", "stage", None, True),
        ("rectified", "L3", "no_building_before_target", "2024-04-01", True),
        ("not_known", "L4", "survey_before_change_of_use", "2024-04-01", False),
    ]
    assert [row["code"] for row in few["rows"]] == ["L2"]


def test_the_list_tells_formula_target_source_and_open_questions(capsys):
    _, out, _ = run(capsys, "list", "--measure", "8.2", "--format", "json")

    first, second = json.loads(out)["rows"]
    assert (first["indicator"], first["measures"]) == (
        "contaminated_farmland_safe_use_rate", "8.2"
    )  # fmt: skip
    assert "A =（B + C + D）÷ E" in first["formula"]
    assert first["target"] == "≥95%"
    assert "C 类面积" in first["question"]
    assert second["question"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-i", "no_such"], Exit.UNKNOWN_RULE, "没有名为“no_such”的指标"),
        (["-m", "4.9"], Exit.UNKNOWN_RULE, "没有编号为“4.9”的措施"),
        (["-p", "2024Q7"], Exit.USAGE, "2024Q7"),
        (["--trend", "2024Q3..2024Q1"], Exit.USAGE, "2024Q3..2024Q1"),
        (["-p", "2024Q1", "--trend", "2024Q1..2024Q2"], Exit.USAGE, "只能写一个"),
        (["--unit", "天津"], Exit.UNKNOWN_DISTRICT, "天津"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(capsys, words, code, said):
    given, _, err = run(capsys, *words)

    assert given == code
    assert said in err


def test_a_factor_is_set_by_the_environment_and_told(capsys, monkeypatch):
    term = "contaminated_farmland_safe_use_rate.c"
    monkeypatch.setenv("JINGTU_WEIGHTS", f"{term}=0.9")
    _, told, _ = run(capsys, "-p", "2024Q2")
    monkeypatch.setenv("JINGTU_WEIGHTS", f"{term}=often")
    refused = run(capsys, "-p", "2024Q2")
    monkeypatch.setenv("JINGTU_WEIGHTS", "no_such.term=1")
    unknown = run(capsys, "-p", "2024Q2")

    assert f"{term} = 0.9" in told
    assert refused[0] == Exit.USAGE
    assert unknown[0] == Exit.UNKNOWN_RULE


def test_what_a_unit_reported_is_shown_with_its_report_and_the_city_is_not_made_up(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("stations.csv").write_text(STATIONS, "utf-8")
    Path("票据.pdf").write_bytes(b"%PDF-1.4 straw")
    for words in (
        ["import", "stations.csv", "--layer", "fuel_station", "--on", "2024-01-01"],
        ["plan", "report", "straw_use_rate", "--unit", "大兴", "--period", "2024Q2", "--value",
         "98.7%", "--evidence", "统计报表", "--number", "京统2号", "--file", "票据.pdf"],
    ):  # fmt: skip
        assert cli.run(["--lang", "zh", "--user", "示例填报人", *words]) == Exit.DONE

    found, _ = rows(capsys, "--measure", "11.3", "--period", "2024Q2", "--by", "unit")
    other, _ = rows(capsys, "-i", "straw_use_rate", "--period", "2024Q3")
    _, out, _ = run(capsys, "-i", "straw_use_rate", "-p", "2024Q2")

    daxing = found["straw_use_rate:110115:2024Q2"]
    assert (daxing["value"], daxing["verdict"], daxing["state"]) == (0.987, "met", "reported")
    assert (daxing["report"], daxing["person"]) == (1, "示例填报人")
    assert len(daxing["evidence"]) == 64
    assert found["straw_use_rate:total:2024Q2"]["state"] == "no_data"
    assert found["straw_use_rate:110111:2024Q2"]["reason"] == "not_reported"
    assert other["straw_use_rate:110115:2024Q3"]["state"] == "no_data"
    assert "98.70%" in out
    assert "没有填报" in out


def test_figures_of_districts_can_be_drawn_and_those_of_units_cannot(capsys):
    code, out, _ = run(
        capsys, "-i", LEAKS, "-p", "2024Q2", "--by", "district", "--format", "geojson"
    )
    refused, _, _ = run(capsys, "-i", LEAKS, "-p", "2024Q2", "--by", "unit", "--format", "geojson")

    said = json.loads(out)
    values = {f["properties"]["place"]: f["properties"]["value"] for f in said["features"]}
    assert (code, refused) == (Exit.DONE, Exit.USAGE)
    assert len(said["features"]) == 16
    assert all(one["geometry"]["type"].endswith("Polygon") for one in said["features"])
    assert (values["110105"], values["110101"]) == (0.5, None)


def test_people_read_how_far_missing_facts_leave_a_figure_open(capsys):
    _, out, _ = run(capsys, "-i", COUNT, "-p", "2024Q2", "--unit", "海淀")

    assert "0.00%（信息补全后在 0.00% 至 50.00% 之间）" in out


def test_a_target_of_another_years_plan_says_so(capsys, monkeypatch):
    monkeypatch.setattr(settings, "today", lambda: dt.date(2026, 12, 31))

    _, this, _ = run(capsys, "-i", LEAKS, "-p", "2024Q2")
    _, later, _ = run(capsys, "-i", LEAKS, "-p", "2026Q2")

    assert "目标出自2024年行动计划" not in this
    assert "目标出自2024年行动计划；2026年没有载入新的计划" in later
