"""What moved a figure: the movements of its parcels add up exactly to the difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import figures, restating
from layers.coverage import TOTAL
from layers.restating import CHANGED, ENTERED, LEFT, RECKONED, REDRAWN

LINE = st.tuples(
    st.sampled_from(["safe_rate", "land"]),
    st.sampled_from(["safe", "all"]),
    st.sampled_from(["unit", "district"]),
    st.sampled_from(["110105", "110108", "unknown"]),
    st.sampled_from(["a", "b"]),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(0, 10**16),
)
LINES = st.lists(LINE, max_size=20)


def parts_of(lines):
    rows = pd.DataFrame(lines, columns=list(figures.PARTS))
    return pd.concat([figures.no_parts(), rows], ignore_index=True)


@given(LINES, LINES)
def test_movements_add_up_exactly_to_the_difference_of_every_figure(before, after):
    was, now = parts_of(before), parts_of(after)

    moved = restating.movements(was, now)

    sums_before, sums_after = figures.add_up([was]), figures.add_up([now])
    given_ = moved.assign(amount=moved["moved"], version=0)
    added = figures.add_up([given_])
    for key in {*sums_before, *sums_after, *added}:
        for term in ("safe", "all"):
            difference = sums_after.get(key, {}).get(term, 0) - sums_before.get(key, {}).get(
                term, 0
            )
            assert added.get(key, {}).get(term, 0) == difference
    assert (moved["moved"] != 0).all()
    assert (moved["after"] - moved["before"]).equals(moved["moved"])
    assert moved["moved"].abs().is_monotonic_decreasing


@given(LINES)
def test_the_same_parts_move_nothing_in_whatever_order(lines):
    parts = parts_of(lines)

    assert restating.movements(parts, parts.iloc[::-1]).empty


def test_categories_of_different_frames_are_the_same_words():
    one = parts_of([("land", "all", "unit", "110105", "a", 1, 1, 5)])
    other = parts_of([("land", "all", "unit", "110108", "a", 1, 2, 5)])
    texts = dict.fromkeys(restating.LABELS, "category")

    moved = restating.movements(one.astype(texts), other.astype(texts))

    told = dict(zip(moved["place"], moved["moved"], strict=True))
    assert told == {"110105": -5, "110108": 5}
    assert figures.add_up([moved.assign(amount=moved["moved"])])["land", "unit", TOTAL] == {
        "all": 0
    }


@pytest.mark.parametrize(
    ("before", "after", "by", "redrawn", "why", "change"),
    [
        (None, 30, "unit", None, ENTERED, 8),
        (10, 30, "unit", None, CHANGED, 8),
        (20, None, "unit", None, LEFT, 8),
        (10, None, "unit", None, RECKONED, None),
        (None, 10, "unit", None, RECKONED, None),
        (10, 10, "unit", 9, RECKONED, None),
        (10, 10, "district", 9, REDRAWN, 9),
        (10, 30, "district", 9, CHANGED, 8),
        (10, 10, "district", None, RECKONED, None),
    ],
)
def test_each_movement_names_the_change_behind_it(before, after, by, redrawn, why, change):
    versions = pd.DataFrame(
        {"change": [3, 3, 8], "until_change": pd.array([pd.NA, 8, pd.NA], "Int64")},
        index=pd.Index([10, 20, 30], name="version"),
    )
    moved = pd.DataFrame(
        {
            "by": [by],
            "version_before": pd.array([before or pd.NA], "Int64"),
            "version_after": pd.array([after or pd.NA], "Int64"),
        }
    )

    told = restating.causes(moved, versions, known=5, redrawn=redrawn).iloc[0]

    assert told["why"] == why
    assert (None if pd.isna(told["change"]) else told["change"]) == change


def test_many_parts_that_are_the_same_but_one_give_one_movement():
    count = 200_000
    parts = pd.DataFrame(
        {
            **{name: pd.Categorical(["x"] * count) for name in restating.LABELS},
            "parcel": np.arange(count),
            "version": np.arange(count),
            "amount": np.arange(count),
        }
    )
    later = parts.copy()
    later.loc[7, "amount"] = 1_000_000_007

    assert restating.movements(parts, later)["moved"].tolist() == [1_000_000_000]
