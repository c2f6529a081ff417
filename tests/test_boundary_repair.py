"""Repairs: what is mended and recorded, what is refused and stays an error."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from test_boundary_flaws import box, found, place, plots, received

from maps import cli
from maps.answers import Exit
from parcels import crs
from parcels.ingest.delivery import repairs
from parcels.repair import MOST_M2, MOST_SHARE, mend

POLYGON = shapely.Polygon
FAULTS = {
    "two corners swapped": POLYGON([(0, 0), (100, 0), (100, 98), (99, 100), (100, 99), (0, 100)]),
    "a loop on a side": POLYGON(
        [(0, 0), (100, 0), (100, 100), (52, 100), (50, 103), (53, 103), (51, 100), (0, 100)]
    ),
    "a hole across the shell": POLYGON(
        box(0, 0, 100, 100).exterior, [box(98, 10, 102, 14).exterior]
    ),
    "a hole in a hole": POLYGON(
        box(0, 0, 100, 100).exterior,
        [box(10, 10, 30, 30).exterior, box(15, 15, 20, 20).exterior],
    ),
    "parts side by side": shapely.MultiPolygon([box(0, 0, 100, 100), box(100, 0, 200, 100)]),
    "a part in a part": shapely.MultiPolygon([box(0, 0, 100, 100), box(10, 10, 15, 15)]),
    "a line out and back": POLYGON(
        [(0, 0), (100, 0), (100, 100), (50, 100), (50, 120), (50, 100), (0, 100)]
    ),
    "a spike": POLYGON(
        [(0, 0), (100, 0), (100, 100), (50, 100), (49.9, 120), (49.8, 100), (0, 100)]
    ),
    "a point twice": POLYGON([(0, 0), (100, 0), (100, 100), (50, 100), (50, 100), (0, 100)]),
    "a ring that touches itself": POLYGON(
        [(0, 0), (100, 0), (100, 100), (50, 100), (49, 98), (51, 98), (50, 100), (0, 100)]
    ),
}
REFUSED = {
    "a bow tie": (POLYGON([(0, 0), (100, 100), (100, 0), (0, 100)]), "area"),
    "a hole outside": (
        POLYGON(box(0, 0, 100, 100).exterior, [box(200, 0, 203, 3).exterior]),
        "hole",
    ),
    "a part without land": (
        shapely.MultiPolygon([box(0, 0, 100, 100), POLYGON([(200, 0), (300, 0), (200, 0)])]),
        "part",
    ),
    "only a line": (POLYGON([(0, 0), (100, 0), (0, 0)]), "shape"),
    "a large loop": (
        POLYGON(
            [(0, 0), (100, 0), (100, 100), (50, 100), (10, 115), (90, 115), (50, 100), (0, 100)]
        ),
        "area",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_small_fault_is_repaired_and_told_before_and_after(tmp_path, fault):
    delivery = received(tmp_path, plots(FAULTS[fault]), repair=True)
    (entry,) = repairs(delivery)

    assert delivery.frame["ok"].all()
    made = delivery.frame.geometry.iloc[0]
    assert made.is_valid
    assert entry["row"] == 1
    assert entry["code"] == "A0"
    assert entry["area_after_m2"] == pytest.approx(crs.area_m2(made), abs=0.01)
    assert entry["changed_m2"] <= min(MOST_M2, MOST_SHARE * entry["area_before_m2"]) + 0.01
    before = shapely.from_wkb(entry["before"])
    assert shapely.equals_identical(before, place(FAULTS[fault])[0])
    codes = set(delivery.findings.frame()["code"])
    assert "boundary_repaired" in codes
    assert not codes & {"boundary_invalid", "repair_refused", "boundary_spike", "points_repeated"}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_repair_that_would_change_the_parcel_is_refused_and_its_row_kept_out(tmp_path, fault):
    shape, reason = REFUSED[fault]
    delivery = received(tmp_path, plots(shape, box(0, 500, 100, 600)), repair=True)

    assert mend(place(shape)[0]).refused == reason
    assert delivery.frame["ok"].tolist() == [False, True]
    assert set(delivery.findings.frame()["code"]) >= {"boundary_invalid", "repair_refused"}
    assert repairs(delivery) == []


@pytest.mark.parametrize("fault", ["two corners swapped", "a spike", "a point twice"])
def test_nothing_is_repaired_unless_asked(tmp_path, fault):
    delivery = received(tmp_path, plots(FAULTS[fault]))

    assert "boundary_repaired" not in set(delivery.findings.frame()["code"])
    kept = delivery.frame.geometry.iloc[0]
    assert shapely.get_num_coordinates(kept) == shapely.get_num_coordinates(FAULTS[fault])


def overlapping(side, width):
    """A boundary whose two square parts lie over each other on a strip."""
    parts = [box(0, 0, side, side), box(side - width, 0, 2 * side, side)]
    return shapely.MultiPolygon(parts)


@pytest.mark.parametrize(
    ("side", "width", "done"),
    [(50, 1.0, True), (50, 1.02, False), (1000, 0.099, True), (1000, 0.101, False)],
    ids=["just 1 %", "over 1 %", "just 100 m2", "over 100 m2"],
)
def test_a_repair_may_change_one_percent_and_no_more_than_100_m2(tmp_path, side, width, done):
    told = found(tmp_path, plots(overlapping(side, width)), repair=True)

    assert ("boundary_repaired" in told["code"].tolist()) is done
    assert ("boundary_invalid" in told["code"].tolist()) is not done


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=9),
)
def test_what_a_repair_gives_is_valid_changes_little_and_needs_no_other(corners):
    boundary = place(affinity.scale(POLYGON(corners), 10, 10, origin=(0, 0)))[0]

    made = mend(boundary)

    if made.refused is None:
        assert made.shape.is_valid
        assert made.changed_m2 <= min(MOST_M2, MOST_SHARE * made.area_before_m2)
        again = mend(made.shape)
        assert again.refused is None
        assert again.changed_m2 < 0.01


@pytest.mark.parametrize("fault", FAULTS)
def test_rebuilding_from_rings_changes_no_more_than_from_lines(fault):
    boundary = place(FAULTS[fault])[0]
    before = crs.area_m2(boundary)

    rings = crs.area_m2(shapely.make_valid(boundary, method="structure", keep_collapsed=False))
    lines = crs.area_m2(shapely.make_valid(boundary, method="linework"))

    assert abs(rings - before) <= abs(lines - before) + 0.001


def test_the_command_repairs_when_asked_and_the_change_keeps_what_was(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    swapped = plots(FAULTS["two corners swapped"])
    swapped.to_file(tmp_path / "a.gpkg")
    command = ["--lang", "en", "import", "a.gpkg", "--layer", "priority_plot"]

    refused = cli.run(command)
    accepted = cli.run([*command, "--repair"])

    assert refused == Exit.DELIVERY_NOT_ACCEPTED
    assert accepted == Exit.DONE
    assert "was repaired" in capsys.readouterr().out
    with contextlib.closing(sqlite3.connect(tmp_path / "jingtu.gpkg")) as store:
        query = "SELECT details FROM change WHERE layer = 'priority_plot'"
        ((kept,),) = store.execute(query).fetchall()
    (entry,) = json.loads(kept)["repairs"]
    assert entry["fault"] == "self_intersection"
    assert shapely.equals_identical(shapely.from_wkb(entry["before"]), swapped.geometry.iloc[0])
