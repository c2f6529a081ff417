"""Covered in which sense: counts and areas by territory and by responsibility, unknown apart."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path

import geopandas as gpd
import jsonschema
import numpy as np
import pandas as pd
import pytest
import shapely
from declared import delivery
from hypothesis import given, settings
from hypothesis import strategies as st
from town import act, square

from layers import catalog, periods, reckoning, senses
from layers.claims import Facts
from layers.coverage import TOTAL
from layers.library import Library
from layers.reckoning import Scope
from maps import cli, text
from maps.answers import Exit
from parcels import crs, districts, topology
from parcels.errors import DeclarationError
from parcels.register import Filter, Register

LAYERS = catalog.load()
SENSES = senses.load(LAYERS)
CITY = districts.bundled()
DAY = periods.read("2024-06-30")
SCHEMA = json.loads((resources.files("maps") / "reference/answers.schema.json").read_text("utf-8"))


def border_square():
    border = CITY.districts.geometry["110105"].intersection(CITY.districts.geometry["110108"])
    at = border.interpolate(0.5, normalized=True)
    return square(at.x - 0.001, at.y - 0.001)


SITES = [
    {"stage": "listed", "geometry": square(116.2, 40.0), "unit": "110108"},
    {"stage": "remediation", "geometry": square(116.201, 40.0), "unit": "110108"},
    {"stage": "risk_control", "geometry": border_square(), "unit": "110105"},
    {"stage": None, "geometry": square(116.25, 40.0), "unit": "110115403"},
    {"stage": "closed", "geometry": None, "unit": "110108", "district": "110108"},
]


@pytest.fixture
def register(store_url):
    with Register(store_url, list(LAYERS.values())) as opened:
        opened.take("contaminated_site", delivery(LAYERS["contaminated_site"], SITES), act())
        yield opened


def table(register, sense, *, key="contaminated_site", by="unit", where=None):
    scope = Scope(DAY, DAY.moment(), where)
    return reckoning.sense_table(register, SENSES[sense], key, scope, by=by).set_index("place")


def test_answers_add_up_and_what_is_not_known_is_apart(register):
    found = table(register, "controlled")

    assert found.loc["110108", ["parcels", "yes", "no", "unknown"]].tolist() == [3, 2, 1, 0]
    assert found.loc["110115403", ["parcels", "yes", "no", "unknown"]].tolist() == [1, 0, 0, 1]
    assert found.loc[TOTAL, ["parcels", "yes", "no", "unknown"]].tolist() == [5, 3, 1, 1]
    assert found.loc[TOTAL, "share"] == pytest.approx(3 / 5)
    assert len(found) == 18


@pytest.mark.parametrize("by", ["unit", "district"])
@pytest.mark.parametrize("sense", ["controlled", "has_boundary", "surveyed"])
def test_places_add_up_to_the_city_and_the_city_is_that_of_the_coverage_table(register, by, sense):
    found = table(register, sense, by=by)
    library = Library(register, LAYERS)
    plain = library.coverage(["contaminated_site"], DAY.moment(), by=by, stages=False)

    city, places = found.loc[TOTAL], found.drop(TOTAL)
    for column in ("parcels", "yes", "no", "unknown"):
        assert places[column].sum() == city[column]
    assert (found["yes"] + found["no"] + found["unknown"] == found["parcels"]).all()
    once = plain.set_index("place")["area_once_m2"].reindex(found.index)
    assert found["area_m2"].to_numpy() == pytest.approx(once.to_numpy(), nan_ok=True, abs=1e-5)


def test_land_under_two_parcels_counts_once_in_each_answer(register):
    found = table(register, "controlled").loc["110108"]
    first, second = (shapely.MultiPolygon(one["geometry"]) for one in SITES[:2])
    both = shapely.intersection(first, second).area / first.area

    assert 0.4 < both < 0.6
    assert found["area_m2"] == pytest.approx(found["no_m2"] * (2 - both), rel=1e-3)
    assert found["yes_m2"] == pytest.approx(found["no_m2"], rel=1e-3)


def test_a_parcel_across_a_border_is_counted_once_and_its_land_on_both_sides(register):
    found = table(register, "controlled", by="district")

    assert found["yes"].sum() == 2 * found.loc[TOTAL, "yes"]
    assert found.loc["110105", "yes_m2"] > 0
    assert found.loc["110108", "yes_m2"] > 0


def test_some_parcels_alone_can_be_looked_at(register):
    found = table(register, "controlled", where=Filter(units=("110105",)))

    assert found.loc[TOTAL, "parcels"] == 1


def test_points_are_counted_and_have_no_area(store_url):
    rows = [
        {"leak_checked_on": day, "geometry": shapely.Point(116.2 + i / 100, 40), "unit": "110108"}
        for i, day in enumerate(["2024-01-01", "2023-12-31", None, "2024-07-01"])
    ]
    with Register(store_url, list(LAYERS.values())) as register:
        register.take("fuel_station", delivery(LAYERS["fuel_station"], rows), act())

        found = table(register, "inspected_this_year", key="fuel_station").loc["110108"]

    assert (found["yes"], found["no"], found["unknown"]) == (1, 3, 0)
    assert np.isnan(found["area_m2"])
    assert np.isnan(found["area_share"])


STAGES = [stage.key for stage in LAYERS["contaminated_site"].stages]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from([*STAGES, None]), st.integers(0, 5), st.integers(0, 1)),
        max_size=8,
    ),
    st.randoms(),
)
def test_the_order_of_parcels_changes_nothing(rows, random):
    claim = SENSES["controlled"].shown["contaminated_site"]
    shapes = [square(116.2 + x * 0.001, 40.0) for _, x, _ in rows]
    whole = pd.DataFrame(
        {
            "stage": [stage for stage, _, _ in rows],
            "district": "110108",
            "unit": [("110108", "110105")[one] for _, _, one in rows],
            "area_m2": crs.area_m2(np.array(shapes, dtype=object)),
        },
        index=pd.RangeIndex(len(rows), name="parcel"),
    ).astype({"stage": "str", "district": "str", "unit": "str"})
    frame = gpd.GeoDataFrame(whole, geometry=shapes, crs=4490)
    mixed = list(range(len(rows)))
    random.shuffle(mixed)

    def made(order):
        part = frame.iloc[order]
        found = topology.overlaps(part.geometry.to_numpy())
        ids = part.index.to_numpy()
        pairs = pd.DataFrame({"a": ids[found["a"]], "b": ids[found["b"]]})
        none = pd.DataFrame({"parcel": [], "district": [], "area_m2": [], "home": [], "unit": []})
        said = senses.answers(claim, Facts(pd.DataFrame(part), LAYERS["contaminated_site"], DAY))
        held = senses.held(
            said,
            part,
            crossing=none.astype(
                {
                    "parcel": "int64",
                    "area_m2": "float64",
                    "district": "str",
                    "home": "str",
                    "unit": "str",
                }
            ),
            overlapping=part[part.index.isin([*pairs["a"], *pairs["b"]])],
            pairs=pairs,
        )
        return senses.table(held, CITY, by="unit")

    one, other = made(list(range(len(rows)))), made(mixed)

    pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    assert one.set_index("place").loc[TOTAL, "parcels"] == len(rows)


# The declared senses


def test_every_sense_that_staff_ask_for_is_declared_and_shown_by_a_layer():
    assert list(SENSES) == [
        *("has_boundary", "in_national_system", "surveyed", "controlled", "classified"),
        *("sampled", "inspected_this_year"),
    ]
    assert set(SENSES["has_boundary"].shown) == set(LAYERS)
    assert all(sense.shown for sense in SENSES.values())


@pytest.mark.parametrize(
    ("there", "instead", "code"),
    [
        ('layers = ["fuel_station"]', 'layers = ["fuel_stations"]', "layer_unknown"),
        ('day = "leak_checked_on"', 'day = "leak_check_on"', "layer_field_unknown"),
        ('key = "sampled"', 'key = "surveyed"', "key_twice"),
        ('en = "Sampled"', 'eng = "Sampled"', "unknown_key"),
    ],
)
def test_a_wrong_sense_is_named_with_its_line(tmp_path, there, instead, code):
    whole = senses.FILE.read_text("utf-8")
    assert there in whole
    changed = whole.replace(there, instead, 1)
    (tmp_path / "senses.toml").write_text(changed, "utf-8")

    with pytest.raises(DeclarationError) as refused:
        senses.load(LAYERS, file=tmp_path / "senses.toml")

    line = whole[: whole.index(there)].count("\n") + 1
    found = refused.value.fields["problems"]
    assert (code, line) in {(one.code, one.line) for one in found}
    for one in found:
        assert text.say(f"catalog.problem.{one.code}", "zh", **dataclasses.asdict(one))


# The command


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("耕地.csv").write_text(
        "编码,名称,类别,责任单位,所在区\nF-1,示例,安全利用,平谷区,平谷区\nF-2,示例,,平谷区,平谷区\n",
        "utf-8",
    )
    Path("检测.csv").write_text(
        "样品编号,点位编码,介质,采样日期,镉(mg/kg)\nS-1,F-1,土壤,2024-05-06,0.2\n", "utf-8"
    )
    for words in (
        ["import", "耕地.csv", "--layer", "farmland", "--on", "2024-01-01"],
        ["import-samples", "检测.csv", "--land", "水田"],
    ):
        assert cli.run(["--lang", "zh", *words]) == Exit.DONE


@pytest.mark.usefixtures("office")
def test_a_parcel_is_sampled_once_a_sample_was_taken_on_it(capsys):
    def asked(day):
        capsys.readouterr()
        code = cli.run(
            ["--lang", "zh", "coverage", "--sense", "sampled", "--sense", "已管控", "--by", "unit",
             "--as-of", day, "--format", "json"]
        )  # fmt: skip
        said = json.loads(capsys.readouterr().out)
        jsonschema.Draft202012Validator(
            {"$ref": "#/$defs/coverage%20--sense", "$defs": SCHEMA["$defs"]}
        ).validate(said)
        rows = {(r["sense"], r["place"]): (r["yes"], r["no"], r["unknown"]) for r in said["rows"]}
        return code, rows

    code, before = asked("2024-05-05")
    _, after = asked("2024-05-06")

    assert code == Exit.DONE
    assert before["sampled", "110117"] == (0, 2, 0)
    assert after["sampled", "110117"] == (1, 1, 0)
    assert after["controlled", TOTAL] == (0, 0, 2)


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_layer_that_cannot_show_a_sense_says_so(capsys, lang):
    code = cli.run(["--lang", lang, "coverage", "--sense", "surveyed", "--sense", "classified"])

    said = capsys.readouterr().out
    assert code == Exit.DONE
    assert ("这些图层不能表明“已调查”：耕地" in said) is (lang == "zh")
    assert ('Layers that cannot show "Surveyed": Farmland' in said) is (lang == "en")
    assert "50.00%" in said


@pytest.mark.usefixtures("office")
def test_a_sense_that_is_not_there_is_refused_with_those_there_are(capsys):
    assert cli.run(["--lang", "zh", "coverage", "--sense", "mapped"]) == Exit.USAGE
    assert "has_boundary" in capsys.readouterr().err


@pytest.mark.usefixtures("office")
def test_a_sense_by_district_can_be_drawn(capsys):
    words = ["--lang", "zh", "coverage", "--sense", "classified", "--format", "geojson"]

    assert cli.run(words) == Exit.DONE
    said = json.loads(capsys.readouterr().out)
    drawn = {one["properties"]["place"]: one["properties"]["yes"] for one in said["features"]}
    assert len(drawn) == 16
    assert drawn["110117"] == 1
    assert cli.run([*words, "--by", "unit"]) == Exit.USAGE


@pytest.mark.usefixtures("office")
def test_senses_are_told_from_the_register_and_no_lake(capsys):
    done = cli.run(["--lang", "zh", "coverage", "--sense", "surveyed", "--workers", "2"])

    assert done == Exit.USAGE
    assert "--lake" in capsys.readouterr().err
