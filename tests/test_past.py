"""What the reading commands show of a past day, and as it was known then."""

from __future__ import annotations

import csv
import datetime as dt
import json

import geopandas as gpd
import openpyxl
import pytest
from town import AT, DAY, PLOT, act, on, plots

from layers.library import Library
from maps import cli, settings, text
from maps.answers import Exit
from maps.cli.desk import Desk
from parcels.districts import Territory, bundled
from parcels.model import Moment
from parcels.recording import Act
from parcels.register import Filter, Register

FIRST = """地块编码,地块名称,所属区,环节,行业类别
1101050320001,示例一号,朝阳区,优先监管,化工
1101050320002,示例二号,朝阳区,优先监管,化工
"""
SECOND = FIRST.replace("示例一号", "示例一号甲") + "1101080320003,示例三号,海淀区,优先监管,电镀\n"
JUNE, SEPTEMBER = dt.date(2024, 6, 30), dt.date(2024, 9, 30)


@pytest.fixture
def office(store_url, tmp_path, monkeypatch):
    """Two deliveries, true from June and from September, known on two days of October."""
    monkeypatch.chdir(tmp_path)
    clock = [dt.datetime(2024, 10, 1, 1, tzinfo=dt.UTC)]
    monkeypatch.setattr(settings, "now", lambda: clock[0])

    def run(*arguments, lang="zh"):
        return cli.run(["--store", store_url, "--lang", lang, "--user", "示例", *arguments])

    for day, name, content in ((JUNE, "一.csv", FIRST), (SEPTEMBER, "二.csv", SECOND)):
        (tmp_path / name).write_text(content, "utf-8")
        done = run("import", name, "--layer", "priority_plot", "--on", day.isoformat())
        assert done == Exit.DONE
        clock[0] += dt.timedelta(days=10)
    return run


def told(path):
    return json.loads(path.read_text("utf-8-sig"))


def listed(office, tmp_path, *arguments):
    take = ["parcels", "--layer", "priority_plot", "--format", "json", "--out", "p.json"]
    assert office(*take, *arguments) == Exit.DONE
    return told(tmp_path / "p.json")


OLD, NEW = {"示例一号", "示例二号"}, {"示例一号甲", "示例二号", "示例三号"}
MOMENTS = [
    ([], NEW),
    (["--as-of", "2024-08-31"], OLD),
    (["--as-of", "2024-06-29"], set()),
    (["--known", "2024-10-05"], OLD),
    (["--known", "2024-10-11"], NEW),
    (["--known", "2024-10-11T08:59:59"], OLD),
    (["--known", "2024-10-11T01:00:01Z"], NEW),
    (["--known", "2024-09-30"], set()),
    (["--as-of", "2024-08-31", "--known", "2030-01-01"], OLD),
]


def test_the_list_shows_what_was_true_on_a_day_as_known_on_a_day(office, tmp_path):
    found = [
        {row["name"] for row in listed(office, tmp_path, *arguments)["rows"]}
        for arguments, _ in MOMENTS
    ]

    assert found == [names for _, names in MOMENTS]


def test_every_output_states_both_dates(office, tmp_path, capsys):
    at = ["--as-of", "2024-08-31", "--known", "2024-10-05"]
    office("coverage", *at, "--format", "json", "--out", "c.json")
    office("map", "m.html", *at)
    office("layers", *at, "--format", "json", "--out", "l.json")
    found = listed(office, tmp_path, *at)
    office("coverage", *at)
    office("parcels", "--layer", "priority_plot", *at, lang="en")

    said = capsys.readouterr().out
    for meta in (told(tmp_path / "c.json")["meta"], told(tmp_path / "l.json")["meta"]):
        assert meta["on"] == found["meta"]["on"] == "2024-08-31"
        assert meta["known"] == found["meta"]["known"] == "2024-10-05T15:59:59.999999+00:00"
    assert "2024-08-31 的情况，按北京时间 2024-10-05 23:59:59 所知" in said
    assert "state of 2024-08-31, as known at 2024-10-05 23:59:59 Beijing time" in said
    assert "2024-10-05 23:59:59" in (tmp_path / "m.html").read_text("utf-8")
    counted = {row["layer"]: row["parcels"] for row in told(tmp_path / "l.json")["rows"]}
    assert counted["priority_plot"] == 2


def test_coverage_of_the_past_counts_what_was_known_then(office, tmp_path):
    take = ["coverage", "--no-stages", "--format", "json", "--out", "c.json"]

    counts = []
    for at in ([], ["--as-of", "2024-08-31"], ["--known", "2024-10-05"]):
        office(*take, *at)
        counts.append(told(tmp_path / "c.json")["rows"][-1]["parcels"])

    assert counts == [3, 2, 2]


