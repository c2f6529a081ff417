"""Quarters, years and days: how they are written, and which days are in them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import periods
from parcels.errors import PeriodNotUnderstoodError


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2024Q1", "2024-01-01", "2024-03-31"),
        (" 2024q2 ", "2024-04-01", "2024-06-30"),
        ("2023Q4", "2023-10-01", "2023-12-31"),
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
    ],
)
def test_a_period_has_its_first_and_last_day(written, first, last):
    period = periods.read(written)

    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)
    assert period.moment().on == period.last


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2024Q5",
        "2024Q0",
        "24Q1",
        "2024-13-01",
        "2023-02-29",
        "0000",
        "0000Q1",
        "Q1",
        "2024-6-1",
    ],
)
def test_what_is_no_period_is_refused(written):
    with pytest.raises(PeriodNotUnderstoodError) as refused:
        periods.read(written)

    assert refused.value.fields["period"] == written


@given(st.dates())
def test_every_day_lies_in_the_quarter_of_it_and_the_quarter_reads_back(on):
    quarter = periods.quarter_of(on)

    assert quarter.first <= on <= quarter.last
    assert periods.read(str(quarter)) == quarter
    assert quarter.year_begin == dt.date(on.year, 1, 1)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("2023Q4..2024Q2", ["2023Q4", "2024Q1", "2024Q2"]),
        ("2024Q1 .. 2024Q1", ["2024Q1"]),
        ("2022..2024", ["2022", "2023", "2024"]),
    ],
)
def test_periods_in_a_row_are_all_there(written, names):
    assert [str(one) for one in periods.between(written)] == names


@pytest.mark.parametrize(
    "written",
    ["2024Q1", "2024Q2..2024Q1", "2024..2024Q2", "2024-01-01..2024-01-31", "2024Q1..", "a..b"],
)
def test_a_row_needs_two_ends_of_one_kind_in_order(written):
    with pytest.raises(PeriodNotUnderstoodError):
        periods.between(written)
