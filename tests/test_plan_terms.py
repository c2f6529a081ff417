"""What the words of a plan mean: deadlines, bodies, amounts; and its targets are its own."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog, plan, plan_words
from layers.coverage import TOTAL
from layers.figures import Operator
from parcels import districts
from parcels.errors import DeclarationError

FOLDER = catalog.REFERENCE / plan.CURRENT
TERRITORY = districts.bundled()
PLAN = plan.load(known=plan.Known(catalog.load().keys(), TERRITORY))
YEAR_END = dt.date(2024, 12, 31)
BDA = "110115403"


def wrong(tmp_path, there, instead, *, file="plan.toml", known=None):
    """The problems of the plan with one text in place of another: code and key."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    whole = (FOLDER / file).read_text("utf-8")
    assert there in whole
    (tmp_path / file).write_text(whole.replace(there, instead, 1), "utf-8")
    with pytest.raises(DeclarationError) as refusal:
        plan.load(tmp_path, known=known)
    return [(p.code, p.key) for p in refusal.value.fields["problems"]]


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("年底前", [(12, 31)]),
        ("年底", [(12, 31)]),
        ("6月底前", [(6, 30)]),
        ("2 月底前", [(2, 29)]),
        ("3月15日前", [(3, 15)]),
        ("2月底、8月底前", [(2, 29), (8, 31)]),
        ("6月底前；年底前", [(6, 30), (12, 31)]),
        ("", []),
        ("尽快", []),
        ("年底前完成", []),
        ("13月底前", []),
        ("2月30日前", []),
    ],
)
def test_a_cell_of_deadlines_names_days_or_is_not_understood(cell, days):
    found = plan_words.due_days(cell, 2024)

    assert [(day.month, day.day) for day in found] == days


@given(st.integers(2000, 2099), st.integers(1, 12))
def test_the_end_of_a_month_is_followed_by_the_first_of_the_next(year, month):
    (last,) = plan_words.due_days(f"{month}月底前", year)

    assert (last.year, last.month) == (year, month)
    assert (last + dt.timedelta(days=1)).day == 1


def test_every_measure_has_the_deadline_of_its_cell_and_two_more_stand_in_the_text():
    whole = [one for one in PLAN.deadlines if one.key == plan.WHOLE]
    others = [one for one in PLAN.deadlines if one.key != plan.WHOLE]

    assert [one.measure for one in whole] == [one.id for one in PLAN.measures]
    assert {one.measure: one.due_on for one in whole if one.due_on != YEAR_END} == {
        "5.2": dt.date(2024, 6, 30),
        "15.1": dt.date(2024, 3, 31),
    }
    assert [(one.measure, one.due_on) for one in others] == [
        ("2.1", dt.date(2024, 2, 29)),
        ("2.1", dt.date(2024, 8, 31)),
    ]
    assert [one.due_on.month for one in PLAN.deadlines_of("2.1")] == [2, 8, 12]


@pytest.mark.parametrize(
    ("measure", "role", "units", "some", "city"),
    [
        ("2.1", "lead", 17, False, False),
        ("2.1", "responsible", 0, False, True),
        ("2.1", "assisting", 0, False, False),
        ("3.2", "lead", 0, True, False),
        ("5.5", "lead", 1, True, False),
        ("6.1", "lead", 3, False, False),
        ("6.3", "lead", 17, False, True),
        ("7.1", "assisting", 0, False, False),
        ("14.2", "responsible", 3, False, False),
        ("16.1", "responsible", 1, False, False),
    ],
)
def test_the_bodies_of_a_cell_are_units_or_the_city_or_some_districts(
    measure, role, units, some, city
):
    named = plan_words.bodies(PLAN.measure(measure).raw(role))
    found = plan_words.concerned(named, TERRITORY)

    assert (len(found.units), found.some, found.city) == (units, some, city)


def test_all_districts_are_sixteen_and_the_bracket_adds_the_seventeenth():
    plain = plan_words.concerned(["各区政府"], TERRITORY)
    added = plan_words.concerned(
        plan_words.bodies("各区政府 (含北京经济技术开发区管委会)"), TERRITORY
    )

    assert added.units - plain.units == {BDA}
    assert len(plain.units) == 16


@pytest.mark.parametrize("measure", PLAN.measures, ids=lambda m: m.id)
def test_every_body_of_a_cell_is_in_the_cell_and_none_is_lost(measure):
    for role in plan.ROLES:
        cell = "".join(measure.raw(role).split())
        named = plan_words.bodies(measure.raw(role))

        assert "".join(named) in {cell, ""}
        assert named or cell in {"", "——"}


@pytest.mark.parametrize("measure", PLAN.measures, ids=lambda m: m.id)
def test_every_named_district_is_a_unit(measure):
    found = plan_words.concerned(measure.named_districts, TERRITORY)

    assert len(found.units) == len(measure.named_districts)
    assert not found.some
    assert not found.city


@pytest.mark.parametrize(
    ("written", "place"),
    [("海淀", "110108"), ("经开区", BDA), ("全市", TOTAL), ("City", TOTAL), ("天津", None)],
)
def test_a_place_is_a_unit_or_the_city(written, place):
    assert plan_words.place_of(written, TERRITORY) == place


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("完成3.58万亩", ["35800"]),
        ("达到98.5%以上", ["0.985"]),
        ("达到 100 ％", ["1"]),
        ("上年度 120 个", ["120"]),
        ("1,200亩和2亿元", ["1200", "200000000"]),
        ("没有数", []),
    ],
)
def test_amounts_are_read_exactly(text, amounts):
    assert plan_words.amounts(text) == [Fraction(one) for one in amounts]


