"""Invented boundaries behave like a cadastre's."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.samples import shapes, sites
from parcels import crs

TOWN = shapely.box(116.30, 39.90, 116.42, 39.98)
ISLANDS = shapely.multipolygons(
    [
        shapely.box(116.1, 39.9, 116.2, 40.0) - shapely.box(116.13, 39.93, 116.17, 39.97),
        shapely.box(116.3, 39.9, 116.4, 40.0),
    ]
)


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 3000),
    seed=st.integers(0, 2**32 - 1),
    vertices=st.integers(6, 40),
    area=st.floats(500, 300_000),
)
def test_every_block_is_a_coverage_without_gap_or_overlap(count, seed, vertices, area):
    made = shapes.tiling(count, seed=seed, vertices=vertices, mean_area_m2=area)

    assert len(made.polygons) == count
    assert shapely.is_valid(made.polygons).all()
    assert (np.diff(made.block) >= 0).all()
    first = np.flatnonzero(np.diff(made.block, prepend=-1))
    for members in np.split(made.polygons, first[1:])[:-1][:10]:
        whole = shapely.coverage_union_all(members)
        assert shapely.coverage_is_valid(members)
        assert len(shapely.get_parts(whole)) == 1
        assert shapely.get_num_interior_rings(shapely.get_parts(whole)).sum() == 0


def test_blocks_do_not_overlap():
    made = shapes.tiling(5000, seed=4)

    crossing = shapely.STRtree(made.polygons).query(made.polygons, predicate="intersects")

    assert (made.block[crossing[0]] == made.block[crossing[1]]).all()


@pytest.mark.parametrize("land", [TOWN, ISLANDS])
@pytest.mark.parametrize("make", [shapes.tiles, sites.sites, sites.points])
def test_nothing_leaves_the_land(make, land):
    made = make(100, seed=7, within=land)

    assert len(made) == 100
    assert made.crs == crs.STORAGE
    assert shapely.covers(land, made.to_numpy()).all()


@pytest.mark.parametrize("make", [shapes.tiles, sites.sites, sites.points])
def test_a_seed_gives_the_same_boundaries_and_another_seed_others(make):
    once, again, other = (make(40, seed=seed, within=TOWN) for seed in (5, 5, 6))

    assert shapely.to_wkb(once.to_numpy()).tolist() == shapely.to_wkb(again.to_numpy()).tolist()
    assert not once.geom_equals(other).any()


@pytest.mark.parametrize("vertices", [6, 8, 12, 25, 40])
def test_the_mean_number_of_corners_is_as_asked(vertices):
    made = shapes.tiles(4000, seed=1, vertices=vertices)

    corners = shapely.get_num_coordinates(made.to_numpy()) - 1

    assert corners.mean() == pytest.approx(vertices, rel=0.06)
    assert corners.min() >= 4


def test_areas_vary_about_the_mean_asked():
    areas = crs.area_m2(shapes.tiles(4000, seed=1, mean_area_m2=30_000).to_numpy())

    assert areas.mean() == pytest.approx(30_000, rel=0.15)
    assert np.percentile(areas, 95) > 5 * np.percentile(areas, 5)


def test_parcels_shrink_where_the_land_would_not_hold_them():
    made = shapes.tiles(20_000, seed=1, within=TOWN)

    assert len(made) == 20_000
    assert crs.area_m2(made.to_numpy()).sum() > 0.4 * crs.area_m2(TOWN)


def test_land_that_cannot_hold_so_many_is_refused():
    with pytest.raises(shapes.NoRoomError):
        shapes.tiles(10_000, seed=1, within=shapely.box(116.3, 39.9, 116.301, 39.901))


def test_none_asked_none_made():
    assert len(shapes.tiles(0, seed=1)) == 0
    assert len(sites.sites(0, seed=1)) == 0
    assert len(sites.points(0, seed=1)) == 0


def test_sites_are_valid_apart_and_some_have_holes_or_parts():
    made = sites.sites(300, seed=11, within=shapely.box(116.1, 39.8, 116.8, 40.2)).to_numpy()
    areas = crs.area_m2(made)

    assert shapely.is_valid(made).all()
    assert len(shapely.STRtree(made).query(made, predicate="intersects")[0]) == len(made)
    assert 10 < (shapely.get_num_geometries(made) > 1).sum() < 50
    assert 5 < shapely.get_num_interior_rings(shapely.get_parts(made)).sum() < 50
    assert np.percentile(areas, 5) > 800
    assert np.percentile(areas, 98) < 600_000
