"""The page of one parcel: its facts, its stages, and everything it ever was."""

from __future__ import annotations

import datetime as dt
import re
import shutil

import numpy as np
import pytest
import shapely
import website
from town import AT, PLOT, plots

from maps import sketches
from parcels.accounts import Role
from parcels.recording import Act

JULY = dt.date(2024, 7, 15)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    website.build(str(path))
    return path


@pytest.fixture
def town(built, tmp_path):
    made = website.open_site(str(shutil.copy(built, tmp_path / "town.gpkg")))
    later = Act(by="示例核查员", at=AT + dt.timedelta(days=50), on=JULY, reason="核查后更正")
    moved = plots(1, west=116.21, stage="listed", name="<b>改名</b>", unit="110108")
    made.office.register.take(PLOT.key, moved, later, corrects=True)
    yield made
    made.office.register.close()


def number(town, code):
    found = town.visitor(Role.ADMIN).get(f"/api/search?q={code}").json()["found"]
    return found[0]["parcel"]


def page(town, role, code, **asked):
    return town.visitor(role).get(
        f"/parcels/{PLOT.key}/{number(town, code)}", params=asked, headers={"accept": "text/html"}
    )


def test_the_page_tells_what_a_parcel_is_and_was(town):
    said = page(town, Role.ADMIN, "P0000").text

    assert "&lt;b&gt;改名&lt;/b&gt;" in said
    assert "<b>改名" not in said
    assert "示例核查员" in said
    assert "核查后更正" in said
    assert "2024-06-01 – 2024-07-15" in re.sub(r"\s+", " ", said)
    assert said.count("jw-thumb") == 3


def test_a_move_is_told_with_what_it_rests_on_to_those_who_may_see_its_version(town):
    assert "已调查 → <strong>已列入名录</strong>" in page(town, Role.ADMIN, "P0000").text
    assert "已调查 → <strong>已列入名录</strong>" in page(town, Role.VIEWER, "P0000").text

    later = Act(by="示例", at=AT + dt.timedelta(days=60), on=JULY + dt.timedelta(days=1))
    given = plots(1, west=116.21, stage="listed", name="交出", unit="110105")
    town.office.register.take(PLOT.key, given, later, corrects=True)

    assert page(town, Role.VIEWER, "P0000").status_code == 404


def test_a_day_of_the_past_shows_the_parcel_of_that_day(town):
    said = page(town, Role.ADMIN, "P0000", on="2024-06-30").text

    assert "<h1>示例地块0号</h1>" in said
    assert "2024-06-30 的状态" in said


def test_a_parcel_of_another_unit_is_not_there(town):
    assert page(town, Role.VIEWER, "P0004").status_code == 404
    assert page(town, Role.VIEWER, "P0001").status_code == 200
    assert town.visitor(Role.ADMIN).get(f"/parcels/{PLOT.key}/999999").status_code == 404


def test_sensitive_facts_are_told_to_those_who_may_know_them(town):
    assert "<dt>行业</dt>" in page(town, Role.DISTRICT_EDITOR, "P0001").text
    assert "<dt>行业</dt>" not in page(town, Role.VIEWER, "P0001").text


def test_the_page_speaks_english(town):
    visitor = town.visitor(Role.ADMIN)
    visitor.submit("/language", lang="en")

    said = visitor.look(f"/parcels/{PLOT.key}/{number(town, 'P0001')}").text

    assert "Every version" in said
    assert "Stages and what they rest on" in said


def test_a_sketch_keeps_north_up_and_metres_equal():
    wide = shapely.box(116.40, 39.90, 116.42, 39.905)

    drawn = sketches.sketch([wide, None, shapely.Point(116.41, 39.902)])

    corners = np.array(re.findall(r"([\d.]+) ([\d.]+)", drawn.paths[0]), dtype=float)
    across, down = np.ptp(corners, axis=0)
    assert across == pytest.approx(sketches.SIDE - 20, abs=0.2)
    assert across / down == pytest.approx(1709 / 555, rel=0.02)
    assert drawn.paths[1] == ""
    assert drawn.paths[2].startswith("M")
    assert (drawn.metres, drawn.bar) == (500, pytest.approx(200 * 500 / 1709, rel=0.02))


def test_nothing_known_is_nothing_drawn():
    assert sketches.sketch([None, None]).paths == ("", "")
    assert sketches.sketch([]).paths == ()
