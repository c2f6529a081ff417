"""Readings against GB 36600 and GB 15618: every limit, on both sides of it."""

from __future__ import annotations

import csv
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parcels import analytes, standards
from parcels.errors import LimitsNotUsableError
from parcels.standards import Verdict, Why

REFERENCE = Path(analytes.__file__).parent / "reference"
LIMITS_36600 = pd.read_csv(REFERENCE / "gb36600.csv", dtype=str, keep_default_na=False)
LIMITS_15618 = pd.read_csv(REFERENCE / "gb15618.csv", dtype=str, keep_default_na=False)
# A pH inside each range, and the pH at its upper end, which belongs to it.
ACIDITY = {"": (3.0, 5.5), "5.5": (5.51, 6.5), "6.5": (6.51, 7.5), "7.5": (7.51, 9.0)}
STEP = Decimal("0.0000001")


def readings(**columns):
    whole = pd.DataFrame(columns)
    return whole if "high" in whole else whole.assign(high=whole["low"])


def one(limits, low, high=None, **more):
    row = readings(
        low=[low], high=[low if high is None else high], **{k: [v] for k, v in more.items()}
    )
    return standards.judge(row, limits).iloc[0]


def test_the_building_standard_has_85_items_and_four_values_of_each():
    items = LIMITS_36600.groupby("table").size()

    assert items.to_dict() == {"1": 45, "2": 40}
    assert standards.building_land().screening.shape[0] == 85
    assert not np.isnan(standards.building_land().screening).any()
    assert not np.isnan(standards.building_land().control).any()


@pytest.mark.parametrize("land", ["class1", "class2"])
@pytest.mark.parametrize("kind", ["screening", "control"])
def test_a_reading_equal_to_any_limit_of_building_land_does_not_exceed_it(kind, land):
    limit = LIMITS_36600[f"{kind}_{land}"].map(Decimal)
    at = readings(analyte=LIMITS_36600["analyte"], low=limit.map(float), land=land)
    over = at.assign(low=(limit + STEP).map(float), high=(limit + STEP).map(float))
    both = LIMITS_36600[f"screening_{land}"] == LIMITS_36600[f"control_{land}"]
    below = Verdict.WITHIN if kind == "screening" else Verdict.ABOVE_SCREENING
    above = Verdict.ABOVE_SCREENING if kind == "screening" else Verdict.ABOVE_CONTROL

    found, further = (standards.judge(rows, standards.building_land()) for rows in (at, over))

    assert found.loc[~both, "verdict"].eq(below.value).all()
    assert found.loc[both, "verdict"].eq("within").all()
    assert further.loc[~both, "verdict"].eq(above.value).all()
    assert further.loc[both, "verdict"].eq("above_control").all()


@pytest.mark.parametrize(
    "row",
    LIMITS_15618.to_dict("records"),
    ids=lambda r: "-".join(str(r[k]) for k in ("table", "analyte", "land", "ph_above")),
)
def test_every_limit_of_farmland_holds_in_its_range_of_ph_and_on_its_land(row):
    limit = Decimal(row["limit"])
    lands = [row["land"]] if row["land"] != "all" else ["paddy", "orchard", "other"]
    depends = bool(row["ph_above"] or row["ph_up_to"])
    acidity = ACIDITY[row["ph_above"]] if depends else (math.nan, 4.0, 8.0)
    grid = pd.MultiIndex.from_product([lands, acidity], names=["land", "ph"]).to_frame(index=False)
    at = grid.assign(analyte=row["analyte"], low=float(limit), high=float(limit))
    over = at.assign(low=float(limit + STEP), high=float(limit + STEP))
    exceeds = "above_control" if row["kind"] == "control" else "above_screening"

    found, further = (standards.judge(rows, standards.farmland()) for rows in (at, over))

    assert found[row["kind"]].eq(float(limit)).all()
    assert found["verdict"].ne(exceeds).all()
    assert further["verdict"].eq(exceeds).all()
    assert further["clause"].eq(row["table"]).all()


@pytest.mark.parametrize(
    ("analyte", "land", "limit"),
    [
        ("copper", "paddy", 50),
        ("copper", "orchard", 150),
        ("cadmium", "orchard", 0.3),
        ("cadmium", "paddy", 0.4),
        ("arsenic", "rotation", 30),
        ("cadmium", "rotation", 0.3),
        ("mercury", "rotation", 0.5),
        ("copper", "rotation", 50),
        ("zinc", "rotation", 200),
    ],
)
def test_land_without_a_row_of_its_own_is_other_land_and_rotation_takes_the_stricter(
    analyte, land, limit
):
    assert one(standards.farmland(), 1.0, analyte=analyte, land=land, ph=6.0)["screening"] == limit


@pytest.mark.parametrize("analyte", ["copper", "nickel", "zinc"])
def test_copper_nickel_and_zinc_of_farmland_have_no_control_value(analyte):
    found = one(standards.farmland(), 1e6, analyte=analyte, land="other", ph=6.0)

    assert found["verdict"] == "above_screening"
    assert math.isnan(found["control"])
    assert found["why"] == ""


