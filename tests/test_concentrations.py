"""What laboratories write: names, units, detection limits, totals."""

from __future__ import annotations

import math
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parcels import analytes, concentrations, standards

INF = math.inf


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("砷", "arsenic"),
        ("As", "arsenic"),
        ("总砷", "arsenic"),
        ("7440-38-2", "arsenic"),
        ("砷(mg/kg)", "arsenic"),
        ("砷（ｍｇ／ｋｇ）", "arsenic"),
        ("arsenic [mg/kg]", "arsenic"),
        ("六价铬", "chromium_vi"),
        ("铬（六价）", "chromium_vi"),
        ("Cr6+", "chromium_vi"),
        ("Cr(VI)", "chromium_vi"),
        ("铬", "chromium"),
        ("总铬", "chromium"),
        ("Cr", "chromium"),
        ("苯并(a)芘", "benzo_a_pyrene"),
        ("苯并［a］芘", "benzo_a_pyrene"),
        ("BaP", "benzo_a_pyrene"),
        ("顺式1,2-二氯乙烯", "cis_1_2_dichloroethylene"),
        ("顺1，2二氯乙烯", "cis_1_2_dichloroethylene"),
        ("间、对-二甲苯", "m_p_xylene"),
        ("邻二甲苯", "o_xylene"),
        ("林丹", "gamma_hch"),
        ("六六六总量", "hch_total"),
        ("六六六（总量）", "hch_total"),
        ("滴滴涕", "ddt"),
        ("滴滴涕总量", "ddt_total"),
        ("石油烃（C10-C40）", "petroleum_c10_c40"),
        ("二噁英类 ng TEQ/kg", "dioxins_teq"),
        ("土壤pH值", "ph"),
        ("某物质", None),
        ("", None),
        ("50-29-3", None),
    ],
)
def test_a_substance_is_known_by_the_names_laboratories_give_it(name, key):
    assert analytes.analyte_of(name) == key


def test_no_name_stands_for_two_substances():
    seen = {}
    for row in analytes.table("analytes.csv"):
        for name in {row["key"], row["zh"], row["en"], row["cas"], *row["names"].split("|")} - {
            ""
        }:
            assert seen.setdefault(analytes._bare(name), row["key"]) == row["key"], name


def test_every_cas_number_passes_its_check_digit():
    numbers = [one.cas for one in analytes.analytes().values() if one.cas]

    for number in numbers:
        digits = [int(d) for d in number.replace("-", "")]
        weighed = sum(place * d for place, d in enumerate(reversed(digits[:-1]), start=1))
        assert weighed % 10 == digits[-1], number
    assert len(numbers) > 85


def test_every_limit_is_of_a_known_substance_in_its_unit():
    known = analytes.analytes()

    for limits in (standards.building_land(), standards.farmland()):
        assert set(limits.analytes) <= set(known)
    assert {part for one in known.values() for part in one.parts} <= set(known)


@pytest.mark.parametrize(
    ("written", "basis", "ten"),
    [
        ("mg/kg", "soil", 0),
        ("MG/KG", "soil", 0),
        ("mg·kg-1", "soil", 0),
        ("毫克/千克", "soil", 0),
        ("µg/kg", "soil", -3),
        ("μg/kg", "soil", -3),
        ("ug/kg", "soil", -3),
        ("ｕｇ/ｋｇ", "soil", -3),
        ("ng/kg", "soil", -6),
        ("g/kg", "soil", 3),
        ("mg/L", "water", 0),
        ("μg/l", "water", -3),
        ("(mg/kg)", "soil", 0),
        ("mg/kg（干重）", "soil", 0),
        ("ng TEQ/kg", "teq", -6),
        ("ngTEQ/kg", "teq", -6),
        ("pg-TEQ/g", "teq", -6),
        ("mg kg⁻¹", "soil", 0),
        ("斤", None, None),
        ("", None, None),
    ],
)
def test_units_are_known_however_they_are_written(written, basis, ten):
    unit = concentrations.unit_of(written)

    assert (unit and (unit.basis, unit.ten)) == (basis and (basis, ten))


