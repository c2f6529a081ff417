"""Colours, patterns and classes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps import palette
from maps.palette import Method, Pattern, Symbol
from parcels.model import Label, Layer, Shape, Stage

# Machado et al. 2009, severity 1.0, linear RGB.
EYES = {
    "usual": np.eye(3),
    "no red": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def layer(stages: int) -> Layer:
    return Layer(
        key="site",
        label=Label("地块", "Site"),
        shape=Shape.POLYGON,
        fields=(),
        stages=tuple(Stage(f"s{i}", Label(f"环节{i}", f"Stage {i}")) for i in range(stages)),
        stage_label=Label("环节", "Stage"),
    )


def linear(colour: str) -> np.ndarray:
    part = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020, A perceptual color space for image processing."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return 100 * lab @ np.cbrt(cones @ np.clip(rgb, 0, 1))


def distance(one: str, other: str, eye: str) -> float:
    seen = EYES[eye]
    return float(np.linalg.norm(oklab(seen @ linear(one)) - oklab(seen @ linear(other))))


@pytest.mark.parametrize("eye", EYES)
def test_stage_colours_stay_apart_for_every_eye(eye):
    # The eight colours of Okabe and Ito, made for this, come as near as 7.6.
    nearest = min(distance(a, b, eye) for a, b in combinations(palette.CATEGORICAL, 2))

    assert nearest > 9


@pytest.mark.parametrize("eye", EYES)
def test_classes_grow_darker_in_even_steps_for_every_eye(eye):
    lightness = [oklab(EYES[eye] @ linear(c))[0] for c in palette.SEQUENTIAL]

    assert min(-np.diff(lightness)) > 6


@given(stages=st.integers(1, 16), layers=st.integers(1, 8))
def test_no_two_stages_on_a_map_share_colour_and_pattern_or_pattern_within_a_layer(stages, layers):
    seen = [list(palette.marks(layer(stages), position=i).values()) for i in range(layers)]

    pairs = [(m.colour, m.pattern) for marks in seen for m in marks]
    assert len(set(pairs)) == len(pairs) or stages > len(palette.CATEGORICAL)
    for marks in seen:
        assert len({(m.colour, m.pattern) for m in marks}) == len(marks)
        assert len({(m.colour, m.symbol) for m in marks}) == len(marks)
        assert len({m.pattern for m in marks[:8]}) == len(marks[:8])


@pytest.mark.parametrize("colour", [*palette.CATEGORICAL, "#ffffff", "#000000"])
def test_an_outline_stands_out_from_white(colour):
    dark = linear(palette.edge(colour)) @ np.array([0.2126, 0.7152, 0.0722])

    assert 1.05 / (dark + 0.05) >= 4.5


def test_every_pattern_and_shape_is_known_on_paper():
    assert len({p.hatch for p in Pattern}) == len(Pattern)
    assert len({s.marker for s in Symbol}) == len(Symbol)


def test_what_is_not_known_is_no_class_and_is_hatched():
    shares = pd.Series([0.0, np.nan, 0.5, None, 1.0], index=list("abcde"))

    found = palette.classes(shares, count=2).of(shares)

    assert found.isna().tolist() == [False, True, False, True, False]
    assert palette.NO_DATA.pattern is not Pattern.PLAIN
    assert palette.NO_DATA.colour not in palette.SEQUENTIAL


def test_nothing_known_gives_no_class():
    shares = pd.Series([np.nan, np.nan])

    found = palette.classes(shares)

    assert found.edges == ()
    assert found.of(shares).isna().all()


@pytest.mark.parametrize(
    ("method", "edges"),
    [
        (Method.EQUAL, (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)),
        (Method.QUANTILE, (0.0, 0.0028, 0.0056, 0.01, 0.019, 0.1)),
    ],
)
def test_breaks_follow_the_method(method, edges):
    shares = pd.Series([0, 0.001, 0.0028, 0.004, 0.0056, 0.008, 0.01, 0.013, 0.019, 0.05, 0.1])

    assert palette.classes(shares, method=method).edges == pytest.approx(edges)


def test_fixed_breaks_are_taken_as_given_and_what_lies_outside_joins_the_nearest_class():
    shares = pd.Series([-1.0, 0.05, 0.1, 0.3, 9.0])

    found = palette.classes(shares, method=Method.FIXED, fixed=(0, 0.1, 0.2, 0.3))

    assert found.of(shares).tolist() == [0, 0, 1, 2, 2]


def test_more_fixed_classes_than_colours_are_refused():
    with pytest.raises(ValueError, match="6"):
        palette.classes(pd.Series([1.0]), method=Method.FIXED, fixed=range(7))


@given(
    st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=40),
    st.sampled_from([Method.QUANTILE, Method.EQUAL]),
    st.integers(1, 5),
)
def test_every_known_amount_lies_between_the_edges_of_its_class(amounts, method, count):
    shares = pd.Series(amounts, dtype=float)
    classed = palette.classes(shares, method=method, count=count)
    low = np.asarray(classed.edges[:-1])
    high = np.asarray(classed.edges[1:])

    place = classed.of(shares).to_numpy(dtype=int)

    assert len(classed.colours) == len(low) <= count
    slack = 1e-9 * np.abs(shares)
    assert (low[place] - slack <= shares).all()
    assert (shares <= high[place] + slack).all()


def test_a_legend_has_every_stage_its_count_and_area_and_the_unknown_last():
    parcels = pd.DataFrame(
        {"stage": ["s1", "s1", None, "gone"], "area_m2": [10.0, np.nan, 5.0, 1.0]}
    )

    rows = palette.stage_rows(layer(2), parcels, lang="en", no_stage="Not known")

    assert [(r.key, r.label, r.count, r.area_m2) for r in rows] == [
        ("s0", "Stage 0", 0, 0.0),
        ("s1", "Stage 1", 2, 10.0),
        ("", "Not known", 2, 6.0),
    ]


def test_a_legend_of_an_empty_layer_counts_nothing():
    parcels = pd.DataFrame({"stage": pd.Series(dtype="str"), "area_m2": pd.Series(dtype=float)})

    rows = palette.stage_rows(layer(2), parcels, lang="zh")

    assert [(r.label, r.count) for r in rows] == [("环节0", 0), ("环节1", 0)]
