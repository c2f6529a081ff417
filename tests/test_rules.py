"""The rules between layers, by themselves: what is found, what is not, and by which day's law."""

from __future__ import annotations

import datetime as dt
import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from town import square

from layers import catalog
from layers.rules import ground
from layers.rules.ground import Ground, shared, terms
from layers.rules.table import RULES
from parcels import districts, legal_basis

LAYERS = catalog.load()
DAY = dt.date(2024, 6, 30)
HERE = square(116.2, 40.0)
BESIDE = square(116.202, 40.0)
HALF = square(116.201, 40.0)
DAYS = ("construction_started_on", "punished_on", "rectified_on", "image_after_on")
NUMBERS = ("declared_area_m2", "registered_lon", "registered_lat")
FLAGS = ("permanent_basic_farmland", "measure_in_place")
SITE, KEY, ALERT = "contaminated_site", "key_construction_land", "remote_sensing_alert"


def frame(first, *rows):
    """Parcels of a layer, numbered from `first`, of which only what is given is known."""
    keys = ["code", "name", "stage", "district", "unit", "planned_use_class", "area_kind"]
    blank = dict.fromkeys([*keys, *DAYS, *FLAGS, "shape"]) | dict.fromkeys(NUMBERS, np.nan)
    whole = pd.DataFrame([{**blank, **row} for row in rows], columns=list(blank))
    kinds = dict.fromkeys(keys, "str") | dict.fromkeys(NUMBERS, "float64")
    kinds |= dict.fromkeys(FLAGS, "boolean")
    typed = whole.drop(columns="shape").astype(kinds)
    for key in DAYS:
        typed[key] = pd.to_datetime(typed[key])
    index = pd.Index(range(first, first + len(rows)), name="parcel")
    shapes = whole["shape"].to_numpy(object)
    return gpd.GeoDataFrame(typed.set_index(index), geometry=shapes, crs=4490)


def hits(rule, on=DAY, joined=(), **frames):
    placed = {key: frame(100 * n, *rows) for n, (key, rows) in enumerate(frames.items(), 1)}
    layers = {key: LAYERS[key] for key in placed}
    pairs = pd.DataFrame(list(joined), columns=["a", "b"])
    stood = Ground(placed, layers, districts.bundled(), on, pairs)
    return RULES[rule].find(stood)


def named(found):
    return [
        (int(a), None if pd.isna(b) else int(b))
        for a, b in zip(found["parcel"], found["other"], strict=True)
    ]


def test_every_declared_rule_is_computed_and_every_computed_one_declared():
    assert set(RULES) == set(LAYERS.rules)


# A listed site on land planned for homes

PLANNED = "listed_site_planned_for_homes_or_public_use"


@pytest.mark.parametrize(
    ("stage", "use", "shape", "found"),
    [
        ("listed", "residential", HALF, True),
        ("remediation", "public", HALF, True),
        ("effect_assessment", "residential", HERE, True),
        # What changed its use to homes or public use is one of them, said or not.
        ("listed", None, HALF, True),
        ("delisted", "residential", HALF, False),
        ("closed", "residential", HERE, False),
        (None, "residential", HERE, False),
        ("listed", "residential", BESIDE, False),
        ("listed", "residential", None, False),
        ("listed", "residential", shapely.Point(116.2005, 40.0005), False),
    ],
)
def test_a_site_in_the_list_is_not_planned_for_homes(stage, use, shape, found):
    site = {"stage": stage, "shape": HERE}
    told = hits(
        PLANNED,
        contaminated_site=[site],
        key_construction_land=[{"planned_use_class": use, "shape": shape}],
    )

    assert named(told) == ([(100, 200)] if found else [])
    if found and shape is HALF:
        assert told["area_m2"][0] == pytest.approx(18_963, rel=0.01)


@pytest.mark.parametrize(
    ("use", "found"), [("residential", True), ("other", False), (None, False)]
)
def test_the_own_plan_of_a_listed_site_counts_too(use, found):
    site = {"stage": "listed", "planned_use_class": use}

    assert named(hits(PLANNED, contaminated_site=[site])) == ([(100, None)] if found else [])


@pytest.mark.parametrize(
    ("day", "article"),
    [
        (dt.date(2018, 12, 31), None),
        (dt.date(2019, 1, 1), "61"),
        (dt.date(2026, 8, 14), "61"),
        (dt.date(2026, 8, 15), "456"),
    ],
)
def test_the_article_is_the_one_in_force_on_the_day(day, article):
    found = LAYERS.rules[PLANNED].article(day)

    assert (found.number if found else None) == article


