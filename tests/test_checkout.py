"""Copies lent for editing: edited by GDAL from other processes, merged by the command line."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely.affinity import translate

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels.exchange.checkout import ABOUT, NUMBER, ROWS
from parcels.model import Moment
from parcels.register import Register

LAYERS = catalog.load()
CODES = [f"11010803200{n:02d}" for n in range(6)]
START = "2024-06-01"
DAY = "2024-07-01"


def plots():
    """Six plots in Haidian, 600 m apart."""
    return gpd.GeoDataFrame(
        {
            "code": CODES,
            "name": [f"示例地块{n}" for n in range(6)],
            "stage": "priority",
            "district": "110108",
            "unit": "110108",
            "industry": "化工",
            "owner": "示例公司",
            "closed_on": pd.Timestamp("2020-01-31").as_unit("s"),
            "production_years": 12.5,
            "is_priority": True,
        },
        geometry=[shapely.box(116.2 + n / 100, 40, 116.204 + n / 100, 40.003) for n in range(6)],
        crs=4490,
    )


both_stores = pytest.mark.parametrize(
    "store", ["embedded", pytest.param("postgis", marks=pytest.mark.postgis)], indirect=True
)


@pytest.fixture
def store(request, tmp_path):
    """Address of an empty register: embedded, unless a test asks for both stores."""
    if getattr(request, "param", "embedded") == "embedded":
        return str(tmp_path / "register.gpkg")
    return request.getfixturevalue("postgis_url")


@pytest.fixture
def office(store, tmp_path, monkeypatch):
    """A register with six plots, and a way to run commands on it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JINGTU_FILES", str(tmp_path / "文件"))

    def run(*arguments):
        return cli.run(["--store", store, "--lang", "zh", "--user", "示例", *arguments])

    plots().to_file(tmp_path / "报送.gpkg")
    assert run("import", "报送.gpkg", "--layer", "priority_plot", "--on", START) == Exit.DONE
    return run


@pytest.fixture
def copy(office, tmp_path):
    """The copy of all plots."""
    assert office("checkout", "副本.gpkg", "--layer", "priority_plot") == Exit.DONE
    return tmp_path / "副本.gpkg"


@pytest.fixture
def now(store):
    """What the register says on a day, by code."""

    def read(day=DAY):
        with Register(store, list(LAYERS.values())) as register:
            on = pd.Timestamp(day).date()
            return register.frame("priority_plot", Moment(on)).reset_index().set_index("code")

    return read


def edit(path, code, /, **fields):
    """Let GDAL of another process write fields of one plot; None for nothing."""
    said = ", ".join(f"{k} = NULL" if v is None else f"{k} = '{v}'" for k, v in fields.items())
    run_sql(path, f"UPDATE priority_plot SET {said} WHERE code = '{code}'")


def run_sql(path, statement):
    done = subprocess.run(
        ["ogrinfo", str(path), "-sql", statement], capture_output=True, text=True, check=True
    )
    assert "ERROR" not in done.stderr


