"""The shift of web maps: undone exactly, found where it can be found, never in silence."""

import json

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from layers import catalog
from parcels import districts, offsets
from parcels.ingest.delivery import ReceiveOptions, receive

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()
SYSTEMS = sorted(offsets.FORWARD)
CHINA = st.tuples(st.floats(73.5, 135.1), st.floats(3.4, 53.6))
ABROAD = st.tuples(st.floats(-180, 180), st.floats(-85, 85)).filter(
    lambda place: not (72 < place[0] < 138 and 0.8 < place[1] < 56)
)


@pytest.mark.parametrize("system", SYSTEMS)
@given(place=CHINA)
@example(place=(116.397, 39.908))
def test_a_shift_is_undone_to_a_billionth_of_a_degree_all_over_china(system, place):
    true = np.array([place])

    back = offsets.INVERSE[system](offsets.FORWARD[system](true))

    assert np.abs(back - true).max() < 1e-9


@pytest.mark.parametrize("system", SYSTEMS)
@given(place=CHINA)
def test_within_china_every_place_is_moved(system, place):
    true = np.array([place])

    assert np.abs(offsets.FORWARD[system](true) - true).max() > 1e-4


@given(place=ABROAD)
def test_outside_the_box_of_the_formula_gcj02_moves_nothing(place):
    true = np.array([place])

    assert (offsets.to_gcj02(true) == true).all()
    assert (offsets.from_gcj02(true) == true).all()


@pytest.mark.parametrize("system", SYSTEMS)
def test_damaged_coordinates_do_not_spoil_their_neighbours(system):
    places = np.array([[116.397, 39.908], [np.inf, 39.9], [np.nan, np.nan], [1e308, -1e308]])

    back = offsets.INVERSE[system](offsets.FORWARD[system](places))

    assert np.abs(back[0] - places[0]).max() < 1e-9


def figures(count, *, west=116.38, south=39.9, seed=1):
    """Figures of different sizes, half a kilometre apart and more, in rows of ten."""
    generator = np.random.default_rng(seed)
    shapes = []
    for number in range(count):
        wide, high = generator.uniform(0.0005, 0.002, 2)
        x = west + number % 10 * 0.0071 + generator.uniform(0, 0.001)
        y = south + number // 10 * 0.0067 + generator.uniform(0, 0.001)
        shapes.append(shapely.box(x, y, x + wide, y + high))
    return np.array(shapes)


def parcels(shapes, *, first=0, **columns):
    codes = [f"1101010{first + n:06}" for n in range(len(shapes))]
    data = {"code": codes, "stage": "优先监管"} | columns
    return gpd.GeoDataFrame(data, geometry=list(shapes), crs=4490)


def drawn_on(shapes, system):
    """The same figures as a web map shows them, to the digits such maps give."""
    if system is None:
        return shapes
    shown = shapely.transform(shapes, offsets.FORWARD[system])
    return shapely.transform(shown, lambda xy: xy.round(6))


def door(tmp_path, frame, *, register=None, **options):
    path = tmp_path / "delivered.gpkg"
    pyogrio.write_dataframe(frame, path)
    return receive(path, PLOT, CITY, options=ReceiveOptions(**options), register=register)


def said(delivery):
    """What is said of a shift: code and details."""
    found = delivery.findings.frame()
    found = found[found["code"].str.startswith(("offset", "shift"))]
    return dict(zip(found["code"], found["details"].map(json.loads), strict=True))


@pytest.mark.parametrize("system", SYSTEMS)
def test_known_codes_tell_which_map_a_delivery_was_drawn_on(tmp_path, system):
    true = figures(3)

    delivery = door(tmp_path, parcels(drawn_on(true, system)), register=parcels(true))

    details = said(delivery)["offset_suspected"]
    assert details["system"] == system
    assert details["pairs"] == 3
    assert details["share"] == 100
    assert (500 < details["shift_m"] < 615) if system == "gcj02" else details["shift_m"] > 1300
    assert not delivery.frame["ok"].any()