@pytest.mark.parametrize(
    ("written", "low", "high", "detected"),
    [
        (0.25, 0.25, 0.25, True),
        (0, 0.0, 0.0, True),
        ("0.25", 0.25, 0.25, True),
        ("１．５", 1.5, 1.5, True),
        ("1,200.5", 1200.5, 1200.5, True),
        ("1.2E-5", 1.2e-5, 1.2e-5, True),
        ("1.2×10-5", 1.2e-5, 1.2e-5, True),
        ("1.2×10^-5", 1.2e-5, 1.2e-5, True),
        ("ND", 0.0, INF, False),
        ("n.d.", 0.0, INF, False),
        ("未检出", 0.0, INF, False),
        ("低于检出限", 0.0, INF, False),
        ("<检出限", 0.0, INF, False),
        ("ND(0.01)", 0.0, 0.01, False),
        ("未检出（0.002）", 0.0, 0.002, False),
        ("<0.01", 0.0, 0.01, False),
        ("＜0.01", 0.0, 0.01, False),
        ("< 0.01", 0.0, 0.01, False),
        ("≤0.01", 0.0, 0.01, False),
        ("0.01L", 0.0, 0.01, False),
        ("0.01(L)", 0.0, 0.01, False),
        ("<0.01L", 0.0, 0.01, False),
        ("小于0.01", 0.0, 0.01, False),
        (0.1 + 0.2, 0.3, 0.3, True),
    ],
)
def test_a_reading_is_an_interval(written, low, high, detected):
    found = concentrations.intervals(pd.Series([written])).iloc[0]

    assert tuple(found) == (low, high, detected, True)


@pytest.mark.parametrize(
    "written",
    ["", None, "abc", "-1", -1, "1.2.3", "1-2", "<", "L", "12,34", math.nan, True, "0.01 mg"],
)
def test_what_is_no_reading_is_not_guessed_at(written):
    found = concentrations.intervals(pd.Series([written], dtype=object)).iloc[0]

    assert not found["understood"]
    assert math.isnan(found["low"])


def test_above_the_range_of_the_instrument_is_more_than_the_number():
    found = concentrations.intervals(pd.Series([">500"])).iloc[0]

    assert found["low"] > 500
    assert found["high"] == INF


def test_the_detection_limit_bounds_what_was_not_detected_and_nothing_else():
    written = pd.Series(["ND", "<0.5", "3", "ND"], index=[4, 5, 6, 7])
    limits = pd.Series([0.1, 0.2, 9.0, math.nan], index=written.index)

    found = concentrations.intervals(written, limits)

    assert found["high"].tolist() == [0.1, 0.5, 3.0, INF]
    assert found.index.tolist() == [4, 5, 6, 7]


@given(st.decimals(0, 10**6, places=4, allow_nan=False), st.integers(-6, 3))
def test_conversion_is_exact_as_decimals(number, ten):
    found = concentrations.shifted(pd.Series([float(number)]), ten).iloc[0]

    assert found == float(number.scaleb(ten))


SAME = [("mg/kg", 0), ("µg/kg", 3), ("ng/kg", 6), ("g/kg", -3)]


@pytest.mark.parametrize("kind", ["screening", "control"])
@pytest.mark.parametrize("land", standards.BUILDING)
def test_the_verdict_on_either_side_of_every_limit_does_not_depend_on_the_unit(kind, land):
    building = standards.building_land()
    column = building.lands.index(land)
    names = [one for one in building.analytes if one != "dioxins_teq"]
    limits = [
        Decimal(str(float(getattr(building, kind)[building.analytes.index(one), column, 0])))
        for one in names
    ]
    for beside in (-1, 0, 1):
        exact = [limit + beside * Decimal("1e-9") for limit in limits]
        found = []
        for unit, ten in SAME:
            low = [float(one.scaleb(ten)) for one in exact]
            rows = pd.DataFrame(
                {"analyte": names, "land": land, "unit": unit, "low": low, "high": low}
            )
            judged = standards.judge(concentrations.in_unit_of_limits(rows), building)
            found.append(judged["verdict"].astype(str))

        assert all(one.equals(found[0]) for one in found)
        assert (found[0] == "within").all() == (kind == "screening" and beside <= 0)


