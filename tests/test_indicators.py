"""What counts in an indicator, what its parts add up to, and what a verdict may say."""

from __future__ import annotations

from fractions import Fraction

import declared
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import cases, catalog, claims, indicator_files, indicators, parts, periods
from layers.claims import Facts
from layers.coverage import OUTSIDE, TOTAL, UNKNOWN
from layers.figures import State, Verdict, add_up, computed

LAYERS = catalog.load()
INDICATORS = indicator_files.load(LAYERS)
YEAR = periods.read("2024")
FARM = "contaminated_farmland_safe_use_rate"
LAND = "construction_land_safe_use_rate"


def frame(layer, rows):
    """Parcels of a layer as the register gives them; areas in m2, 1 where nothing is said."""
    areas = [row.get("area_m2", 1.0) for row in rows]
    return declared.table(LAYERS[layer], rows).assign(
        version=np.arange(len(rows)) + 1000, area_m2=np.array(areas, dtype="float64")
    )


NO_PIECES = pd.DataFrame({"parcel": [], "district": [], "area_m2": []}).astype(
    {"parcel": "int64", "district": "str", "area_m2": "float64"}
)


def parts_of(key, rows, *, by="unit", crossing=NO_PIECES, period=YEAR):
    """The parts of one indicator over parcels of its first layer."""
    indicator = INDICATORS[key]
    layer = indicator.layers[0]
    whole = frame(layer, rows)
    terms = indicators.terms(indicator, Facts(whole, LAYERS[layer], period))
    return parts.parts(indicator, terms, parts.lying(layer, whole, crossing), by)


def figure(key, rows, *, place=TOTAL, by="unit", crossing=NO_PIECES, period=YEAR):
    """The figure of one place."""
    indicator = INDICATORS[key]
    sums = add_up([parts_of(key, rows, by=by, crossing=crossing, period=period)])
    amounts = sums.get((key, by, place), {})
    found = computed(indicator.formula, amounts, period=str(period), by=by, place=place)
    return indicators.told(found)


def verdict(key, rows, **more):
    return indicators.verdict(INDICATORS[key], figure(key, rows, **more))


# Polluted farmland: A = (B + C + D) / E


def field(degree=None, *, stage=None, measure=None, produce=None, area=1.0, unit="110114"):
    return {
        "pollution_degree": degree,
        "stage": stage,
        "measure_in_place": measure,
        "produce_meets_standard": produce,
        "area_m2": area,
        "unit": unit,
        "district": unit,
    }


@pytest.mark.parametrize(
    ("one", "terms"),
    [
        (field("unpolluted", measure=True), ""),
        (field("slight", measure=True), "e b"),
        (field("slight", measure=False), "e"),
        (field("slight"), "e unknown"),
        (field("light", measure=True, produce=True), "e c"),
        (field("medium", measure=True, produce=True), "e c"),
        (field("medium", measure=True, produce=False), "e"),
        (field("medium", measure=True), "e unknown"),
        (field("medium", measure=False), "e"),
        (field("heavy", measure=True), "e d"),
        (field("heavy", measure=False, produce=True), "e"),
        (field(stage="safe_use", measure=True, produce=True), "e c"),
        (field(stage="strict_control", measure=True), "e d"),
        (field(stage="priority_protection", measure=True), "unplaced"),
        (field(), "unplaced"),
        (field("slight", stage="strict_control", measure=True), "e b"),
        (field("heavy", measure=True, area=None), "no_area"),
        (field("unpolluted", measure=True, area=None), ""),
    ],
)
def test_polluted_farmland_counts_by_its_degree_and_else_by_its_class(one, terms):
    counted = parts_of(FARM, [one])

    assert set(counted["term"].astype(str)) == set(terms.split())


def test_the_rate_of_polluted_farmland_is_that_of_b_c_and_d_in_e():
    rows = [
        field("slight", measure=True, area=10.0),
        field("light", measure=True, produce=True, area=20.0),
        field("heavy", measure=True, area=30.0),
        field("medium", measure=False, area=40.0),
        field("unpolluted", area=1000.0),
    ]

    found = figure(FARM, rows)

    assert found.value == Fraction(60, 100)
    amounts = {"e": 100, "b": 10, "c": 20, "d": 30}
    assert {key: found.terms[key] for key in amounts} == {
        key: amount * 10**6 for key, amount in amounts.items()
    }


