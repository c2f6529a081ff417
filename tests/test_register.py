"""The door of the register, on both databases."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import AT, DAY, PLOT, act, on, plots, square

from parcels import crs
from parcels.errors import UnknownLayerError
from parcels.model import CORE_COLUMNS
from parcels.register import Filter, Intake, Register

LATER = dt.date(2024, 9, 1)
NOW = on(dt.date(2024, 12, 31))


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        yield opened


def test_what_is_taken_in_is_read_back_as_it_was(register):
    delivered = plots(3)

    register.take(PLOT.key, delivered, act())
    read = register.frame(PLOT.key, NOW)
    back = read.sort_values("code").reset_index(drop=True)

    assert read.crs.to_epsg() == 4490
    assert read.index.name == "parcel"
    for key in [*CORE_COLUMNS, *(f.key for f in PLOT.own_fields)]:
        left, right = back[key], delivered[key]
        assert ((left == right) | (left.isna() & right.isna())).all(), key
    assert shapely.equals_exact(back.geometry, delivered.geometry, 0).all()
    assert back["area_m2"].to_numpy() == pytest.approx(
        crs.area_m2(delivered.geometry.to_numpy()), rel=1e-12
    )


def test_unknown_values_come_back_unknown(register):
    blank = plots(1, industry=None, closed_on=pd.NaT, years=pd.array([pd.NA], "Int64"))
    blank["volume_m3"], blank["in_park"] = np.nan, pd.array([pd.NA], "boolean")
    blank["stage"], blank["geometry"] = None, None

    register.take(PLOT.key, blank, act())
    back = register.frame(PLOT.key, NOW).iloc[0]

    for key in ("industry", "closed_on", "years", "volume_m3", "in_park", "stage", "area_m2"):
        assert pd.isna(back[key]), key
    assert back.geometry is None


def test_the_same_content_again_changes_nothing(register):
    first = register.take(PLOT.key, plots(5), act())
    again = register.take(PLOT.key, plots(5), act(LATER))

    assert (first.created, again.change, again.unchanged) == (5, None, 5)
    assert len(register.changes()) == 2  # the bundled districts and the first delivery


def test_the_same_file_again_is_known_by_its_sha256(register):
    first = register.take(PLOT.key, plots(5), act(sha="a" * 64))
    again = register.take(PLOT.key, plots(5, name="另一名称"), act(LATER, sha="a" * 64))

    assert again.known_as == first.change
    assert set(register.frame(PLOT.key, NOW)["name"]) == set(plots(5)["name"])


def test_several_deliveries_are_all_taken_in_or_none(register):
    bad = plots(2).assign(code=["X", "Y"], years=["not", "numbers"])

    with pytest.raises(ValueError, match="numbers"):
        register.take_all(PLOT.key, [Intake(plots(2), act()), Intake(bad, act())])

    assert register.frame(PLOT.key, NOW).empty
    assert register.changes().empty


def test_a_row_with_a_known_code_updates_its_parcel_and_never_doubles_it(register):
    register.take(PLOT.key, plots(3), act())
    before = register.frame(PLOT.key, on(DAY))

    outcome = register.take(PLOT.key, plots(4, stage="listed"), act(LATER))
    after = register.frame(PLOT.key, NOW)

    assert (outcome.created, outcome.updated) == (1, 3)
    assert len(after) == 4
    assert set(before.index) < set(after.index)
    assert set(after["stage"]) == {"listed"}


def test_what_was_true_before_stays_true_before(register):
    register.take(PLOT.key, plots(3), act())
    register.take(PLOT.key, plots(3, stage="listed"), act(LATER))

    assert set(register.frame(PLOT.key, on(dt.date(2024, 8, 31)))["stage"]) == {"surveyed"}
    assert set(register.frame(PLOT.key, on(LATER))["stage"]) == {"listed"}
    assert register.frame(PLOT.key, on(dt.date(2024, 5, 31))).empty


def test_what_was_known_before_is_still_what_was_known_before(register):
    register.take(PLOT.key, plots(3), act())
    register.take(PLOT.key, plots(3, stage="listed"), act(DAY, days=30))

    then = register.frame(PLOT.key, on(LATER, AT + dt.timedelta(days=29)))
    now = register.frame(PLOT.key, on(LATER))

    assert set(then["stage"]) == {"surveyed"}
    assert set(now["stage"]) == {"listed"}
    assert register.frame(PLOT.key, on(LATER, AT - dt.timedelta(days=1))).empty


def test_a_late_delivery_of_an_older_state_leaves_later_facts_standing(register):
    register.take(PLOT.key, plots(1, stage="listed"), act(LATER))
    register.take(PLOT.key, plots(1, stage="surveyed"), act(DAY, days=5))

    assert register.frame(PLOT.key, on(DAY))["stage"].tolist() == ["surveyed"]
    assert register.frame(PLOT.key, on(LATER))["stage"].tolist() == ["listed"]


def test_a_blank_keeps_the_value_in_force(register):
    register.take(PLOT.key, plots(2), act())
    only_stage = plots(2, stage="listed", industry=None, name=None)
    only_stage["geometry"] = None

    register.take(PLOT.key, only_stage, act(LATER))
    back = register.frame(PLOT.key, NOW)

    assert set(back["industry"]) == {"化工"}
    assert back["name"].notna().all()
    assert back.geometry.notna().all()
    assert set(back["stage"]) == {"listed"}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["surveyed", "listed"]), st.integers(0, 90)),
        max_size=6,
    )
)
def test_on_any_day_a_parcel_has_exactly_one_believed_version(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("r") / "r.gpkg"
    with Register(str(path), [PLOT]) as register:
        register.take(PLOT.key, plots(4), act())
        for count, (which, stage, days) in enumerate(steps):
            one = plots(4).iloc[[which]].assign(stage=stage)
            register.take(PLOT.key, one, act(DAY + dt.timedelta(days), days=count + 1))

        for day in range(0, 100, 7):
            frame = register.frame(PLOT.key, on(DAY + dt.timedelta(day)))
            assert sorted(frame["code"]) == sorted(plots(4)["code"])


def test_a_bbox_query_returns_the_parcels_whose_box_it_meets_and_uses_the_index(register):
    register.take(PLOT.key, plots(50), act())

    near = register.frame(PLOT.key, NOW, where=Filter(bbox=(116.2, 39.9, 116.2075, 40.1)))

    assert sorted(near["code"]) == ["P0000", "P0001", "P0002"]


def test_the_spatial_index_answers_a_bbox_query(register):
    register.take(PLOT.key, plots(2000, west=116.0), act())
    register.take(
        PLOT.key,
        plots(2000, west=116.0, south=40.1).assign(code=[f"Q{i}" for i in range(2000)]),
        act(),
    )

    steps = register.explain(PLOT.key, NOW, where=Filter(bbox=(116.2, 39.9, 116.2075, 40.1)))

    assert any("rtree_boundary_geom" in s or "ix_boundary_geom" in s for s in steps), steps
    assert not any("SCAN version" in s or "Seq Scan on boundary" in s for s in steps), steps


def test_filters_combine(register):
    register.take(PLOT.key, plots(4, stage=["surveyed", "listed", "listed", None]), act())

    listed = register.frame(PLOT.key, NOW, where=Filter(stages=("listed",)))
    nowhere = register.frame(
        PLOT.key, NOW, where=Filter(stages=("listed",), districts=("110101",))
    )

    assert sorted(listed["code"]) == ["P0001", "P0002"]
    assert nowhere.empty
    assert "industry" in nowhere


def test_only_the_asked_columns_are_read(register):
    register.take(PLOT.key, plots(2), act())

    frame = register.frame(PLOT.key, NOW, columns=["code", "years"], boundaries=False)

    assert list(frame.columns) == ["code", "years", "geometry"]
    assert frame.geometry.isna().all()


def test_groups_add_up_what_the_rows_say(register):
    delivered = plots(6, stage=["surveyed", "listed", None] * 2)
    delivered.loc[0, "geometry"] = None
    register.take(PLOT.key, delivered, act())

    groups = register.groups(PLOT.key, NOW)
    frame = register.frame(PLOT.key, NOW)

    assert groups["parcels"].sum() == 6
    assert groups["with_boundary"].sum() == 5
    assert groups["area_mm2"].sum() == crs.whole_mm2(frame["area_m2"]).sum()
    assert groups["stage"].isna().sum() == 1


def test_a_parcel_across_a_border_keeps_its_split(register):
    districts = register.territory.districts.geometry
    border = districts["110105"].intersection(districts["110108"])
    at = border.interpolate(0.5, normalized=True) if border.length else border.centroid
    across = plots(1)
    across.loc[0, "geometry"] = square(at.x - 0.001, at.y - 0.001)

    register.take(PLOT.key, across, act())
    crossing = register.crossing(PLOT.key, NOW)

    whole = register.frame(PLOT.key, NOW)["area_m2"].iloc[0]
    assert len(crossing) >= 2
    assert crossing["area_m2"].sum() == pytest.approx(whole, rel=1e-9)
    assert register.groups(PLOT.key, NOW).empty


def test_overlaps_are_kept_within_a_delivery_and_against_the_register(register):
    delivered = plots(3)
    delivered.loc[1, "geometry"] = square(116.201, 40.0)
    register.take(PLOT.key, delivered, act())
    extra = plots(1).assign(code="X", geometry=[square(116.207, 40.0)])
    register.take(PLOT.key, extra, act(LATER))

    frame, pairs = register.overlapping(PLOT.key, NOW)
    codes = frame["code"] if "code" in frame else register.frame(PLOT.key, NOW)["code"]
    found = {frozenset((codes[a], codes[b])) for a, b in pairs[["a", "b"]].to_numpy()}

    assert found == {frozenset(("P0000", "P0001")), frozenset(("P0002", "X"))}
    assert (pairs["area_m2"] > 1000).all()


def test_a_moved_parcel_does_not_overlap_its_own_past(register):
    register.take(PLOT.key, plots(1), act())
    moved = plots(1)
    moved.loc[0, "geometry"] = square(116.2005, 40.0)
    register.take(PLOT.key, moved, act(LATER))

    assert register.overlapping(PLOT.key, NOW)[1].empty


def test_new_districts_split_and_assign_every_parcel_anew(register):
    register.take(PLOT.key, plots(10), act())
    old = register.territory
    districts = old.districts.copy()
    west, east = shapely.box(116, 39.9, 116.215, 40.1), shapely.box(116.215, 39.9, 116.5, 40.1)
    districts["geometry"] = shapely.MultiPolygon([shapely.box(0, 0, 0.001, 0.001)])
    districts.loc["110108", "geometry"] = shapely.MultiPolygon([west])
    districts.loc["110105", "geometry"] = shapely.MultiPolygon([east])

    outcome = register.load_territory(
        replace(old, districts=districts), act(LATER, days=9), source="试验"
    )
    frame = register.frame(PLOT.key, NOW)
    before = register.frame(PLOT.key, on(LATER, AT + dt.timedelta(days=8)))

    assert outcome.updated == len(frame[frame["district"] == "110105"])
    assert set(frame["district"]) == {"110108", "110105"}
    assert (frame["unit"] == frame["district"]).all()
    assert set(before["district"]) == {"110108"}
    assert register.territory.districts.loc["110105"].geometry.equals(shapely.MultiPolygon([east]))


def test_a_layer_nobody_declared_is_refused_with_the_known_ones(register):
    with pytest.raises(UnknownLayerError) as refusal:
        register.frame("nothing", NOW)

    assert refusal.value.fields == {"layer": "nothing", "known": ["town_plot"]}


def test_points_have_no_area_but_count_as_known_places(register):
    points = plots(2)
    points["geometry"] = shapely.points([[116.2, 40.0], [116.21, 40.0]])
    register.take(PLOT.key, points, act())

    groups = register.groups(PLOT.key, NOW)

    assert groups["with_boundary"].sum() == 2
    assert groups["area_mm2"].sum() == 0


def test_change_numbers_and_instants_grow_together_even_if_the_clock_goes_back(register):
    register.take(PLOT.key, plots(1), act(days=10))
    register.take(PLOT.key, plots(2), act(days=3))

    made = register.changes()["made_at"]

    assert made.is_monotonic_increasing
    assert made.is_unique


def test_a_writer_killed_half_way_leaves_the_register_as_it_was(tmp_path):
    path = tmp_path / "r.gpkg"
    with Register(str(path), [PLOT]) as register:
        register.take(PLOT.key, plots(3), act())
    script = textwrap.dedent(f"""
        import os, sys
        sys.path.insert(0, {str(__import__("pathlib").Path(__file__).parent)!r})
        from town import PLOT, act, plots
        from parcels.register import Register
        from parcels.store import Store
        Store.tidy = lambda self, connection: os._exit(9)
        Register({str(path)!r}, [PLOT]).take(PLOT.key, plots(500, stage="listed"), act())
    """)

    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)

    assert done.returncode == 9, done.stderr.decode()
    with Register(str(path), [PLOT]) as register:
        assert set(register.frame(PLOT.key, NOW)["stage"]) == {"surveyed"}
        assert len(register.changes()) == 2
