"""Land that a split leaves out on purpose: said, measured, recorded, drawn, in both stores."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import shapely

from layers import catalog
from maps import cli, text
from maps.answers import Exit
from parcels import crs, tables
from parcels.register import Register

LAYERS = catalog.load()
PARENT = shapely.box(116.30, 39.95, 116.304, 39.952)
WEST = shapely.box(116.30, 39.95, 116.301, 39.952)
EAST = shapely.box(116.303, 39.95, 116.304, 39.952)
ROAD = shapely.box(116.301, 39.95, 116.303, 39.952)
LAYER = ("--layer", "priority_plot")
WHY = ("--on", "2024-06-01", "--reason", "规划调整")


@pytest.fixture
def office(tmp_path, monkeypatch, store_url):
    """A register of one plot, and files that split it."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, lang="zh", user="示例"):
        return cli.run(["--store", store_url, "--lang", lang, "--user", user, *arguments])

    def deliver(name, codes, shapes):
        frame = gpd.GeoDataFrame(
            {"地块编码": codes, "名称": codes, "环节": "初步调查"}, geometry=shapes, crs=4490
        )
        frame.to_file(name, driver="GeoJSON")
        return name

    def shown(*more):
        code = run("lineage", "S", *LAYER, "--format", "json", "--out", "l.json", *more)
        assert code == Exit.DONE
        return json.loads((tmp_path / "l.json").read_text("utf-8-sig"))["rows"]

    run.shown, run.deliver, run.url = shown, deliver, store_url
    first = deliver("报送.geojson", ["S"], [PARENT])
    assert run("import", first, *LAYER, "--on", "2023-01-01") == Exit.DONE
    deliver("两侧.geojson", ["W", "E"], [WEST, EAST])
    return run


def split(office, *more, into="两侧.geojson", lang="zh"):
    return office("split", "S", *LAYER, "--into", into, *WHY, *more, lang=lang)


def test_land_that_goes_to_nobody_is_refused_until_it_is_said_why(office):
    silent = split(office)
    blank = split(office, "--leave-out", " ")
    said = split(office, "--leave-out", "划作道路")

    assert (silent, blank, said) == (Exit.LINEAGE_NOT_POSSIBLE, Exit.USAGE, Exit.DONE)


def test_what_is_left_out_is_recorded_measured_and_sealed(office):
    split(office, "--leave-out", "划作道路")

    rows = office.shown()
    (out,) = [row for row in rows if row["left_out"]]
    opened = Register(office.url, list(LAYERS.values()))
    with opened as register, register.store.read() as connection:
        (kept,) = register.store.frame(
            connection,
            tables.remainder.select().with_only_columns(
                register.store.boundary_column(tables.remainder.c.geom)
            ),
        )["geom"]
    area = float(crs.area_m2(ROAD))
    assert [row["child"] for row in rows if not row["left_out"]] == ["W", "E"]
    assert (out["parent"], out["child"], out["left_out"]) == ("S", None, "划作道路")
    assert out["common_m2"] == pytest.approx(area, rel=1e-6)
    assert float(crs.area_m2(shapely.intersection(kept, ROAD))) == pytest.approx(area, rel=1e-6)
    assert sum(row["common_m2"] for row in rows) == pytest.approx(
        float(crs.area_m2(PARENT)), rel=1e-6
    )
    assert office("verify") == Exit.DONE


def test_nothing_is_said_to_be_left_out_where_nothing_is(office):
    office.deliver("整.geojson", ["W", "E"], [WEST, shapely.union(ROAD, EAST)])

    assert split(office, "--leave-out", "划作道路", into="整.geojson") == Exit.LINEAGE_NOT_POSSIBLE
    assert office.shown() == []


def test_one_parcel_and_a_road_are_a_split(office):
    office.deliver("一.geojson", ["W"], [WEST])

    alone = split(office, into="一.geojson")
    done = split(office, "--leave-out", "划作道路和绿地", into="一.geojson")

    assert (alone, done) == (Exit.LINEAGE_NOT_POSSIBLE, Exit.DONE)
    assert [row["child"] for row in office.shown()] == ["W", None]


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_what_is_left_out_is_said_and_drawn(office, tmp_path, lang, capsys):
    capsys.readouterr()
    split(office, "--leave-out", "<b>路", "--drawing", "分.html", lang=lang)
    said = capsys.readouterr().out
    office("lineage", "S", *LAYER, "--drawing", "来历.html", lang=lang)
    listed = capsys.readouterr().out

    words = "未划入新地块" if lang == "zh" else "Left out"
    assert words in said
    assert words in listed
    for name in ("分.html", "来历.html"):
        page = (tmp_path / name).read_text("utf-8")
        assert page.count('class="left"') == 1
        assert 'class="fault"' not in page
        assert words in page
        assert "&lt;b&gt;路" in page
        assert "<b>" not in page


def test_a_split_taken_back_left_nothing_out(office):
    split(office, "--leave-out", "划作道路")
    done = office("undo", "3", "--reason", "更正")

    assert done == Exit.DONE
    assert office.shown() == []


def test_a_submitted_split_keeps_the_reason_until_it_is_approved(office):
    sent = split(office, "--leave-out", "划作道路", "--submit")
    before = office.shown()
    approved = office("review", "approve", "2", user="示例市")

    assert (sent, approved, before) == (Exit.DONE, Exit.DONE, [])
    assert [row["left_out"] for row in office.shown()] == [None, None, "划作道路"]


def test_the_lineage_of_a_day_and_of_what_was_known_leaves_later_acts_out(office):
    split(office, "--leave-out", "划作道路")

    before = office.shown("--as-of", "2024-05-31")
    after = office.shown("--as-of", "2024-06-01")
    unknown = office("lineage", "S", *LAYER, "--known", "2020-01-01")
    child = office("lineage", "W", *LAYER, "--as-of", "2024-05-31")

    assert before == []
    assert [row["child"] for row in after] == ["W", "E", None]
    assert unknown == child == Exit.UNKNOWN_PARCEL


def test_what_the_register_knew_before_a_split_is_still_told(office):
    opened = Register(office.url, list(LAYERS.values()))
    with opened as register:
        then = register.changes()["made_at"].iloc[-1].isoformat()
    split(office, "--leave-out", "划作道路")

    assert office.shown("--known", then) == []
    assert len(office.shown()) == 3
