"""A delivered row is its parcel, by code, else by boundary: never a duplicate."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from test_boundary_flaws import CITY, PLOT, box, place, plots
from town import AT, DAY, on

from parcels import matching
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.matching import SameLand, same_boundary
from parcels.model import Label, SourceFile
from parcels.recording import Act
from parcels.register import Register

LEDGER = dataclasses.replace(
    PLOT,
    key="ledger",
    label=Label("示例台账", "Sample ledger"),
    fields=tuple(
        dataclasses.replace(one, required=False) if one.key == "code" else one
        for one in PLOT.fields
    ),
)
LATER = DAY + dt.timedelta(days=30)
FIELD = [box(0, 0, 100, 100), box(100, 0, 200, 100), box(0, 200, 80, 300)]


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT, LEDGER]) as opened:
        yield opened


def known(register, layer=PLOT, day=LATER):
    return register.frame(layer.key, on(day), columns=["code", "name"]).reset_index()


def bring(register, tmp_path, frame, name="a.gpkg", *, layer=PLOT, day=DAY, **options):
    """Deliver a frame through the door and take in what is ready."""
    path = tmp_path / name
    frame.to_file(path)
    return bring_file(register, path, layer=layer, day=day, **options)


def bring_file(register, path, *, layer=PLOT, day=DAY, **options):
    delivery = receive(
        path, layer, CITY, options=ReceiveOptions(**options), register=known(register, layer)
    )
    source = SourceFile(path.name, str(hash(path.read_bytes())), path.stat().st_size)
    act = Act(by="示例", at=AT, on=day, file=source)
    return delivery, register.take(layer.key, delivery.ready, act)


def told(delivery, code):
    found = delivery.findings.frame()
    return [json.loads(one) for one in found.loc[found["code"] == code, "details"]]


def codes(delivery):
    return set(delivery.findings.frame()["code"])


def without_codes(*shapes, **columns):
    return plots(*shapes, **columns).drop(columns="编码")


def test_rows_without_a_code_are_known_by_their_boundary(register, tmp_path):
    bring(register, tmp_path, plots(*FIELD))
    again = without_codes(*FIELD[::-1], 名称=["丙", "乙", "甲"])

    delivery, outcome = bring(register, tmp_path, again, "b.gpkg", day=LATER)

    assert codes(delivery) == {"recognised_by_boundary"}
    assert told(delivery, "recognised_by_boundary")[0]["count"] == 3
    assert (outcome.created, outcome.updated) == (0, 3)
    kept = register.frame(PLOT.key, on(LATER)).set_index("code")["name"]
    assert kept[["A0", "A1", "A2"]].tolist() == ["甲", "乙", "丙"]


def test_a_row_without_a_code_on_new_land_is_told_to_give_one(register, tmp_path):
    bring(register, tmp_path, plots(*FIELD))

    delivery, _ = bring(
        register, tmp_path, without_codes(FIELD[0], box(500, 0, 600, 100)), "b.gpkg"
    )

    found = delivery.findings.frame()
    assert found.loc[found["code"] == "value_missing", "row"].tolist() == [2]
    assert delivery.frame["ok"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("shape", "same"),
    [
        (box(0, 0, 100, 100), True),
        (box(0, 0, 100, 99.1), True),
        (box(0, 0, 100, 98.9), False),
        (box(0.004, 0, 100, 100.004), True),
    ],
)
def test_a_new_code_on_99_percent_of_the_same_land_is_asked_about(register, tmp_path, shape, same):
    bring(register, tmp_path, plots(*FIELD))

    delivery, outcome = bring(register, tmp_path, plots(shape, 编码=["N9"]), "b.gpkg", day=LATER)

    assert ("code_differs" in codes(delivery)) is same
    assert ("overlap_registered" in codes(delivery)) is not same
    assert outcome.created == (0 if same else 1)
    if same:
        assert told(delivery, "code_differs")[0]["other"] == "A0"


def test_a_renumbered_parcel_stays_the_same_parcel(register, tmp_path):
    bring(register, tmp_path, plots(*FIELD))
    before = known(register).set_index("code")["parcel"]
    new = plots(FIELD[0], 编码=["N9"])

    delivery, outcome = bring(
        register, tmp_path, new, "b.gpkg", day=LATER, same_land=SameLand.RENUMBERED
    )
    bring(register, tmp_path, plots(FIELD[0], 编码=["N9"], 名称=["新名"]), "c.gpkg", day=LATER)

    assert told(delivery, "code_changed")[0]["other"] == "A0"
    assert (outcome.created, outcome.updated) == (0, 1)
    after = register.frame(PLOT.key, on(LATER)).reset_index().set_index("code")
    assert after["parcel"]["N9"] == before["A0"]
    assert after["name"]["N9"] == "新名"
    assert set(after.index) == {"N9", "A1", "A2"}
    assert "A0" in set(register.frame(PLOT.key, on(DAY))["code"])


def test_another_parcel_on_the_same_land_is_taken_when_that_is_said(register, tmp_path):
    bring(register, tmp_path, plots(*FIELD))

    delivery, outcome = bring(
        register, tmp_path, plots(FIELD[0], 编码=["N9"]), "b.gpkg", same_land=SameLand.SEPARATE
    )

    assert codes(delivery) == {"overlap_registered"}
    assert outcome.created == 1


def test_several_parcels_on_the_same_land_are_named_and_none_is_guessed(register, tmp_path):
    bring(register, tmp_path, plots(FIELD[0], FIELD[0], 编码=["A0", "A1"]))

    delivery, _ = bring(register, tmp_path, without_codes(FIELD[0], 名称=["丁"]), "b.gpkg")
    by_name, outcome = bring(
        register, tmp_path, without_codes(FIELD[0], 名称=["示例1号"]), "c.gpkg"
    )

    (one,) = told(delivery, "parcel_ambiguous")
    assert one["count"] == 2
    assert sorted(one["others"]) == ["A0", "A1"]
    assert len(delivery.ready) == 0
    assert "parcel_ambiguous" not in codes(by_name)
    assert (outcome.created, outcome.unchanged) == (0, 1)


def test_rows_that_would_be_one_parcel_are_not_made_one(register, tmp_path):
    bring(register, tmp_path, plots(*FIELD))

    delivery, _ = bring(
        register, tmp_path, without_codes(FIELD[0], FIELD[0], 名称=["子", "丑"]), "b.gpkg"
    )

    assert len(told(delivery, "parcel_ambiguous")) == 2
    assert len(delivery.ready) == 0


@pytest.mark.parametrize(("east", "moved"), [(99.0, False), (101.0, True)])
def test_a_code_whose_land_lies_elsewhere_is_warned_of_with_the_distance(
    register, tmp_path, east, moved
):
    bring(register, tmp_path, plots(FIELD[0]))

    delivery, outcome = bring(
        register, tmp_path, plots(affinity.translate(FIELD[0], east)), "b.gpkg"
    )

    assert outcome.updated == 1
    assert [one["distance_m"] for one in told(delivery, "parcel_moved")] == (
        [1.0] if moved else []
    )


@pytest.mark.parametrize(
    ("frame", "over"),
    [
        (plots(box(99.98, 0, 150, 100), 编码=["N"]), ["A0"]),
        (plots(box(99.995, 0, 150, 100), 编码=["N"]), []),
        (plots(box(1, 0, 100, 100), 编码=["A0"]), []),
        (plots(box(50, 0, 150, 100), box(500, 0, 600, 100), 编码=["N", "A0"]), []),
    ],
    ids=["2 m2 over another", "half a m2", "its own old boundary", "land another gives up"],
)
def test_overlaps_with_the_register_are_warned_of(register, tmp_path, frame, over):
    bring(register, tmp_path, plots(FIELD[0]))

    delivery, _ = bring(register, tmp_path, frame, "b.gpkg")

    assert [one["other"] for one in told(delivery, "overlap_registered")] == over


FORMS = {
    "metres.shp": 4548,
    "zoned.gpkg": 4527,
    "degrees.geojson": 4326,
    "degrees.gpkg": 4490,
    "lines.kml": 4326,
}


def whole_delivery():
    """Plots with corners at no round place, an area, a point and a hole."""
    shapes = [affinity.rotate(one, 17.3) for one in FIELD]
    shapes[1] = shapely.Polygon(
        affinity.translate(shapes[1], 40).exterior, [box(160, 40, 170.3, 50.7).exterior]
    )
    inside = shapely.get_coordinates(shapely.point_on_surface(place(*shapes)))
    columns = {
        "用地面积": [10_000.25, 9_889.79, 8_000.0],
        "经度": inside[:, 0],
        "纬度": inside[:, 1],
    }
    return plots(*shapes, **columns)


def written(frame, path, epsg):
    """A frame as a district's software writes it in this form; grids to the millimetre."""
    moved = frame.set_crs(4326, allow_override=True).to_crs(epsg)
    if epsg in {4548, 4527}:
        moved = moved.set_geometry(
            shapely.transform(moved.geometry.to_numpy(), lambda c: c.round(3))
        )
    options = {".kml": {"driver": "KML"}, ".shp": {"encoding": "GBK"}}
    moved.to_file(path, **options.get(path.suffix, {}))
    return path


