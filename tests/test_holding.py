from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from town import DAY, PLOT, act, on, plots

from parcels import holding
from parcels.register import Register

LATER = DAY + dt.timedelta(days=30)
COUNT = holding.NAMED_AT_MOST + 20


@pytest.fixture(scope="module")
def town():
    """More plots than a query can name, in rows of a hundred."""
    rows = [
        plots(100, south=39.9 + row * 0.003, code=[f"P{row:03d}{i:02d}" for i in range(100)])
        for row in range(-(-COUNT // 100))
    ]
    whole = pd.concat(rows, ignore_index=True)
    return whole.assign(row=range(1, len(whole) + 1))


@pytest.mark.parametrize("size", [3, COUNT])
def test_a_delivery_changes_what_it_says_however_many_rows_it_has(store_url, town, size):
    with Register(store_url, [PLOT]) as register:
        register.take(PLOT.key, town, act(sha="1" * 64))
        sent = town.head(size).copy()
        sent.loc[0, "name"] = "另一名称"
        done = register.take(PLOT.key, sent, act(LATER, sha="2" * 64, days=1))
        now = register.frame(PLOT.key, on(LATER))
        before = register.frame(PLOT.key, on(DAY))

    assert (done.created, done.updated, done.unchanged) == (0, 1, size - 1)
    assert len(now) == len(before) == len(town)
    assert now.loc[now["name"] == "另一名称", "code"].tolist() == ["P00000"]
    assert "另一名称" not in set(before["name"])


@pytest.mark.parametrize("size", [3, COUNT])
def test_parcels_named_by_number_and_by_code_are_held_with_all_their_days(store_url, town, size):
    with Register(store_url, [PLOT]) as register:
        register.take(PLOT.key, town, act(sha="1" * 64))
        renamed = town.head(2).assign(name="另一名称")
        register.take(PLOT.key, renamed, act(LATER, sha="2" * 64, days=1))
        ids = register.frame(PLOT.key, on(DAY)).reset_index().set_index("code")["parcel"]
        coded = town["code"].iloc[:1]
        numbers = ids[town["code"].iloc[1 : 1 + size].tolist()].to_numpy()
        with register.store.read() as connection:
            held = register.held(connection, PLOT, coded, ids=numbers)
            none = register.held(connection, PLOT, coded.iloc[:0])

    assert sorted(held["code"].unique()) == town["code"].iloc[: 1 + size].tolist()
    assert held.groupby("code").size().loc[["P00000", "P00001"]].tolist() == [2, 2]
    assert len(held) == 1 + size + 2
    assert held["version"].is_unique
    assert none.empty