# Construction before the target

BUILT = "construction_before_target"


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"construction_started_on": "2024-03-01"}, True),
        # The day that is judged is in; the day after is not known yet.
        ({"construction_started_on": "2024-06-30"}, True),
        ({"construction_started_on": "2024-07-01"}, False),
        ({}, False),
        # No law forbade it then.
        ({"construction_started_on": "2018-12-31"}, False),
        ({"construction_started_on": "2019-01-01"}, True),
        ({"construction_started_on": "2024-03-01", "punished_on": "2024-04-01"}, True),
        (
            {
                "construction_started_on": "2024-03-01",
                "punished_on": "2024-04-01",
                "rectified_on": "2024-05-01",
            },
            False,
        ),
        (
            {
                "construction_started_on": "2024-03-01",
                "punished_on": "2024-04-01",
                "rectified_on": "2024-07-01",
            },
            True,
        ),
    ],
)
def test_nobody_builds_on_a_listed_site_before_its_target(facts, found):
    told = hits(
        BUILT,
        contaminated_site=[{"stage": "remediation", "shape": HERE}],
        key_construction_land=[{"stage": "cleared", "shape": HALF, **facts}],
    )

    assert named(told) == ([(100, 200)] if found else [])
    if found:
        assert told["day"][0].isoformat() == facts["construction_started_on"]


def test_construction_on_the_site_itself_is_found_without_another_layer():
    site = {"stage": "listed", "construction_started_on": "2024-03-01"}

    assert named(hits(BUILT, contaminated_site=[site])) == [(100, None)]


@pytest.mark.parametrize(("began", "found"), [("2026-08-14", False), ("2026-08-15", True)])
def test_building_before_the_survey_is_forbidden_by_the_code_alone(began, found):
    plot = {"stage": "survey_due", "construction_started_on": began}
    told = hits(BUILT, on=dt.date(2027, 1, 1), key_construction_land=[plot])

    assert named(told) == ([(100, None)] if found else [])
    assert all(
        legal_basis.subjects()["construction"].on(day).number == "461" for day in told["day"]
    )


@pytest.mark.parametrize(
    ("stage", "found"),
    [("new", False), ("assigned", False), ("verified", True), ("case_opened", True),
     ("false", False), ("closed", False)],
)  # fmt: skip
def test_only_an_alert_that_was_found_true_is_construction(stage, found):
    told = hits(
        BUILT,
        contaminated_site=[{"stage": "listed", "shape": HERE}],
        remote_sensing_alert=[{"stage": stage, "image_after_on": "2024-05-01", "shape": HALF}],
    )

    assert named(told) == ([(100, 200)] if found else [])


@pytest.mark.parametrize(
    ("stage", "site", "found"),
    [("new", "listed", True), (None, "listed", True), ("verified", "listed", True),
     ("false", "listed", False), ("closed", "listed", False), ("new", "delisted", False)],
)  # fmt: skip
def test_an_alert_on_a_listed_site_stands_until_it_is_settled(stage, site, found):
    told = hits(
        "alert_on_listed_site",
        contaminated_site=[{"stage": site, "shape": HERE}],
        remote_sensing_alert=[{"stage": stage, "shape": HALF}],
    )

    assert named(told) == ([(200, 100)] if found else [])


# Where parcels lie

DISPLACED = "outside_declared_district"


@pytest.mark.parametrize(
    ("district", "unit", "found"),
    [
        ("110108", "110108", []),
        ("110108", None, []),
        (None, None, []),
        ("110105", "110105", [(100, None)]),
        ("110108", "110105", [(100, None)]),
        # A functional area has no borders of its own here.
        ("110108", "110115403", []),
    ],
)
def test_a_parcel_lies_in_its_district_and_unit(district, unit, found):
    parcel = {"district": district, "unit": unit, "shape": HERE}

    assert named(hits(DISPLACED, orchard=[parcel])) == found


def test_how_much_lies_outside_the_declared_district_is_said():
    (area,) = hits(DISPLACED, orchard=[{"district": "110105", "shape": HERE}])["area_m2"]

    assert area == pytest.approx(37_900, rel=0.01)


