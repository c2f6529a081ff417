"""The class of farmland: points, units, produce, each step shown."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from parcels import farmland_class, standards
from parcels.farmland_class import Ground, Quality

RULES = farmland_class.rules()
P, S, C = Quality.PRIORITY_PROTECTION, Quality.SAFE_USE, Quality.STRICT_CONTROL


def unit(*classes, **more):
    """Points whose cadmium is of these classes, all else clean."""
    points = pd.DataFrame(1, index=range(len(classes)), columns=list(RULES.analytes), dtype="Int8")
    points["cadmium"] = pd.array(classes, dtype="Int8")
    return farmland_class.classify(points, by=RULES, **more)


def judged(rows):
    """Readings of paddy of pH 6.0 (cadmium 0.4 and 2.0, lead 100 and 500), judged."""
    frame = pd.DataFrame(rows, columns=["point", "analyte", "low", "high"])
    return frame.join(standards.judge(frame.assign(land="paddy", ph=6.0), standards.farmland()))


def test_the_classes_are_the_stages_of_the_layer_of_farmland():
    stages = [stage.key for stage in catalog.load().layer("farmland").stages]

    assert [one.stage for one in Quality] == stages


@pytest.mark.parametrize(
    ("ends", "quality"),
    [
        ([(0.4, 0.4)], 1),
        ([(0.41, 0.41)], 2),
        ([(2.0, 2.0)], 2),
        ([(2.01, 2.01)], 3),
        ([(0.0, 0.4)], 1),
        ([(0.0, 0.5)], None),
        ([(0.5, math.inf)], None),
        ([(0.1, 0.1), (0.5, 0.5)], 2),
        ([(0.0, 9.0), (3.0, 3.0)], 3),
        ([(0.0, 9.0), (0.5, 0.5)], None),
    ],
)
def test_a_point_has_the_class_of_its_worst_reading_or_none_if_that_does_not_follow(ends, quality):
    rows = judged([("P1", "cadmium", low, high) for low, high in ends])

    found = farmland_class.point_classes(rows, RULES).loc["P1", "cadmium"]

    assert (None if pd.isna(found) else found) == quality


def test_what_was_not_taken_has_no_class_and_other_substances_do_not_count():
    rows = judged([("P1", "cadmium", 0.1, 0.1), ("P2", "zinc", 9e9, 9e9)])

    found = farmland_class.point_classes(rows, RULES)

    assert list(found.index) == ["P1", "P2"]
    assert found.notna().sum().sum() == 1


def test_a_unit_without_points_has_no_class():
    found = farmland_class.classify(farmland_class.point_classes(judged([]), RULES), by=RULES)

    assert found.quality is None
    assert found.steps[0].ground is Ground.NO_POINTS


@pytest.mark.parametrize(
    ("classes", "side_by_side", "quality", "ground"),
    [
        ([1, 1, 1], None, P, "same"),
        ([2], None, S, "same"),
        ([3, 3], None, C, "same"),
        ([1, 1, 1, 1, 2], None, P, "dominant"),
        ([2, 2, 2, 2, 1], None, S, "dominant"),
        ([3, 3, 3, 3, 2], None, C, "dominant"),
        ([1, 1, 1, 2], None, None, "divide"),
        ([1, 1, 1, 1, 3], None, None, "divide"),
        ([1] * 8 + [2] * 2, False, P, "dominant"),
        ([1] * 8 + [2] * 2, True, None, "divide"),
        ([1] * 8 + [2] * 2, None, None, "look_whether_side_by_side"),
        ([1] * 79 + [2] * 21, False, None, "divide"),
        ([1] * 80 + [2] * 20, False, P, "dominant"),
        ([1, 1, None], None, None, "not_judged"),
    ],
)
def test_a_unit_takes_the_class_of_nearly_all_its_points(classes, side_by_side, quality, ground):
    found = unit(*classes, side_by_side=side_by_side)

    assert found.preliminary == quality
    assert found.steps[0].ground == ground
    assert found.steps[0].analyte == "cadmium"
    assert found.steps[0].total == len(classes)


def test_the_worst_substance_makes_the_class_and_class_3_stands_whatever_is_open():
    points = pd.DataFrame(1, index=[0, 1], columns=list(RULES.analytes), dtype="Int8")

    worse = farmland_class.classify(points.assign(lead=2), by=RULES)
    open_ = farmland_class.classify(points.assign(lead=pd.NA), by=RULES)
    severe = farmland_class.classify(points.assign(lead=pd.NA, arsenic=3), by=RULES)

    assert (worse.quality, open_.quality, severe.quality) == (S, None, C)


# The table of the fact sheet, row by row, on both sides of each condition.
@pytest.mark.parametrize(
    ("before", "counts", "after", "ground"),
    [
        (P, (0, 0, 0), P, "stays"),
        (P, (0, 0, 9), P, "stays"),
        (S, (2, 0, 0), S, "too_little_produce"),
        (S, (3, 0, 0), P, "produce_within"),
        (S, (99, 1, 0), S, "produce_above"),
        (S, (99, 0, 1), S, "produce_above"),
        (C, (2, 0, 0), C, "too_little_produce"),
        (C, (3, 0, 0), S, "produce_within"),
        (C, (13, 7, 0), S, "produce_mostly_within"),
        (C, (12, 8, 0), C, "produce_above"),
        (C, (19, 0, 1), C, "produce_above"),
        (C, (65, 35, 0), S, "produce_mostly_within"),
        (C, (64, 36, 0), C, "produce_above"),
        (None, (9, 0, 0), None, "stays"),
    ],
)
def test_produce_lowers_a_class_by_one_as_the_table_says(before, counts, after, ground):
    assert farmland_class.adjusted(before, counts, by=RULES) == (ground, after)


@pytest.mark.parametrize(
    ("before", "counts", "unknown", "after"),
    [
        (S, (9, 0, 0), 1, None),
        (S, (9, 1, 0), 1, S),
        (C, (9, 1, 0), 1, None),
        (C, (1, 9, 0), 1, C),
        (C, (9, 0, 1), 1, C),
        (C, (1, 0, 0), 1, C),
    ],
)
def test_produce_that_could_not_be_judged_leaves_the_class_open_only_where_it_matters(
    before, counts, unknown, after
):
    assert farmland_class.adjusted(before, counts, unknown, by=RULES)[1] == after


COUNTS = st.tuples(*[st.integers(0, 40)] * 3)


@settings(deadline=None)
@given(before=st.sampled_from(list(Quality)), counts=COUNTS)
def test_produce_never_raises_a_class_and_lowers_it_by_one_at_most(before, counts):
    after = farmland_class.adjusted(before, counts, by=RULES)[1]

    assert after is not None
    assert before - 1 <= after <= before


@settings(deadline=None)
@given(before=st.sampled_from(list(Quality)), counts=COUNTS, worse=st.integers(0, 1))
def test_a_worse_sample_of_produce_never_makes_the_class_better(before, counts, worse):
    if not counts[worse]:
        return
    moved = list(counts)
    moved[worse] -= 1
    moved[worse + 1] += 1

    assert (
        farmland_class.adjusted(before, tuple(moved), by=RULES)[1]
        >= farmland_class.adjusted(before, counts, by=RULES)[1]
    )


@settings(deadline=None, max_examples=50)
@given(before=st.sampled_from([S, C]), counts=COUNTS, unknown=st.integers(1, 3), data=st.data())
def test_a_class_in_spite_of_unknown_produce_holds_whatever_the_unknown_is(
    before, counts, unknown, data
):
    known = farmland_class.adjusted(before, counts, unknown, by=RULES)[1]
    filled = list(counts)
    for _ in range(unknown):
        filled[data.draw(st.integers(0, 2))] += 1

    if known is not None:
        assert farmland_class.adjusted(before, tuple(filled), by=RULES)[1] == known


def test_produce_is_classed_by_how_far_it_is_above_the_limit_that_was_given():
    limits = standards.given("analyte,limit,unit,clause\n镉,0.2,mg/kg,x\n", standard="office")
    rows = pd.DataFrame(
        [
            ("S1", "cadmium", 0.2, 0.2),
            ("S2", "cadmium", 0.4, 0.4),
            ("S3", "cadmium", 0.41, 0.41),
            ("S4", "cadmium", 0.0, 0.3),
            ("S5", "lead", 9.0, 9.0),
            ("S6", "cadmium", 0.0, 0.1),
        ],
        columns=["sample", "analyte", "low", "high"],
    )

    found = farmland_class.produce_classes(rows.join(standards.judge(rows, limits)), RULES)

    assert found.dropna().to_dict() == {"S1": 1, "S2": 2, "S3": 3, "S6": 1}
    assert found[found.isna()].index.tolist() == ["S4", "S5"]


def test_every_step_is_shown_from_the_substances_to_the_produce():
    found = unit(2, 2, 2, produce=[1, 1, 1, None, 2])

    assert [step.analyte for step in found.steps] == [*RULES.analytes, None, None]
    assert [step.ground for step in found.steps[-2:]] == [Ground.WORST, Ground.PRODUCE_ABOVE]
    assert (found.steps[-1].counts, found.steps[-1].unknown) == ((3, 1, 0), 1)
    assert (found.preliminary, found.quality) == (S, S)


def test_what_is_uncertain_can_be_configured_and_carries_its_mark():
    stricter = dataclasses.replace(RULES, dominant_share=0.9)
    points = pd.DataFrame({key: [1] * 5 for key in RULES.analytes}, dtype="Int8")
    points["cadmium"] = pd.array([1, 1, 1, 1, 2], dtype="Int8")

    assert farmland_class.classify(points, by=RULES).quality is P
    assert farmland_class.classify(points, by=stricter).quality is None
    assert all(part["mark"] for part in farmland_class.settings().values())
