"""Three-way merging as a rule: frames in, frames out."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from parcels import merging
from parcels.merging import BOUNDARY, Choices, Side

KEYS = ("name", "volume_m3", "years", "closed_on", "in_park")
SQUARES = [shapely.box(116 + i, 40, 116.001 + i, 40.001) for i in range(3)]


def frame(rows):
    """Parcels of which each row says its fields and the number of its square."""
    columns = {
        "name": pd.Series([row[0] for row in rows], dtype="str"),
        "volume_m3": pd.Series([row[1] for row in rows], dtype="float64"),
        "years": pd.Series([row[2] for row in rows], dtype="Int64"),
        "closed_on": pd.Series(pd.to_datetime([row[3] for row in rows])).astype("datetime64[s]"),
        "in_park": pd.Series([row[4] for row in rows], dtype="boolean"),
    }
    shapes = [None if row[5] is None else SQUARES[row[5]] for row in rows]
    index = pd.Index(range(100, 100 + len(rows)), name="parcel")
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4490).set_axis(index)


def row_of():
    return st.tuples(
        st.sampled_from(["示例甲", "示例乙", None]),
        st.sampled_from([1.25, 2.5, np.nan]),
        st.sampled_from([7, 8, None]),
        st.sampled_from(["2020-01-31", "2021-02-28", None]),
        st.sampled_from([True, False, None]),
        st.sampled_from([0, 1, None]),
    )


def states():
    return st.lists(st.tuples(row_of(), row_of(), row_of()), max_size=6)


def cells(parcels, row):
    """What a row says, in plain values; None for nothing."""
    said = [None if pd.isna(parcels[key].iloc[row]) else parcels[key].iloc[row] for key in KEYS]
    shape = parcels.geometry.iloc[row]
    return [*said, None if shape is None else shape.wkb]


@given(states())
def test_conflicts_are_exactly_the_fields_both_sides_changed_differently(rows):
    base, file, register = (frame([row[i] for row in rows]) for i in range(3))

    found = merging.compare(base, file, register, KEYS)

    for row in range(len(rows)):
        was, theirs, ours = (cells(one, row) for one in (base, file, register))
        wanted = [len({a, b, c}) == 3 for a, b, c in zip(was, theirs, ours, strict=True)]
        assert found.conflicts.iloc[row].tolist() == wanted


@given(states(), st.sampled_from([None, *Side]))
def test_every_edit_of_both_survives_and_a_conflict_goes_to_whom_it_was_given(rows, side):
    base, file, register = (frame([row[i] for row in rows]) for i in range(3))
    found = merging.compare(base, file, register, KEYS)
    names = {parcel: [str(parcel)] for parcel in base.index}

    take = merging.taken(found, Choices(side), names)
    whole = merging.merged(register, file, take)

    for row in range(len(rows)):
        was, theirs, ours = (cells(one, row) for one in (base, file, register))
        for a, b, c, got in zip(was, theirs, ours, cells(whole, row), strict=True):
            conflict = len({a, b, c}) == 3
            edit = b if a != b else c
            assert got == (edit if not conflict else b if side is Side.FILE else c)


@given(states())
def test_merging_a_file_without_edits_changes_nothing(rows):
    base, register = (frame([row[i] for row in rows]) for i in range(2))

    found = merging.compare(base, base, register, KEYS)
    whole = merging.merged(register, base, merging.taken(found, Choices(), {}))

    assert not found.edited.to_numpy().any()
    assert all(cells(whole, row) == cells(register, row) for row in range(len(rows)))


@given(states())
def test_the_sides_may_be_exchanged(rows):
    base, file, register = (frame([row[i] for row in rows]) for i in range(3))

    one = merging.compare(base, file, register, KEYS)
    other = merging.compare(base, register, file, KEYS)

    pd.testing.assert_frame_equal(one.conflicts, other.conflicts)
    pd.testing.assert_frame_equal(one.edited, other.changed)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("", None, False),
        ("示例", "示例", False),
        ("示例", None, True),
        ("示例", "示例 ", True),
    ],
)
def test_an_empty_text_is_like_none(one, other, differ):
    mine, theirs = (frame([(name, 1.0, 1, None, None, 0)]) for name in (one, other))

    assert merging.differs(mine, theirs, ("name",))["name"].tolist() == [differ]


@pytest.mark.parametrize(("off", "differ"), [(0, False), (5e-8, False), (1e-6, True)])
def test_a_boundary_is_another_if_it_moved_by_more_than_a_centimetre(off, differ):
    mine, theirs = (frame([("示例", 1.0, 1, None, None, 0)]) for _ in range(2))
    theirs = theirs.set_geometry(theirs.translate(off, 0))

    assert merging.differs(mine, theirs, ())[BOUNDARY].tolist() == [differ]


def test_a_polygon_is_the_surface_of_one_part_it_is():
    polygon = np.array([SQUARES[0]], object)
    surface = np.array([shapely.MultiPolygon([SQUARES[0].reverse()])], object)

    assert merging.same_boundary(polygon, surface).tolist() == [True]


def test_the_more_special_decision_counts():
    choices = Choices(
        Side.REGISTER,
        parcels={"P1": Side.FILE},
        fields={("P1", "name"): Side.REGISTER, ("P2", BOUNDARY): Side.FILE},
    )

    assert choices.of(["P1"], "name") is Side.REGISTER
    assert choices.of(["P1"], "years") is Side.FILE
    assert choices.of(["P2"], BOUNDARY) is Side.FILE
    assert choices.of(["P2"], "name") is Side.REGISTER
    assert Choices().of(["P2"], "name") is None


def test_undecided_conflicts_are_named_by_parcel_and_field():
    base = frame([("示例甲", 1.25, 7, None, True, 0)])
    file = frame([("示例乙", 1.25, 7, None, True, 1)])
    register = frame([("示例丙", 1.25, 8, None, True, 2)])
    found = merging.compare(base, file, register, KEYS)
    choices = Choices(fields={("100", "name"): Side.FILE})

    open_ = merging.undecided(found, choices, {100: ["100"]})
    take = merging.taken(found, choices, {100: ["100"]})

    assert open_ == [(100, BOUNDARY)]
    assert merging.listed(take) == [(100, "name")]
