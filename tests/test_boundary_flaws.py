"""What the door says of odd boundaries: each finding, and what just does not raise it.

Plots lie on a grid of metres around Haidian, so that bounds can be hit to the centimetre.
"""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from layers import catalog
from parcels import crs, districts, gaps, lengths
from parcels.findings import Findings
from parcels.ingest.delivery import ReceiveOptions, receive

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()
LAT = 40.0
WEST, SOUTH = lengths.on_ground(np.array([shapely.Point(116.2, LAT)]), LAT)[0].coords[0]


def place(*shapes):
    """Shapes drawn in metres from a corner in Haidian, in degrees."""
    moved = np.array([affinity.translate(shape, WEST, SOUTH) for shape in shapes], object)
    return lengths.on_degrees(moved, LAT)


def plots(*shapes, **columns):
    """A delivery of plots drawn in metres."""
    count = len(shapes)
    given = {
        "编码": [f"A{i}" for i in range(count)],
        "名称": [f"示例{i}号" for i in range(count)],
        "环节": "优先监管",
        **columns,
    }
    return gpd.GeoDataFrame(given, geometry=place(*shapes), crs=4490)


def received(tmp_path, frame, **options):
    path = tmp_path / "地块.gpkg"
    frame.to_file(path)
    return receive(path, PLOT, CITY, options=ReceiveOptions(**options))


def found(tmp_path, frame, code=None, **options):
    """Findings of a delivery, or those of one code with their details."""
    whole = received(tmp_path, frame, **options).findings.frame()
    if code is None:
        return whole
    return [
        {**json.loads(one.details), "row": one.row, "lon": one.lon, "lat": one.lat}
        for one in whole[whole["code"] == code].itertuples()
    ]


def box(west, south, east, north):
    return shapely.box(west, south, east, north)


def with_corners(*corners):
    return shapely.Polygon([(0, 0), (100, 0), (100, 100), *corners, (0, 100)])


def spiked(*, base_m, length_m):
    """A plot with a triangle on its northern side."""
    return with_corners((50 + base_m / 2, 100), (50, 100 + length_m), (50 - base_m / 2, 100))


def holed(side):
    return shapely.Polygon(
        box(0, 0, 100, 100).exterior, [box(10, 10, 10 + side, 10 + side).exterior]
    )


def parted(side):
    return shapely.MultiPolygon([box(0, 0, 100, 100), box(200, 0, 200 + side, side)])


TINY = [
    (
        "points_repeated",
        with_corners((50, 100), (49.9998, 100)),
        with_corners((50, 100), (49.999, 100)),
    ),
    ("boundary_spike", spiked(base_m=0.3, length_m=20), spiked(base_m=0.4, length_m=20)),
    ("boundary_spike", spiked(base_m=0.001, length_m=0.11), spiked(base_m=0.001, length_m=0.09)),
    ("tiny_hole", holed(0.99), holed(1.01)),
    ("tiny_part", parted(0.99), parted(1.01)),
    ("boundary_sliver", box(0, 0, 100, 0.99), box(0, 0, 100, 1.02)),
    ("boundary_sliver", box(0, 0, 24.5, 0.9), box(0, 0, 20, 0.9)),
    ("boundary_sliver", box(0, 0, 0.99, 0.99), box(0, 0, 1.01, 1.01)),
]


@pytest.mark.parametrize(("code", "odd", "sound"), TINY)
def test_a_flaw_is_warned_of_and_one_that_just_is_none_is_not(tmp_path, code, odd, sound):
    (told,) = found(tmp_path, plots(odd), code)
    silent = found(tmp_path, plots(sound))

    assert told["row"] == 1
    assert shapely.distance(shapely.Point(told["lon"], told["lat"]), place(odd)[0]) < 1e-9
    assert silent.empty, silent["code"].tolist()


def test_a_spike_is_shown_at_its_tip(tmp_path):
    (told,) = found(tmp_path, plots(spiked(base_m=0.2, length_m=20)), "boundary_spike")

    tip = place(shapely.Point(50, 120))[0]
    assert (told["lon"], told["lat"]) == pytest.approx((tip.x, tip.y), abs=1e-8)
    assert told["length_m"] == pytest.approx(20, rel=1e-3)


def test_a_lone_small_part_is_a_sliver_and_no_part(tmp_path):
    told = found(tmp_path, plots(box(0, 0, 0.5, 0.5)))

    assert told["code"].tolist() == ["boundary_sliver"]


GAPS = [
    ("a gap of 49 cm", box(0, 0, 100, 100), box(100.49, 0, 200, 100), 49.0),
    ("a gap just over 1 m2", box(0, 0, 100, 100), box(100.011, 0, 200, 100), 1.1),
    (
        "a wedge",
        box(0, 0, 100, 100),
        shapely.Polygon([(100, 0), (200, 0), (200, 100), (100.4, 100)]),
        20.0,
    ),
    ("borders without common corners", box(0, 0, 100, 100), box(100.2, -500, 200, 500), 20.0),
]


@pytest.mark.parametrize(
    ("first", "second", "area_m2"), [g[1:] for g in GAPS], ids=[g[0] for g in GAPS]
)
def test_a_narrow_gap_between_neighbours_is_measured(tmp_path, first, second, area_m2):
    (told,) = found(tmp_path, plots(first, second), "gap")

    assert told["row"] == 2
    assert told["other_row"] == 1
    assert told["area_m2"] == pytest.approx(area_m2, rel=0.02)
    spot = shapely.Point(told["lon"], told["lat"])
    assert shapely.distance(spot, place(first, second)).max() * 111_000 < 0.5