@pytest.mark.parametrize(
    ("unit", "kind", "stage", "shape", "found"),
    [
        ("110108", "yizhuang", "in_force", HERE, True),
        ("110115403", "yizhuang", "in_force", HERE, False),
        ("110108", "sub_centre", "in_force", HERE, False),
        ("110108", "yizhuang", "retired", HERE, False),
        ("110108", "yizhuang", "in_force", BESIDE, False),
        (None, "yizhuang", "in_force", HERE, False),
    ],
)
def test_key_land_in_yizhuang_is_its_own_responsibility(unit, kind, stage, shape, found):
    told = hits(
        DISPLACED,
        key_construction_land=[{"district": "110108", "unit": unit, "shape": shape}],
        special_area=[{"area_kind": kind, "stage": stage, "shape": HERE}],
    )

    assert named(told) == ([(100, 200)] if found else [])


def test_only_a_priority_plot_without_boundary_is_found():
    told = hits("priority_plot_without_boundary", priority_plot=[{"shape": HERE}, {}])

    assert named(told) == [(101, None)]


@pytest.mark.parametrize(
    ("lon", "lat", "shape", "found"),
    [
        (116.201, 40.001, HERE, False),
        (116.2, 40.0, HERE, False),
        (116.1999, 40.001, HERE, True),
        # Within 20 cm it is the rounding of degrees.
        (116.199999, 40.001, HERE, False),
        (np.nan, 40.001, HERE, False),
        (116.1, 40.0, None, False),
    ],
)
def test_a_registered_point_lies_in_its_boundary(lon, lat, shape, found):
    parcel = {"registered_lon": lon, "registered_lat": lat, "shape": shape}
    told = hits("registered_point_outside_boundary", orchard=[parcel])

    assert named(told) == ([(100, None)] if found else [])


# Facts that do not fit


@pytest.mark.parametrize(
    ("stage", "basic", "measure", "found"),
    [
        ("strict_control", True, False, "no"),
        ("strict_control", True, None, "unknown"),
        ("strict_control", True, True, None),
        ("strict_control", False, False, None),
        ("strict_control", None, False, None),
        ("safe_use", True, False, None),
        (None, True, False, None),
    ],
)
def test_strictly_controlled_basic_farmland_has_a_measure(stage, basic, measure, found):
    field = {"stage": stage, "permanent_basic_farmland": basic, "measure_in_place": measure}
    told = hits("strict_control_without_measure", farmland=[field])

    said = [] if found is None else [terms().words["measure"][found]["zh"]]
    assert [one["measure_zh"] for one in told["details"]] == said


def test_a_declared_area_may_differ_by_its_tolerance_and_no_more():
    area = 37_920.0
    (exact,) = ground.crs.area_m2(np.array([HERE], object))
    edge = terms().area_share * exact + terms().area_rounding_m2
    told = hits(
        "declared_area_differs",
        orchard=[
            {"shape": HERE, "declared_area_m2": exact + sign * (edge + off)}
            for sign, off in itertools.product((1, -1), (-0.01, 0.01))
        ]
        + [{"declared_area_m2": area}, {"shape": HERE}, {"shape": shapely.Point(116.2, 40)}],
    )

    assert named(told) == [(101, None), (103, None)]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        # The same land.
        ({"code": "A", "shape": HERE}, {"code": "A", "shape": HERE}, []),
        ({"code": "A", "shape": HERE}, {"code": "Ａ ", "shape": HERE}, []),
        ({"code": "A", "shape": HERE}, {"code": "B", "shape": HERE}, ["code"]),
        ({"code": "A", "shape": HERE}, {"shape": HERE}, []),
        (
            {"shape": HERE, "declared_area_m2": 100.0},
            {"shape": HERE, "declared_area_m2": 200.0},
            ["area"],
        ),
        # Other land.
        ({"code": "A", "shape": HERE}, {"code": "B", "shape": HALF}, []),
        # The same code.
        ({"code": "A", "shape": HERE}, {"code": "A", "shape": square(116.5, 40)}, ["place"]),
        ({"code": "A", "shape": HERE}, {"code": "A", "shape": square(116.2, 40, side=0.001)},
         ["area"]),
        ({"code": "A"}, {"code": "A", "shape": HERE}, []),
        ({"code": "A", "declared_area_m2": 5.0}, {"code": "A", "declared_area_m2": 500.0},
         ["area"]),
        ({"code": None}, {"code": None}, []),
    ],
)  # fmt: skip
def test_two_registers_say_the_same_of_the_same_land(one, other, why):
    told = hits("registers_disagree", contaminated_site=[one], priority_plot=[other])

    assert [d["differs"] for d in told["details"]] == ([why] if why else [])


