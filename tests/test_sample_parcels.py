"""Invented parcels are valid in every field and marked as invented."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from layers.samples import attributes, patterns
from layers.samples.attributes import described, parcels_frame
from parcels import crs, districts, moves
from parcels.findings import Findings
from parcels.model import CORE_COLUMNS, Choice, Field, Kind, Label, Layer, Shape, Stage
from parcels.moves import Claim
from parcels.validation import check

LAYERS = catalog.load()
CITY = districts.bundled()


@pytest.mark.parametrize("key", list(LAYERS))
def test_sample_parcels_of_every_layer_are_accepted_without_error(key):
    layer = LAYERS[key]
    frame = parcels_frame(layer, 200, seed=5, territory=CITY)
    findings = Findings(key, "sample")

    check(frame.assign(file="sample", row=np.arange(200)), layer, CITY, findings=findings)

    found = findings.frame()
    assert found.loc[found["severity"] == "error"].empty
    assert set(found["code"]) <= {"district_border"}


@pytest.mark.parametrize("key", list(LAYERS))
def test_sample_parcels_have_the_form_of_a_parcels_frame(key):
    layer = LAYERS[key]
    own = [field.key for field in layer.own_fields]

    frame = parcels_frame(layer, 50, seed=5, territory=CITY)

    assert list(frame.columns) == [*CORE_COLUMNS, "area_m2", *own, "valid_from", "geometry"]
    assert frame.crs == crs.STORAGE
    assert frame.index.equals(pd.RangeIndex(50, name="parcel"))
    assert set(frame.geom_type) <= {"MultiPolygon", "Point"}
    points = frame.geom_type == "Point"
    wanted = {"polygon": [False], "point": [True], "either": [False, True]}[layer.shape]
    assert sorted(set(points)) == wanted
    assert frame["area_m2"].isna().equals(points)


def test_every_sample_says_that_it_is_one():
    frame = parcels_frame(LAYERS["priority_plot"], 300, seed=8, territory=CITY)

    assert frame["name"].str.startswith("示例").all()
    assert frame["source_document"].str.startswith("示例数据").all()
    assert frame["address"].str.contains("示例").all()
    assert frame["owner"].dropna().str.startswith("示例").all()


def test_codes_have_thirteen_digits_and_begin_with_the_district_they_lie_in():
    frame = parcels_frame(LAYERS["farmland"], 20_000, seed=8, territory=CITY)
    inside = frame.geometry.representative_point()
    lying = CITY.assign(CITY.split(inside.to_numpy()), len(inside))["district"]

    assert frame["code"].is_unique
    assert frame["code"].str.fullmatch(r"\d{13}").all()
    assert (frame["code"].str[:6] == frame["district"]).all()
    assert (lying.to_numpy() == frame["district"].to_numpy()).mean() > 0.98


def test_parcels_lie_in_the_districts_asked_for():
    frame = parcels_frame(
        LAYERS["orchard"], 400, seed=8, territory=CITY, districts=["110115", "110116"]
    )

    assert set(frame["district"]) <= {"110115", "110116"}
    assert set(frame["unit"]) <= {"110115", "110116", "110115403"}


def test_the_registered_point_lies_in_its_boundary():
    frame = parcels_frame(LAYERS["contaminated_site"], 500, seed=8, territory=CITY)

    point = shapely.points(frame["registered_lon"], frame["registered_lat"])

    assert shapely.contains(frame.geometry.to_numpy(), point).all()


def test_the_same_seed_gives_the_same_parcels_and_another_seed_others():
    once, again, other = (
        parcels_frame(LAYERS["screening_ledger"], 60, seed=seed, territory=CITY)
        for seed in (1, 1, 2)
    )

    pd.testing.assert_frame_equal(once, again)
    assert not once["name"].equals(other["name"])


def test_a_parcel_without_a_boundary_is_given_a_district():
    frame = described(
        LAYERS["priority_plot"], np.array([None, None], object), seed=1, territory=CITY
    )

    assert frame["district"].isin(CITY.districts.index).all()
    assert frame["registered_lon"].isna().all()


def test_more_parcels_than_codes_are_refused():
    blocks = len(attributes._TYPES) * len(attributes._INDUSTRIES)

    assert blocks * attributes._SERIALS > 2_000_000


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(Kind),
    low=st.none() | st.integers(-50, 50),
    width=st.none() | st.integers(0, 500),
    unit=st.sampled_from([None, "m2", "mu", "t/a"]),
    required=st.booleans(),
    shape=st.sampled_from(Shape),
)
def test_any_declared_field_is_filled_within_its_bounds(kind, low, width, unit, required, shape):
    high = None if width is None else (low or 0) + width
    listed = tuple(Choice(c, Label(c, c)) for c in "abc") if kind in {"code", "codes"} else ()
    field = Field(
        "made_up",
        Label("新字段", "New field"),
        kind,
        unit=unit,
        required=required,
        choices=listed,
        minimum=low,
        maximum=high,
    )
    core = tuple(Field(key, Label(key, key), core=True) for key in CORE_COLUMNS)
    stages = (Stage("only", Label("唯一", "Only")),)
    label = Label("新图层", "New layer")
    layer = Layer("brand_new", label, shape, (*core, field), stages, Label("环节", "Stage"))

    made = parcels_frame(layer, 40, seed=3, territory=CITY, districts=["110101"])["made_up"]

    is_area = unit in {"m2", "mu"}
    if required and not (is_area and kind in {"number", "integer"}):
        assert made.notna().all()
    if kind in {"number", "integer"}:
        there = made.dropna().astype(float)
        assert (there >= (-np.inf if low is None else low)).all()
        assert (there <= (np.inf if high is None else high)).all()
    if kind == "codes":
        assert {c for text in made.dropna() for c in text.split(";")} <= set("abc")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[0-9A-HJ-NPQRTUWXY]{18}$",
        r"^[A-Z]?\d{2,4}$",
        r"^\d{13}$",
        r"BJ-[0-9]+\.\d*",
        r"\w{1,3}",
        "",
    ],
)
def test_drawn_texts_fit_their_pattern(pattern):
    drawn = patterns.texts(pattern, 300, np.random.default_rng(1))

    assert drawn.str.fullmatch(pattern).all()
    assert drawn.nunique() > 50 or not pattern


@pytest.mark.parametrize("pattern", ["(a|b)", "a|b", "[^a]", "a{2}{3}", "^a$b"])
def test_a_pattern_that_is_more_than_a_row_of_sets_is_refused(pattern):
    with pytest.raises(patterns.PatternNotUnderstoodError):
        patterns.texts(pattern, 3, np.random.default_rng(1))


@given(st.from_regex(re.compile(r"[a-z0-9\-]{1,8}", re.ASCII), fullmatch=True))
def test_a_plain_text_as_pattern_is_drawn_as_it_is(text):
    drawn = patterns.texts(text, 2, np.random.default_rng(1))

    assert drawn.tolist() == [text, text]


@pytest.mark.parametrize("key", [key for key in LAYERS if LAYERS[key].gates])
def test_sample_parcels_break_no_law(key):
    layer = LAYERS[key]
    frame = parcels_frame(layer, 600, seed=5, territory=CITY).assign(row=range(600))
    findings = Findings(key, "示例")

    moves.assess(frame, frame.iloc[:0], layer, Claim(dt.date(2024, 8, 30)), findings)

    assert findings.frame().empty
