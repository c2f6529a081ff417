"""Pairs of parcels that only a name joins: few tell something, many tell nothing."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from layers import sites

MOST = sites.criteria().parcels_of_one_name


def named(count, *, surfaces=0, name="示例化工厂"):
    """Parcels of one name in one district, the first ones with boundaries far from each other."""
    shapes = [
        shapely.box(116 + n / 100, 40, 116.001 + n / 100, 40.001) if n < surfaces else None
        for n in range(count)
    ]
    columns = {
        "layer": [f"l{n % 2}" for n in range(count)],
        "code": [f"C{n}" for n in range(count)],
        "name": name,
        "address": None,
        "district": "110108",
    }
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4490, index=range(1, count + 1))


def pairs(frame):
    found = sites.candidates(frame)
    return set(zip(found["a"], found["b"], strict=True))


def test_parcels_without_a_surface_are_proposed_by_their_name():
    assert pairs(named(3)) == {(1, 2), (1, 3), (2, 3)}


def test_two_surfaces_apart_are_not_proposed_by_their_name():
    assert pairs(named(3, surfaces=2)) == {(1, 3), (2, 3)}
    assert pairs(named(3, surfaces=3)) == set()


@pytest.mark.parametrize(("count", "proposed"), [(MOST, True), (MOST + 1, False)])
def test_a_name_of_many_parcels_tells_none_from_another(count, proposed):
    assert bool(pairs(named(count))) is proposed


def test_the_same_name_in_another_district_is_another_place():
    frame = named(2)
    frame.loc[2, "district"] = "110105"

    assert pairs(frame) == set()


def test_a_hundred_thousand_parcels_of_one_name_are_looked_through():
    assert pairs(named(100_000)) == set()