@pytest.mark.parametrize(
    ("low", "high", "verdict", "why"),
    [
        (0.0, 20.0, "within", ""),
        (0.0, 20.1, "not_judged", "detection_limit"),
        (0.0, math.inf, "not_judged", "detection_limit"),
        (math.nan, math.nan, "not_judged", "no_reading"),
        (21.0, 120.0, "above_screening", ""),
        (21.0, math.inf, "above_screening", "control_open"),
        (120.1, math.inf, "above_control", ""),
    ],
)
def test_what_was_not_detected_is_judged_only_if_its_detection_limit_is_not_above_the_limit(
    low, high, verdict, why
):
    found = one(standards.building_land(), low, high, analyte="arsenic", land="class1")

    assert (found["verdict"], found["why"]) == (verdict, why)


def test_farmland_of_unknown_ph_or_land_cannot_be_judged_where_the_limit_depends_on_it():
    farmland = standards.farmland()

    assert one(farmland, 0.1, analyte="cadmium", land="paddy")["why"] == Why.NO_PH
    assert one(farmland, 0.1, analyte="cadmium", land=None, ph=6.0)["why"] == Why.NO_LAND
    assert one(farmland, 9.0, analyte="cadmium", land=None, ph=6.0)["verdict"] == "above_control"
    assert one(farmland, 0.1, analyte="nickel", land=None, ph=6.0)["verdict"] == "within"
    assert one(farmland, 0.2, analyte="hch_total")["verdict"] == "above_screening"


def test_unknown_planned_use_takes_the_stricter_values():
    found = one(standards.building_land(), 21.0, analyte="arsenic", land=None)

    assert found["verdict"] == "above_screening"


def test_what_the_standard_does_not_name_has_no_limit():
    assert one(standards.building_land(), 9e9, analyte="zinc")["verdict"] == "no_limit"
    assert one(standards.farmland(), 9e9, analyte="benzene")["verdict"] == "no_limit"


@pytest.mark.parametrize(
    ("analyte", "land", "noted"),
    [
        ("arsenic", "class1", True),
        ("arsenic", "class2", True),
        ("cobalt", "class1", True),
        ("cobalt", "class2", True),
        ("vanadium", "class1", True),
        ("vanadium", "class2", False),
        ("cadmium", "class1", False),
    ],
)
def test_background_is_to_be_looked_at_for_arsenic_cobalt_and_vanadium_alone(analyte, land, noted):
    building = standards.building_land()
    limit = one(building, 1.0, analyte=analyte, land=land)["screening"]

    assert one(building, limit + 1, analyte=analyte, land=land)["background_note"] == noted
    assert not one(building, limit, analyte=analyte, land=land)["background_note"]


@pytest.mark.parametrize(
    ("low", "background", "verdict"),
    [
        (25.0, 25.0, "at_background"),
        (25.1, 25.0, "above_screening"),
        (19.0, 25.0, "within"),
        (25.0, math.nan, "above_screening"),
        (130.0, 140.0, "above_control"),
    ],
)
def test_above_screening_but_not_above_background_is_told_apart(low, background, verdict):
    found = one(
        standards.building_land(), low, analyte="arsenic", land="class1", background=background
    )

    assert found["verdict"] == verdict


def test_the_factor_and_the_clause_are_those_of_the_limit_that_decides():
    within, screening, control = (
        one(standards.building_land(), low, analyte="lead", land="class1")
        for low in (200.0, 600.0, 1600.0)
    )

    assert (within["times"], within["clause"], within["limit"]) == (0.5, "1.5", 400.0)
    assert (screening["times"], screening["limit"]) == (1.5, 400.0)
    assert (control["times"], control["limit"]) == (2.0, 800.0)


@pytest.mark.parametrize(
    ("code", "land"),
    [
        ("R2", "class1"),
        ("r", "class1"),
        ("A33", "class1"),
        ("A5", "class1"),
        ("A6", "class1"),
        ("A31", "class2"),
        ("A1", "class2"),
        ("M3", "class2"),
        ("B1", "class2"),
        ("G1", "class2"),
        ("", "class1"),
        ("0701", "class1"),
    ],
)
def test_land_use_codes_give_the_class_of_land_and_unknown_ones_the_stricter(code, land):
    assert standards.class_of_use(code) == land


ANY = st.floats(0, 1e6, allow_nan=False)
LANDS = st.sampled_from([*standards.FARMLAND, *standards.BUILDING, None])
NAMES = st.sampled_from(list(analytes.analytes()))
ORDER = list(Verdict)