def test_what_a_person_joined_is_the_same_land_whatever_it_looks_like():
    told = hits(
        "registers_disagree",
        joined=[(100, 200)],
        contaminated_site=[{"code": "A"}],
        priority_plot=[{"code": "B"}],
    )

    assert [d["differs"] for d in told["details"]] == [["code"]]


# Laws

SIDES = st.floats(0.0005, 0.003)
PLACES = st.tuples(st.floats(116.2, 116.21), st.floats(40.0, 40.01), SIDES)


@given(st.lists(PLACES, max_size=6), st.lists(PLACES, max_size=6))
def test_shared_land_is_the_same_from_either_side_and_at_most_the_smaller(one, other):
    first = np.array([square(x, y, side=side) for x, y, side in one], object)
    second = np.array([square(x, y, side=side) for x, y, side in other], object)

    there = shared(first, second, least_m2=1, least_share=0.01)
    back = shared(second, first, least_m2=1, least_share=0.01)

    assert set(zip(there["a"], there["b"], strict=True)) == set(
        zip(back["b"], back["a"], strict=True)
    )
    smaller = there[["area_a", "area_b"]].min(axis=1)
    assert (there["area_m2"] <= smaller * (1 + 1e-9)).all()


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_what_is_found_does_not_depend_on_the_order_of_parcels(sites, plots):
    first = frame(100, *[{"stage": "listed", "shape": square(116.2 + n / 1000, 40)}
                         for n in range(4)])  # fmt: skip
    second = frame(200, *[{"planned_use_class": "public", "shape": square(116.2005, 40 + n / 1000)}
                          for n in range(4)])  # fmt: skip

    def found(one, other):
        stood = Ground({SITE: one, KEY: other}, {SITE: LAYERS[SITE], KEY: LAYERS[KEY]},
                       districts.bundled(), DAY)  # fmt: skip
        return sorted(named(RULES[PLANNED].find(stood)))

    assert found(first.iloc[sites], second.iloc[plots]) == found(first, second)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_nothing_is_found_where_there_is_nothing(rule):
    named_by = {layer.key: [] for layer in LAYERS.values() if rule in layer.rules}

    assert hits(rule, **named_by).empty


FOUND = {
    PLANNED: (
        {SITE: [{"stage": "listed", "shape": HERE}], KEY: [{"shape": HALF}]},
        {SITE: [{"stage": "listed", "shape": HERE}], KEY: [{"shape": BESIDE}]},
    ),
    BUILT: (
        {SITE: [{"stage": "listed", "construction_started_on": "2024-06-30"}]},
        {SITE: [{"stage": "listed", "construction_started_on": "2024-07-01"}]},
    ),
    "alert_on_listed_site": (
        {SITE: [{"stage": "listed", "shape": HERE}], ALERT: [{"stage": "new", "shape": HALF}]},
        {SITE: [{"stage": "listed", "shape": HERE}], ALERT: [{"stage": "new", "shape": BESIDE}]},
    ),
    DISPLACED: (
        {"orchard": [{"district": "110105", "unit": "110105", "shape": HERE}]},
        {"orchard": [{"district": "110108", "unit": "110108", "shape": HERE}]},
    ),
    "priority_plot_without_boundary": (
        {"priority_plot": [{}]},
        {"priority_plot": [{"shape": HERE}]},
    ),
    "registered_point_outside_boundary": (
        {"orchard": [{"registered_lon": 116.1999, "registered_lat": 40.001, "shape": HERE}]},
        {"orchard": [{"registered_lon": 116.199999, "registered_lat": 40.001, "shape": HERE}]},
    ),
    "strict_control_without_measure": (
        {"farmland": [{"stage": "strict_control", "permanent_basic_farmland": True}]},
        {"farmland": [{"stage": "safe_use", "permanent_basic_farmland": True}]},
    ),
    "declared_area_differs": (
        {"orchard": [{"shape": HERE, "declared_area_m2": 30_000.0}]},
        {"orchard": [{"shape": HERE, "declared_area_m2": 37_920.0}]},
    ),
    "registers_disagree": (
        {SITE: [{"code": "A", "shape": HERE}], "priority_plot": [{"code": "B", "shape": HERE}]},
        {SITE: [{"code": "A", "shape": HERE}], "priority_plot": [{"code": "A", "shape": HERE}]},
    ),
}
"""Layers that a rule finds something in, and layers just without, by rule."""


@pytest.mark.parametrize("rule", FOUND)
def test_parcels_with_the_fault_are_found_and_those_just_without_are_not(rule):
    raises, spares = FOUND[rule]

    assert len(hits(rule, **raises)) == 1
    assert len(hits(rule, **spares)) == 0
