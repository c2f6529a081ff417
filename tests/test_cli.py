"""The command line, as staff use it: on real files, in both languages."""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely

from maps import cli, interactive, text
from maps.answers import Exit

PLOTS = """地块编码,地块名称,所属区,环节,行业类别
1101050320001,示例一号,朝阳区,优先监管,化工
1101050320002,示例二号,朝阳,初步调查,化工
1101080320003,示例三号,海淀,优先监管,电镀
"""


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A folder with one delivery, and a way to run commands on its register."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "朝阳区_地块.csv").write_text(PLOTS, encoding="gb18030")

    def run(*arguments):
        return cli.run(["--store", "登记库.gpkg", "--lang", "zh", "--user", "示例", *arguments])

    return run


def table_of(path):
    return json.loads(path.read_text("utf-8-sig"))["rows"]


def test_a_delivery_becomes_parcels_and_coverage(office, tmp_path, capsys):
    stored = office("import", "朝阳区_地块.csv", "--layer", "priority_plot", "--on", "2024-08-31")
    office("coverage", "--format", "json", "--out", "c.json", "--no-stages")

    rows = {row["place"]: row for row in table_of(tmp_path / "c.json")}
    assert stored == Exit.DONE
    assert "新增 3 个地块" in capsys.readouterr().out
    assert rows["110105"]["parcels"] == 2
    assert rows["110105"]["without_boundary"] == 2
    assert rows["110105"]["area_m2"] is None
    assert rows["110101"]["parcels"] == 0
    assert rows["total"]["parcels"] == 3


def test_a_wrong_row_keeps_all_out_and_the_exit_code_says_so(office, tmp_path, capsys):
    (tmp_path / "坏.csv").write_text(PLOTS + ",示例四号,海淀,没有的环节,化工\n", "utf-8")

    refused = office("import", "坏.csv", "--layer", "priority_plot")
    office("coverage")

    said = capsys.readouterr().out
    assert refused == Exit.DELIVERY_NOT_ACCEPTED
    assert "没有的环节" in said
    assert "登记库里还没有地块" in said


def test_good_rows_can_be_taken_and_the_others_mended_and_sent_again(office, tmp_path):
    (tmp_path / "坏.csv").write_text(
        PLOTS + "1101080320009,示例四号,海淀,没有的环节,化工\n", "utf-8"
    )

    office("import", "坏.csv", "--layer", "priority_plot", "--accept-valid")
    rejects = tmp_path / "坏.rejects.csv"
    kept = rejects.read_text("utf-8-sig")
    rejects.write_text(kept.replace("没有的环节", "优先监管"), "utf-8-sig")
    mended = office("import", "坏.rejects.csv", "--layer", "priority_plot")
    office("coverage", "--format", "json", "--out", "c.json", "--no-stages")

    assert kept.count("\n") == 2
    assert mended == Exit.DONE
    assert table_of(tmp_path / "c.json")[-1]["parcels"] == 4


def test_rejects_never_replace_a_file_that_may_hold_mended_rows(office, tmp_path):
    (tmp_path / "坏.csv").write_text(PLOTS + "X,示例四号,海淀,没有的环节,化工\n", "utf-8")
    (tmp_path / "坏.rejects.csv").write_text("已改好", "utf-8")
    take = ["import", "坏.csv", "--layer", "priority_plot", "--accept-valid"]

    refused = office(*take, "--rejects", "坏.rejects.csv")
    nothing = office("coverage", "--format", "json", "--out", "c.json")
    taken = office(*take)

    assert refused == Exit.OUTPUT_NOT_WRITABLE
    assert nothing == Exit.DONE
    assert not (tmp_path / "c.json").exists()  # nothing was stored, so there is nothing to count
    assert taken == Exit.DELIVERY_NOT_ACCEPTED
    assert (tmp_path / "坏.rejects.csv").read_text("utf-8") == "已改好"
    assert "没有的环节" in (tmp_path / "坏.rejects-2.csv").read_text("utf-8-sig")


def test_nothing_is_stored_when_the_rejects_cannot_be_written(office, tmp_path):
    (tmp_path / "坏.csv").write_text(PLOTS + "X,示例四号,海淀,没有的环节,化工\n", "utf-8")

    refused = office(
        "import", "坏.csv", "--layer", "priority_plot", "--accept-valid",
        "--rejects", "没有的文件夹/退回.csv",
    )  # fmt: skip
    office("coverage", "--format", "json", "--out", "c.json")

    assert refused == Exit.OUTPUT_NOT_WRITABLE
    assert not (tmp_path / "c.json").exists()


