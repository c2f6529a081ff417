"""What differs between two moments, two changes, or a file and the register, in every form."""

from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from town import square

from layers import catalog
from maps import cli, differences, settings
from maps.answers import Exit

A, B, C = "1101080320001", "1101080320002", "1101080320003"


def plots(codes, **columns):
    shapes = [square(116.2 + 0.003 * i, 40.0) for i in range(len(codes))]
    data = {"编码": codes, "名称": [f"示例{code[-1]}号" for code in codes], "环节": "优先监管"}
    return gpd.GeoDataFrame(data | columns, geometry=shapes, crs=4490)


@pytest.fixture
def office(store_url, tmp_path, monkeypatch):
    """Two plots in June; in September one has more land and another name, and a third is there."""
    monkeypatch.chdir(tmp_path)
    clock = [dt.datetime(2024, 10, 1, 1, tzinfo=dt.UTC)]
    monkeypatch.setattr(settings, "now", lambda: clock[0])

    def run(*arguments, lang="zh"):
        clock[0] += dt.timedelta(days=1)
        return cli.run(["--store", store_url, "--lang", lang, "--user", "示例", *arguments])

    second = plots([A, B, C], 名称=["改名", "示例2号", "示例3号"])
    second.geometry = [square(116.2, 40.0, side=0.0025), *second.geometry[1:]]
    for name, frame, day in (
        ("一.geojson", plots([A, B]), "2024-06-30"),
        ("二.geojson", second, "2024-09-30"),
    ):
        frame.to_file(tmp_path / name, driver="GeoJSON")
        take = ["import", name, "--layer", "priority_plot", "--on", day]
        assert run(*take) == Exit.DONE
    return run


def told(path):
    return json.loads(path.read_text("utf-8-sig"))


def lines(office, tmp_path, *arguments):
    assert office("diff", *arguments, "--format", "json", "--out", "d.json") == Exit.DONE
    return told(tmp_path / "d.json")


WHOLE = [
    ("changed", A, "name"),
    ("changed", A, "boundary"),
    ("added", C, None),
]


def test_moments_and_changes_are_compared_both_ways(office, tmp_path):
    asked = {
        ("2024-07-01", "2024-10-02"): WHOLE,
        ("2024-07-01",): WHOLE,
        ("@2024-10-02", "now"): WHOLE,
        ("2024-10-02@2024-10-02", "2024-10-02"): WHOLE,
        ("2", "3"): WHOLE,
        ("3",): WHOLE,
        ("3", "2"): [*WHOLE[:2], ("removed", C, None)],
        ("2",): [("added", A, None), ("added", B, None)],
        ("2024-10-02", "now"): [],
        ("2", "2", "--as-of", "2024-07-01"): [],
    }

    for arguments, expected in asked.items():
        found = lines(office, tmp_path, *arguments, "--layer", "priority_plot")
        rows = [(row["what"], row["code"], row["field"]) for row in found["rows"]]
        assert rows == expected, arguments


def test_land_gained_and_lost_and_both_values_are_told(office, tmp_path):
    found = lines(office, tmp_path, "2", "3")

    name, boundary, _ = found["rows"]
    assert (name["before"], name["after"]) == ("示例1号", "改名")
    assert boundary["gained_m2"] == pytest.approx(21350, rel=0.02)
    assert boundary["lost_m2"] == 0
    assert found["meta"]["counts"]["priority_plot"] == {
        "added": 1,
        "changed": 1,
        "removed": 0,
        "unchanged": 1,
    }
    assert (found["meta"]["from"]["change"], found["meta"]["to"]["change"]) == (2, 3)


def test_a_file_is_compared_with_the_register_before_it_is_taken_in(office, tmp_path):
    sent = plots([A, B], 名称=["改名", "又改名"])
    sent.geometry = [square(116.2, 40.0, side=0.0025), None]
    sent.to_file(tmp_path / "三.geojson", driver="GeoJSON")
    start = ["--layer", "priority_plot"]

    found = lines(office, tmp_path, "三.geojson", *start)
    back = lines(office, tmp_path, "三.geojson", "now", *start)
    office("changes", "--format", "json", "--out", "c.json")

    rows = [(row["what"], row["code"], row["before"], row["after"]) for row in found["rows"]]
    assert rows == [("changed", B, "示例2号", "又改名"), ("removed", C, None, None)]
    assert found["meta"]["to"]["file"] == back["meta"]["from"]["file"] == "三.geojson"
    assert [row["what"] for row in back["rows"]] == ["changed", "added"]
    assert len(told(tmp_path / "c.json")["rows"]) == 3


def test_rows_with_errors_are_left_out_and_counted(office, tmp_path, capsys):
    bad = plots([A, B], 环节=["没有的环节", "优先监管"])
    bad.to_file(tmp_path / "坏.geojson", driver="GeoJSON")

    assert office("diff", "坏.geojson", "--layer", "priority_plot") == Exit.DONE

    assert "有 1 行存在错误" in capsys.readouterr().out


def test_a_difference_comes_in_every_form(office, tmp_path, capsys):
    office("diff", "2", "3", "--html", "差别.html")
    office("diff", "2", "3", lang="en")
    for form in ("xlsx", "csv", "geojson"):
        assert office("diff", "2", "3", "--format", form, "--out", f"d.{form}") == Exit.DONE

    said = capsys.readouterr().out
    page = (tmp_path / "差别.html").read_text("utf-8")
    assert "新增 1 个地块，改变 1 个，减少 0 个，未变 1 个。" in said
    assert "1 parcel added, 1 changed, 0 removed, 1 unchanged." in said
    assert "变更 2 号 → 变更 3 号" in page
    assert "http" not in page.split("Jingtu.start")[1]
    drawn = gpd.read_file(tmp_path / "d.geojson")
    assert sorted(drawn["what"]) == ["added", "changed", "gained"]
    sentence = drawn.loc[drawn["what"] == "changed", "changes"].iloc[0]
    assert sentence.startswith("名称：示例1号 → 改名；边界：增加")
    sheet = openpyxl.load_workbook(tmp_path / "d.xlsx").worksheets[0]
    assert any("边界" in row for row in sheet.iter_rows(values_only=True))


def test_values_of_sensitive_fields_are_not_told():
    layer = catalog.load()["priority_plot"]
    secret = next(field.key for field in layer.fields if field.sensitive)
    fields = pd.DataFrame(
        {"parcel": [1, 1], "field": [secret, "name"], "before": "a", "after": "b"}
    )

    told = differences.masked(fields, layer)

    assert told[["before", "after"]].to_numpy().tolist() == [[None, None], ["a", "b"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["没有的文件.shp"],
        ["2024-13-01"],
        ["2024-06-30@gestern"],
        [""],
        ["@"],
        ["一.geojson", "二.geojson"],
        ["一.geojson"],  # of which layer?
    ],
)
def test_what_is_no_state_is_a_usage_error(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    for name in ("一.geojson", "二.geojson"):
        (tmp_path / name).write_text("{}", "utf-8")

    assert cli.run(["--lang", "zh", "diff", *arguments]) == Exit.USAGE


def test_a_change_that_is_not_there_is_refused(office):
    assert office("diff", "2", "99") == Exit.UNKNOWN_CHANGE


def test_the_screen_shows_the_first_lines_and_says_how_many_there_are(office, capsys, monkeypatch):
    monkeypatch.setattr("maps.cli.comparing.MOST_SHOWN", 1)

    office("diff", "2", "3")

    said = capsys.readouterr().out
    assert "屏幕只列前 1 行，共 3 行" in said
    assert said.count("优先监管地块") == 1
