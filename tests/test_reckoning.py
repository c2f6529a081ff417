"""Figures of a register: read once, added up by unit and by district, on both stores."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from declared import delivery
from town import act, square

from layers import catalog, coverage, indicator_files, indicators, periods, reckoning
from layers.figures import State, add_up
from layers.library import Library
from layers.reckoning import Scope
from parcels import districts
from parcels.model import Moment
from parcels.register import Filter, Register

LAYERS = catalog.load()
INDICATORS = indicator_files.load(LAYERS)
CITY = districts.bundled()
FARM = "contaminated_farmland_safe_use_rate"
Q2, Q4 = periods.read("2024Q2"), periods.read("2024Q4")
PLACES = {"unit": list(CITY.units.index), "district": list(CITY.districts.index)}


def border_square():
    """A square across the border of Chaoyang and Haidian."""
    border = CITY.districts.geometry["110105"].intersection(CITY.districts.geometry["110108"])
    at = border.interpolate(0.5, normalized=True)
    return square(at.x - 0.001, at.y - 0.001)


def farm(degree, **facts):
    return {
        "pollution_degree": degree,
        "measure_in_place": True,
        "produce_meets_standard": True,
        "stage": "safe_use",
        **facts,
    }


FARMS = [
    farm("light", geometry=square(116.2, 40.0), unit="110108"),
    farm("light", geometry=square(116.21, 40.0), unit="110108", measure_in_place=False),
    farm("heavy", geometry=border_square(), unit="110105"),
    farm("medium", geometry=square(116.5, 39.79), unit="110115403"),
    farm("medium", geometry=square(114.9, 40.0), unit=None),
    farm("slight", geometry=None, unit="110117", district="110117"),
]


@pytest.fixture
def register(store_url):
    with Register(store_url, list(LAYERS.values())) as opened:
        opened.take("farmland", delivery(LAYERS["farmland"], FARMS), act())
        yield opened


def figures(register, keys, scope, **places):
    asked = [INDICATORS[key] for key in keys]
    given = reckoning.accounts(register, asked, scope)
    made = reckoning.figures(given, asked, scope.period, places or PLACES)
    return {str(one.key): one for one in made}


def now(period):
    return Scope(period, period.moment())


def test_a_figure_is_there_for_every_unit_and_district_and_the_city(register):
    found = figures(register, [FARM], now(Q2))

    keys = list(found)
    assert keys[:2] == [f"{FARM}:110101:2024Q2", f"{FARM}:110102:2024Q2"]
    assert len([key for key in keys if "@" not in key]) == 17 + len([coverage.UNKNOWN]) + 1
    assert f"{FARM}:outside:2024Q2@district" in found
    assert found[f"{FARM}:110108:2024Q2"].value == pytest.approx(0.5, rel=1e-6)
    assert found[f"{FARM}:110101:2024Q2"].state is State.NO_DATA
    assert found[f"{FARM}:110101:2024Q2"].reason == indicators.NO_PARCELS
    assert found[f"{FARM}:110117:2024Q2"].reason == indicators.NO_BOUNDARY


def test_both_ways_of_counting_give_the_same_city(register):
    found = figures(register, [FARM, "farmland_class_coverage"], now(Q2))

    for key in (FARM, "farmland_class_coverage"):
        by_unit, by_district = (found[f"{key}:total:2024Q2{way}"] for way in ("", "@district"))
        assert dict(by_unit.terms) == dict(by_district.terms)
        for way, figure in (("", by_unit), ("@district", by_district)):
            places = [
                one for name, one in found.items()
                if name.startswith(f"{key}:") and name.endswith(f"2024Q2{way}")
                and one.place != coverage.TOTAL
            ]  # fmt: skip
            for term, amount in figure.terms.items():
                assert amount == sum(one.terms.get(term, 0) for one in places)


def test_areas_are_those_of_the_coverage_table_to_a_square_millimetre(register):
    found = figures(register, ["farmland_class_coverage"], now(Q2))
    library = Library(register, LAYERS)

    for by, way in (("unit", ""), ("district", "@district")):
        table = library.coverage(["farmland"], Q2.moment(), by=by, stages=False)
        for row in table.itertuples():
            figure = found.get(f"farmland_class_coverage:{row.place}:2024Q2{way}")
            area = 0 if figure is None else figure.terms.get("farmland", 0)
            if row.area_m2 == row.area_m2:
                assert area == pytest.approx(row.area_m2 * 1e6, abs=3)
            else:
                assert area == 0


def test_parts_name_the_versions_behind_a_figure(register):
    asked = [INDICATORS[FARM]]
    scope = now(Q2)

    given = list(reckoning.accounts(register, asked, scope, ways=["unit"]))

    parts = given[0].parts
    frame = register.frame("farmland", scope.moment, columns=["version", "code"])
    assert set(parts["version"]) <= set(frame["version"])
    assert (frame["version"].reindex(parts["parcel"]).to_numpy() == parts["version"]).all()
    sums = add_up(one.parts for one in given)
    figure = figures(register, [FARM], scope)[f"{FARM}:total:2024Q2"]
    assert {k: v for k, v in figure.terms.items() if v} == sums[FARM, "unit", coverage.TOTAL]


def test_a_period_looks_at_what_was_true_on_its_last_day(register):
    better = {**FARMS[1], "code": "N00001", "measure_in_place": True}
    one = delivery(LAYERS["farmland"], [better])
    register.take("farmland", one, act(dt.date(2024, 9, 1), days=100))

    values = [
        figures(register, [FARM], now(period))[f"{FARM}:110108:{period}"].value
        for period in (Q2, periods.read("2024Q3"))
    ]

    assert values[0] == pytest.approx(0.5, rel=1e-6)
    assert values[1] == 1


def test_a_figure_as_known_then_does_not_know_what_came_later(register):
    better = {**FARMS[1], "code": "N00001", "measure_in_place": True}
    register.take("farmland", delivery(LAYERS["farmland"], [better]), act(days=100))
    then = Moment(Q4.last, act(days=50).at)

    known_then = figures(register, [FARM], Scope(Q4, then))[f"{FARM}:110108:2024Q4"]
    known_now = figures(register, [FARM], now(Q4))[f"{FARM}:110108:2024Q4"]

    assert known_then.value == pytest.approx(0.5, rel=1e-6)
    assert known_now.value == 1


def test_some_units_alone_have_the_same_figures(register):
    whole = figures(register, [FARM], now(Q2))
    few = figures(
        register,
        [FARM],
        Scope(Q2, Q2.moment(), Filter(units=("110105",))),
        unit=["110105"],
    )

    assert few[f"{FARM}:110105:2024Q2"] == whole[f"{FARM}:110105:2024Q2"]


def test_what_is_reported_or_not_in_force_has_no_parts_and_says_why(register):
    old = periods.read("2023")
    keys = ["straw_use_rate", FARM]

    found = figures(register, keys, Scope(old, old.moment()))

    assert found["straw_use_rate:total:2023"].reason == indicators.NOT_REPORTED
    assert found[f"{FARM}:total:2023"].reason == indicators.NOT_IN_FORCE
    assert found[f"{FARM}:total:2023"].state is State.CANNOT_BE_JUDGED
    assert list(reckoning.accounts(register, [INDICATORS[FARM]], Scope(old, old.moment()))) == []


def test_an_indicator_of_several_layers_adds_them_up(store_url):
    keys = ["priority_plot", "contaminated_site", "key_construction_land"]
    with Register(store_url, list(LAYERS.values())) as register:
        for number, key in enumerate(keys):
            rows = [
                {"geometry": square(116.2, 40.0), "unit": "110108",
                 "national_system_on": "2024-03-01" if number else None},
                {"unit": "110108", "district": "110108", "national_system_on": "2024-03-01"},
            ]  # fmt: skip
            register.take(key, delivery(LAYERS[key], rows), act(days=number))

        found = figures(register, ["boundary_upload_completeness"], now(Q2))

    figure = found["boundary_upload_completeness:110108:2024Q2"]
    assert figure.value == Fraction(2, 6)
    assert figure.terms["with_boundary"] == 3