@pytest.mark.parametrize("coded", [True, False], ids=["with codes", "without"])
def test_the_same_content_in_any_format_changes_nothing(register, tmp_path, coded):
    frame = whole_delivery() if coded else whole_delivery().drop(columns="编码")
    layer = PLOT if coded else LEDGER
    _, first = bring_file(register, written(frame, tmp_path / "first.gpkg", 4490), layer=layer)
    before = register.frame(layer.key, on(LATER))

    outcomes = {
        name: bring_file(register, written(frame, tmp_path / name, epsg), layer=layer, day=LATER)[
            1
        ]
        for name, epsg in FORMS.items()
    }

    assert first.created == 3
    assert {name: (o.change, o.unchanged) for name, o in outcomes.items()} == dict.fromkeys(
        FORMS, (None, 3)
    )
    pd.testing.assert_frame_equal(before, register.frame(layer.key, on(LATER)))


def test_rows_without_code_and_boundary_are_known_by_name_and_district(register, tmp_path):
    path = tmp_path / "列表.csv"
    lines = ["名称,环节,所属区", "甲,优先监管,海淀区", "乙,优先监管,海淀区", "甲,优先监管,昌平区"]
    path.write_text("\n".join(lines), "utf-8")
    _, first = bring_file(register, path, layer=LEDGER)
    path.write_text("\n".join([lines[0], *lines[:0:-1]]), "utf-8")
    _, again = bring_file(register, path, layer=LEDGER, day=LATER)

    assert first.created == 3
    assert (again.change, again.unchanged) == (None, 3)


