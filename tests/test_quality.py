"""Quality sheets: what is measured, out of how much, and what is not measured and says so."""

from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from town import square

from layers import catalog, quality
from layers.coverage import TOTAL
from layers.quality import Marks
from maps import cli, text
from maps.answers import Exit
from parcels.model import Kind

LAYERS = catalog.load()
SITE = LAYERS["contaminated_site"]
ON = dt.date(2024, 6, 30)
BOW = shapely.Polygon([(116.2, 40), (116.202, 40.002), (116.202, 40), (116.2, 40.002)])
KINDS = {Kind.NUMBER: "float64", Kind.INTEGER: "Int64", Kind.BOOLEAN: "boolean",
         Kind.DATE: "datetime64[s]"}  # fmt: skip


def parcels(layer, *rows):
    """Parcels of a layer of which only what is given is known."""
    kinds = {field.key: KINDS.get(field.kind, "str") for field in layer.fields}
    table = {
        key: pd.Series([row.get(key) for row in rows], dtype="object").astype(kind)
        for key, kind in kinds.items()
    }
    shapes = [row.get("shape") for row in rows]
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4490)


def told(*rows, layer=SITE):
    """Faulty and of, summed over all parcels, by measure."""
    marks = quality.of_parcels(parcels(layer, *rows), layer, on=ON)
    return {key: (int(held.faulty.sum()), int(held.of.sum())) for key, held in marks.items()}


HERE = square(116.2, 40)


@pytest.mark.parametrize(
    ("row", "measure", "count"),
    [
        ({}, "without_boundary", (1, 1)),
        ({"shape": HERE}, "without_boundary", (0, 1)),
        ({"code": "A"}, "required_missing", (0, 1)),
        ({}, "required_missing", (1, 1)),
        ({"district": "110108"}, "place_unknown", (1, 1)),
        ({"district": "110108", "unit": "110108"}, "place_unknown", (0, 1)),
        ({"stage": "listed"}, "stage_unknown", (0, 1)),
        ({}, "stage_unknown", (1, 1)),
        ({"shape": HERE}, "invalid", (0, 1)),
        ({"shape": BOW}, "invalid", (1, 1)),
        ({}, "invalid", None),
        ({"shape": HERE, "declared_area_m2": 1.0}, "area_differs", (1, 1)),
        ({"shape": HERE}, "area_differs", None),
        ({"declared_area_m2": 1.0}, "area_differs", None),
        ({"shape": HERE, "registered_lon": 116.201, "registered_lat": 40.001},
         "point_outside", (0, 1)),
        ({"shape": HERE, "registered_lon": 116.3, "registered_lat": 40.001},
         "point_outside", (1, 1)),
        ({"shape": HERE, "registered_lon": 116.3}, "point_outside", None),
        ({"stage": "no_such", "planned_use_class": "residential"}, "not_in_list", (1, 2)),
        ({"listed_on": "2024-01-01", "delisted_on": "2023-01-01"}, "dates_not_in_order", (1, 1)),
        ({"listed_on": "2024-01-01", "delisted_on": "2024-01-01"}, "dates_not_in_order", (0, 1)),
        ({"listed_on": "2024-01-01"}, "dates_not_in_order", None),
        # A day to come is not judged yet.
        ({"listed_on": "2024-08-01", "delisted_on": "2024-07-01"}, "dates_not_in_order", None),
    ],
)  # fmt: skip
def test_a_measure_counts_its_faults_out_of_what_it_can_look_at(row, measure, count):
    assert told(row).get(measure) == count


@pytest.mark.parametrize(
    ("row", "count"),
    [({"ph": 7.0}, (0, 1)), ({"ph": 14.1}, (1, 1)), ({"area_mu": -1.0, "ph": 7.0}, (1, 2)),
     ({}, None)],
)  # fmt: skip
def test_a_number_lies_in_its_range(row, count):
    assert told(row, layer=LAYERS["farmland"]).get("outside_domain") == count


def test_what_cannot_be_measured_has_no_share_and_a_reason():
    table = quality.sheet("x", pd.Series([], dtype="str"), {}, why={"overdue": "no_milestone"})

    assert (table["state"] == quality.NOT_MEASURED).all()
    assert table["share"].isna().all()
    assert table["of"].isna().all()
    assert table["why"].notna().all()
    assert table.set_index("measure")["why"]["overdue"] == "no_milestone"


