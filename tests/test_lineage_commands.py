"""`jingtu split`, `merge`, `resurvey` and `lineage`, as a person types them."""

from __future__ import annotations

import json
import re

import geopandas as gpd
import pytest
import shapely

from maps import cli
from maps.answers import Exit

PARENT = shapely.box(116.30, 39.95, 116.304, 39.952)
WEST = shapely.box(116.30, 39.95, 116.302, 39.952)
EAST = shapely.box(116.302, 39.95, 116.304, 39.952)
LAYER = ["--layer", "contaminated_site"]
WHY = ["--on", "2024-06-01", "--reason", "规划调整"]


def run(*arguments, lang="zh"):
    return cli.run(["--store", "r.gpkg", "--lang", lang, *arguments])


def deliver(name, codes, shapes, **columns):
    frame = gpd.GeoDataFrame({"地块编码": codes, **columns}, geometry=list(shapes), crs=4490)
    frame.to_file(name, driver="GeoJSON")
    return name


@pytest.fixture(autouse=True)
def _office(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sent = deliver(
        "报送.geojson",
        ["S1"],
        [PARENT],
        名称=["示例地块"],
        环节=["修复"],
        列入名录时间=["2022-03-01"],
        主要污染物=["砷"],
    )
    assert run("import", sent, *LAYER, "--on", "2023-01-01") == Exit.DONE
    deliver("分割.geojson", ["S1-1", "S1-2"], [WEST, EAST], 名称=["西", "东"])
    capsys.readouterr()


def rows_of(capsys, *arguments):
    capsys.readouterr()
    assert run(*arguments, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


def test_a_listed_site_is_split_and_its_children_stay_listed(capsys):
    done = run("split", "S1", *LAYER, "--into", "分割.geojson", *WHY, "--drawing", "分割.html")

    said = capsys.readouterr().out
    shown = rows_of(capsys, "parcels", *LAYER, "--as-of", "2024-06-01")["rows"]
    assert done == Exit.DONE
    assert "规划调整" not in said
    assert "S1-1" in said
    assert "第66条" in said
    assert [(one["code"], one["stage"]) for one in shown] == [
        ("S1-1", "remediation"),
        ("S1-2", "remediation"),
    ]
    assert {one["pollutants"] for one in shown} == {"砷"}
    assert {str(one["listed_on"])[:10] for one in shown} == {"2022-03-01"}


def test_a_split_may_not_take_a_site_off_the_list(capsys):
    deliver("分割.geojson", ["A", "B"], [WEST, EAST], 环节=["修复", "移出名录"])
    done = run("split", "S1", *LAYER, "--into", "分割.geojson", *WHY)

    said = capsys.readouterr().out
    assert done == Exit.LINEAGE_NOT_POSSIBLE
    assert "按本图层的规则，新地块的环节应为“修复”" in said
    assert "登记库没有改动" in said
    assert len(rows_of(capsys, "parcels", *LAYER)["rows"]) == 1


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_land_left_over_is_told_with_its_place_drawn_and_refused(capsys, tmp_path, lang):
    deliver("分割.geojson", ["A", "B"], [WEST, shapely.box(116.302, 39.95, 116.3035, 39.952)])
    done = run(
        "split", "S1", *LAYER, "--into", "分割.geojson", *WHY, "--drawing", "分割.html", lang=lang
    )

    said, page = capsys.readouterr().out, (tmp_path / "分割.html").read_text("utf-8")
    assert done == Exit.LINEAGE_NOT_POSSIBLE
    assert "116.30375" in said
    assert page.count('class="fault"') == 1
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org)", page)


def test_nothing_is_done_without_a_document_or_a_reason(capsys):
    assert run("split", "S1", *LAYER, "--into", "分割.geojson") == Exit.USAGE
    assert "jingtu split" in capsys.readouterr().err


def test_a_dry_run_changes_nothing(capsys):
    assert run("split", "S1", *LAYER, "--into", "分割.geojson", *WHY, "--dry-run") == Exit.DONE
    assert len(rows_of(capsys, "parcels", *LAYER)["rows"]) == 1


def test_a_file_with_mistakes_splits_nothing(capsys):
    deliver("分割.geojson", ["A", None], [WEST, EAST])

    assert run("split", "S1", *LAYER, "--into", "分割.geojson", *WHY) == Exit.DELIVERY_NOT_ACCEPTED
    assert len(rows_of(capsys, "parcels", *LAYER)["rows"]) == 1


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", ["去向", "分割"]), ("en", ["Became", "Split"])]
)
def test_the_chain_is_a_tree_a_table_for_programs_and_a_page(capsys, tmp_path, lang, words):
    document = ["--evidence", "list_entry", "--number", "示例〔2024〕7号", "--dated", "2024-05-20",
                "--issued-by", "示例局"]  # fmt: skip
    day = ["--on", "2024-06-01"]
    assert run("split", "S1", *LAYER, "--into", "分割.geojson", *day, *document) == Exit.DONE
    merged = ["--into", "S2", "--on", "2024-06-15", "--reason", "再合并"]
    assert run("merge", "S1-1", "S1-2", *LAYER, *merged) == Exit.DONE
    capsys.readouterr()

    assert run("lineage", "S1", *LAYER, "--drawing", "来历.html", lang=lang) == Exit.DONE
    tree = capsys.readouterr().out
    told = rows_of(capsys, "lineage", "S2", *LAYER)
    page = (tmp_path / "来历.html").read_text("utf-8")
    assert all(word in tree for word in [*words, "S1-1", "S1-2", "S2", "示例〔2024〕7号"])
    assert [(one["parent"], one["child"]) for one in told["rows"]] == [
        ("S1", "S1-1"), ("S1", "S1-2"), ("S1-1", "S2"), ("S1-2", "S2"),
    ]  # fmt: skip
    relations = {one["code"]: one["relation"] for one in told["meta"]["parcels"]}
    assert relations == {"S1": "ancestor", "S1-1": "ancestor", "S1-2": "ancestor", "S2": "self"}
    assert page.count("<svg") == 4
    assert "<text" in page
    assert "S1-2" in page