def shaken(shape, away_m, seed):
    """A boundary whose corners are all moved by a distance, in metres."""
    turn = np.random.default_rng(seed)

    def move(corners):
        angle = turn.uniform(0, 2 * np.pi, len(corners) - 1)
        moved = corners[:-1] + away_m * np.column_stack([np.cos(angle), np.sin(angle)])
        return np.concatenate([moved, moved[:1]])

    return shapely.Polygon(move(shapely.get_coordinates(shape)))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(3, 20), st.integers(0, 999), st.integers(0, 19), st.booleans())
def test_rounding_and_where_a_ring_begins_make_no_other_boundary(corners, seed, turn, more):
    angle = np.sort(np.random.default_rng(seed).uniform(0, 2 * np.pi, corners)) + [
        0.01 * i for i in range(corners)
    ]
    ring = np.column_stack([100 * np.cos(angle), 60 * np.sin(angle)])
    shape = shapely.Polygon(ring)
    if not shape.is_valid:
        return
    again = shapely.Polygon(np.roll(ring, turn, axis=0))
    again = shapely.segmentize(again, 7.0) if more else shaken(again, 0.008, seed)

    first, other, off = place(shape), place(again), place(shaken(shape, 0.03, seed))

    assert same_boundary(first, other).all()
    assert not same_boundary(first, off).any()


