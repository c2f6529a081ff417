"""Changes are taken back by new ones, on both databases, and nothing is lost by it."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from town import AT, DAY, PLOT, act, on, plots

from parcels.errors import ChangeNotUndoableError, ChangeRestedOnError, UnknownChangeError
from parcels.register import Register
from parcels.undoing import resting_on, taken_back

LATER = dt.date(2024, 9, 1)
DAYS = [dt.date(2024, 5, 1), DAY, dt.date(2024, 8, 31), LATER, dt.date(2025, 1, 1)]


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        yield opened
        assert opened.store.verify().misfits == {}


def seen(register, known=None):
    """What is read on some days, as text: one line a parcel, without the ids of versions."""
    frames = [register.frame(PLOT.key, on(day, known)) for day in DAYS]
    return [pd.DataFrame(one.to_wkt()).sort_index().to_csv() for one in frames]


def test_an_undone_import_leaves_what_was_before(register):
    register.take(PLOT.key, plots(3), act())
    before = seen(register)
    change = register.take(PLOT.key, plots(5, stage="listed"), act(LATER, days=1)).change

    (undone,) = register.undo(change, act(days=2))

    assert seen(register) == before
    assert (undone.undoes, undone.parcels, undone.gone) == (change, 5, 2)
    last = register.changes().iloc[-1]
    assert (last["kind"], last["undoes"]) == ("undo", change)


def test_what_was_known_stays_what_was_known(register):
    register.take(PLOT.key, plots(3), act())
    change = register.take(PLOT.key, plots(5, stage="listed"), act(LATER, days=1)).change
    known = [AT + dt.timedelta(days=n, hours=1) for n in (-1, 0, 1)]
    before = [seen(register, one) for one in known]

    register.undo(change, act(days=2))

    assert [seen(register, one) for one in known] == before


def test_an_undone_undo_brings_the_change_back(register):
    register.take(PLOT.key, plots(3), act())
    change = register.take(PLOT.key, plots(5, stage="listed"), act(LATER, days=1)).change
    after = seen(register)

    (first,) = register.undo(change, act(days=2))
    (second,) = register.undo(first.change, act(days=3))
    again = seen(register)
    register.undo(second.change, act(days=4))
    register.undo(first.change + 2, act(days=5))

    assert again == after
    assert seen(register) == after


def test_a_change_that_later_ones_rest_on_is_kept_and_they_are_named(register):
    first = register.take(PLOT.key, plots(3), act()).change
    second = register.take(PLOT.key, plots(1, stage="listed"), act(LATER, days=1)).change
    third = register.take(PLOT.key, plots(1, stage="listed", use="R"), act(LATER, days=2)).change
    before = seen(register)

    with pytest.raises(ChangeRestedOnError) as refused:
        register.undo(first, act(days=3))

    assert refused.value.fields == {"change": first, "later": [second, third]}
    assert seen(register) == before


def test_later_changes_of_other_parcels_do_not_stand_in_the_way(register):
    first = register.take(PLOT.key, plots(2), act()).change
    others = plots(2, west=116.3).assign(code=["X", "Y"])
    register.take(PLOT.key, others, act(days=1))

    register.undo(first, act(days=2))

    assert sorted(register.frame(PLOT.key, on(LATER))["code"]) == ["X", "Y"]


def test_all_that_rests_on_a_change_is_undone_with_it_the_newest_first(register):
    register.take(PLOT.key, plots(1), act())
    before = seen(register)
    first = register.take(PLOT.key, plots(3, stage="listed"), act(LATER, days=1)).change
    second = register.take(PLOT.key, plots(2, use="R"), act(LATER, days=2)).change
    third = register.take(PLOT.key, plots(4, industry="电镀"), act(LATER, days=3)).change
    whole = seen(register)

    made = register.undo(first, act(days=4), with_later=True)

    assert [one.undoes for one in made] == [third, second, first]
    assert seen(register) == before
    register.undo(made[0].change, act(days=5), with_later=True)
    assert seen(register) == whole


def test_what_was_undone_one_by_one_no_longer_stands_in_the_way(register):
    first = register.take(PLOT.key, plots(2), act()).change
    second = register.take(PLOT.key, plots(2, stage="listed"), act(LATER, days=1)).change

    register.undo(second, act(days=2))
    register.undo(first, act(days=3))

    assert register.frame(PLOT.key, on(LATER)).empty


def test_an_undone_file_can_be_sent_again(register):
    first = register.take(PLOT.key, plots(2), act(sha="a" * 64)).change
    register.undo(first, act(days=1))

    again = register.take(PLOT.key, plots(2), act(sha="a" * 64, days=2))

    assert (again.created, again.known_as) == (2, None)
    assert len(register.frame(PLOT.key, on(LATER))) == 2


def test_an_undo_is_not_undone_over_parcels_that_took_its_codes(register):
    first = register.take(PLOT.key, plots(2), act(sha="a" * 64)).change
    (undone,) = register.undo(first, act(days=1))
    again = register.take(PLOT.key, plots(2), act(sha="a" * 64, days=2)).change

    with pytest.raises(ChangeRestedOnError) as refused:
        register.undo(undone.change, act(days=3))

    assert refused.value.fields["later"] == [again]
    register.undo(undone.change, act(days=3), with_later=True)
    assert sorted(register.frame(PLOT.key, on(LATER))["code"]) == ["P0000", "P0001"]


@pytest.mark.parametrize(
    ("number", "refusal"), [(99, UnknownChangeError), (0, UnknownChangeError)]
)
def test_a_change_that_is_not_there_is_refused(register, number, refusal):
    register.take(PLOT.key, plots(1), act())

    with pytest.raises(refusal):
        register.undo(number, act(days=1))


def test_a_change_is_undone_once_and_the_first_districts_never(register):
    change = register.take(PLOT.key, plots(1), act()).change
    register.undo(change, act(days=1))

    for number, reason in ((change, "change_is_undone"), (change - 1, "no_districts_before")):
        with pytest.raises(ChangeNotUndoableError) as refused:
            register.undo(number, act(days=2))
        assert refused.value.fields["reason"] == reason


def test_overlaps_with_what_came_since_are_found_when_a_boundary_comes_back(register):
    register.take(PLOT.key, plots(1), act())
    moved = plots(1, west=116.5)
    change = register.take(PLOT.key, moved, act(DAY, days=1)).change
    register.take(PLOT.key, plots(1, west=116.201).assign(code="X"), act(days=2))
    none = register.overlapping(PLOT.key, on(LATER))[1]

    register.undo(change, act(days=3))

    assert none.empty
    assert len(register.overlapping(PLOT.key, on(LATER))[1]) == 1


def test_what_comes_back_lies_in_the_districts_loaded_since(register):
    register.take(PLOT.key, plots(1), act())
    change = register.take(PLOT.key, plots(1, west=116.5), act(DAY, days=1)).change
    new = register.territory.districts.assign(
        geometry=register.territory.districts.geometry.translate(0.3, 0)
    )
    turned = type(register.territory)(new, register.territory.units)
    register.load_territory(turned, act(days=2), source="示例")

    register.undo(change, act(days=3))

    shape = plots(1).geometry.to_numpy()
    split = turned.split(shape)
    expected = turned.assign(split, 1)["district"].iloc[0]
    assert register.frame(PLOT.key, on(LATER))["district"].tolist() == [expected]
    assert expected != "110108"
    assert register.crossing(PLOT.key, on(LATER)).empty


@pytest.mark.parametrize(
    ("undoes", "gone"),
    [
        ({}, set()),
        ({2: 1}, {1}),
        ({2: 1, 3: 2}, {2}),
        ({2: 1, 3: 2, 4: 3}, {3, 1}),
        ({5: 4, 6: 3}, {4, 3}),
    ],
)
def test_what_is_undone_by_an_undone_change_counts_again(undoes, gone):
    assert taken_back(undoes) == gone


@pytest.mark.parametrize(
    ("later", "undoes", "expected"),
    [
        ([], {}, []),
        ([2, 3], {}, [2, 3]),
        ([2, 3], {3: 2}, []),  # taken back together
        ([2, 3, 4], {3: 2, 4: 3}, [2]),  # the undoing was undone
        ([2], {2: 0}, [2]),  # what came before was taken back
    ],
)
def test_only_what_still_counts_rests_on_a_change(later, undoes, expected):
    assert resting_on(1, later, undoes) == expected