def test_dioxins_are_judged_in_toxic_equivalents_and_only_in_these():
    rows = pd.DataFrame(
        {
            "analyte": ["dioxins_teq"] * 3 + ["lead"],
            "unit": ["ng TEQ/kg", "ng TEQ/kg", "ng/kg", "ng TEQ/kg"],
            "low": [10.0, 10.1, 10.0, 1.0],
            "land": "class1",
        }
    ).assign(high=lambda r: r["low"])

    found = concentrations.in_unit_of_limits(rows)
    judged = standards.judge(found, standards.building_land())

    assert found["unit_fits"].tolist() == [True, True, False, False]
    assert judged["verdict"].tolist() == ["within", "above_screening", "not_judged", "not_judged"]


def parts(**found):
    rows = [
        (key, *(ends if isinstance(ends, tuple) else (ends, ends))) for key, ends in found.items()
    ]
    return pd.DataFrame(rows, columns=["analyte", "low", "high"]).assign(sample="S1")


def total(rows, key="hch_total"):
    whole = concentrations.with_totals(rows, by="sample")
    return whole[whole["analyte"] == key]


def test_a_total_is_the_exact_sum_of_its_parts():
    rows = parts(alpha_hch=0.02, beta_hch=0.03, gamma_hch=0.04, delta_hch=0.01)

    found = total(rows).iloc[0]

    assert (found["low"], found["high"], found["summed"]) == (0.1, 0.1, True)
    assert standards.judge(total(rows), standards.farmland())["verdict"].tolist() == ["within"]


@pytest.mark.parametrize(
    ("delta", "verdict"),
    [
        ((0.0, 0.01), "within"),
        ((0.0, 0.011), "not_judged"),
        ((0.011, 0.011), "above_screening"),
        (None, "not_judged"),
    ],
)
def test_parts_not_detected_or_not_measured_leave_a_total_open(delta, verdict):
    found = {"alpha_hch": 0.02, "beta_hch": 0.03, "gamma_hch": 0.04}
    rows = parts(**found, **({"delta_hch": delta} if delta else {}))

    judged = standards.judge(total(rows), standards.farmland())

    assert judged["verdict"].tolist() == [verdict]


def test_a_part_that_alone_exceeds_makes_the_total_exceed_whatever_the_others():
    judged = standards.judge(total(parts(alpha_hch=0.2)), standards.farmland())

    assert judged["verdict"].tolist() == ["above_screening"]


def test_a_reported_total_stands_and_each_sample_has_its_own():
    rows = pd.concat(
        [parts(alpha_hch=0.2, hch_total=0.05), parts(alpha_hch=0.3).assign(sample="S2")],
        ignore_index=True,
    )

    found = total(rows)

    assert found["sample"].tolist() == ["S1", "S2"]
    assert found["low"].tolist() == [0.05, 0.3]


def test_the_total_of_ddt_differs_between_the_two_standards():
    rows = parts(pp_dde=1.0, pp_ddd=1.0, op_ddt=0.5, pp_ddt=1.0)

    assert total(rows, "ddt")["low"].tolist() == [1.5]
    assert total(rows, "ddt_total")["low"].tolist() == [3.5]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("2,3,4,4',5-五氯联苯", "pcb_114"),
        ("2,3’,4,4’,5-五氯联苯", "pcb_118"),
        ("2′,3,4,4′,5-五氯联苯", "pcb_123"),
        ("2,3,4,4,5-五氯联苯", None),
        ("PCB 118", "pcb_118"),
    ],
)
def test_a_prime_behind_a_number_tells_congeners_apart(name, key):
    assert analytes.analyte_of(name) == key