def test_boundaries_with_the_same_corners_in_another_order_are_two():
    corners = [(0, 0), (100, 0), (100, 100), (50, 40), (0, 100)]
    other = [(0, 0), (50, 40), (100, 0), (100, 100), (0, 100)]

    assert not same_boundary(place(shapely.Polygon(corners)), place(shapely.Polygon(other))).any()


def test_nothing_is_like_nothing():
    none = np.array([None, None], object)

    assert same_boundary(none, none).tolist() == [False, False]


def test_points_with_codes_are_never_matched_by_place():
    point = place(shapely.Point(0, 0))
    rows = pd.DataFrame({"code": ["B"], "name": ["x"], "shape": point, "area_m2": [np.nan]})
    held = rows.assign(code=["A"])

    assert matching.match(rows, held).known.tolist() == [-1]
    assert matching.match(rows.assign(code=None), held).known.tolist() == [0]
    assert matching.match(rows.assign(code=None, name=["y"]), held).known.tolist() == [-1]


def test_the_frame_of_an_empty_delivery_is_matched_to_nothing(register, tmp_path):
    bring(register, tmp_path, plots(*FIELD))
    path = tmp_path / "空.csv"
    path.write_text("编码,名称,环节\n", "utf-8")

    delivery, outcome = bring_file(register, path)

    assert len(delivery.frame) == 0
    assert outcome.change is None
    assert isinstance(delivery.frame, gpd.GeoDataFrame)


STRIP = box(100, 0, 100.3, 100)


@pytest.mark.parametrize(
    ("held", "frame", "area_m2"),
    [
        (1, plots(box(100.3, 0, 200, 100), 编码=["N"]), [30.0]),
        (1, plots(box(100.6, 0, 200, 100), 编码=["N"]), []),
        (1, plots(box(100.005, 0, 200, 100), 编码=["N"]), []),
        (1, plots(box(100, 0, 200, 100), 编码=["N"]), []),
        (1, plots(box(100.3, 0, 200, 100), STRIP, 编码=["N", "S"]), []),
        (2, plots(box(0, 0, 99.7, 100), 编码=["A0"]), [30.0]),
        (
            2,
            plots(box(0, 0, 99.7, 100), affinity.translate(FIELD[1], -0.3), 编码=["A0", "A1"]),
            [],
        ),
        (2, plots(*FIELD[:2]), []),
        (1, plots(box(5000, 0, 5100, 100), 编码=["N"]), []),
        (1, plots(box(90, 0, 200, 100), 编码=["A1"]), []),
    ],
    ids=[
        "30 cm beside another",
        "a path of 60 cm",
        "half a m2",
        "one border",
        "filled by a third",
        "a known one that draws back",
        "a border that moves for both",
        "nothing new",
        "far away",
        "one that overlaps instead",
    ],
)
def test_gaps_to_the_register_are_measured(register, tmp_path, held, frame, area_m2):
    bring(register, tmp_path, plots(*FIELD[:held]))

    delivery, _ = bring(register, tmp_path, frame, "b.gpkg")

    measured = [one["area_m2"] for one in told(delivery, "gap_registered")]
    assert measured == pytest.approx(area_m2, rel=0.02)


def test_a_gap_that_a_known_parcel_fills_or_that_was_always_there_is_not_told(register, tmp_path):
    bring(register, tmp_path, plots(FIELD[0], STRIP, affinity.translate(FIELD[1], 0.7)))

    delivery, outcome = bring(
        register, tmp_path, plots(box(100.3, 0, 190, 100), 编码=["A2"]), "b.gpkg"
    )

    assert outcome.updated == 1
    assert told(delivery, "gap_registered") == []


@pytest.mark.parametrize(("code", "gaps"), [("S", 0), ("A0", 1)])
def test_a_gap_in_a_delivery_is_none_where_another_known_parcel_lies(
    register, tmp_path, code, gaps
):
    bring(register, tmp_path, plots(STRIP, 编码=[code]))
    beside = plots(FIELD[0], box(100.3, 0, 200, 100))

    delivery, _ = bring(register, tmp_path, beside, "b.gpkg")

    assert len(told(delivery, "gap")) == gaps