@pytest.mark.parametrize(
    "shapes",
    [
        (box(0, 0, 100, 100), box(100.51, 0, 200, 100)),
        (box(0, 0, 100, 100), box(100, 0, 200, 100)),
        (box(0, 0, 100, 100), box(100.009, 0, 200, 100)),
        (box(0, 0, 100, 100), box(100, 20, 200, 80)),
        (box(0, 0, 100, 100), box(100, 100, 200, 200)),
        (box(0, 0, 100, 100), box(99.7, 0, 200, 100)),
        (box(0, 0, 100, 100), box(100.4, 0, 200, 100), box(100, 0, 100.4, 100)),
        (holed(50), box(10.0005, 10, 60, 60)),
    ],
    ids=[
        "a path of 51 cm",
        "one border",
        "less than 1 m2",
        "a shorter border",
        "a common corner",
        "an overlap",
        "a strip between that belongs to a third",
        "half a millimetre inside a hole",
    ],
)
def test_what_is_no_gap_is_not_taken_for_one(tmp_path, shapes):
    assert found(tmp_path, plots(*shapes), "gap") == []


def test_a_gap_between_a_hole_and_what_fills_it_is_found(tmp_path):
    (told,) = found(tmp_path, plots(holed(50), box(10.2, 10.2, 59.8, 59.8)), "gap")

    assert told["area_m2"] == pytest.approx(4 * 0.2 * 49.8, rel=0.02)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.floats(0.02, 0.45),
    st.floats(0, 360),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_a_gap_is_as_large_as_the_land_between(width, angle, left, right):
    west = shapely.segmentize(box(-100, 0, -width / 2, 100), 100 / left)
    east = shapely.segmentize(box(width / 2, 0, 100, 100), 100 / right)
    turned = [affinity.rotate(one, angle, origin=(0, 50)) for one in (west, east)]
    shapes = shapely.orient_polygons(place(*turned))

    measured = gaps.gaps(shapes)

    assert measured["area_m2"].sum() == pytest.approx(100 * width, rel=0.01)
    assert measured["width_m"].tolist() == pytest.approx([width], rel=0.01)


def test_nearly_the_same_land_is_not_called_an_overlap(tmp_path):
    nearly, hardly = box(0, 0, 100, 99.1), box(0, 0, 100, 98.9)

    whole = found(tmp_path, plots(box(0, 0, 100, 100), nearly))
    (told,) = found(tmp_path, plots(box(0, 0, 100, 100), nearly), "boundary_nearly_twice")
    less = found(tmp_path, plots(box(0, 0, 100, 100), hardly))

    assert whole["code"].tolist() == ["boundary_nearly_twice"]
    assert told["other"] == "A0"
    assert less["code"].tolist() == ["overlap"]


@pytest.mark.parametrize(("away_m", "warned"), [(0.15, False), (0.25, True), (80.0, True)])
def test_a_registered_point_outside_gets_another_proposed(tmp_path, away_m, warned):
    point = place(shapely.Point(100 + away_m, 50))[0]
    shape = box(0, 0, 100, 100)

    told = found(
        tmp_path, plots(shape, 经度=[point.x], 纬度=[point.y]), "registered_point_outside"
    )

    assert bool(told) is warned
    for one in told:
        assert one["distance_m"] == pytest.approx(away_m, abs=0.06)
        assert place(shape)[0].contains(shapely.Point(one["to_lon"], one["to_lat"]))


def test_sound_boundaries_in_any_form_are_taken_without_a_word(tmp_path):
    clockwise = shapely.Polygon(list(box(0, 0, 100, 100).exterior.coords))
    several = parted(50)
    kinds = [clockwise, shapely.reverse(affinity.translate(clockwise, 300)), holed(20), several]
    shapes = [affinity.translate(one, 0, 400 * i) for i, one in enumerate(kinds)]

    delivery = received(tmp_path, plots(*shapes))

    assert delivery.findings.frame().empty
    made = delivery.frame.geometry
    assert (made.geom_type == "MultiPolygon").all()
    assert [shapely.is_ccw(one.geoms[0].exterior) for one in made] == [True] * 4
    assert delivery.frame["area_m2"].tolist() == pytest.approx(
        [10_000, 10_000, 9_600, 12_500], rel=1e-3
    )


def test_rows_with_errors_are_known_without_building_the_report():
    collected = Findings("town_plot", "a.gpkg")
    collected.add("value_missing", rows=[3, 5, 3], field="name")
    collected.add("value_missing", rows=[7], field="code")
    collected.add("overlap", rows=[9])
    collected.add("file_empty")

    assert collected.rows_with_errors() == {3, 5, 7}
    assert collected.rows_of({"value_missing"}, field="name").tolist() == [3, 5]
    assert not collected.file_has_error()
    collected.add("crs_missing")
    assert collected.file_has_error()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.floats(39.4, 41.1), st.floats(-1, 1), st.floats(-1, 1))
def test_lengths_on_the_ground_agree_with_areas_on_the_ellipsoid(lat, lon_shift, lat_shift):
    east, north = 0.001 + lon_shift * 1e-4, 0.001 + lat_shift * 1e-4
    shape = shapely.box(116.4, lat, 116.4 + east, lat + north)
    half = np.array([[east / 2, 0], [0, north / 2]])
    middle = np.array([[116.4 + east / 2, lat + north / 2]] * 2)

    step = lengths.steps_m(middle - half, middle + half)

    assert step[0, 0] * step[1, 1] == pytest.approx(crs.area_m2(shape), rel=1e-6)
