"""The fingerprint of a register tells any two contents apart, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from town import DAY, PLOT, act, plots

from parcels import tables
from parcels.fingerprint import fingerprint
from parcels.register import Register


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        opened.take(PLOT.key, plots(5), act(sha="a"))
        yield opened


def test_the_same_history_gives_the_same_fingerprint_in_either_store(
    register, tmp_path, postgis_url
):
    other_url = postgis_url if register.store.is_embedded else str(tmp_path / "other.gpkg")
    with Register(other_url, [PLOT]) as other:
        other.take(PLOT.key, plots(5), act(sha="a"))

        assert fingerprint(other.store) == fingerprint(register.store)


def test_reading_and_showing_it_otherwise_leave_the_fingerprint(register):
    before = fingerprint(register.store)
    register.changes()
    register.store.publish([PLOT], core=("code", "name"))

    with Register(register.store.url, [PLOT]) as again:
        assert fingerprint(again.store) == before


def test_a_fingerprint_is_read_in_pieces_of_any_size(register, monkeypatch):
    whole = fingerprint(register.store)

    monkeypatch.setattr("parcels.fingerprint._AT_ONCE", 2)

    assert fingerprint(register.store) == whole


@pytest.mark.parametrize(
    ("table", "column", "changed"),
    [
        (tables.version, "name", ""),
        (tables.version, "name", None),
        (tables.version, "area_m2", 0.1 + 0.2),
        (tables.version, "crosses", True),
        (tables.version, "valid_from", DAY - dt.timedelta(1)),
        (tables.version, "attributes", '{"industry": null}'),
        (tables.change, "made_at", dt.datetime(2024, 6, 1, 8, 0, 0, 1, tzinfo=dt.UTC)),
        (tables.file, "size_bytes", 11),
        (tables.edition, "is_sample", False),
    ],
)
def test_any_value_that_changes_changes_the_fingerprint(register, table, column, changed):
    before = fingerprint(register.store)
    first = sa.select(sa.func.min(*table.primary_key.columns)).scalar_subquery()

    with register.store.write() as connection:
        connection.execute(
            table.update()
            .where(*[key == first for key in table.primary_key.columns])
            .values({column: changed})
        )

    assert fingerprint(register.store) != before


def test_a_moved_corner_changes_the_fingerprint(register):
    before = fingerprint(register.store)
    # A centimetre is no change to the register.
    moved = plots(1, west=116.2 + 1e-6)

    register.take(PLOT.key, moved, act(days=1))

    assert fingerprint(register.store) != before


def test_a_row_that_is_gone_changes_the_fingerprint(register):
    before = fingerprint(register.store)

    with register.store.write() as connection:
        connection.execute(tables.unit.delete().where(tables.unit.c.id == 1))

    assert fingerprint(register.store) != before


def test_a_change_that_came_to_nothing_leaves_no_trace(register, tmp_path, monkeypatch):
    before = fingerprint(register.store)
    monkeypatch.setattr(register.store, "tidy", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        register.take(PLOT.key, plots(9), act(sha="b", days=1))
    monkeypatch.undo()
    nothing = fingerprint(register.store)
    register.take(PLOT.key, plots(9), act(sha="b", days=1))

    with Register(str(tmp_path / "smooth.gpkg"), [PLOT]) as smooth:
        smooth.take(PLOT.key, plots(5), act(sha="a"))
        smooth.take(PLOT.key, plots(9), act(sha="b", days=1))
        assert fingerprint(smooth.store) == fingerprint(register.store)
    assert nothing == before