def test_two_known_codes_tell_nothing(tmp_path):
    true = figures(2)

    delivery = door(tmp_path, parcels(drawn_on(true, "gcj02")), register=parcels(true))

    assert said(delivery) == {}


def test_known_parcels_where_they_were_say_nothing(tmp_path):
    true = figures(20)

    assert said(door(tmp_path, parcels(true), register=parcels(true))) == {}


def test_a_common_shift_of_another_kind_is_a_warning(tmp_path):
    true = figures(5)
    moved = shapely.transform(true, lambda xy: xy - np.array([0.0, 0.016]))

    delivery = door(tmp_path, parcels(moved), register=parcels(true))

    assert 1770 < said(delivery)["shift_unexplained"]["shift_m"] < 1790
    assert said(delivery)["shift_unexplained"]["azimuth"] == 180


def test_scattered_moves_of_known_parcels_say_nothing(tmp_path):
    true = figures(8)
    ways = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]] * 2) * 0.004
    moved = np.array([shapely.affinity.translate(s, *w) for s, w in zip(true, ways, strict=True)])

    assert said(door(tmp_path, parcels(moved), register=parcels(true))) == {}


@pytest.mark.parametrize("system", SYSTEMS)
def test_known_figures_tell_it_without_common_codes(tmp_path, system):
    true = figures(40)
    delivered = parcels(drawn_on(true, system), first=500)

    details = said(door(tmp_path, delivered, register=parcels(true)))["offset_suspected"]

    assert details["system"] == system
    assert details["pairs"] == 40
    assert "figure" in details["basis_en"]


def test_known_figures_among_new_ones_tell_it(tmp_path):
    true = figures(40)
    came = drawn_on(np.r_[true[:5], figures(20, south=39.98, seed=2)], "gcj02")

    details = said(door(tmp_path, parcels(came, first=500), register=parcels(true)))

    assert details["offset_suspected"]["pairs"] == 5
    assert details["offset_suspected"]["share"] == 20


@pytest.mark.parametrize("known", [2, 4], ids=["fewer than three", "less than a tenth"])
def test_few_known_figures_tell_nothing(tmp_path, known):
    came = drawn_on(np.r_[figures(known), figures(50, south=39.94, seed=2)], "gcj02")

    assert said(door(tmp_path, parcels(came, first=500), register=parcels(figures(40)))) == {}


def test_other_figures_at_the_shifted_places_tell_nothing(tmp_path):
    true = figures(40)
    larger = np.array([shapely.affinity.scale(shape, 1.05, 1.05) for shape in true])

    delivery = door(
        tmp_path, parcels(drawn_on(larger, "gcj02"), first=500), register=parcels(true)
    )

    assert said(delivery) == {}


def test_tiles_of_one_size_are_no_evidence(tmp_path):
    # A pattern whose step is the shift itself: every tile lands on another one.
    shift = offsets.to_gcj02(np.array([[116.4, 39.9]]))[0] - [116.4, 39.9]
    tiles = np.array(
        [
            shapely.box(x, y, x + 0.001, y + 0.001)
            for x in 116.38 + shift[0] * np.arange(8)
            for y in 39.89 + shift[1] * np.arange(8)
        ]
    )

    assert said(door(tmp_path, parcels(tiles, first=500), register=parcels(tiles))) == {}


def border(count, *, inside):
    """Small figures along the inner side of Changping's border, a kilometre and more apart."""
    changping = CITY.districts.loc["110114"].geometry
    west, south, east, north = changping.bounds
    shapes = []
    for y in np.linspace(south, north, 400):
        cut = shapely.LineString([(west, y), (east, y)]).intersection(changping)
        edge = cut.bounds[2] - inside
        shape = shapely.box(edge - 0.0004, y, edge, y + 0.0004)
        if changping.contains(shape) and (not shapes or y - shapes[-1].bounds[1] > 0.012):
            shapes.append(shape)
    assert len(shapes) >= count
    return np.array(shapes[:count])


