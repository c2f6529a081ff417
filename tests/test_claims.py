"""What claims say of parcels: yes, no, and what is not known."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog, claims, periods
from layers.claims import (
    All,
    Blank,
    Dated,
    Every,
    Facts,
    In,
    Known,
    Not,
    OfYear,
    Ordered,
    Settled,
    Some,
    Stopped,
    When,
    Yes,
)

LAYERS = catalog.load()
QUARTER = periods.read("2024Q2")
YES, NO, OPEN = True, False, None


def said(claim, *, layer="key_construction_land", period=QUARTER, **fields):
    """The answer of one parcel: true, false, or None for not known."""
    declared = LAYERS[layer]
    gates = {gate.key: gate for gate in declared.gates}
    wanted = {"stage", *claims.fields(claim, gates), *fields}
    columns = {key: typed(declared, key, fields.get(key)) for key in wanted}
    answers = Facts(pd.DataFrame(columns), declared, period)(claim)
    return None if pd.isna(answers[0]) else bool(answers[0])


def typed(layer, key, found):
    """A column of one row, as the register gives it."""
    if key == claims.BOUNDARY:
        return pd.Series([found], dtype="float64")
    if key == "stage":
        return pd.Series([found], dtype="str")
    kind = layer.field(key).kind.value
    if kind == "date":
        return pd.Series(pd.to_datetime([found])).astype("datetime64[s]")
    return pd.Series([found], dtype={"integer": "Int64", "boolean": "boolean"}.get(kind, "str"))


@pytest.mark.parametrize(
    ("claim", "fields", "answer"),
    [
        (All(), {}, YES),
        (In("stage", ("listed",)), {"stage": "listed"}, YES),
        (In("stage", ("listed",)), {"stage": "cleared"}, NO),
        (In("stage", ("listed",)), {}, OPEN),
        (Settled(In("stage", ("listed",))), {}, NO),
        (In("planned_use_class", ("public",)), {"planned_use_class": "residential"}, NO),
        (Known("former_use"), {"former_use": "工业"}, YES),
        (Known("former_use"), {}, NO),
        (Blank("former_use"), {}, YES),
        (Known(claims.BOUNDARY), {"area_m2": 0.0}, YES),
        (Known(claims.BOUNDARY), {}, NO),
        (Known("surveyed_on"), {"surveyed_on": "2024-06-30"}, YES),
        (Known("surveyed_on"), {"surveyed_on": "2024-07-01"}, NO),
        (Dated("surveyed_on", When.COME), {"surveyed_on": "2019-01-01"}, YES),
        (Dated("surveyed_on", When.COME), {}, NO),
        (Dated("surveyed_on", When.THIS_YEAR), {"surveyed_on": "2024-01-01"}, YES),
        (Dated("surveyed_on", When.THIS_YEAR), {"surveyed_on": "2023-12-31"}, NO),
        (Dated("surveyed_on", When.THIS_YEAR), {"surveyed_on": "2024-07-01"}, NO),
        (Dated("survey_due_on", When.PAST), {"survey_due_on": "2024-06-29"}, YES),
        (Dated("survey_due_on", When.PAST), {"survey_due_on": "2024-06-30"}, NO),
        (
            Ordered("surveyed_on", "change_approved_on"),
            {"surveyed_on": "2024-03-01", "change_approved_on": "2024-03-01"},
            YES,
        ),
        (
            Ordered("surveyed_on", "change_approved_on"),
            {"surveyed_on": "2024-03-02", "change_approved_on": "2024-03-01"},
            NO,
        ),
        (Ordered("surveyed_on", "change_approved_on"), {"surveyed_on": "2024-03-02"}, OPEN),
        (Ordered("surveyed_on", "change_approved_on"), {}, NO),
        (Not(In("stage", ("listed",))), {}, OPEN),
        (Some((All(), In("stage", ("listed",)))), {}, YES),
        (Some((Known("former_use"), In("stage", ("listed",)))), {}, OPEN),
        (Every((All(), In("stage", ("listed",)))), {}, OPEN),
        (Every((Known("former_use"), In("stage", ("listed",)))), {}, NO),
    ],
)
def test_a_claim_says_yes_no_or_not_known(claim, fields, answer):
    assert said(claim, **fields) is answer


@pytest.mark.parametrize(
    ("back", "year", "answer"), [(1, 2023, YES), (1, 2024, NO), (0, 2024, YES), (1, None, OPEN)]
)
def test_a_year_is_that_of_the_period_less_some(back, year, answer):
    claim = OfYear("batch_year", back)

    assert said(claim, layer="priority_plot", batch_year=year) is answer


@pytest.mark.parametrize(("written", "answer"), [(True, YES), (False, NO), (None, OPEN)])
def test_a_blank_flag_is_not_a_no(written, answer):
    assert said(Yes("phased"), layer="contaminated_site", phased=written) is answer


SURVEY = Stopped(("survey_before_change_of_use",))
BUILDING = Stopped(("no_building_before_target",))


@pytest.mark.parametrize(
    ("claim", "fields", "answer"),
    [
        (SURVEY, {"stage": "surveyed", "change_approved_on": "2024-03-01"}, OPEN),
        (
            SURVEY,
            {
                "stage": "surveyed",
                "change_approved_on": "2024-03-01",
                "surveyed_on": "2024-03-02",
            },
            YES,
        ),
        (
            SURVEY,
            {
                "stage": "surveyed",
                "change_approved_on": "2024-03-01",
                "surveyed_on": "2024-02-01",
            },
            NO,
        ),
        (SURVEY, {"stage": "surveyed"}, NO),
        (BUILDING, {"stage": "listed", "construction_started_on": "2024-05-01"}, YES),
        (BUILDING, {"stage": "listed", "construction_started_on": "2024-07-01"}, NO),
        (BUILDING, {"stage": "safe_to_build", "construction_started_on": "2024-05-01"}, NO),
        # What was punished and rectified was unlawful all the same.
        (
            BUILDING,
            {
                "stage": "listed",
                "construction_started_on": "2024-05-01",
                "punished_on": "2024-05-20",
                "rectified_on": "2024-06-01",
            },
            YES,
        ),
        # Before the law was in force nothing was unlawful by it.
        (BUILDING, {"stage": "listed", "construction_started_on": "2018-12-31"}, NO),
    ],
)
def test_a_gate_stops_by_the_law_of_the_day_of_the_act(claim, fields, answer):
    assert said(claim, **fields) is answer


def simple():
    """Claims about two fields and the stage, nested."""
    leaves = st.sampled_from(
        [
            In("stage", ("listed",)),
            Known("former_use"),
            Dated("surveyed_on", When.COME),
            Settled(In("stage", ("cleared",))),
        ]
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(Every), st.tuples(inner, inner).map(Some), inner.map(Not)
        ),
        max_leaves=6,
    )


@given(simple(), st.sampled_from([None, "2024-01-01"]), st.sampled_from([None, "工业"]))
def test_what_is_open_can_turn_out_either_way_and_what_is_said_holds_whatever_it_is(
    claim, surveyed, use
):
    known = {"surveyed_on": surveyed, "former_use": use}
    before = said(claim, stage=None, **known)

    after = {said(claim, stage=stage, **known) for stage in ("listed", "surveyed")}

    assert OPEN not in after
    if before is not OPEN and not mentions(claim, "cleared"):
        assert after == {before}


def mentions(claim, code):
    """Whether a claim asks for a stage by a claim that takes blank for no."""
    return code in repr(claim)


def test_the_fields_of_a_claim_are_those_it_looks_at():
    gates = {gate.key: gate for gate in LAYERS["key_construction_land"].gates}
    claim = Every((Not(Known("former_use")), SURVEY, In("stage", ("listed",))))

    assert claims.fields(claim, gates) == {"former_use", "surveyed_on", "change_approved_on"}


def test_a_period_of_one_day_looks_no_further_than_that_day():
    day = periods.day(dt.date(2024, 5, 1))
    fields = {"surveyed_on": "2024-05-02"}

    assert said(Dated("surveyed_on", When.COME), period=day, **fields) is NO