def test_a_factor_for_c_changes_the_rate_exactly_and_none_is_the_default():
    weighed = indicator_files.load(LAYERS, weights={f"{FARM}.c": Fraction(9, 10)})[FARM]
    sums = add_up([parts_of(FARM, [field("light", measure=True, produce=True, area=3.0)])])
    terms = sums[FARM, "unit", TOTAL]

    rates = [
        computed(one.formula, terms, period="2024", by="unit", place=TOTAL).value
        for one in (INDICATORS[FARM], weighed)
    ]

    assert rates == [1, Fraction(9, 10)]


# Key construction land, by area and by count


def land(stage, *, area=1.0, approved="2024-03-01", surveyed="2024-02-01", **more):
    return {
        "stage": stage,
        "area_m2": area,
        "change_approved_on": approved,
        "surveyed_on": surveyed,
        "unit": "110105",
        **more,
    }


@pytest.mark.parametrize(
    ("one", "terms"),
    [
        (land("safe_to_build"), "changed safe"),
        (land("safe_to_build", approved="2023-12-31"), ""),
        (land("safe_to_build", approved=None), ""),
        (land("unlawful"), "changed unlawful"),
        (land("rectified"), "changed unlawful rectified"),
        (
            land("unlawful", punished_on="2024-05-01", rectified_on="2024-06-01"),
            "changed unlawful rectified",
        ),
        (land("unlawful", punished_on="2024-05-01"), "changed unlawful"),
        (land("surveyed", surveyed=None), "changed unknown"),
        (land("surveyed", surveyed="2024-03-02"), "changed unlawful"),
        (land("listed", construction_started_on="2024-05-01"), "changed unlawful"),
        (
            land(
                "listed",
                construction_started_on="2024-05-01",
                punished_on="2024-05-02",
                rectified_on="2024-05-03",
            ),
            "changed unlawful rectified",
        ),
        (land("listed"), "changed safe"),
    ],
)
def test_construction_land_is_unlawful_by_its_stage_or_by_a_gate(one, terms):
    assert set(parts_of(LAND, [one])["term"].astype(str)) == set(terms.split())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([land("safe_to_build")] * 20, Verdict.MET),
        ([land("safe_to_build")] * 19 + [land("rectified")], Verdict.MET),
        ([land("safe_to_build")] * 19 + [land("unlawful")], Verdict.NOT_MET),
        ([land("safe_to_build")] * 18 + [land("rectified")] * 2, Verdict.NOT_MET),
        ([land("safe_to_build")] * 38 + [land("rectified"), land("unlawful")], Verdict.NOT_MET),
        # One that cannot be judged is either safe or a case of its own.
        ([land("safe_to_build")] * 19 + [land("surveyed", surveyed=None)],
         Verdict.CANNOT_BE_JUDGED),
        ([land("unlawful")] * 19 + [land("surveyed", surveyed=None)], Verdict.NOT_MET),
        ([land("safe_to_build", area=None)], Verdict.CANNOT_BE_JUDGED),
        ([land("safe_to_build", approved="2023-01-01")], Verdict.NO_DATA),
        ([], Verdict.NO_DATA),
    ],
)  # fmt: skip
def test_95_percent_will_do_only_if_every_case_was_punished_and_rectified(rows, expected):
    assert verdict(LAND, rows) is expected


def test_by_count_a_small_parcel_weighs_as_much_as_a_large_one():
    rows = [land("safe_to_build", area=99.0), land("unlawful", area=1.0)]

    assert figure(LAND, rows).value == Fraction(99, 100)
    assert figure(f"{LAND}_by_count", rows).value == Fraction(1, 2)


# What is missing


@pytest.mark.parametrize(
    ("checked", "blank", "expected"),
    [
        (1, 4, Verdict.MET),
        (0, 5, Verdict.NOT_MET),
    ],
)
def test_a_day_that_is_not_filled_in_did_not_come(checked, blank, expected):
    rows = [{"leak_checked_on": "2024-02-01"}] * checked + [{}] * blank

    assert verdict("fuel_station_leak_check_rate", rows) is expected


def test_a_class_that_is_not_known_leaves_a_verdict_open_only_where_it_matters():
    good = field("slight", measure=True)

    assert verdict(FARM, [good] * 19 + [field("slight")]) is Verdict.MET
    assert verdict(FARM, [good] * 18 + [field("slight")] * 2) is Verdict.CANNOT_BE_JUDGED
    assert verdict(FARM, [field("slight", measure=False)] * 2 + [good] * 18) is Verdict.NOT_MET
    assert verdict(FARM, [good] * 20 + [field()]) is Verdict.MET
    assert verdict(FARM, [good] * 2 + [field()]) is Verdict.CANNOT_BE_JUDGED


