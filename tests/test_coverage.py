"""Where boundaries lie, what overlaps, and coverage with its denominators."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from town import PLOT, act, on, plots, square

from layers.coverage import OUTSIDE, TOTAL, UNKNOWN, Holdings, coverage, holdings
from layers.samples.shapes import tiles
from parcels import crs, districts, topology
from parcels.register import Register

CITY = districts.bundled()
GEOD = pyproj.Geod(a=crs.SEMI_MAJOR_M, rf=crs.INVERSE_FLATTENING)


def boxes():
    """Boxes in and around Beijing, from a house to a district."""
    return st.tuples(
        st.floats(115.3, 117.6), st.floats(39.3, 41.2), st.floats(1e-4, 0.3), st.floats(1e-4, 0.3)
    ).map(lambda b: shapely.box(b[0], b[1], b[0] + b[2], b[1] + b[3]))


def parcels(shapes, **columns):
    """A parcels frame of these boundaries."""
    frame = gpd.GeoDataFrame(
        {"district": None, "unit": None, "stage": "a", **columns},
        geometry=list(shapes),
        crs=4490,
        index=pd.RangeIndex(10, 10 + len(shapes), name="parcel"),
    )
    return frame.astype({"district": "str", "unit": "str", "stage": "str"})


@settings(max_examples=60, deadline=None)
@given(boxes())
def test_the_area_is_that_on_the_ellipsoid(box):
    fine = shapely.segmentize(box, 0.001)

    area = crs.area_m2(np.array([box]))[0]

    assert area == pytest.approx(abs(GEOD.geometry_area_perimeter(fine)[0]), rel=1e-7, abs=1e-3)


def test_areas_of_holes_parts_points_and_nothing():
    hole = shapely.box(0, 0, 1, 1).difference(shapely.box(0.2, 0.2, 0.4, 0.4))
    shapes = np.array(
        [hole, shapely.MultiPolygon([hole]), shapely.Point(1, 1), None, shapely.Polygon()],
        dtype=object,
    )

    areas = crs.area_m2(shapes)

    assert areas[:2] == pytest.approx(shapely.area(crs.equal_area(shapes[:2])), rel=1e-12)
    assert areas[2] == 0
    assert np.isnan(areas[3])
    assert areas[4] == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes(), min_size=1, max_size=12))
def test_pieces_and_the_rest_outside_add_up_to_the_whole(shapes):
    array = np.array(shapes, dtype=object)

    split = CITY.split(array)

    pieces = np.bincount(split.parcel, split.area_m2, minlength=len(array))
    assert pieces + split.outside_m2 == pytest.approx(crs.area_m2(array), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(boxes(), min_size=1, max_size=6))
def test_the_fast_split_is_the_plain_intersection(shapes):
    array = np.array(shapes, dtype=object)
    plane = crs.equal_area(array)
    zones = crs.equal_area(CITY.districts.geometry.to_numpy())

    split = CITY.split(array)

    plain = shapely.area(shapely.intersection(plane[:, None], zones[None, :]))
    fast = np.zeros_like(plain)
    fast[split.parcel, split.district] = split.area_m2
    assert fast == pytest.approx(plain, rel=1e-9, abs=2e-6)


def test_the_airport_lies_in_chaoyang_though_shunyi_is_all_around_it():
    exclave = min(shapely.get_parts(CITY.districts.geometry["110105"]), key=shapely.area)
    inside = shapely.point_on_surface(exclave)

    assigned = CITY.assign(CITY.split(np.array([inside, exclave], dtype=object)), 2)

    assert assigned["district"].tolist() == ["110105", "110105"]


def test_a_parcel_belongs_where_its_larger_part_lies():
    border = CITY.districts.geometry["110105"].intersection(CITY.districts.geometry["110108"])
    at = border.interpolate(0.5, normalized=True)
    shape = np.array([square(at.x - 0.001, at.y - 0.001)], dtype=object)

    split = CITY.split(shape)
    assigned = CITY.assign(split, 1).iloc[0]

    largest = split.district[np.argmax(split.area_m2)]
    assert assigned["crosses"]
    assert assigned["district"] == CITY.districts.index[largest]
    assert assigned["share"] == pytest.approx(split.area_m2.max() / crs.area_m2(shape)[0])


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("朝阳区", "110105"),
        ("朝阳", "110105"),
        ("北京市朝阳区", "110105"),
        ("１１０１０５", "110105"),
        (" Chaoyang ", "110105"),
        ("110228", "110118"),
        ("延庆县", "110119"),
        ("110105.0", "110105"),
    ],
)
def test_a_district_is_known_however_it_is_written(written, code):
    assert CITY.district_codes(pd.Series([written])).tolist() == [code]


def test_an_unknown_district_stays_unknown():
    assert CITY.district_codes(pd.Series(["天津市", None, ""])).isna().all()


def test_the_17th_unit_is_no_district():
    assert CITY.unit_codes(pd.Series(["经开区"])).tolist() == ["110115403"]
    assert CITY.district_codes(pd.Series(["经开区"])).isna().all()
    assert len(CITY.units) == 17


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4)), max_size=8))
def test_overlaps_are_the_pairs_that_share_land(places):
    shapes = np.array(
        [
            shapely.box(116 + x * 1e-3, 40 + y * 1e-3, 116 + (x + s) * 1e-3, 40 + (y + s) * 1e-3)
            for x, y, s in places
        ],
        dtype=object,
    )
    plane = crs.equal_area(shapes)
    expected = {
        (a, b)
        for a in range(len(shapes))
        for b in range(a + 1, len(shapes))
        if shapely.area(shapely.intersection(plane[a], plane[b])) > 1
    }

    found = topology.overlaps(shapes, min_area_m2=1)
    covered = topology.union_area_m2(shapes, found)

    assert {tuple(pair) for pair in found[["a", "b"]].to_numpy().tolist()} == expected
    assert covered == pytest.approx(shapely.area(shapely.union_all(plane)), rel=1e-9)


def test_parcels_that_tile_do_not_overlap():
    assert topology.overlaps(tiles(3000, seed=4).to_numpy()).empty


@settings(max_examples=25, deadline=None)
@given(st.lists(boxes(), min_size=1, max_size=8), st.randoms())
def test_coverage_adds_up_and_ignores_the_order_of_rows(shapes, chance):
    frame = parcels(shapes)
    order = list(range(len(shapes)))
    chance.shuffle(order)

    table = coverage(holdings(frame, CITY), CITY)
    shuffled = coverage(holdings(frame.iloc[order], CITY), CITY)

    totals = table[table["stage"] == TOTAL].set_index("place")
    places = totals.drop(TOTAL)
    assert places["area_m2"].sum() == pytest.approx(totals.loc[TOTAL, "area_m2"], rel=1e-9)
    assert totals.loc[TOTAL, "parcels"] == len(frame)
    # Half a square millimetre for each piece of each of eight boxes.
    whole = pytest.approx(crs.area_m2(shapes).sum(), rel=1e-12, abs=1e-4)
    assert totals.loc[TOTAL, "area_m2"] == whole
    assert (totals["area_once_m2"].dropna() <= totals["area_m2"].dropna() * (1 + 1e-9)).all()
    assert totals["share"].dropna().between(0, 1 + 1e-9).all()
    pd.testing.assert_frame_equal(table, shuffled, check_exact=True)


def test_what_is_not_known_is_a_row_of_its_own_and_never_a_zero():
    frame = parcels([None, None, square(100, 30)], stage=["a", None, "a"])

    table = coverage(holdings(frame, CITY), CITY).set_index(["place", "stage"])

    assert table.loc[(UNKNOWN, TOTAL), "parcels"] == 3
    assert table.loc[(UNKNOWN, TOTAL), "without_boundary"] == 2
    assert pd.isna(table.loc[(UNKNOWN, TOTAL), "area_m2"])
    assert table.loc[(UNKNOWN, UNKNOWN), "parcels"] == 1
    assert table.loc[(OUTSIDE, TOTAL), "area_m2"] > 30_000
    assert table.loc[("110101", TOTAL), "area_m2"] == 0
    assert pd.isna(table.loc[(OUTSIDE, TOTAL), "share"])


def test_an_empty_layer_covers_nothing():
    table = coverage(holdings(parcels([]), CITY), CITY)

    assert len(table) == 17
    assert (table["parcels"] == 0).all()
    assert (table["area_m2"] == 0).all()


def test_units_do_not_count_twice_and_agree_with_the_districts():
    frame = plots(6)
    frame["unit"] = ["110108"] * 4 + ["110115403"] * 2
    held = holdings(frame, CITY)

    by_unit = coverage(held, CITY, by="unit", stages=False).set_index("place")
    by_district = coverage(held, CITY, stages=False).set_index("place")

    assert by_unit.loc["110115403", "parcels"] == 2
    assert pd.isna(by_unit.loc["110115403", "denominator_m2"])
    assert pd.isna(by_unit.loc["110115403", "share"])
    assert by_unit.loc[TOTAL, "area_m2"] == pytest.approx(by_district.loc[TOTAL, "area_m2"])


def test_land_outside_the_city_is_in_no_share_by_district_or_by_unit():
    shapes = [shapely.box(115.0, 39.8, 115.9, 40.0), shapely.box(115.1, 39.8, 115.8, 39.9)]
    held = holdings(parcels(shapes, unit="110109", stage=["a", "b"]), CITY)

    by_district = coverage(held, CITY).set_index(["place", "stage"])
    by_unit = coverage(held, CITY, by="unit").set_index(["place", "stage"])

    for stage in (TOTAL, "a", "b"):
        city = by_district.loc[(TOTAL, stage)]
        outside = by_district.loc[(OUTSIDE, stage), "area_once_m2"]
        assert outside > 0
        assert city["share"] * city["denominator_m2"] == pytest.approx(
            city["area_once_m2"] - outside, rel=1e-9
        )
        assert by_unit.loc[(TOTAL, stage)].tolist() == pytest.approx(city.tolist(), rel=1e-9)


def test_land_counts_where_it_lies_whatever_district_is_stated():
    frame = plots(2, district="110105")

    table = coverage(holdings(frame, CITY), CITY, stages=False).set_index("place")

    assert table.loc["110108", "parcels"] == 2
    assert table.loc["110105", "area_m2"] == 0


def test_cutting_parcels_in_two_leaves_the_areas():
    rng = np.random.default_rng(2)
    low = rng.uniform((115.8, 39.7), (116.9, 40.3), (40, 2))
    high = low + rng.uniform(0.001, 0.1, (40, 2))
    middle = (low[:, 0] + high[:, 0]) / 2
    whole = shapely.box(*low.T, *high.T)
    halves = [*shapely.box(*low.T, middle, high[:, 1]), *shapely.box(middle, low[:, 1], *high.T)]

    before = coverage(holdings(parcels(whole), CITY), CITY, stages=False).set_index("place")
    after = coverage(holdings(parcels(halves), CITY), CITY, stages=False).set_index("place")

    for column in ("area_m2", "area_once_m2", "share"):
        assert after[column].to_numpy() == pytest.approx(
            before[column].to_numpy(), rel=1e-9, nan_ok=True
        )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_land_counted_once_is_the_union_within_each_district(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform((116.2, 39.8), (116.5, 40.1), (15, 2))
    shapes = shapely.box(*low.T, *(low + rng.uniform(0.001, 0.1, (15, 2))).T)

    table = coverage(holdings(parcels(shapes), CITY), CITY, stages=False).set_index("place")

    land = shapely.union_all(crs.equal_area(shapes))
    zones = crs.equal_area(CITY.districts.geometry.to_numpy())
    plain = shapely.area(shapely.intersection(zones, land))
    once = table.loc[CITY.districts.index, "area_once_m2"].fillna(0.0)
    assert once.to_numpy() == pytest.approx(plain, rel=1e-9, abs=0.2)


def test_the_register_and_the_boundaries_give_the_same_table(store_url):
    frame = plots(8, unit=["110108"] * 6 + ["110115403"] * 2)
    over = [square(116.2, 40.0, side=0.004), square(115.40, 39.95, side=0.02)]
    across = CITY.districts.geometry["110105"].intersection(CITY.districts.geometry["110108"])
    at = across.interpolate(0.3, normalized=True)
    over += [square(at.x - 0.002, at.y - 0.002, side=0.004), square(at.x, at.y, side=0.003)]
    frame["geometry"] = [*over, None, *frame.geometry[5:]]
    frame["stage"] = ["surveyed", "listed", "surveyed", "listed", None, *["surveyed"] * 3]
    found = CITY.assign(CITY.split(frame.geometry.to_numpy()), len(frame))["district"]
    frame["district"] = found.fillna("110108")
    with Register(store_url, [PLOT]) as register:
        register.take(PLOT.key, frame, act())
        moment = on(dt.date(2024, 12, 31))
        kept = Holdings(
            register.groups(PLOT.key, moment),
            register.crossing(PLOT.key, moment),
            *register.overlapping(PLOT.key, moment),
        )
        again = holdings(register.frame(PLOT.key, moment), register.territory)

        for by in ("district", "unit"):
            pd.testing.assert_frame_equal(
                coverage(kept, CITY, by=by), coverage(again, CITY, by=by), check_exact=True
            )
    assert (coverage(kept, CITY)["area_once_m2"] < coverage(kept, CITY)["area_m2"]).any()


def test_a_share_is_of_the_area_it_names():
    table = coverage(holdings(plots(3), CITY), CITY, stages=False).set_index("place")

    row = table.loc["110108"]
    assert row["denominator_m2"] == pytest.approx(430.86e6, rel=1e-3)
    assert row["share"] == pytest.approx(row["area_once_m2"] / row["denominator_m2"])