@given(st.decimals(min_value=0, max_value=10**6, places=3, allow_nan=False))
def test_an_amount_in_ten_thousands_is_ten_thousand_times_itself(number):
    assert plan_words.amounts(f"约{number}万亩") == [Fraction(number) * 10_000]


@pytest.mark.parametrize("target", PLAN.targets, ids=lambda t: f"{t.measure} {t.text[:8]}")
def test_every_target_is_a_number_of_the_plans_own_text(target):
    whole = re.sub(r"\s", "", (FOLDER / "action_plan.zh.txt").read_text("utf-8"))

    assert re.sub(r"\s", "", target.text) in whole
    assert target.value in plan_words.amounts(target.text)
    assert target.indicator is None or target.indicator in PLAN.indicators


NOT_TARGETS = {
    "2.1": {2, 8},
    "4.1": {225},
    "15.1": {2024},
}
"""Numbers in the text of measures that ask for nothing: months, an area, a year."""


@pytest.mark.parametrize("measure", PLAN.measures, ids=lambda m: m.id)
def test_no_number_of_the_plans_text_is_left_out_of_the_targets(measure):
    said = set(plan_words.amounts(measure.text)) - NOT_TARGETS.get(measure.id, set())

    assert said == {target.value for target in PLAN.targets_of(measure.id)}


def test_the_use_of_construction_land_has_an_alternative_with_a_condition():
    first, second = PLAN.targets_of("4.1")

    assert (first.operator, first.value, first.alternative) == (Operator.EQUAL, 1, False)
    assert (second.operator, second.value) == (Operator.AT_LEAST, Fraction(95, 100))
    assert second.alternative
    assert second.condition is not None
    assert second.condition.zh in PLAN.measure("4.1").text


def test_how_many_there_are_is_no_level_that_is_asked():
    (plots,) = PLAN.targets_of("2.1")

    assert (plots.operator, plots.value, plots.unit) == (None, 120, "count")


@pytest.mark.parametrize(
    ("there", "instead", "problem"),
    [
        ("year = 2024", "year = 24", ("year_out_of_range", "year")),
        ("year = 2024", 'year = "2024"', ("not_integer", "year")),
        ("year = 2024\n", "", ("missing_key", "")),
        (
            'key = "list_august"',
            'key = "list_february"',
            ("key_twice", "deadlines[list_february].key"),
        ),
        ('key = "list_august"', 'key = "whole"', ("key_twice", "deadlines[whole].key")),
        ("month = 8", "month = 14", ("day_not_in_calendar", "deadlines[list_august].month")),
        (
            "month = 2\n",
            "month = 2\nday = 30\n",
            ("day_not_in_calendar", "deadlines[list_february].month"),
        ),
        (
            'text = "2 月底',
            'text = "3 月底',
            ("words_not_in_measure", "deadlines[list_february].text"),
        ),
        ('value = "35800"', 'value = "35801"', ("number_not_in_text", "targets[9].value")),
        ('value = "120"', 'value = "many"', ("number_not_in_text", "targets[1].value")),
        ('value = "120"', 'value = "1e999"', ("number_not_in_text", "targets[1].value")),
        ('operator = "=="', 'operator = "~"', ("operator_unknown", "targets[2].operator")),
        ('unit = "share"', 'unit = "%"', ("unit_unknown", "targets[2].unit")),
        (
            'indicator = "priority_survey_rate"',
            'indicator = "manure_use_rate"',
            ("indicator_not_of_measure", "targets[1].indicator"),
        ),
        ('measure = "4.1"', 'measure = "4.9"', ("measure_unknown", "targets[2].measure")),
        (
            "about = true\n",
            "about = true\nalternative = true\n",
            ("alternative_to_nothing", "targets[7].alternative"),
        ),
        ('zh = "稳定达到"\n', "", ("missing_key", "targets[6]")),
    ],
)
def test_what_is_wrong_in_a_plan_is_named_with_its_place(tmp_path, there, instead, problem):
    assert problem in wrong(tmp_path, there, instead)


@pytest.mark.parametrize(
    ("there", "instead", "problem"),
    [
        (",年底前,", ",尽快,", ("deadline_not_understood", "1.1.deadline_raw")),
        ("丰台区;石景山区;大兴区", "丰台区;通县", ("district_unknown", "3.2.named_districts")),
        ("priority_plot;", "priority_plt;", ("layer_unknown", "2.1.layers")),
    ],
)
def test_what_a_row_names_and_nobody_knows_is_found(tmp_path, there, instead, problem):
    known = plan.Known(catalog.load().keys(), TERRITORY)

    assert problem in wrong(tmp_path, there, instead, file="measures.csv", known=known)


def test_all_problems_of_both_files_are_told_at_once(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for file, there, instead in (
        ("measures.csv", ",年底前,", ",尽快,"),
        ("plan.toml", 'value = "35800"', 'value = "1"'),
    ):
        whole = (tmp_path / file).read_text("utf-8")
        (tmp_path / file).write_text(whole.replace(there, instead, 1), "utf-8")

    with pytest.raises(DeclarationError) as refusal:
        plan.load(tmp_path)

    files = [p.file.rsplit("/", 1)[1] for p in refusal.value.fields["problems"]]
    assert files == ["measures.csv", "plan.toml"]


def test_a_plan_without_a_measure_is_refused(tmp_path):
    head = (FOLDER / "measures.csv").read_text("utf-8").split("\n", 1)[0]
    whole = (FOLDER / "measures.csv").read_text("utf-8")

    assert ("no_measures", "") in wrong(tmp_path, whole, head + "\n", file="measures.csv")
