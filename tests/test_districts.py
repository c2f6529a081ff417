"""Which district land lies in: near borders, through the grid, and in districts of one's own."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from parcels import crs, districts
from parcels.districts import territory_from
from parcels.errors import DistrictsNotUsableError

CITY = districts.bundled()
BORDERS = CITY.districts.geometry.to_numpy()
SIDE = 0.01


def town(boxes, **columns):
    """A frame of invented districts: boxes in hundredths of a degree from 116E 40N."""
    shapes = [shapely.box(*(np.array(box) * SIDE + [116, 40, 116, 40]).tolist()) for box in boxes]
    codes = [f"99010{9 - i}" for i in range(len(shapes))]
    names = [f"示例{i}区" for i in range(len(shapes))]
    return gpd.GeoDataFrame(
        {"code": codes, "name": names} | columns, geometry=shapes, crs=crs.STORAGE
    )


def dense(split, count, zones=16):
    table = np.zeros((count, zones))
    table[split.parcel, split.district] = split.area_m2
    return table


def around_borders(rng, count):
    """Boxes from a house to a town, most of them near a border of a district."""
    points = shapely.get_coordinates(BORDERS)
    middles = points[rng.integers(0, len(points), count)] + rng.normal(0, 0.003, (count, 2))
    half = 10 ** rng.uniform(-5, -1.3, (count, 2))
    return shapely.box(*(middles - half).T, *(middles + half).T)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_many_boundaries_are_split_as_few_are(seed):
    rng = np.random.default_rng(seed)
    shapes = around_borders(rng, 1500)
    shapes[rng.random(1500) < 0.1] = None
    points = rng.random(1500) < 0.1
    shapes[points] = shapely.centroid(shapes[points])

    through_grid = CITY.split(shapes)
    halves = [CITY.split(shapes[:750]), CITY.split(shapes[750:])]

    parcel = np.concatenate([halves[0].parcel, halves[1].parcel + 750])
    assert np.array_equal(through_grid.parcel, parcel)
    for name in ("district", "area_m2", "outside_m2"):
        both = np.concatenate([getattr(half, name) for half in halves])
        assert getattr(through_grid, name) == pytest.approx(both, rel=1e-9, abs=1e-6), name


def test_many_boundaries_are_split_as_plain_intersections_split_them():
    shapes = around_borders(np.random.default_rng(7), 1500)
    plane, zones = crs.equal_area(shapes), crs.equal_area(BORDERS)

    split = CITY.split(shapes)

    tree = shapely.STRtree(plane)
    zone, place = tree.query(zones, predicate="intersects")
    plain = np.zeros((len(shapes), len(zones)))
    plain[place, zone] = shapely.area(shapely.intersection(plane[place], zones[zone]))
    assert dense(split, len(shapes)) == pytest.approx(plain, rel=1e-9, abs=2e-4)
    assert split.area_m2.sum() == pytest.approx(plain.sum(), rel=1e-12)


def strip_along_a_border(*, more_corners):
    """A parcel in Haidian one side of which is the border to Chaoyang."""
    west, east = CITY.districts.geometry["110108"], CITY.districts.geometry["110105"]
    line = shapely.line_merge(shapely.intersection(west, east))
    edge = shapely.get_coordinates(shapely.get_parts(line)[0])[:12]
    if more_corners:
        steps = edge[:-1] + (edge[1:] - edge[:-1]) * 0.377
        edge = np.insert(edge, np.arange(1, len(edge)), steps, axis=0)
    parcel = shapely.Polygon([*edge, *(edge[::-1] - [0.0002, 0])])
    assert shapely.is_valid(parcel)
    return np.array([parcel], dtype=object)


def test_a_parcel_along_a_border_does_not_cross_it():
    parcel = strip_along_a_border(more_corners=False)

    split = CITY.split(parcel)
    assigned = CITY.assign(split, 1).iloc[0]

    assert split.area_m2 == pytest.approx(crs.area_m2(parcel), rel=1e-12)
    assert assigned.tolist() == ["110108", 1.0, False]


def test_corners_between_those_of_a_border_part_no_more_than_centimetres_from_it():
    parcel = strip_along_a_border(more_corners=True)

    assigned = CITY.assign(CITY.split(parcel), 1).iloc[0]

    length = shapely.length(crs.equal_area(parcel))[0]
    assert assigned["district"] == "110108"
    assert (1 - assigned["share"]) * crs.area_m2(parcel)[0] < length * 0.03


def test_a_parcel_over_a_corner_of_three_districts_has_three_parts():
    corners = pd.Series(list(map(tuple, shapely.get_coordinates(BORDERS).tolist())))
    shared = corners[corners.duplicated(keep=False)].unique()
    points = shapely.points(list(shared))
    met = shapely.STRtree(points).query(BORDERS, predicate="intersects")[1]
    at = points[np.argmax(np.bincount(met))]
    parcel = shapely.buffer(np.array([at], dtype=object), 0.0005)

    split = CITY.split(parcel)

    assert len(split.parcel) == 3
    assert split.area_m2.sum() == pytest.approx(crs.area_m2(parcel)[0], rel=1e-9)
    assert split.outside_m2.tolist() == [0]


def test_a_hole_is_no_land_of_the_parcel():
    exclave = min(shapely.get_parts(CITY.districts.geometry["110105"]), key=shapely.area)
    ring = np.array([shapely.difference(exclave.buffer(0.01), exclave)], dtype=object)

    split = CITY.split(ring)

    assert CITY.districts.index[split.district].tolist() == ["110113"]


def test_points_on_a_border_lie_in_the_district_of_the_smaller_code():
    corners = pd.Series(list(map(tuple, shapely.get_coordinates(BORDERS).tolist())))
    shared = shapely.points(list(corners[corners.duplicated()].unique()))

    split = CITY.split(shared)

    zone, place = shapely.STRtree(shared).query(BORDERS, predicate="intersects")
    assert np.array_equal(split.parcel, np.arange(len(shared)))
    assert np.array_equal(split.district, pd.Series(zone).groupby(place).min())
    assert (split.area_m2 == 0).all()


@pytest.mark.parametrize("shape", [None, shapely.Point(), shapely.Polygon()])
def test_what_has_no_place_has_no_part_and_no_district(shape):
    split = CITY.split(np.array([shape], dtype=object))

    assert len(split.parcel) == 0
    assert split.outside_m2.tolist() == [0]
    assert CITY.assign(split, 1)["district"].isna().all()


def test_nothing_is_split_into_nothing():
    split = CITY.split(np.array([], dtype=object))

    assert len(split.parcel) == len(split.outside_m2) == 0
    assert CITY.assign(split, 0).empty


def test_land_beyond_the_city_is_outside_however_far():
    shapes = np.array([shapely.box(x, 30, x + 0.01, 30.01) for x in (0, 100, 179)], dtype=object)

    split = CITY.split(np.tile(shapes, 500))

    assert len(split.parcel) == 0
    assert split.outside_m2 == pytest.approx(np.tile(crs.area_m2(shapes), 500))


def test_of_two_equal_halves_the_smaller_code_has_the_parcel():
    territory = territory_from(town([(0, 0, 1, 1), (1, 0, 2, 1)]), file="town.gpkg")
    middle = shapely.box(116.009, 40.002, 116.011, 40.004)

    assigned = territory.assign(territory.split(np.array([middle], dtype=object)), 1)

    assert assigned["district"].tolist() == ["990108"]
    assert assigned["share"].tolist() == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("code", "name"), [("adcode", "NAME"), ("XZQDM", "XZQMC"), ("行政区代码", "名称")]
)
def test_columns_of_districts_are_known_by_their_usual_names(code, name):
    frame = town([(0, 0, 1, 1), (1, 0, 2, 1)]).rename(columns={"code": code, "name": name})

    territory = territory_from(frame, file="town.gpkg")

    assert territory.districts.index.tolist() == ["990108", "990109"]
    assert territory.districts["name"].tolist() == ["示例1区", "示例0区"]
    assert territory.district_codes(pd.Series(["示例0区", "990108000000"])).tolist() == [
        "990109",
        "990108",
    ]
    assert not territory.is_sample


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (town([(0, 0, 1, 1)]).drop(columns="code"), "columns"),
        (town([(0, 0, 1, 1)]).iloc[:0], "empty"),
        (town([(0, 0, 1, 1), (1, 0, 2, 1)], code=["1", "1"]), "codes"),
        (town([(0, 0, 1, 1), (1, 0, 2, 1)], code=["1", None]), "codes"),
        (town([(0, 0, 1, 1), (1, 0, 2, 1)], code=["1", " "]), "codes"),
        (town([(0, 0, 1, 1)]).set_geometry([None], crs=4490), "polygons"),
        (town([(0, 0, 1, 1)]).set_geometry([shapely.Point(116, 40)], crs=4490), "polygons"),
        (
            town([(0, 0, 1, 1)]).set_geometry(
                [shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], crs=4490
            ),
            "polygons",
        ),
        (town([(0, 0, 1, 1), (0.8, 0, 2, 1)]), "overlap"),
        (town([(0, 0, 1, 1), (0, 0, 1, 1)]), "overlap"),
    ],
)
def test_districts_that_cannot_be_used_are_refused_with_the_reason(frame, reason):
    with pytest.raises(DistrictsNotUsableError) as refusal:
        territory_from(frame, file="town.gpkg")

    assert refusal.value.fields == {"file": "town.gpkg", "reason": reason}


def test_land_two_districts_claim_by_a_few_metres_counts_once_for_the_smaller_code():
    territory = territory_from(town([(0, 0, 1, 1), (0.999, 0, 2, 1)]), file="town.gpkg")
    parcels = np.array(
        [
            shapely.box(116.009, 40.002, 116.011, 40.004),
            shapely.box(116.00999, 40.002, 116.009995, 40.0021),
        ],
        dtype=object,
    )

    split = territory.split(parcels)

    whole = crs.area_m2(parcels)
    assert np.bincount(split.parcel, split.area_m2) + split.outside_m2 == pytest.approx(
        whole, rel=1e-9
    )
    assert split.outside_m2.tolist() == [0, 0]
    assert territory.assign(split, 2)["district"].tolist() == ["990108", "990108"]
    both = shapely.union_all(crs.equal_area(territory.districts.geometry.to_numpy()))
    assert territory.area_m2.sum() == pytest.approx(shapely.area(both), rel=1e-12)


def test_a_gap_between_districts_is_outside():
    territory = territory_from(town([(0, 0, 1, 1), (1.2, 0, 2, 1)]), file="town.gpkg")
    across = np.array([shapely.box(116.009, 40.002, 116.013, 40.004)], dtype=object)

    split = territory.split(across)

    assert len(split.parcel) == 2
    assert split.outside_m2[0] == pytest.approx(crs.area_m2(across)[0] / 2, rel=1e-6)


def test_the_bundled_districts_tile_the_city():
    assert CITY.is_sample
    assert len(CITY.districts) == 16
    assert shapely.coverage_is_valid(BORDERS)
    assert CITY.area_m2.sum() == pytest.approx(16_404.66e6, abs=0.01e6)
    assert CITY.districts.index.is_monotonic_increasing