def test_a_share_of_what_may_belong_and_may_not_cannot_be_judged_and_is_no_zero():
    found = figure(FARM, [field()])

    assert (found.state, found.reason) == (State.CANNOT_BE_JUDGED, indicators.NOT_KNOWN)
    assert found.value is None


def test_an_area_of_parcels_without_a_boundary_is_no_zero():
    found = figure("contaminated_area", [{"stage": "listed", "area_m2": None}])

    assert (found.state, found.reason) == (State.CANNOT_BE_JUDGED, indicators.NO_BOUNDARY)


def test_about_so_much_is_met_or_cannot_be_judged_but_never_missed():
    def orchard(mu):
        return [{"fertile_soil_project": True, "area_m2": mu * 2000 / 3}]

    key = "orchard_fertile_soil_area"

    assert verdict(key, orchard(100_001)) is Verdict.MET
    assert verdict(key, orchard(99_000)) is Verdict.CANNOT_BE_JUDGED
    assert verdict(key, orchard(5), place="110108") is Verdict.NO_TARGET


def test_what_is_asked_of_the_city_is_not_asked_of_a_unit():
    rows = [{"stage": "look_back_done", "unit": "110111"}] * 64

    assert verdict("lookback_completion", rows) is Verdict.MET
    assert verdict("lookback_completion", rows[:63]) is Verdict.NOT_MET
    assert verdict("lookback_completion", rows, place="110111") is Verdict.NO_TARGET


def test_a_formula_holds_from_its_first_day():
    assert INDICATORS[LAND].is_in_force(periods.read("2024Q1"))
    assert not INDICATORS[LAND].is_in_force(periods.read("2023"))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.data())
def test_a_verdict_with_facts_missing_holds_however_they_turn_out(done, left, open_, unsure, data):
    indicator = INDICATORS[FARM]
    settled = data.draw(st.integers(0, open_)), data.draw(st.integers(0, unsure))
    counts = {"b": done, "e": done + left + open_, "unknown": open_, "unplaced": unsure}
    turned = settled[1] if data.draw(st.booleans()) else 0
    after = {"b": done + settled[0] + turned, "e": done + left + open_ + settled[1]}

    def said(terms):
        found = computed(indicator.formula, terms, period="2024", by="unit", place=TOTAL)
        return indicators.verdict(indicator, indicators.told(found))

    before = said(counts)
    if before in {Verdict.MET, Verdict.NOT_MET}:
        assert said(after) is before


# Parts


def farms():
    """Rows of farmland, in two units and none."""
    return st.builds(
        field,
        st.sampled_from([None, "slight", "medium", "heavy", "unpolluted"]),
        stage=st.sampled_from([None, "safe_use", "priority_protection"]),
        measure=st.sampled_from([None, True, False]),
        produce=st.sampled_from([None, True, False]),
        area=st.none() | st.floats(0, 1e7, allow_nan=False),
        unit=st.sampled_from([None, "110114", "110117"]),
    )


def as_rows(found):
    texts = dict.fromkeys(["indicator", "term", "by", "place", "layer"], "str")
    return sorted(map(tuple, found.astype(texts).to_numpy().tolist()))


@settings(max_examples=30)
@given(st.lists(farms(), max_size=12), st.randoms())
def test_the_order_of_rows_changes_nothing(rows, random):
    mixed = list(range(len(rows)))
    random.shuffle(mixed)
    whole = frame("farmland", rows)
    indicator = INDICATORS[FARM]

    def given_by(table):
        terms = indicators.terms(indicator, Facts(table, LAYERS["farmland"], YEAR))
        return parts.parts(indicator, terms, parts.lying("farmland", table, NO_PIECES), "unit")

    assert as_rows(given_by(whole)) == as_rows(given_by(whole.iloc[mixed]))


@settings(max_examples=30)
@given(st.lists(farms(), max_size=12), st.integers(0, 12))
def test_chunks_of_parcels_give_the_parts_of_the_whole(rows, at):
    indicator, whole = INDICATORS[FARM], frame("farmland", rows)

    def given_by(table):
        terms = indicators.terms(indicator, Facts(table, LAYERS["farmland"], YEAR))
        return as_rows(
            parts.parts(indicator, terms, parts.lying("farmland", table, NO_PIECES), "district")
        )

    assert sorted(given_by(whole[:at]) + given_by(whole[at:])) == given_by(whole)


