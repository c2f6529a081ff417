"""Every version can be followed to the change, file, row and person that said it."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa
from town import DAY, PLOT, act, plots

from parcels import districts, provenance, tables
from parcels.register import Intake
from parcels.reviewing import Reviewing, Verdict


@pytest.fixture
def register(store_url):
    with Reviewing(store_url, [PLOT]) as opened:
        opened.take(PLOT.key, plots(3), act(sha="a" * 64))
        yield opened


def believed(register, code, on=DAY):
    """The version of a parcel that is believed of a day."""
    one = tables.version.c
    query = sa.select(one.id).where(
        one.code == code,
        one.recorded_to == tables.NOT_SUPERSEDED,
        one.valid_from <= on,
        one.valid_to > on,
    )
    with register.store.read() as connection:
        return int(connection.execute(query).scalar_one())


def source_of(register, version):
    """What stands behind a version: its own row, and that of the change that said it."""
    told = provenance.of_versions(register, np.array([version])).loc[version]
    return told, provenance.of_changes(register, np.array([told["said_in"]])).iloc[0]


def last_change(register):
    return int(register.changes()["change"].max())


def test_a_version_tells_its_change_file_row_and_person(register):
    told, said = source_of(register, believed(register, "P0001"))

    assert (told["code"], told["layer"], told["row"]) == ("P0001", PLOT.key, 2)
    assert told["change"] == told["said_in"] == last_change(register)
    assert (said["file"], said["sha256"], said["made_by"]) == ("示例.shp", "a" * 64, "示例经办人")
    assert said["sent_by"] is None


def test_what_a_later_change_only_cut_short_was_said_by_the_earlier_one(register):
    first = last_change(register)
    day = DAY + dt.timedelta(9)
    register.take(PLOT.key, plots(1, name="改名"), act(day, sha="b" * 64, days=1))
    register.take(PLOT.key, plots(1, name="再改"), act(day + dt.timedelta(9), sha="c", days=2))

    cut, said = source_of(register, believed(register, "P0000"))
    twice, said_later = source_of(register, believed(register, "P0000", day))

    assert (cut["change"], cut["said_in"], cut["row"]) == (first + 1, first, 1)
    assert said["sha256"] == "a" * 64
    assert (twice["change"], twice["said_in"]) == (first + 2, first + 1)
    assert said_later["sha256"] == "b" * 64


def test_what_an_undoing_brought_back_was_said_by_whoever_said_it_first(register):
    first = last_change(register)
    register.take(PLOT.key, plots(1, name="改名"), act(sha="b" * 64, days=1))
    register.undo(first + 1, dataclasses.replace(act(days=2), reason="示例"))

    back, said = source_of(register, believed(register, "P0000"))

    assert (back["change"], back["said_in"], back["row"]) == (first + 2, first, 1)
    assert said["sha256"] == "a" * 64


def test_new_districts_are_followed_by_parcels_without_a_row_of_a_file(register):
    moved = districts.bundled()
    renamed = moved.districts.rename(index={"110108": "110199"})
    register.load_territory(
        dataclasses.replace(moved, districts=renamed), act(sha="d", days=1), source="示例"
    )

    told, said = source_of(register, believed(register, "P0000"))

    assert (told["district"], said["kind"]) == ("110199", "districts")
    assert told.isna()["row"]


def test_who_submitted_is_told_beside_who_approved(register):
    sender = dataclasses.replace(act(sha="s" * 64, days=1), by="报送员")
    (sent,) = register.submit(PLOT.key, [Intake(plots(1, name="送审"), sender)])
    register.approve([sent.number], Verdict(dataclasses.replace(act(days=2), by="审核员"), {}))

    told, said = source_of(register, believed(register, "P0000"))

    assert (said["made_by"], said["sent_by"], said["sha256"]) == ("审核员", "报送员", "s" * 64)
    assert told["row"] == 1


def test_many_versions_are_told_in_the_order_of_their_numbers(register):
    last = believed(register, "P0002")

    told = provenance.of_versions(register, np.array([last, 999_999, last - 2, last - 1, last]))

    assert told.index.tolist() == [last - 2, last - 1, last]
    assert told["until_change"].isna().all()
    assert provenance.of_versions(register, np.array([], np.int64)).empty