def test_the_same_file_twice_changes_nothing(office, capsys):
    office("import", "朝阳区_地块.csv", "--layer", "priority_plot")
    again = office("import", "朝阳区_地块.csv", "--layer", "priority_plot")

    assert again == Exit.DONE
    assert "没有再做任何改动" in capsys.readouterr().out


def test_a_dry_run_stores_nothing(office, capsys):
    office("import", "朝阳区_地块.csv", "--layer", "priority_plot", "--dry-run")
    office("coverage")

    assert "登记库里还没有地块" in capsys.readouterr().out


def test_two_files_are_taken_in_together_or_not_at_all(office, tmp_path, capsys):
    (tmp_path / "坏.csv").write_text("地块编码,地块名称,环节\nX,示例,没有的环节\n", "utf-8")

    refused = office("import", "朝阳区_地块.csv", "坏.csv", "--layer", "priority_plot")
    office("coverage")

    assert refused == Exit.DELIVERY_NOT_ACCEPTED
    assert "登记库里还没有地块" in capsys.readouterr().out


def test_the_report_is_written_as_a_workbook(office, tmp_path):
    (tmp_path / "坏.csv").write_text("地块编码,地块名称,环节\nX,=1+1,没有的环节\n", "utf-8")

    office("import", "坏.csv", "--layer", "priority_plot", "--report", "问题.xlsx")

    sheets = openpyxl.load_workbook(tmp_path / "问题.xlsx").worksheets
    cells = [str(c.value) for sheet in sheets for row in sheet.iter_rows() for c in row]
    assert any("没有的环节" in cell for cell in cells)


def test_boundaries_make_areas_and_a_map_that_names_no_outside_address(office, tmp_path):
    frame = gpd.GeoDataFrame(
        {"DKDM": ["1101080320003"], "DKMC": ["</script><b>示例"]},
        geometry=[shapely.box(116.2, 40.0, 116.203, 40.002)],
        crs=4490,
    )
    frame.to_file(tmp_path / "海淀.shp", encoding="GBK")
    (tmp_path / "海淀.cpg").unlink()

    stored = office("import", "海淀.shp", "--layer", "priority_plot", "--stage", "优先监管")
    drawn = office("map", "图.html", "--district", "海淀")
    office("coverage", "--by", "unit", "--format", "geojson", "--out", "c.geojson")

    page = (tmp_path / "图.html").read_text("utf-8")
    assert (stored, drawn) == (Exit.DONE, Exit.DONE)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "</script><b>" not in page
    shares = gpd.read_file(tmp_path / "c.geojson")
    assert shares.loc[shares["place"] == "110108", "area_m2"].max() > 50_000


def test_a_district_that_sent_nothing_is_no_data_on_the_map_and_not_a_share_of_0(
    office, tmp_path, monkeypatch
):
    frame = gpd.GeoDataFrame(
        {"编码": ["1101080320003"], "名称": ["示例"], "环节": ["优先监管"]},
        geometry=[shapely.box(116.2, 40.0, 116.203, 40.002)],
        crs=4490,
    )
    frame.to_file(tmp_path / "海淀.gpkg")
    office("import", "海淀.gpkg", "--layer", "priority_plot")
    given = {}
    draws = interactive.offline_map

    def drawn(*views, **more):
        given.update(more)
        return draws(*views, **more)

    monkeypatch.setattr(interactive, "offline_map", drawn)
    office("map", "图.html")

    shares = given["coverage"].set_index("district")["share"]
    assert shares["110108"] == pytest.approx(0.000132, rel=0.05)
    assert shares.drop("110108").isna().all()


def test_the_open_register_is_never_read_as_a_delivery(office, capsys):
    office("import", "朝阳区_地块.csv", "--layer", "priority_plot")

    refused = office("import", "登记库.gpkg", "--layer", "priority_plot")

    assert refused == Exit.FILE_NOT_READABLE
    assert "正是打开着的登记库" in capsys.readouterr().err


def test_reading_a_register_that_is_not_there_makes_none(office, tmp_path):
    assert office("coverage") == Exit.STORE_NOT_FOUND
    assert not (tmp_path / "登记库.gpkg").exists()


def test_districts_can_be_replaced(office, tmp_path, capsys):
    office("import", "朝阳区_地块.csv", "--layer", "priority_plot")
    gpd.GeoDataFrame(
        {"code": ["110105", "110108"], "name": ["朝阳区", "海淀区"]},
        geometry=[shapely.box(116.4, 39.8, 116.6, 40.1), shapely.box(116.2, 39.8, 116.4, 40.1)],
        crs=4490,
    ).to_file(tmp_path / "区界.gpkg")

    loaded = office("districts", "load", "区界.gpkg")
    office("districts", "--format", "json", "--out", "d.json")

    rows = {row["code"]: row for row in table_of(tmp_path / "d.json")}
    assert loaded == Exit.DONE
    assert rows["110105"]["area_km2"] == pytest.approx(568, rel=0.01)
    assert "示例边界" not in capsys.readouterr().out