@pytest.mark.parametrize(
    "wrong", ["", "yesterday", "2024-13-01", "2024-06-31", "0001-01-01T00", "9"]
)
def test_a_known_date_that_is_none_is_a_usage_error_in_words(capsys, wrong):
    refused = cli.run(["--lang", "zh", "coverage", "--known", wrong])

    assert refused == Exit.USAGE
    assert "2024-09-30T17:30" in capsys.readouterr().err


def test_a_list_comes_in_every_form(office, tmp_path, capsys):
    take = ["parcels", "--layer", "priority_plot"]
    office(*take, "--format", "csv", "--out", "p.csv")
    office(*take, "--format", "xlsx", "--out", "p.xlsx")
    office(*take, "--format", "geojson", "--out", "p.geojson")
    office(*take)

    with (tmp_path / "p.csv").open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 3
    sheet = openpyxl.load_workbook(tmp_path / "p.xlsx").worksheets[0]
    cells = {str(cell.value) for row in sheet.iter_rows() for cell in row}
    assert {"示例一号甲", "朝阳区", "电镀"} <= cells
    assert len(gpd.read_file(tmp_path / "p.geojson")) == 3
    assert "海淀区" in capsys.readouterr().out


CHOICES = [
    (["--district", "海淀"], {"示例三号"}),
    (["--unit", "朝阳区"], {"示例一号甲", "示例二号"}),
    (["--stage", "优先监管", "--district", "朝阳"], {"示例一号甲", "示例二号"}),
    (["--code", "1101050320002"], {"示例二号"}),
    (["--code", "没有"], set()),
    (["--bbox", "115,39,118,42"], set()),  # none of them has a boundary
]


def test_a_list_can_be_narrowed(office, tmp_path):
    found = [
        {row["name"] for row in listed(office, tmp_path, *choice)["rows"]} for choice, _ in CHOICES
    ]

    assert found == [names for _, names in CHOICES]


@pytest.mark.parametrize("wrong", ["1,2,3", "a,b,c,d", "117,40,116,41", "116,41,117,40", ""])
def test_a_box_that_is_none_is_a_usage_error(wrong):
    assert cli.run(["parcels", "--layer", "priority_plot", "--bbox", wrong]) == Exit.USAGE


def test_sensitive_fields_are_listed_only_when_asked_for(office, tmp_path):
    hidden = listed(office, tmp_path)
    whole = listed(office, tmp_path, "--sensitive")

    keys = [{column["key"] for column in one["columns"]} for one in (hidden, whole)]
    declared = Desk("", "zh", "").catalog()["priority_plot"]
    assert keys[1] - keys[0] == {field.key for field in declared.fields if field.sensitive}
    assert keys[1] - keys[0]
    assert "--sensitive" in json.dumps(hidden["meta"], ensure_ascii=False)


def test_coverage_known_before_a_redrawing_uses_the_borders_known_then(store_url):
    redrawn = Territory(bundled().districts.iloc[:8], bundled().units)
    first = on(DAY, AT + dt.timedelta(days=1))
    with Register(store_url, [PLOT]) as register:
        border = register.territory.districts.geometry
        shared = border["110105"].intersection(border["110108"])
        at = shared.interpolate(0.5, normalized=True)
        across = plots(3, west=at.x - 0.004, south=at.y - 0.001)
        register.take(PLOT.key, across, act())
        library = Library(register, Desk("", "zh", "").catalog())
        before = library.coverage([PLOT.key], Moment(DAY))
        split = register.crossing(PLOT.key, Moment(DAY))

        register.load_territory(
            redrawn, Act(by="示例", at=AT + dt.timedelta(days=2), on=DAY), source="示例"
        )
        then = library.coverage([PLOT.key], first)
        split_then = register.crossing(PLOT.key, first)
        stated = register.territory_at(first).districts.index

    assert then.equals(before)
    assert split_then.equals(split)
    assert len(split) > 0
    assert len(stated) == len(bundled().districts)


def test_a_filter_by_code_finds_the_parcel(store_url):
    with Register(store_url, [PLOT]) as register:
        register.take(PLOT.key, plots(3), act())
        found = register.frame(PLOT.key, on(DAY), where=Filter(codes=("P0001",)))

    assert found["code"].tolist() == ["P0001"]


def test_what_a_change_made_known_is_read_by_its_number(store_url):
    with Register(store_url, [PLOT]) as register:
        first = register.take(PLOT.key, plots(2), act()).change
        second = register.take(PLOT.key, plots(2, stage="listed"), act(days=1)).change

        stages = [
            set(register.frame(PLOT.key, Moment(DAY, change=number))["stage"])
            for number in (first - 1, first, second)
        ]

    assert stages == [set(), {"surveyed"}, {"listed"}]


def test_the_words_of_both_dates_are_there_in_both_languages():
    moments = [on(DAY), on(DAY, AT), Moment(DAY, change=7)]

    said = [Desk("", lang, "").state(one) for lang in text.LANGUAGES for one in moments]

    assert len(set(said)) == 6
    assert all("2024-06-01" in one for one in said)
