"""Rows that are known by their land and not by a code move by the same rules, in both stores."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from test_passage import DAY, START, act, evidence_for, plots

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels.errors import MovesNotAllowedError
from parcels.model import Moment
from parcels.register import Register

LAYERS = catalog.load()
LAYER = "priority_plot"


@pytest.fixture
def register(store_url, tmp_path):
    """A parcel without a code whose stage leads to few others, and one that has a code."""
    with Register(store_url, list(LAYERS.values()), files=tmp_path / "documents") as opened:
        opened.take(LAYER, coded(plots("listed", "preliminary_survey")), act(START))
        yield opened


def coded(frame):
    """Only the second parcel has a code."""
    return frame.assign(code=[None, *frame["code"].iloc[1:]])


def stages(register, on=DAY):
    frame = register.frame(LAYER, Moment(on))
    return dict(zip(frame["code"].fillna("-"), frame["stage"], strict=True))


def test_a_row_without_a_code_makes_no_unlawful_move(register):
    with pytest.raises(MovesNotAllowedError):
        register.take(LAYER, coded(plots("closed", "preliminary_survey")), act())

    assert stages(register) == {"-": "listed", "P1": "preliminary_survey"}


def test_a_row_without_a_code_makes_a_lawful_move_with_its_document(register):
    to = next(iter(LAYERS[LAYER].stage("listed").next))
    moved = coded(plots(to, "preliminary_survey"))

    done = register.take(LAYER, moved, act(), given=evidence_for("listed", to))

    assert (done.created, done.updated) == (0, 1)
    assert stages(register) == {"-": to, "P1": "preliminary_survey"}


def test_a_row_without_a_code_and_boundary_is_known_by_name_and_bound_as_well(register):
    named = gpd.GeoDataFrame(
        plots("listed").assign(code=None, name="示例甲"), geometry=[None], crs=4490
    )
    register.take(LAYER, named, act(START))
    closed = named.assign(stage="closed")

    with pytest.raises(MovesNotAllowedError) as refused:
        register.take(LAYER, closed, act())

    assert refused.value.fields["numbers"] == ["示例甲"]


def test_a_parcel_told_by_the_door_is_bound_under_a_new_code_too(register):
    frame = register.frame(LAYER, Moment(DAY))
    there = frame[frame["stage"] == "listed"].index[0]
    renumbered = plots("closed").assign(code="N1", parcel=pd.array([there], "Int64"))

    with pytest.raises(MovesNotAllowedError) as refused:
        register.take(LAYER, renumbered, act())

    assert refused.value.fields["numbers"] == ["N1"]


def deliver(name, **columns):
    shapes = [shapely.box(116.2, 40, 116.205, 40.005)]
    gpd.GeoDataFrame(columns, geometry=shapes, crs=4490).to_file(name, driver="GeoJSON")


@pytest.mark.parametrize(
    ("first", "then", "more"),
    [
        ({"编码": ["A"]}, {"编码": ["B"]}, ("--same-land", "renumbered")),
        ({"编码": ["A"]}, {}, ()),
    ],
    ids=["renumbered", "code left out"],
)
def test_the_door_says_what_is_wrong_with_such_a_move(
    tmp_path, monkeypatch, store_url, first, then, more
):
    monkeypatch.chdir(tmp_path)
    deliver("前.geojson", 名称=["示例"], 环节=["列入名录"], 所在区=["海淀区"], **first)
    deliver("后.geojson", 名称=["示例"], 环节=["管理结束"], 所在区=["海淀区"], **then)

    def run(*arguments):
        return cli.run(["--store", store_url, "--lang", "zh", *arguments])

    taken = run("import", "前.geojson", "--layer", LAYER, "--on", str(START))
    code = run(
        "import", "后.geojson", "--layer", LAYER, "--on", str(DAY), *more, "--format", "json",
        "--out", "r.json",
    )  # fmt: skip

    found = json.loads((tmp_path / "r.json").read_text("utf-8-sig"))["rows"]
    assert (taken, code) == (Exit.DONE, Exit.DELIVERY_NOT_ACCEPTED)
    assert "stage_not_allowed" in {row["code"] for row in found}