def rewritten(path, program):
    """Let geopandas in another process read the layer, change it, and write it back."""
    script = (
        "import sys, geopandas as gpd, pandas as pd, shapely\n"
        "from shapely.affinity import translate\n"
        "path = sys.argv[1]\n"
        "plots = gpd.read_file(path, layer='priority_plot')\n"
        f"{program}\n"
        "plots.to_file(path, layer='priority_plot', driver='GPKG')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True)


def moved(path, code, east):
    rewritten(
        path,
        f"at = plots.code == {code!r}\nplots.loc[at, 'geometry'] = plots[at].translate({east}, 0)",
    )


def change_register(office, tmp_path, code, **fields):
    """What another person does meanwhile."""
    table = pd.DataFrame({"code": [code], **{key: [held] for key, held in fields.items()}})
    table.to_csv(tmp_path / f"其他{len(list(tmp_path.iterdir()))}.csv", index=False)
    path = max(tmp_path.glob("其他*.csv"), key=lambda one: one.stat().st_mtime_ns)
    done = office("import", path.name, "--layer", "priority_plot", "--on", "2024-06-15")
    assert done == Exit.DONE


def merge(office, *more):
    return office("import", "副本.gpkg", "--on", DAY, *more)


@pytest.mark.usefixtures("copy")
def test_a_copy_that_nobody_edited_changes_nothing(office, now, capsys):
    before = now()

    done = merge(office)

    assert done == Exit.DONE
    assert "文件改了 0 个地块" in capsys.readouterr().out
    pd.testing.assert_frame_equal(now(), before)


@both_stores
def test_edits_of_fields_and_boundaries_and_new_features_are_merged(office, copy, now):
    before = now()
    edit(copy, CODES[0], name="新名称", owner=None)
    moved(copy, CODES[1], 0.0005)
    rewritten(
        copy,
        "new = plots.iloc[[0]].copy()\n"
        "new['jingtu_parcel'] = None; new['code'] = '1101080320090'\n"
        "new['geometry'] = new.translate(0, 0.01)\n"
        "plots = gpd.GeoDataFrame(pd.concat([plots, new], ignore_index=True), crs=plots.crs)",
    )

    done = merge(office)

    after = now()
    assert done == Exit.DONE
    assert after.loc[CODES[0], "name"] == "新名称"
    assert pd.isna(after.loc[CODES[0], "owner"])
    assert after.loc[CODES[0], "industry"] == "化工"
    expected = translate(before.geometry[CODES[1]], 0.0005)
    assert after.geometry[CODES[1]].equals_exact(expected, 1e-9)
    assert after.loc["1101080320090", "owner"] is not None
    assert sorted(after.index) == sorted([*CODES, "1101080320090"])
    assert after.loc[CODES[0], "parcel"] == before.loc[CODES[0], "parcel"]
    pd.testing.assert_frame_equal(after.loc[CODES[2:]], before.loc[CODES[2:]])


@both_stores
def test_edits_of_both_to_other_fields_of_one_parcel_survive(office, copy, now, tmp_path):
    edit(copy, CODES[0], name="文件的名称")
    change_register(office, tmp_path, CODES[0], industry="电镀")
    change_register(office, tmp_path, CODES[1], owner="另一公司")

    done = merge(office)

    after = now()
    assert done == Exit.DONE
    assert (after.loc[CODES[0], "name"], after.loc[CODES[0], "industry"]) == ("文件的名称", "电镀")
    assert after.loc[CODES[1], "owner"] == "另一公司"


def test_a_conflict_is_listed_field_by_field_and_nothing_is_stored(
    office, copy, now, tmp_path, capsys
):
    edit(copy, CODES[0], name="文件的名称", industry="制药")
    change_register(office, tmp_path, CODES[0], name="别人的名称")
    before = now()
    capsys.readouterr()

    done = merge(office)

    said = capsys.readouterr().out
    assert done == Exit.DELIVERY_NOT_ACCEPTED
    assert "签出时 示例地块0｜文件 文件的名称｜登记库 别人的名称" in said
    assert "冲突 1 处，未决 1 处" in said
    pd.testing.assert_frame_equal(now(), before)


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("theirs", "文件的名称"),
        ("ours", "别人的名称"),
        (f"{CODES[0]}=theirs", "文件的名称"),
        (f"{CODES[0]}:名称=theirs", "文件的名称"),
        (f"{CODES[0]}:name=ours", "别人的名称"),
    ],
)
def test_a_conflict_is_resolved_by_what_is_typed(office, copy, now, tmp_path, choice, name):
    edit(copy, CODES[0], name="文件的名称", industry="制药")
    change_register(office, tmp_path, CODES[0], name="别人的名称")

    done = merge(office, "--resolve", choice)

    after = now()
    assert done == Exit.DONE
    assert after.loc[CODES[0], "name"] == name
    assert after.loc[CODES[0], "industry"] == "制药"


@pytest.mark.usefixtures("copy")
def test_what_is_typed_and_not_understood_is_refused(office):
    assert merge(office, "--resolve", "both") == Exit.USAGE
    assert merge(office, "--resolve", f"{CODES[0]}:没有=theirs") == Exit.USAGE
    assert merge(office, "--end-removed") == Exit.USAGE
    assert merge(office, "--differences", "差异.docx") == Exit.USAGE


@both_stores
def test_conflicts_are_resolved_in_a_workbook(office, copy, now, tmp_path):
    edit(copy, CODES[0], name="文件的名称", industry="制药")
    change_register(office, tmp_path, CODES[0], name="别人的名称", industry="电镀")
    refused = merge(office, "--differences", "差异.xlsx")
    book = openpyxl.load_workbook(tmp_path / "差异.xlsx")
    page = book.active
    heads = [cell.value for cell in page[1]]
    by_label = {row[heads.index("字段")].value: row for row in page.iter_rows(min_row=2)}
    by_label["名称"][0].value = "文件"
    by_label["行业类别"][0].value = "登记库"
    book.save(tmp_path / "差异.xlsx")

    done = merge(office, "--resolutions", "差异.xlsx")

    after = now()
    assert (refused, done) == (Exit.DELIVERY_NOT_ACCEPTED, Exit.DONE)
    assert (after.loc[CODES[0], "name"], after.loc[CODES[0], "industry"]) == ("文件的名称", "电镀")
    assert by_label["名称"][heads.index("登记库")].value == "别人的名称"


