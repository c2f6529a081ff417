"""Samples in the register: taken in, replaced, judged, and walked to the class of a unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from town import DAY, act

from layers import catalog, sampled
from maps import cli, text
from maps.answers import Exit
from parcels import standards
from parcels.farmland_class import Quality
from parcels.findings import Findings
from parcels.ingest.laboratory import receive_samples
from parcels.model import Moment
from parcels.register import Register

POINTS = "点位编码,区,经度,纬度\nD-1,顺义区,116.60,40.10\nD-2,顺义区,116.61,40.10\n"
FIELD = [[116.59, 40.09], [116.62, 40.09], [116.62, 40.11], [116.59, 40.11], [116.59, 40.09]]
SOIL = (
    "样品编号,点位编码,介质,采样日期,用地类型,pH,"
    "镉(mg/kg),汞(mg/kg),砷(mg/kg),铅(mg/kg),铬(mg/kg)\n"
)
WITHIN = "S-1,D-1,土壤,2024-05-06,水田,6.0,0.4,0.1,1,1,1\n"
ABOVE = "S-2,D-2,土壤,2024-05-06,水田,6.0,0.41,0.1,1,1,1\n"
PRODUCE = "样品编号,点位编码,介质,采样日期,镉(mg/kg)\n" + "".join(
    f"P-{i},D-1,农产品,2024-09-01,0.1\n" for i in range(3)
)
NOW = Moment(DAY.replace(year=2025))


def run(store, *words, lang="zh"):
    return cli.run(["--store", store, "--lang", lang, *words])


@pytest.fixture
def office(store_url, tmp_path, monkeypatch):
    """A register with two points in one unit of farmland, which is class 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "点位.csv").write_text(POINTS, "utf-8")
    unit = {
        "type": "Feature",
        "properties": {"编码": "F-1", "名称": "示例", "类别": "安全利用", "评价单元编码": "U-1"},
        "geometry": {"type": "Polygon", "coordinates": [FIELD]},
    }
    whole = {"type": "FeatureCollection", "features": [unit]}
    (tmp_path / "耕地.geojson").write_text(json.dumps(whole), "utf-8")
    for file, layer in (("点位.csv", "monitoring_point"), ("耕地.geojson", "farmland")):
        done = run(store_url, "import", file, "--layer", layer, "--on", "2024-01-01")
        assert done == Exit.DONE
    return store_url


def bring(store, name, written, *more):
    Path(name).write_text(written, "utf-8")
    return run(store, "import-samples", name, *more)