@settings(max_examples=40, deadline=None)
@given(
    analyte=NAMES, land=LANDS, ph=st.floats(0, 14), numbers=st.lists(ANY, min_size=2, max_size=20)
)
def test_more_is_never_judged_better(analyte, land, ph, numbers):
    rows = readings(low=sorted(numbers), analyte=analyte, land=land, ph=ph)

    for limits in (standards.farmland(), standards.building_land()):
        judged = standards.judge(rows, limits)

        assert judged["verdict"].is_monotonic_increasing


@settings(max_examples=40, deadline=None)
@given(
    analyte=NAMES,
    land=LANDS,
    ph=st.floats(0, 14),
    ends=st.tuples(ANY, ANY),
    within=st.floats(0, 1),
)
def test_a_verdict_on_an_interval_holds_for_every_number_inside_it(
    analyte, land, ph, ends, within
):
    low, high = sorted(ends)
    inside = min(max(low + (high - low) * within, low), high)
    for limits in (standards.farmland(), standards.building_land()):
        whole = one(limits, low, high, analyte=analyte, land=land, ph=ph)
        single = one(limits, inside, analyte=analyte, land=land, ph=ph)

        if whole["why"] == "":
            assert single["verdict"] == whole["verdict"]


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(12)))
def test_judging_does_not_depend_on_the_order_of_rows_and_keeps_their_index(order):
    names = list(standards.building_land().analytes)[:12]
    rows = readings(analyte=names, low=[float(i) for i in range(12)], land="class1")
    shuffled = rows.iloc[order]

    found = standards.judge(shuffled, standards.building_land())

    pd.testing.assert_frame_equal(
        found.sort_index(), standards.judge(rows, standards.building_land())
    )
    assert list(found.index) == order


def test_the_worst_reading_stands_for_a_point_and_names_what_exceeds():
    rows = readings(
        analyte=["lead", "arsenic", "cadmium", "zinc", "lead"],
        low=[600.0, 60.0, 1.0, 1.0, 1.0],
        land="class1",
    ).assign(high=[600.0, 60.0, 1.0, 1.0, math.inf])
    judged = standards.judge(rows, standards.building_land())
    judged = judged.assign(analyte=rows["analyte"], point=["P1", "P1", "P1", "P2", "P3"])
    judged["parcel"] = "A"

    by_point = standards.worst(judged, "point")
    by_parcel = standards.worst(judged, "parcel")

    assert by_point["verdict"].tolist() == ["above_screening", "no_limit", "not_judged"]
    assert by_point.loc["P1", ["analyte", "times", "exceeding", "readings"]].tolist() == [
        "arsenic",
        3.0,
        2,
        3,
    ]
    assert by_parcel.loc["A", ["analyte", "exceeding", "not_judged", "readings"]].tolist() == [
        "arsenic",
        2,
        1,
        5,
    ]


@pytest.mark.parametrize(
    ("take", "ends"), [("highest", (3.0, 5.0)), ("mean", (2.0, 3.5)), (None, (3.0, 5.0))]
)
def test_duplicates_of_a_sample_are_one_reading(take, ends):
    rows = readings(
        sample=["S1", "S1", "S2"], analyte="lead", low=[1.0, 3.0, 9.0], high=[2.0, 5.0, 9.0]
    )

    found = standards.together(rows, ["sample", "analyte"], take=take)

    assert found["of"].tolist() == [2, 1]
    assert (found["low"][0], found["high"][0]) == ends
    assert found["high"][1] == 9.0


GIVEN = "analyte,limit,unit,clause\n镉,5,µg/L,表1 第3项\nPb,0.2,mg/kg,附表\n"


def test_a_table_of_limits_that_somebody_gives_judges_what_it_names_and_nothing_else():
    limits = standards.given("\ufeff" + GIVEN, standard="office table")

    assert one(limits, 0.005, analyte="cadmium")["verdict"] == "within"
    over = one(limits, 0.0051, analyte="cadmium")
    assert (over["verdict"], over["clause"]) == ("above_screening", "表1 第3项")
    assert one(limits, 9.0, analyte="zinc")["verdict"] == "no_limit"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("镉,5,斗,x", "斗"),
        ("某某,5,mg/L,x", "某某"),
        ("镉,ND,mg/L,x", "ND"),
        ("镉,5,mg/L,x\nCd,6,mg/L,x", "Cd"),
    ],
)
def test_a_table_of_limits_that_is_not_understood_is_refused_naming_the_row(row, found):
    with pytest.raises(LimitsNotUsableError) as refused:
        standards.given(f"analyte,limit,unit,clause\n{row}\n", standard="mine")

    assert refused.value.fields["found"] == found


def test_a_table_of_limits_without_a_column_is_refused():
    with pytest.raises(LimitsNotUsableError):
        standards.given("analyte,limit,unit\n", standard="mine")


def test_the_tables_are_read_as_they_are_kept():
    with (REFERENCE / "gb36600.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert rows[38]["analyte"] == "benzo_a_pyrene"
    assert [rows[38][c] for c in ("screening_class1", "control_class2")] == ["0.55", "15"]