@pytest.mark.parametrize("system", SYSTEMS)
def test_districts_tell_it_where_enough_parcels_lie_near_a_border(tmp_path, system):
    came = drawn_on(border(12, inside=0.0012), system)

    details = said(door(tmp_path, parcels(came, district="昌平区")))["offset_suspected"]

    assert details["system"] in SYSTEMS
    assert "district" in details["basis_en"]


def test_six_parcels_near_a_border_may_be_chance(tmp_path):
    came = drawn_on(border(6, inside=0.0012), "gcj02")

    assert said(door(tmp_path, parcels(came, district="昌平区"))) == {}


def test_parcels_by_one_border_that_are_right_say_nothing(tmp_path):
    assert said(door(tmp_path, parcels(border(12, inside=0.0012), district="昌平区"))) == {}


def test_a_shift_in_the_middle_of_a_district_cannot_be_seen(tmp_path):
    came = drawn_on(figures(30, west=116.15, south=40.18), "gcj02")

    assert said(door(tmp_path, parcels(came, district="昌平区"))) == {}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_stated_shift_is_undone_said_and_kept(tmp_path, system):
    true = figures(3)

    delivery = door(
        tmp_path, parcels(drawn_on(true, system)), register=parcels(true), offset=system
    )

    assert set(said(delivery)) == {"offset_applied"}
    assert delivery.place["offset"] == {"system": system, "formula": offsets.FORMULA[system]}
    assert delivery.frame["ok"].all()
    # The map's six digits are a tenth of a metre.
    near = shapely.hausdorff_distance(delivery.frame.geometry.to_numpy(), true)
    assert near.max() < 2e-6


def test_a_stated_shift_that_nothing_speaks_for_or_against_is_undone_and_that_is_said(tmp_path):
    came = drawn_on(figures(3), "gcj02")

    details = said(door(tmp_path, parcels(came), offset="gcj02"))

    assert "could not be checked" in details["offset_applied"]["basis_en"]


@pytest.mark.parametrize(
    ("came", "stated"), [(None, "gcj02"), ("bd09", "gcj02"), ("gcj02", "bd09")]
)
@pytest.mark.parametrize("first", [0, 500], ids=["by code", "by figure"])
def test_a_stated_shift_that_the_register_contradicts_is_an_error(tmp_path, came, stated, first):
    true = figures(20)
    delivered = parcels(drawn_on(true, came), first=first)

    delivery = door(tmp_path, delivered, register=parcels(true), offset=stated)

    assert set(said(delivery)) == {"offset_contradicted"}
    assert said(delivery)["offset_contradicted"]["system"] == (came or "CGCS2000")
    assert not delivery.frame["ok"].any()


def test_a_stated_shift_that_the_districts_contradict_is_an_error(tmp_path):
    true = border(12, inside=0.0)
    changping = CITY.districts.loc["110114"].geometry
    west = [
        shapely.box(x, y, x + 0.0004, y + 0.0004)
        for y in (shape.bounds[1] for shape in true)
        for x in [
            shapely.LineString([(115, y), (118, y)]).intersection(changping).bounds[0] + 0.0006
        ]
    ]

    delivery = door(tmp_path, parcels(np.array(west), district="昌平区"), offset="bd09")

    assert set(said(delivery)) == {"offset_contradicted"}


def test_a_doubtful_crs_is_not_compared_with_the_register(tmp_path):
    true = figures(5)
    came = parcels(drawn_on(true, "gcj02")).to_crs(4548).set_crs(4547, allow_override=True)

    delivery = door(tmp_path, came, register=parcels(true))

    assert said(delivery) == {}
    assert "crs_doubtful" in set(delivery.findings.frame()["code"])