@settings(max_examples=30)
@given(st.lists(farms(), min_size=1, max_size=12))
def test_places_add_up_to_the_total_and_parts_to_the_figure(rows):
    found = parts_of(FARM, rows)
    sums = add_up([found])

    places = {place for _, _, place in sums} - {TOTAL}
    total = sums.get((FARM, "unit", TOTAL), {})
    for term, amount in total.items():
        assert amount == sum(sums[FARM, "unit", place].get(term, 0) for place in places)
        assert amount == found.loc[found["term"].astype(str) == term, "amount"].sum()
    assert places <= {"110114", "110117", UNKNOWN}


@settings(max_examples=30)
@given(st.floats(0.000001, 1e9), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_the_pieces_of_a_parcel_are_its_whole_to_the_square_millimetre(area, shares):
    whole = sum(shares) or 1.0
    areas = [area * share / whole for share in shares]
    area = sum(areas)
    crossing = pd.DataFrame(
        {
            "parcel": 100,
            "district": ["110105", "110108", "", "110112"][: len(areas)],
            "area_m2": areas,
        }
    )
    row = field("heavy", measure=True, area=area, unit="110105")

    ways = [
        parts_of(FARM, [row], by=by, crossing=crossing).groupby("term", observed=True)["amount"]
        for by in ("unit", "district")
    ]

    assert ways[0].sum().to_dict() == ways[1].sum().to_dict()


def test_a_parcel_across_a_border_counts_once_and_its_land_lies_on_both_sides():
    crossing = pd.DataFrame({"parcel": 100, "district": ["110105", ""], "area_m2": [7.0, 3.0]})
    row = land("safe_to_build", area=10.0, district="110105")

    by_area = parts_of(LAND, [row], by="district", crossing=crossing)
    by_count = parts_of(f"{LAND}_by_count", [row], by="district", crossing=crossing)

    lies = by_area[by_area["term"] == "safe"].set_index("place")["amount"].to_dict()
    assert lies == {"110105": 7 * 10**6, OUTSIDE: 3 * 10**6}
    assert by_count.loc[by_count["term"] == "safe", ["place", "amount"]].to_numpy().tolist() == [
        ["110105", 1]
    ]


@pytest.mark.parametrize("key", [k for k, one in INDICATORS.items() if one.basis == "computed"])
def test_every_computed_indicator_is_computed_of_a_parcel_of_which_nothing_is_known(key):
    indicator = INDICATORS[key]
    for layer in indicator.layers:
        whole = frame(layer, [{"area_m2": None}])
        gates = {gate.key: gate for gate in LAYERS[layer].gates}
        looked = [one.claim for one in indicator.counted if layer in one.layers]
        needed = {name for claim in looked for name in claims.fields(claim, gates)}

        facts = Facts(whole[sorted({*needed, "stage", "area_m2"})], LAYERS[layer], YEAR)
        terms = indicators.terms(indicator, facts)

        numerators = {t.key for t in indicator.formula.terms if t.role == "numerator"}
        assert not terms[[one for one in numerators if one in terms]].to_numpy().any()


# Cases


def lands():
    """Rows of key construction land, lawful and not."""
    days = st.sampled_from([None, "2018-05-01", "2023-11-01", "2024-02-01", "2024-05-01"])
    return st.builds(
        land,
        st.sampled_from([None, *(stage.key for stage in LAYERS["key_construction_land"].stages)]),
        approved=days,
        surveyed=days,
        construction_started_on=days,
        punished_on=days,
        rectified_on=days,
    )


@settings(max_examples=40)
@given(st.lists(lands(), max_size=8))
def test_the_cases_are_the_parcels_of_the_term_and_those_not_known_the_unknown(rows):
    indicator = INDICATORS[f"{LAND}_by_count"]
    named = [{"code": f"L{number}", **row} for number, row in enumerate(rows)]
    whole = frame("key_construction_land", named)
    facts = Facts(whole, LAYERS["key_construction_land"], YEAR)

    found = cases.cases(indicator, facts)
    counted = parts.parts(
        indicator,
        indicators.terms(indicator, facts),
        parts.lying("key_construction_land", whole, NO_PIECES),
        "unit",
    )

    def codes(term):
        return set(whole["code"].loc[counted.loc[counted["term"] == term, "parcel"]])

    told = {state: set(group["code"]) for state, group in found.groupby("state")}
    assert told.get("open", set()) | told.get("rectified", set()) == codes("unlawful")
    assert told.get("rectified", set()) == codes("rectified")
    assert told.get("not_known", set()) == codes("unknown")
    assert not found["reason"].isna().any()
    gates = found[found["reason"] != cases.STAGE]
    assert gates["article"].notna().all()