def test_a_choice_made_before_the_register_changed_again_does_not_count(
    office, copy, now, tmp_path, capsys
):
    edit(copy, CODES[0], name="文件的名称")
    change_register(office, tmp_path, CODES[0], name="别人的名称")
    merge(office, "--differences", "差异.xlsx")
    book = openpyxl.load_workbook(tmp_path / "差异.xlsx")
    book.active["A2"].value = "文件"
    book.save(tmp_path / "差异.xlsx")
    change_register(office, tmp_path, CODES[0], name="再改的名称")

    done = merge(office, "--resolutions", "差异.xlsx")

    assert done == Exit.DELIVERY_NOT_ACCEPTED
    assert now().loc[CODES[0], "name"] == "再改的名称"
    assert "填表以后" in capsys.readouterr().out


@both_stores
def test_a_removed_feature_ends_only_when_that_is_said_and_why(office, copy, now, capsys):
    run_sql(copy, f"DELETE FROM priority_plot WHERE code = '{CODES[2]}'")
    kept = merge(office)
    still = now()
    told = capsys.readouterr().out

    done = merge(office, "--end-removed", "--reason", "已并入相邻地块")

    assert (kept, done) == (Exit.DONE, Exit.DONE)
    assert "文件里删去了地块“示例地块2”" in told
    assert CODES[2] in still.index
    assert CODES[2] not in now().index
    assert CODES[2] in now("2024-06-30").index


def test_a_removed_feature_that_others_changed_is_kept_until_it_is_decided(
    office, copy, now, tmp_path
):
    run_sql(copy, f"DELETE FROM priority_plot WHERE code = '{CODES[2]}'")
    change_register(office, tmp_path, CODES[2], name="别人的名称")
    merge(office, "--end-removed", "--reason", "示例")
    open_ = now()

    merge(office, "--end-removed", "--reason", "示例", "--resolve", f"{CODES[2]}=theirs")

    assert open_.loc[CODES[2], "name"] == "别人的名称"
    assert CODES[2] not in now().index


@both_stores
def test_a_parcel_that_ended_meanwhile_is_a_conflict(office, copy, now, tmp_path, capsys):
    shutil.copy(copy, tmp_path / "另一份.gpkg")
    run_sql(tmp_path / "另一份.gpkg", f"DELETE FROM priority_plot WHERE code = '{CODES[2]}'")
    edit(copy, CODES[2], name="文件的名称")
    office("import", "另一份.gpkg", "--on", "2024-06-20", "--end-removed", "--reason", "示例")
    capsys.readouterr()

    refused = merge(office)
    said = capsys.readouterr().out
    done = merge(office, "--resolve", f"{CODES[2]}=ours")

    assert (refused, done) == (Exit.DELIVERY_NOT_ACCEPTED, Exit.DONE)
    assert "登记库里它已不再有效" in said
    assert CODES[2] not in now().index


def test_two_people_who_edit_two_copies_both_keep_their_edits(office, copy, now, tmp_path):
    shutil.copy(copy, tmp_path / "另一份.gpkg")
    edit(copy, CODES[0], name="甲改的名称")
    edit(tmp_path / "另一份.gpkg", CODES[0], industry="制药")
    moved(tmp_path / "另一份.gpkg", CODES[1], 0.0003)

    done = [merge(office), office("import", "另一份.gpkg", "--on", DAY)]

    after = now()
    assert done == [Exit.DONE, Exit.DONE]
    assert (after.loc[CODES[0], "name"], after.loc[CODES[0], "industry"]) == ("甲改的名称", "制药")
    assert after.geometry[CODES[1]].bounds[0] == pytest.approx(116.2103)


def test_the_same_copy_twice_changes_nothing_the_second_time(office, copy, now, capsys):
    edit(copy, CODES[0], name="新名称")
    merge(office)
    before = now()
    capsys.readouterr()

    done = merge(office)

    assert done == Exit.DONE
    assert "已入库" not in capsys.readouterr().out
    pd.testing.assert_frame_equal(now(), before)