def asked(capsys, store, *words):
    capsys.readouterr()
    assert run(store, *words, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


def opened(store):
    return Register(store, list(catalog.load().values()))


def take(register, tmp_path, name, written, **more):
    path = tmp_path / name
    path.write_text(written, "utf-8")
    told = receive_samples(path, Findings("monitoring_point", name), said={})
    assert told.findings.rows_with_errors() == set()
    return register.take_samples(told.samples, told.readings, act(sha=name, **more))


def test_a_sample_sent_again_replaces_what_was_known_and_nothing_is_lost(office, tmp_path):
    with opened(office) as register:
        first = take(register, tmp_path, "a.csv", SOIL + WITHIN + ABOVE)
        same = take(register, tmp_path, "a.csv", SOIL + WITHIN + ABOVE)
        alike = take(register, tmp_path, "b.csv", SOIL + ABOVE + WITHIN)
        better = take(register, tmp_path, "c.csv", SOIL + WITHIN + ABOVE.replace("0.41", "0.3"))
        before = register.readings(Moment(NOW.on, change=first.change))
        now = register.readings(NOW)
        early = register.readings(Moment(DAY.replace(year=2023)))
        sealed = register.store.verify()

    def cadmium(rows):
        return rows.loc[rows["analyte"] == "cadmium"].set_index("number")["low"].to_dict()

    assert (first.created, first.replaced, first.readings) == (2, 0, 10)
    assert same.known_as == first.change
    assert (alike.change, alike.unchanged) == (None, 2)
    assert (better.created, better.replaced, better.unchanged) == (0, 1, 1)
    assert cadmium(before) == {"S-1": 0.4, "S-2": 0.41}
    assert cadmium(now) == {"S-1": 0.4, "S-2": 0.3}
    assert early.empty
    assert sealed.misfits == {}


def test_samples_are_judged_and_found_by_point_parcel_and_district(office, capsys):
    assert bring(office, "检测.csv", SOIL + WITHIN + ABOVE) == Exit.DONE

    judged = asked(capsys, office, "samples", "--judge", "--point", "D-2")["rows"]
    inside = asked(capsys, office, "samples", "--parcel", "F-1", "--district", "顺义")["rows"]
    elsewhere = asked(capsys, office, "samples", "--district", "海淀")["rows"]
    by_point = asked(capsys, office, "samples", "--by", "point")["rows"]
    by_parcel = asked(capsys, office, "samples", "--by", "parcel")["rows"]

    assert [(row["analyte"], row["verdict"], row["clause"]) for row in judged[:2]] == [
        ("cadmium", "above_screening", "1"),
        ("mercury", "within", "1"),
    ]
    assert {row["standard"] for row in judged} == {"GB 15618-2018"}
    assert {(row["point"], row["parcel"], row["district"]) for row in inside} == {
        ("D-1", "F-1", "110113"),
        ("D-2", "F-1", "110113"),
    }
    assert elsewhere == []
    assert [(row["point"], row["verdict"]) for row in by_point] == [
        ("D-1", "within"),
        ("D-2", "above_screening"),
    ]
    assert [(row["parcel"], row["exceeding"], row["readings"]) for row in by_parcel] == [
        ("F-1", 1, 10)
    ]


def test_groundwater_is_judged_only_by_limits_that_are_given(office, capsys):
    water = "样品编号,点位编码,介质,采样日期,镉(µg/L)\nG-1,D-1,地下水,2024-05-06,6\n"
    assert bring(office, "水.csv", water) == Exit.DONE
    Path("限值.csv").write_text("analyte,limit,unit,clause\n镉,5,µg/L,表1\n", "utf-8")

    without = asked(capsys, office, "samples", "--judge")["rows"]
    with_ = asked(capsys, office, "samples", "--judge", "--limits", "groundwater=限值.csv")["rows"]

    assert [row["verdict"] for row in without] == ["no_limit"]
    assert [(row["verdict"], row["times"], row["standard"]) for row in with_] == [
        ("above_screening", 1.2, "限值")
    ]


def test_soil_of_unknown_land_is_not_judged_and_blanks_are_left_out(office, capsys):
    rows = (
        "样品编号,点位编码,介质,采样日期,样品性质,镉(mg/kg)\n"
        "S-1,D-1,土壤,2024-05-06,,90\nS-2,D-1,土壤,2024-05-06,空白样,90\n"
    )
    assert bring(office, "检测.csv", rows) == Exit.DONE

    found = asked(capsys, office, "samples", "--judge")["rows"]

    assert [(row["number"], row["verdict"], row["why"]) for row in found] == [
        ("S-1", "not_judged", "no_land")
    ]


def test_an_error_keeps_the_whole_workbook_out(office, capsys):
    code = bring(office, "坏.csv", SOIL + WITHIN + ABOVE.replace("0.41", "坏"))

    said = capsys.readouterr().out
    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert "没有入库" in said
    assert asked(capsys, office, "samples")["rows"] == []


def test_a_dry_run_stores_nothing_and_an_unknown_point_is_told(office, capsys):
    code = bring(office, "检测.csv", SOIL + WITHIN.replace("D-1", "D-9"), "--dry-run")

    assert code == Exit.DONE
    assert "D-9" in capsys.readouterr().out
    assert asked(capsys, office, "samples")["rows"] == []


@pytest.mark.parametrize(
    ("soil", "class_", "ground"),
    [
        (WITHIN + WITHIN.replace("S-1", "S-2").replace("D-1", "D-2"), Quality(1), "same"),
        (ABOVE + ABOVE.replace("S-2", "S-1").replace("D-2", "D-1"), Quality(2), "same"),
        (WITHIN + ABOVE, None, "divide"),
    ],
)
def test_the_class_of_a_unit_follows_from_the_points_inside_it(
    office, capsys, soil, class_, ground
):
    assert bring(office, "检测.csv", SOIL + soil) == Exit.DONE

    by_code = asked(capsys, office, "farmland-class", "F-1")
    by_unit = asked(capsys, office, "farmland-class", "U-1")

    assert by_code["meta"]["quality"] == (class_.stage if class_ else None)
    assert by_code["rows"][0]["ground"] == ground
    assert by_code["meta"]["points"] == ["D-1", "D-2"] or ground == "same"
    assert by_code["meta"]["registered"] == ["safe_use"]
    assert by_code["rows"] == by_unit["rows"]


def test_produce_within_its_limit_lowers_the_class_only_with_limits_given(office, tmp_path):
    with opened(office) as register:
        take(register, tmp_path, "a.csv", SOIL + ABOVE)
        take(register, tmp_path, "b.csv", PRODUCE)
        without = sampled.unit_class(register, "F-1", NOW)
        given = standards.given("analyte,limit,unit,clause\n镉,0.2,mg/kg,x\n", standard="x")
        with_ = sampled.unit_class(register, "F-1", NOW, limits=given)
        before = sampled.unit_class(register, "F-1", Moment(DAY.replace(month=8)), limits=given)

    assert without.classified.quality is Quality.SAFE_USE
    assert with_.classified.quality is Quality.PRIORITY_PROTECTION
    assert before.classified.quality is Quality.SAFE_USE
    assert with_.produce["number"].tolist() == ["P-0", "P-1", "P-2"]


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize(
    "words",
    [
        ["samples", "--judge"],
        ["samples", "--by", "sample"],
        ["farmland-class", "F-1"],
        ["changes"],
    ],
)
def test_answers_are_in_words_of_both_languages(tmp_path, monkeypatch, capsys, lang, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "耕地.csv").write_text("编码,名称,类别\nF-1,示例,安全利用\n", "utf-8")
    assert run("r.gpkg", "import", "耕地.csv", "--layer", "farmland") == Exit.DONE
    assert bring("r.gpkg", "检测.csv", (SOIL + ABOVE).replace("D-2", "F-1")) == Exit.DONE
    capsys.readouterr()

    assert run("r.gpkg", *words, lang=lang) == Exit.DONE

    said = capsys.readouterr().out
    assert "sampling." not in said
    assert "above_screening" not in said
    assert "safe_use" not in said


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A register with one parcel of farmland, F-1."""
    monkeypatch.chdir(tmp_path)
    Path("耕地.csv").write_text("编码,名称,类别\nF-1,示例,安全利用\n", "utf-8")
    assert run("r.gpkg", "import", "耕地.csv", "--layer", "farmland") == Exit.DONE
    return "r.gpkg"


def test_a_register_without_samples_answers_with_no_rows_and_an_open_class(small, capsys):
    assert asked(capsys, small, "samples", "--judge")["rows"] == []
    assert asked(capsys, small, "samples", "--by", "parcel")["rows"] == []
    assert asked(capsys, small, "farmland-class", "F-1")["meta"]["quality"] is None


def test_of_replicates_the_highest_counts_and_parts_are_added_to_the_total(small, capsys):
    head = "样品编号,点位编码,介质,采样日期,用地类型,检测项目,检测结果,单位\n"
    parts = "".join(f"S-1,F-1,土壤,2024-05-06,水田,{name}-六六六,0.03,mg/kg\n" for name in "αβγδ")
    row = "S-1,F-1,土壤,2024-05-06,水田"
    nickel = f"{row},pH,6,\n" + "".join(f"{row},镍,{x},mg/kg\n" for x in (69, 71, 70))
    assert bring(small, "检测.csv", head + parts + nickel) == Exit.DONE

    rows = asked(capsys, small, "samples", "--judge")["rows"]

    found = {row["analyte"]: (row["verdict"], row["written"]) for row in rows}
    assert found["nickel"] == ("above_screening", "71")
    assert found["hch_total"][0] == "above_screening"
    assert found["alpha_hch"][0] == "no_limit"
