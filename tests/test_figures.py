"""What a figure is: exact sums of its parts, its value, and how it stands to a target."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import figures
from layers.coverage import TOTAL
from layers.figures import (
    Basis,
    Figure,
    FigureKey,
    Formula,
    Measure,
    Operator,
    Role,
    State,
    Target,
    Term,
    Verdict,
)
from parcels.errors import UnknownFigureError

SAFE = Term("safe", Role.NUMERATOR, Measure.AREA)
ALL = Term("all", Role.DENOMINATOR, Measure.AREA)
RATE = Formula("safe_rate", "share", (SAFE, ALL))
DUE = Target(Operator.AT_LEAST, Fraction(95, 100))


def rate(safe, whole, formula=RATE):
    amounts = {"safe": safe, "all": whole}
    return figures.computed(formula, amounts, period="2024Q2", by="unit", place="110108")


@st.composite
def parts(draw):
    """Parts of some terms, places and layers."""
    count = draw(st.integers(0, 30))
    some = {
        "indicator": st.sampled_from(["safe_rate", "land"]),
        "term": st.sampled_from(["safe", "all"]),
        "by": st.sampled_from(["unit", "district"]),
        "place": st.sampled_from(["110105", "110108", "unknown"]),
        "layer": st.sampled_from(["a", "b"]),
        "parcel": st.integers(1, 9),
        "version": st.integers(1, 99),
        "amount": st.integers(0, 10**16),
    }
    columns = {
        name: draw(st.lists(kind, min_size=count, max_size=count)) for name, kind in some.items()
    }
    return pd.concat([figures.no_parts(), pd.DataFrame(columns)], ignore_index=True)


@given(st.integers(0, 10**17), st.integers(1, 10**17))
def test_a_share_is_the_exact_quotient_of_its_amounts(safe, whole):
    assert rate(safe, whole).value == Fraction(safe, whole)


def test_a_share_of_nothing_is_no_data_and_not_zero():
    figure = rate(0, 0)

    assert (figure.state, figure.value) == (State.NO_DATA, None)
    assert figure.against(DUE) is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("unit", "amount", "value"),
    [
        ("count", 7, Fraction(7)),
        ("m2", 1_500_000, Fraction(3, 2)),
        ("mu", 2_000_000_000, Fraction(3)),
        ("ha", 10**10, Fraction(1)),
        ("km2", 10**12, Fraction(1)),
    ],
)
def test_a_sum_is_told_in_its_unit(unit, amount, value):
    formula = Formula("land", unit, (Term("land", Role.NUMERATOR, Measure.AREA),))

    figure = figures.computed(formula, {"land": amount}, period="2024", by="unit", place=TOTAL)

    assert figure.value == value


def test_a_weighted_term_counts_by_its_weight_exactly():
    third = Term("some", Role.NUMERATOR, Measure.AREA, Fraction(1, 3))
    formula = Formula("safe_rate", "share", (SAFE, third, ALL))

    amounts = {"safe": 1, "some": 1, "all": 4}
    figure = figures.computed(formula, amounts, period="2024", by="unit", place=TOTAL)

    assert (figure.numerator, figure.denominator, figure.scale) == (4, 12, 3)
    assert figure.value == Fraction(1, 3)


def test_a_part_is_shown_and_is_no_summand():
    shown = Term("unlawful", Role.PART, Measure.COUNT)
    formula = Formula("safe_rate", "share", (SAFE, ALL, shown))

    amounts = {"safe": 1, "all": 2, "unlawful": 50}
    figure = figures.computed(formula, amounts, period="2024", by="unit", place=TOTAL)

    assert figure.value == Fraction(1, 2)
    assert figure.terms["unlawful"] == 50


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        (Operator.AT_LEAST, False, True, True),
        (Operator.MORE, False, False, True),
        (Operator.AT_MOST, True, True, False),
        (Operator.LESS, True, False, False),
        (Operator.EQUAL, False, True, False),
    ],
)
def test_a_value_meets_its_target_exactly_at_the_border(operator, below, equal, above):
    target = Target(operator, Fraction(95, 100))
    whole = 10**15

    said = [rate(whole * 95 // 100 + step, whole).against(target) for step in (-1, 0, 1)]

    assert said == [Verdict.MET if one else Verdict.NOT_MET for one in (below, equal, above)]


def test_what_has_no_target_or_cannot_be_judged_says_so():
    figure = rate(1, 2)
    unclear = Figure(
        *("safe_rate", "2024", "unit", "110108", "share"), Basis.COMPUTED, State.CANNOT_BE_JUDGED
    )

    assert figure.against(None) is Verdict.NO_TARGET
    assert unclear.against(DUE) is Verdict.CANNOT_BE_JUDGED
    assert unclear.value is None


@pytest.mark.parametrize(
    ("written", "value"),
    [("43.20", Fraction(432, 10)), (" 0.95 ", Fraction(95, 100)), ("已报", None), ("NaN", None)],
)
def test_a_reported_number_is_taken_as_it_was_written(written, value):
    figure = Figure(
        *("film", "2024Q2", "unit", "110111", "%"),
        Basis.REPORTED,
        State.REPORTED,
        written=written,
        report=3,
        person="示例员",
    )

    assert figure.value == value


@given(parts(), st.randoms(use_true_random=False))
def test_sums_ignore_order_and_how_parts_are_cut_and_places_add_up_to_the_total(frame, chance):
    order = list(range(len(frame)))
    chance.shuffle(order)
    cut = chance.randint(0, len(frame))
    mixed = frame.iloc[order]

    whole = figures.add_up([frame])

    assert figures.add_up([mixed.iloc[:cut], mixed.iloc[cut:]]) == whole
    for (indicator, by, place), terms in whole.items():
        if place != TOTAL:
            continue
        for term, amount in terms.items():
            mine = frame[(frame[["indicator", "by", "term"]] == [indicator, by, term]).all(axis=1)]
            assert amount == sum(mine["amount"].tolist())


def test_sums_of_areas_are_exact_where_floating_numbers_are_not():
    frame = (
        figures.no_parts()
        .reindex(range(3))
        .assign(indicator="land", term="all", by="unit", place="110108", layer="a")
    )
    amounts = np.array([2**53, 1, 1], np.int64)
    frame = frame.assign(parcel=1, version=1, amount=amounts)

    assert figures.add_up([frame])["land", "unit", TOTAL]["all"] == 2**53 + 2


@pytest.mark.parametrize(
    "written",
    [
        "safe_rate:110108:2024Q2",
        "safe_rate:total:2024",
        "safe_rate:unknown:2024-06-30@district",
    ],
)
def test_the_name_of_a_figure_reads_back_as_it_is_written(written):
    assert str(FigureKey.read(written)) == written


@pytest.mark.parametrize("written", ["", "safe_rate", "a:b", "A:110108:2024Q2", "a:b:2024Q2@city"])
def test_what_is_no_name_of_a_figure_is_refused(written):
    with pytest.raises(UnknownFigureError):
        FigureKey.read(written)