def test_a_wrong_edit_is_found_like_in_any_delivery_and_rejects_are_a_copy_again(
    office, copy, now, tmp_path
):
    edit(copy, CODES[0], name="新名称")
    edit(copy, CODES[1], stage="没有的环节")

    refused = merge(office, "--accept-valid")
    rejects = tmp_path / "副本.rejects.gpkg"
    edit(rejects, CODES[1], stage="priority", name="改好的名称")
    done = office("import", rejects.name, "--on", DAY)

    after = now()
    assert (refused, done) == (Exit.DELIVERY_NOT_ACCEPTED, Exit.DONE)
    assert after.loc[CODES[0], "name"] == "新名称"
    assert after.loc[CODES[1], "name"] == "改好的名称"
    assert len(after) == 6


def test_a_stage_edited_in_the_copy_passes_the_same_gates(office, copy, now):
    edit(copy, CODES[0], stage="remediation")

    done = merge(office)

    assert done == Exit.DELIVERY_NOT_ACCEPTED
    assert now().loc[CODES[0], "stage"] == "priority"


def test_a_new_code_does_not_let_a_stage_slip_past_the_gates(office, copy, now):
    edit(copy, CODES[0], stage="remediation", code="1101080320099")

    done = merge(office)

    assert done == Exit.DELIVERY_NOT_ACCEPTED
    assert CODES[0] in now().index


@both_stores
def test_a_parcel_may_get_a_new_code_and_stays_the_same(office, copy, now):
    number = now().loc[CODES[0], "parcel"]
    edit(copy, CODES[0], code="1101080320099")

    done = merge(office)

    after = now()
    assert done == Exit.DONE
    assert after.loc["1101080320099", "parcel"] == number
    assert CODES[0] not in after.index


def test_the_code_of_another_parcel_is_not_taken(office, copy, now):
    edit(copy, CODES[0], code=CODES[1])
    run_sql(copy, "DELETE FROM priority_plot WHERE name = '示例地块1'")

    assert merge(office) == Exit.DELIVERY_NOT_ACCEPTED
    assert now().index.is_unique


def test_a_copied_feature_with_a_code_of_its_own_is_a_new_parcel(office, copy, now, capsys):
    rewritten(
        copy,
        "new = plots.iloc[[0]].copy(); new['code'] = '1101080320098'\n"
        "new['geometry'] = new.translate(0, 0.01)\n"
        "plots = gpd.GeoDataFrame(pd.concat([plots, new], ignore_index=True), crs=plots.crs)",
    )

    done = merge(office)

    after = now()
    assert done == Exit.DONE
    assert "按新增地块处理" in capsys.readouterr().out
    assert after.loc["1101080320098", "parcel"] != after.loc[CODES[0], "parcel"]


def test_a_copy_written_anew_without_its_numbers_is_known_by_codes(office, copy, now):
    rewritten(copy, "plots = plots.drop(columns='jingtu_parcel'); plots.loc[0, 'name'] = '新名称'")

    done = merge(office)

    assert done == Exit.DONE
    assert now().loc[CODES[0], "name"] == "新名称"
    assert len(now()) == 6


def test_columns_that_a_copy_lost_are_not_erased(office, copy, now):
    rewritten(copy, "plots = plots[['jingtu_parcel', 'code', 'name', 'geometry']]")

    done = merge(office)

    assert done == Exit.DONE
    assert (now()["industry"] == "化工").all()


def test_a_copy_in_another_crs_has_no_edits(office, copy, capsys):
    rewritten(copy, "plots = plots.to_crs(4527)")

    done = merge(office)

    assert done == Exit.DONE
    assert "文件改了 0 个地块" in capsys.readouterr().out


def test_a_copy_of_another_register_is_refused(office, copy, capsys):
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(f"UPDATE {ABOUT} SET said = '\"0\"' WHERE key = 'register'")

    assert merge(office) == Exit.FILE_NOT_READABLE
    assert "不是从这个登记库签出的" in capsys.readouterr().err


@pytest.mark.usefixtures("copy")
def test_a_copy_for_another_layer_is_refused(office):
    assert merge(office, "--layer", "farmland") == Exit.FILE_NOT_READABLE


@pytest.mark.parametrize("damage", ["rows", "about"])
def test_a_damaged_base_is_refused(office, copy, damage):
    with closing(sqlite3.connect(copy)) as connection, connection:
        if damage == "rows":
            connection.execute(f"UPDATE {ROWS} SET rows = x'00'")
        else:
            connection.execute(f"DELETE FROM {ABOUT} WHERE key = 'change'")

    assert merge(office) == Exit.FILE_NOT_READABLE


