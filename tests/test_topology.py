"""Overlaps, duplicates and land counted once, however parcels are stacked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.samples.shapes import tiles
from parcels import crs, topology

STEP = 0.001


def block(west, south, columns, rows, size):
    """Squares that tile a block of land, in steps of 0.001 degrees from 116E 40N."""
    return [
        shapely.box(*(np.array([x, y, x + size, y + size]) * STEP + [116, 40, 116, 40]).tolist())
        for x in range(west, west + columns * size, size)
        for y in range(south, south + rows * size, size)
    ]


BLOCKS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 4),
        st.integers(1, 7),
        st.integers(1, 7),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=3,
)


def quarrels(count, rng):
    """Crooked polygons thrown over each other, with holes and second parts among them."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, (count, 7)), axis=1)
    reach = rng.uniform(0.2, 1.0, (count, 7)) * rng.uniform(0.0003, 0.002, (count, 1))
    middle = np.array([116, 40]) + rng.uniform(0, 0.006, (count, 1, 2))
    corners = middle + np.stack([np.cos(angle) * reach, np.sin(angle) * reach], axis=-1)
    shapes = shapely.make_valid(shapely.polygons(corners), method="structure")
    holed = rng.random(count) < 0.2
    shapes[holed] = shapely.difference(shapes[holed], shapely.buffer(shapes[holed], -0.0002))
    double = np.flatnonzero(rng.random(count) < 0.2)
    far = shapely.transform(shapes[double], lambda xy: xy + np.array([0.01, 0]))
    shapes[double] = shapely.union(shapes[double], far)
    solid = shapely.get_dimensions(shapes) == 2
    return shapes[solid & ~shapely.is_empty(shapes)]


def plain_overlaps(shapes, min_area_m2):
    plane = crs.equal_area(shapes)
    one, other = np.triu_indices(len(shapes), 1)
    area = np.nan_to_num(shapely.area(shapely.intersection(plane[one], plane[other])))
    kept = area >= min_area_m2
    return pd.DataFrame({"a": one[kept], "b": other[kept], "area_m2": area[kept]})


@settings(max_examples=150, deadline=None)
@given(BLOCKS, st.randoms())
def test_every_overlap_of_stacked_tilings_is_found(blocks, chance):
    shapes = [square for one in blocks for square in block(*one)]
    shapes = [shapely.reverse(one) if chance.random() < 0.5 else one for one in shapes]
    chance.shuffle(shapes)
    shapes = np.array(shapes, dtype=object)

    found = topology.overlaps(shapes)

    pd.testing.assert_frame_equal(found, plain_overlaps(shapes, 0.01), rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_overlap_of_crooked_parcels_is_found(seed):
    rng = np.random.default_rng(seed)
    shapes = quarrels(30, rng)

    found = topology.overlaps(shapes)

    pd.testing.assert_frame_equal(found, plain_overlaps(shapes, 0.01), rtol=1e-6)


def test_a_tiling_under_another_is_found_in_its_middle_too():
    fine, coarse = block(0, 0, 9, 9, 1), block(0, 0, 3, 3, 3)

    found = topology.overlaps(np.array(fine + coarse, dtype=object))

    assert len(found) == 81
    assert (found["b"] >= 81).all()


def test_an_island_wholly_inside_a_parcel_overlaps_it():
    middle = block(1, 1, 1, 1, 1)[0]
    around = block(0, 0, 1, 1, 3)[0]
    without = shapely.difference(around, middle)

    inside = topology.overlaps(np.array([middle, around], dtype=object))
    in_its_hole = topology.overlaps(np.array([middle, without], dtype=object))

    assert inside["area_m2"].tolist() == pytest.approx([crs.area_m2(middle)])
    assert in_its_hole.empty


def test_what_has_no_land_overlaps_nothing():
    square = block(0, 0, 1, 1, 1)[0]
    shapes = np.array(
        [None, shapely.Point(), shapely.centroid(square), square, shapely.Polygon(), square, None],
        dtype=object,
    )

    found = topology.overlaps(shapes)

    assert found[["a", "b"]].to_numpy().tolist() == [[3, 5]]
    assert topology.overlaps(shapes[:3]).empty
    assert topology.overlaps(shapes[:0]).empty


@pytest.mark.parametrize(("depth_m", "count"), [(0.00005, 0), (0.0005, 1)])
def test_neighbours_rounded_to_their_files_digits_do_not_overlap(depth_m, count):
    north = 40.001 + depth_m / 111_000
    shapes = np.array(
        [shapely.box(116, 40, 116.001, north), shapely.box(116, 40.001, 116.001, 40.002)],
        dtype=object,
    )

    assert len(topology.overlaps(shapes)) == count


def test_a_large_tiling_with_one_parcel_moved_shows_only_that_one():
    shapes = tiles(4000, seed=3).to_numpy()
    shapes[1234] = shapely.transform(shapes[1234], lambda xy: xy + 0.0002)

    found = topology.overlaps(shapes)

    assert len(found) > 0
    assert (found["a"].eq(1234) | found["b"].eq(1234)).all()
    pd.testing.assert_frame_equal(
        found[found["a"] == 1234].reset_index(drop=True)[["b", "area_m2"]],
        topology.overlaps_between(shapes[[1234]], shapes)
        .query("b > 1234")
        .reset_index(drop=True)[["b", "area_m2"]],
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_overlaps_between_two_lists_are_those_of_the_whole_across_them(seed):
    shapes = quarrels(24, np.random.default_rng(seed))
    first = len(shapes) // 2

    across = topology.overlaps_between(shapes[:first], shapes[first:])

    whole = topology.overlaps(shapes)
    expected = whole[(whole["a"] < first) & (whole["b"] >= first)].reset_index(drop=True)
    expected["b"] -= first
    pd.testing.assert_frame_equal(across, expected, rtol=1e-6)


def test_overlaps_with_nothing_are_none():
    square = np.array(block(0, 0, 1, 1, 1), dtype=object)

    for one, other in ((square, square[:0]), (square[:0], square), (square, np.array([None]))):
        assert topology.overlaps_between(one, other).empty


def test_duplicates_are_the_same_figure_in_any_order_of_points():
    square = block(0, 0, 1, 1, 1)[0]
    other = block(1, 0, 1, 1, 1)[0]
    turned = shapely.Polygon(np.roll(shapely.get_coordinates(square)[:-1], 2, axis=0))
    high = shapely.force_3d(square, 5.0)
    shapes = np.array(
        [other, square, None, shapely.reverse(square), turned, high, shapely.Point(), None],
        dtype=object,
    )

    found = topology.duplicates(shapes)

    assert found.to_numpy().tolist() == [[1, 3], [1, 4], [1, 5]]
    assert topology.duplicates(shapes[:2]).empty


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_clusters_are_what_pairs_connect(pairs):
    members, group = topology.clusters(np.array(pairs, np.int64).reshape(-1, 2))

    sets = [{one, other} for one, other in pairs]
    merged: list[set[int]] = []
    for one in sets:
        touching = [other for other in merged if other & one]
        merged = [other for other in merged if not other & one] + [one.union(*touching)]
    found = {frozenset(members[group == number].tolist()) for number in np.unique(group)}
    assert found == {frozenset(one) for one in merged}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_land_counted_once_is_the_union(seed):
    shapes = quarrels(25, np.random.default_rng(seed))

    once = topology.union_area_m2(shapes, topology.overlaps(shapes))

    assert once == pytest.approx(shapely.area(shapely.union_all(crs.equal_area(shapes))), rel=1e-6)
    assert once <= crs.area_m2(shapes).sum() * (1 + 1e-12)
