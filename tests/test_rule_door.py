"""The rules between layers at the door: what a delivery, a move or a split brings to light."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from town import square

from layers import catalog, rule_door
from maps import cli
from maps.answers import Exit
from maps.cli import checking
from parcels.findings import Findings
from parcels.model import Moment
from parcels.register import Register

LAYERS = catalog.load()
SITE, KEY, ALERT = "contaminated_site", "key_construction_land", "remote_sensing_alert"
HOMES = {"编码": "K1", "名称": "示例乙", "环节": "已调查", "规划用途类别": "住宅"}


def jingtu(*words):
    return cli.run(["--lang", "zh", "--store", "r.gpkg", *map(str, words)])


def deliver(layer, shapes, *more, **columns):
    """Send one file; the codes of its findings about rules between layers, by row."""
    file = f"{layer}.gpkg"
    Path(file).unlink(missing_ok=True)
    frame = gpd.GeoDataFrame({k: [v] for k, v in columns.items()}, geometry=shapes, crs=4490)
    frame.to_file(file, driver="GPKG")
    code = jingtu(
        "import", file, "--layer", layer, "--on", "2024-06-01", "--report", "a.json", *more
    )
    rows = json.loads(Path("a.json").read_text("utf-8"))["rows"]
    ours = [row for row in rows if row["code"] in LAYERS.rules]
    return code, ours


@pytest.fixture(autouse=True)
def _office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deliver(SITE, [square(116.2, 40)], 编码="L1", 名称="示例甲", 环节="修复")


def test_a_layer_that_names_no_rule_of_the_door_is_not_looked_at():
    quiet = [key for key, layer in LAYERS.items() if not rule_door.rules_of(layer)]

    assert {"orchard", "woodland", "fuel_station"} <= set(quiet)
    assert {SITE, KEY, ALERT, "farmland"}.isdisjoint(quiet)


def test_a_delivery_is_warned_of_what_the_law_forbids_and_taken_in():
    code, found = deliver(KEY, [square(116.201, 40)], **HOMES)

    (one,) = found
    assert code == Exit.DONE
    assert (one["severity"], one["row"], one["number"]) == ("warning", 1, "K1")
    assert one["details"]["other"] == "L1"
    assert one["details"]["other_layer"] == SITE
    assert one["details"]["other_version"] == 1
    assert "“L1”" in one["what"]
    assert "土壤污染防治法第61条" in one["what"]


def test_what_lies_elsewhere_is_taken_in_without_a_word():
    code, found = deliver(KEY, [square(116.3, 40)], **HOMES)

    assert (code, found) == (Exit.DONE, [])


def test_the_row_is_that_of_the_delivery_whichever_side_it_is():
    deliver(ALERT, [square(116.201, 40)], 图斑号="T1", 状态="核查属实")
    _, found = deliver(SITE, [square(116.2005, 40)], 编码="L9", 名称="示例丁", 环节="列入名录")

    assert {(one["row"], one["number"], one["details"]["other"]) for one in found} == {
        (1, "L9", "T1")
    }


def test_what_two_other_layers_say_of_each_other_is_not_told_of_a_third():
    deliver(KEY, [square(116.201, 40)], 开工时间="2024-03-01", **HOMES)
    _, found = deliver(ALERT, [square(116.5, 40)], 图斑号="T1", 状态="核查属实")

    assert found == []


def test_what_a_row_does_not_say_is_as_it_was():
    deliver(KEY, [square(116.3, 40)], **HOMES)
    told = {"编码": "K1", "名称": "改名"}
    _, moved = deliver(KEY, [square(116.201, 40)], **told)
    _, begun = deliver(KEY, [None], **told, 开工时间="2024-03-01")

    assert [one["code"] for one in moved] == ["listed_site_planned_for_homes_or_public_use"]
    assert {one["code"] for one in begun} == {
        "listed_site_planned_for_homes_or_public_use",
        "construction_before_target",
    }


def test_strictly_controlled_basic_farmland_is_told_of_at_the_door():
    _, found = deliver(
        "farmland", [square(116.4, 40)],
        编码="F1", 类别="严格管控", 永久基本农田="是", 已落实措施="否",
    )  # fmt: skip

    assert [one["code"] for one in found] == ["strict_control_without_measure"]


def test_a_move_is_followed_by_what_does_not_stand_then(capsys):
    deliver(ALERT, [square(116.201, 40)], 图斑号="T1", 状态="已派发")
    capsys.readouterr()
    evidence = ["--evidence", "inspection_record", "--number", "示例1", "--dated", "2024-06-02",
                "--issued-by", "示例局"]  # fmt: skip

    done = jingtu("advance", "T1", "核查属实", "--layer", ALERT, "--on", "2024-06-03", *evidence)

    told = capsys.readouterr().out
    assert done == Exit.DONE
    assert "construction_before_target:1:2" in told
    assert "变更已入库" in told


def test_a_split_is_followed_by_what_does_not_stand_of_its_children(capsys):
    deliver(KEY, [square(116.201, 40)], **HOMES)
    west, east = (shapely.box(x, 40, x + 0.001, 40.002) for x in (116.201, 116.202))
    parts = gpd.GeoDataFrame({"编码": ["K1-1", "K1-2"]}, geometry=[west, east], crs=4490)
    parts.to_file("parts.gpkg", driver="GPKG")
    capsys.readouterr()

    done = jingtu("split", "K1", "--layer", KEY, "--into", "parts.gpkg", "--on", "2024-06-03",
                  "--stage", "已调查", "--reason", "示例")  # fmt: skip

    told = capsys.readouterr().out
    assert done == Exit.DONE, told
    assert "“K1-1”" in told
    assert "“K1-2”" not in told.split("变更已入库")[1]


def test_a_delivery_is_not_touched_where_no_other_layer_holds_a_parcel():
    # Whoever looks into it fails.
    rows = object()
    with Register("empty.gpkg", list(LAYERS.values())) as register:
        for key in (SITE, KEY, ALERT, "priority_plot", "screening_ledger", "orchard"):
            rule_door.look(
                register, LAYERS, LAYERS[key], rows,
                moment=Moment(dt.date(2024, 6, 1)), findings=Findings(key, ""),
            )  # fmt: skip


def test_what_an_approval_or_an_undoing_brings_back_is_told(capsys):
    deliver(KEY, [square(116.201, 40)], "--submit", **HOMES)
    capsys.readouterr()
    assert jingtu("review", "approve", "2") == Exit.DONE
    approved = capsys.readouterr().out
    changed = deliver(KEY, [square(116.3, 40)], 编码="K1", 名称="示例乙")
    capsys.readouterr()
    assert jingtu("undo", "5", "--reason", "示例") == Exit.DONE
    undone = capsys.readouterr().out

    assert changed == (Exit.DONE, [])
    for said in (approved, undone):
        assert "listed_site_planned_for_homes_or_public_use:1:2" in said


def test_a_change_of_very_many_parcels_is_left_to_the_check(capsys, monkeypatch):
    deliver(KEY, [square(116.201, 40)], "--submit", **HOMES)
    monkeypatch.setattr(checking, "MOST_TOUCHED", 0)
    capsys.readouterr()

    assert jingtu("review", "approve", "2") == Exit.DONE
    assert "jingtu check" in capsys.readouterr().out
