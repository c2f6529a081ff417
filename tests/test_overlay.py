"""Parcels over zones that may overlap each other: districts, areas, another layer's parcels."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.overlay import overlay
from layers.samples.shapes import tiles
from parcels import crs, districts


def boxes(rng, count, widest):
    low = rng.uniform((116.0, 39.9), (116.1, 40.0), (count, 2))
    high = low + rng.uniform(widest / 20, widest, (count, 2))
    return shapely.box(*low.T, *high.T)


def frame(shapes, name):
    index = pd.Index([f"{name}{i}" for i in range(len(shapes))], name=name)
    return gpd.GeoDataFrame(geometry=list(shapes), index=index, crs=crs.STORAGE)


def plain(parcels, zones):
    """The same, every pair cut."""
    plane = crs.equal_area(parcels.geometry.to_numpy())
    cutters = crs.equal_area(zones.geometry.to_numpy())
    areas = shapely.area(shapely.intersection(plane[:, None], cutters[None, :]))
    place, zone = np.nonzero(areas > 1e-4)
    return pd.DataFrame(
        {
            "parcel": parcels.index[place],
            "zone": zones.index[zone],
            "area_m2": areas[place, zone],
            "share": areas[place, zone] / shapely.area(plane)[place],
        }
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 12))
def test_an_overlay_is_every_pair_cut(seed, parcels, zones):
    rng = np.random.default_rng(seed)
    left = frame(boxes(rng, parcels, 0.02), "p")
    right = frame(boxes(rng, zones, 0.08), "z")

    found = overlay(left, right)

    expected = plain(left, right).astype(found.dtypes)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-8)
    assert found["share"].between(0, 1).all()


def test_many_parcels_over_zones_that_overlap_are_cut_as_few_are():
    rng = np.random.default_rng(11)
    parcels = frame(boxes(rng, 3000, 0.004), "p")
    zones = frame(
        [*boxes(rng, 6, 0.09), shapely.Point(116.05, 39.95).buffer(0.04, quad_segs=64)], "z"
    )

    found = overlay(parcels, zones)

    expected = plain(parcels, zones).astype(found.dtypes)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-8)


def test_a_layer_over_another_layer_of_a_thousand_parcels():
    parcels = frame(tiles(2000, seed=1).to_numpy(), "p")
    zones = frame(tiles(1500, seed=2).to_numpy(), "z")

    found = overlay(parcels, zones)

    left = gpd.GeoDataFrame(geometry=crs.equal_area(parcels.geometry.to_numpy()))
    right = gpd.GeoDataFrame(geometry=crs.equal_area(zones.geometry.to_numpy()))
    rival = gpd.overlay(left, right, how="intersection", keep_geom_type=True)
    assert found["area_m2"].sum() == pytest.approx(rival.area.sum(), rel=1e-9)
    assert found.groupby("parcel")["share"].sum().le(1 + 1e-9).all()


def test_a_parcel_over_itself_is_its_whole_area():
    parcels = frame(tiles(300, seed=5).to_numpy(), "p")

    found = overlay(parcels, parcels)

    assert (found["parcel"] == found["zone"]).all()
    assert found["share"].to_numpy() == pytest.approx(np.ones(300))


def test_cutting_a_parcel_in_two_leaves_the_shared_area():
    rng = np.random.default_rng(3)
    zones = frame(boxes(rng, 5, 0.08), "z")
    whole = frame(boxes(rng, 50, 0.02), "p")
    bounds = shapely.bounds(whole.geometry.to_numpy())
    middle = bounds[:, [0, 2]].mean(axis=1)
    west = shapely.box(*bounds[:, :2].T, middle, bounds[:, 3])
    east = shapely.box(middle, bounds[:, 1], *bounds[:, 2:].T)

    halves = overlay(frame([*west, *east], "p"), zones)

    before = overlay(whole, zones).groupby("zone")["area_m2"].sum()
    assert halves.groupby("zone")["area_m2"].sum().to_numpy() == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize("copies", [1, 1000])
def test_points_lie_in_every_zone_that_holds_them_and_have_no_share(copies):
    zones = frame(
        [shapely.box(116, 40, 116.2, 40.2), shapely.box(116.1, 40, 116.3, 40.2), None], "z"
    )
    places = [shapely.Point(x, 40.1) for x in (116.05, 116.1, 116.15, 116.4)]
    parcels = frame([*places, None, shapely.Polygon()] * copies, "p")

    found = overlay(parcels, zones)

    pairs = [("p0", "z0"), ("p1", "z0"), ("p1", "z1"), ("p2", "z0"), ("p2", "z1")]
    assert list(zip(found["parcel"], found["zone"], strict=True))[:5] == pairs
    assert len(found) == 5 * copies
    assert (found["area_m2"] == 0).all()
    assert found["share"].isna().all()


def test_without_zones_or_parcels_nothing_is_shared():
    parcels = frame([shapely.box(116, 40, 116.1, 40.1)], "p")

    for left, right in ((parcels, parcels.iloc[:0]), (parcels.iloc[:0], parcels)):
        found = overlay(left, right)
        assert found.empty
        assert found.columns.tolist() == ["parcel", "zone", "area_m2", "share"]


def test_districts_are_zones_like_others():
    city = districts.bundled()
    parcels = frame(tiles(1200, seed=9).to_numpy(), "p")

    found = overlay(parcels, city.districts)

    split = city.split(parcels.geometry.to_numpy())
    assert found["zone"].tolist() == city.districts.index[split.district].tolist()
    assert found["area_m2"].to_numpy() == pytest.approx(split.area_m2, rel=1e-9)