def test_parcels_that_disagree_on_a_restriction_need_it_said(capsys):
    other = shapely.box(116.304, 39.95, 116.306, 39.952)
    sent = deliver(
        "二.geojson", ["T1"], [other], 名称=["邻"], 环节=["列入名录"], 主要污染物=["铅"]
    )
    assert run("import", sent, *LAYER, "--on", "2023-01-01") == Exit.DONE
    merge = ["merge", "S1", "T1", *LAYER, "--into", "M1", *WHY]

    assert run(*merge) == Exit.LINEAGE_NOT_POSSIBLE
    assert "污染物" in capsys.readouterr().out
    assert run(*merge, "--set", "主要污染物=砷、铅") == Exit.DONE
    (one,) = rows_of(capsys, "parcels", *LAYER)["rows"]
    assert (one["code"], one["stage"], one["pollutants"]) == ("M1", "listed", "砷、铅")


def test_a_new_survey_keeps_everything_but_the_boundary(capsys):
    (before,) = rows_of(capsys, "parcels", *LAYER)["rows"]
    deliver("重测.geojson", ["S1"], [shapely.box(116.30, 39.95, 116.30405, 39.952)])

    assert run("resurvey", "S1", *LAYER, "--boundary", "重测.geojson", *WHY) == Exit.DONE
    (after,) = rows_of(capsys, "parcels", *LAYER)["rows"]
    assert (after["code"], after["stage"], after["pollutants"]) == ("S1", "remediation", "砷")
    assert after["area_m2"] > before["area_m2"] * 1.01


def test_a_survey_of_other_land_is_refused(capsys):
    deliver("重测.geojson", ["S1"], [shapely.box(116.3035, 39.95, 116.308, 39.952)])

    done = run("resurvey", "S1", *LAYER, "--boundary", "重测.geojson", *WHY)
    assert done == Exit.LINEAGE_NOT_POSSIBLE
    assert "%" in capsys.readouterr().out


def test_a_parcel_that_nobody_split_says_so(capsys):
    assert run("lineage", "S1", *LAYER) == Exit.DONE
    assert "没有分割、合并或重测的记录" in capsys.readouterr().out
    assert run("lineage", "nobody", *LAYER) == Exit.UNKNOWN_PARCEL