def test_a_base_that_was_tampered_with_overwrites_nobody(office, copy, now, tmp_path):
    change_register(office, tmp_path, CODES[0], name="别人的名称")
    edit(copy, CODES[0], name="文件的名称")
    other = tmp_path / "新副本.gpkg"
    office("checkout", other.name, "--layer", "priority_plot")
    # The rows of an older copy in a newer one: what others did since looks like their edit.
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        for key in ("register", "change"):
            connection.execute(
                f"UPDATE {ABOUT} SET said = (SELECT said FROM other.{ABOUT} WHERE key = ?) "
                "WHERE key = ?",
                (key, key),
            )

    assert merge(office) == Exit.DELIVERY_NOT_ACCEPTED
    assert now().loc[CODES[0], "name"] == "别人的名称"


def test_a_file_that_is_no_copy_still_needs_its_layer(office, capsys):
    assert office("import", "报送.gpkg") == Exit.USAGE
    assert "--layer" in capsys.readouterr().err


def test_copies_are_merged_one_at_a_time(office, copy, tmp_path):
    shutil.copy(copy, tmp_path / "另一份.gpkg")

    assert office("import", "副本.gpkg", "另一份.gpkg") == Exit.FILE_NOT_READABLE


def test_a_copy_never_replaces_a_file(office, copy):
    before = copy.read_bytes()

    done = office("checkout", "副本.gpkg", "--layer", "priority_plot")

    assert done == Exit.OUTPUT_NOT_WRITABLE
    assert copy.read_bytes() == before


def test_a_copy_holds_the_district_asked_for(office, tmp_path):
    office("checkout", "朝阳.gpkg", "--layer", "priority_plot", "--district", "朝阳区")
    office("checkout", "海淀.gpkg", "--layer", "priority_plot", "--district", "海淀")

    counts = [
        len(pyogrio.read_dataframe(tmp_path / f"{name}.gpkg", layer="priority_plot"))
        for name in ("朝阳", "海淀")
    ]
    assert counts == [0, 6]


def test_a_part_of_the_layer_removes_nothing_of_the_rest(office, now):
    office("checkout", "朝阳.gpkg", "--layer", "priority_plot", "--district", "朝阳区")

    done = office("import", "朝阳.gpkg", "--on", DAY, "--end-removed", "--reason", "示例")

    assert done == Exit.DONE
    assert len(now()) == 6


def test_what_gdal_lists_is_the_layer_with_its_form(copy, ogrinfo):
    listed = [str(name) for name, _ in pyogrio.list_layers(copy)]
    command = [ogrinfo, "-so", str(copy), "priority_plot"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)

    assert listed == ["priority_plot", "layer_styles"]
    assert "Warning" not in told.stderr
    assert f"{NUMBER}: Integer64" in told.stdout
    assert "closed_on: Date" in told.stdout
    assert "Geometry: Multi Polygon" in told.stdout


def test_the_page_draws_both_boundaries_and_names_no_outside_address(office, copy, tmp_path):
    shutil.copy(copy, tmp_path / "另一份.gpkg")
    moved(copy, CODES[1], 0.0005)
    moved(tmp_path / "另一份.gpkg", CODES[1], -0.0005)
    edit(copy, CODES[0], name="<script>alert(1)</script>")
    office("import", "另一份.gpkg", "--on", "2024-06-20")

    refused = merge(office, "--differences", "差异.html")

    page = (tmp_path / "差异.html").read_text("utf-8")
    assert refused == Exit.DELIVERY_NOT_ACCEPTED
    assert "<script>" not in page
    assert "http" not in page.replace("http-equiv", "")
    drawing = page[page.index("<figure>") :]
    assert drawing.count("<path") == 3
    assert "平方米" in drawing


def test_a_merge_is_told_in_the_change(office, copy, store, tmp_path):
    edit(copy, CODES[0], name="文件的名称")
    change_register(office, tmp_path, CODES[0], name="别人的名称")
    merge(office, "--resolve", "theirs")

    with Register(store, list(LAYERS.values())) as register:
        changes = register.changes()

    assert changes["kind"].iloc[-1] == "edit"
    assert changes["file"].iloc[-1] == "副本.gpkg"


def test_a_dry_run_shows_and_stores_nothing(office, copy, now, capsys):
    before = now()
    edit(copy, CODES[0], name="新名称")

    done = merge(office, "--dry-run")

    assert done == Exit.DONE
    assert "示例地块0 → 新名称" in capsys.readouterr().out
    pd.testing.assert_frame_equal(now(), before)


def test_the_answer_for_programs_stays_json(office, copy, capsys):
    edit(copy, CODES[0], name="新名称")
    capsys.readouterr()

    done = merge(office, "--format", "json")

    told = json.loads(capsys.readouterr().out)
    assert done == Exit.DONE
    assert told["meta"]["outcome"]["files"][0]["updated"] == 1
