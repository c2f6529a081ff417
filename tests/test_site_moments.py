"""Sites and proposals as they were known, in both stores."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import pytest
from town import AT, DAY, PLOT, act, plots, square

from layers import site_book
from parcels.model import FOREVER, Moment
from parcels.register import Register

EARLY = DAY - dt.timedelta(days=1)


def then(days):
    """What was known so many days after the start."""
    return Moment(FOREVER, AT + dt.timedelta(days=days, hours=1))


@pytest.fixture
def register(store_url):
    """Two parcels of one land proposed on day 1, confirmed on day 2, rejected on day 4.

    One of them is renamed on day 3, as of a year later.
    """
    with Register(store_url, [PLOT]) as opened:
        both = plots(2).assign(code=["A", "B"], name="示例地块")
        both = both.set_geometry(gpd.GeoSeries([square(116.2, 40.0)] * 2, crs=4490))
        opened.take(PLOT.key, both, act())
        site_book.propose(opened, [PLOT.key], Moment(DAY), act(days=1))
        site_book.decide(opened, 1, act(days=2), confirmed=True)
        renamed = both.iloc[:1].assign(name="改名")
        opened.take(PLOT.key, renamed, act(DAY + dt.timedelta(days=365), days=3))
        site_book.decide(opened, 1, act(days=4), confirmed=False)
        yield opened


@pytest.mark.parametrize(
    ("days", "states", "members"),
    [
        (0, [], 0),
        (1, ["open"], 0),
        (2, ["confirmed"], 2),
        (3, ["confirmed"], 2),
        (4, ["rejected"], 0),
    ],
)
def test_a_decision_is_told_as_it_was_known(register, days, states, members):
    found = site_book.proposals(register, site_book.STATES, then(days))

    assert found["state"].tolist() == states
    assert len(site_book.members(register, then(days))) == members
    assert found["decided_by"].notna().tolist() == [one != "open" for one in states]


def test_without_a_moment_all_that_is_known_is_told(register):
    assert site_book.proposals(register, site_book.STATES)["state"].tolist() == ["rejected"]
    assert site_book.members(register).empty


def test_a_parcel_is_called_as_it_was_called_on_the_day(register):
    on = Moment(DAY, AT + dt.timedelta(days=3, hours=1))
    later = Moment(DAY + dt.timedelta(days=400), on.known)
    names = {
        moment: site_book.members(register, moment)["name"].tolist() for moment in (on, later)
    }

    assert names[on] == ["示例地块", "示例地块"]
    assert names[later] == ["改名", "示例地块"]
    assert site_book.proposals(register, ["rejected"], Moment(DAY))["name_a"].tolist() == [
        "示例地块"
    ]


def test_a_parcel_that_begins_later_is_no_member_yet(register):
    moment = Moment(EARLY, AT + dt.timedelta(days=3, hours=1))

    assert site_book.members(register, moment).empty