def test_a_27th_layer_is_one_more_file_and_takes_parcels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "自定图层"
    folder.mkdir()
    (folder / "well.toml").write_text(
        'key = "well"\nzh = "示例水井"\nen = "Sample well"\nshape = "point"\n'
        'measures = ["2.1"]\n\n'
        '[[stages]]\nkey = "open"\nzh = "在用"\nen = "in use"\n\n'
        '[[fields]]\nkey = "depth_m"\nkind = "number"\nunit = "m"\n'
        'zh = "井深"\nen = "Depth"\n',
        "utf-8",
    )
    (tmp_path / "井.csv").write_text(
        "编码,名称,井深,环节,经度,纬度\nW1,示例井,30,在用,116.3,39.95\n", "utf-8"
    )
    start = ["--store", "r.gpkg", "--lang", "zh", "--layers", str(folder)]

    stored = cli.run([*start, "import", "井.csv", "--layer", "well"])
    listed = cli.run([*start, "layers"])

    assert (stored, listed) == (Exit.DONE, Exit.DONE), capsys.readouterr()
    connection = sqlite3.connect(tmp_path / "r.gpkg")
    assert connection.execute("SELECT code, depth_m FROM well").fetchall() == [("W1", 30.0)]
    connection.close()
    assert "示例水井" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["priority_plot", "farmland", "monitoring_point"])
@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_layer_can_be_shown_and_filled_in(tmp_path, key, lang):
    shown = cli.run(["--lang", lang, "layers", "show", key])
    made = cli.run(["--lang", lang, "layers", "template", key, str(tmp_path / "空表.xlsx")])
    again = cli.run(["--lang", lang, "layers", "template", key, str(tmp_path / "空表.xlsx")])

    assert (shown, made, again) == (Exit.DONE, Exit.DONE, Exit.OUTPUT_NOT_WRITABLE)


COMMANDS = [
    [],
    ["import"],
    ["coverage"],
    ["map"],
    ["layers"],
    ["layers", "show"],
    ["layers", "template"],
    ["districts"],
    ["districts", "load"],
    ["mappings"],
    ["mappings", "forget"],
    ["demo"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c) or "jingtu")
@pytest.mark.parametrize(("lang", "example"), [("zh", "例："), ("en", "Example:")])
def test_every_command_has_help_with_an_example(command, lang, example, capsys):
    done = cli.run(["--lang", lang, *command, "--help"])

    said = capsys.readouterr().out
    assert done == Exit.DONE
    assert example in said
    assert "commands." not in said
    assert "cli.options" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["import"], "缺少"),
        (["nothing"], "不能识别"),
        (["coverage", "--no-such"], "没有 --no-such"),
        (["coverage", "--by", "x"], "--by"),
    ],
)
def test_what_cannot_be_understood_is_said_in_chinese(arguments, says, capsys):
    assert cli.run(["--lang", "zh", *arguments]) == Exit.USAGE
    assert says in capsys.readouterr().err


def test_an_unknown_layer_district_or_stage_is_refused_with_the_known_ones(office):
    office("import", "朝阳区_地块.csv", "--layer", "priority_plot")

    assert office("coverage", "--layer", "prioritty_plot") == Exit.UNKNOWN_LAYER
    assert office("coverage", "--district", "不存在区") == Exit.UNKNOWN_DISTRICT
    assert office("coverage", "--layer", "priority_plot", "--stage", "x") == Exit.UNKNOWN_STAGE


def test_coverage_recomputed_from_boundaries_is_the_kept_one(office, tmp_path):
    shapes = [shapely.box(116.2 + i * 0.002, 40, 116.203 + i * 0.002, 40.002) for i in range(5)]
    gpd.GeoDataFrame(
        {"编码": [f"110108032{i:04d}" for i in range(5)], "名称": "示例"},
        geometry=shapes,
        crs=4490,
    ).to_file(tmp_path / "a.gpkg")
    office("import", "a.gpkg", "--layer", "priority_plot", "--stage", "优先监管")

    office("coverage", "--format", "json", "--out", "kept.json")
    office("coverage", "--format", "json", "--out", "again.json", "--recompute")

    kept, again = (
        pd.DataFrame(table_of(tmp_path / name)).set_index(["layer", "place", "stage"])
        for name in ("kept.json", "again.json")
    )
    pd.testing.assert_frame_equal(kept, again, rtol=1e-9)
    assert kept["area_once_m2"].max() < kept["area_m2"].max()