def test_nothing_out_of_nothing_is_not_faultless():
    marks = {"invalid": Marks.masks([True, False], [False, False])}
    table = quality.sheet("x", pd.Series(["a", "b"]), marks, why={})

    said = table[table["measure"] == "invalid"].set_index("place")
    assert (said.loc["a", "share"], said.loc["a", "of"]) == (0.0, 1)
    assert said.loc["b", "state"] == quality.NOT_MEASURED
    assert pd.isna(said.loc["b", "share"])


PLACES = st.sampled_from(["110101", "110105", None])


@given(st.lists(st.tuples(PLACES, st.booleans(), st.booleans()), max_size=12))
def test_districts_add_up_to_the_city(rows):
    district = pd.Series([place for place, _, _ in rows], dtype="str")
    applies, faulty = (np.array([row[n] for row in rows], bool) for n in (1, 2))
    table = quality.sheet("x", district, {"invalid": Marks.masks(applies, faulty)}, why={})

    said = table[table["measure"] == "invalid"]
    whole = said[said["place"] == TOTAL].iloc[0]
    parts = said[said["place"] != TOTAL]
    assert parts["of"].fillna(0).sum() == (0 if pd.isna(whole["of"]) else whole["of"])
    assert parts["faulty"].fillna(0).sum() == int((applies & faulty).sum())


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_measure_and_reason_has_words(lang):
    for one in quality.measures():
        for group, key in (("measures", one.key), ("elements", one.element),
                           ("aspects", one.aspect)):  # fmt: skip
            assert text.has(f"quality.{group}.{key}", lang)
        assert one.never is None or text.has(f"quality.why.{one.never}", lang)


# At the desk


def jingtu(*words):
    return cli.run(["--lang", "zh", "--store", "r.gpkg", *map(str, words)])


@pytest.fixture
def _office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shapes = [HERE, HERE, square(116.201, 40), square(116.46, 39.92), None]
    frame = gpd.GeoDataFrame(
        {"编码": list("ABCDE"), "环节": ["修复", "修复", "列入名录", "修复", None],
         "所在区": ["海淀", "海淀", "海淀", "朝阳", "朝阳"]},
        geometry=shapes, crs=4490,
    )  # fmt: skip
    frame.to_file("s.gpkg", driver="GPKG")
    assert jingtu("import", "s.gpkg", "--layer", "contaminated_site", "--on", "2024-06-01") == 0


def sheet(capsys, *words):
    capsys.readouterr()
    assert jingtu("quality", "--format", "json", *words) == Exit.DONE
    rows = json.loads(capsys.readouterr().out)["rows"]
    return {(one["place"], one["measure"]): (one["faulty"], one["of"]) for one in rows}


@pytest.mark.usefixtures("_office")
def test_a_sheet_of_the_register_measures_pairs_places_and_boundaries(capsys):
    told_ = sheet(capsys)

    assert told_["全市", "没有边界的地块"] == (1, 5)
    assert told_["朝阳区", "没有边界的地块"] == (1, 2)
    assert told_["海淀区", "没有边界的地块"] == (0, 3)
    # Of two that are the same one is too many; both overlap the third.
    assert told_["全市", "边界与另一地块相同（重合 99% 以上）的地块"] == (1, 4)
    assert told_["全市", "与本图层其他地块重叠（1 平方米以上）的地块"] == (3, 4)
    assert told_["朝阳区", "与本图层其他地块重叠（1 平方米以上）的地块"] == (0, 1)
    assert told_["全市", "实际存在而没有登记的地块"] == (None, None)


@pytest.mark.usefixtures("_office")
def test_a_sheet_can_be_asked_for_one_district(capsys):
    assert {place for place, _ in sheet(capsys, "--district", "朝阳区")} == {"朝阳区"}


@pytest.mark.usefixtures("_office")
def test_a_sheet_can_be_asked_for_the_past(capsys):
    assert jingtu("quality", "--as-of", "2020-01-01", "--layer", "contaminated_site") == Exit.DONE

    assert "没有可以检查的值" in capsys.readouterr().out


@pytest.mark.usefixtures("_office")
def test_a_sheet_is_written_as_page_and_workbook(tmp_path):
    assert jingtu("quality", "--format", "html") == Exit.USAGE
    for kind in ("html", "xlsx"):
        assert jingtu("quality", "--format", kind, "--out", f"q.{kind}") == Exit.DONE

    page = (tmp_path / "q.html").read_text("utf-8")
    assert "朝阳区" in page
    assert "未测：没有可以对照的外部名单" in page
    assert "<script" not in page
    book = openpyxl.load_workbook(tmp_path / "q.xlsx")
    assert book.worksheets[0].max_row > 40
