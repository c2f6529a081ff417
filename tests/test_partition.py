"""Coverage added up block by block is that of all at once, to the last square millimetre."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from strewn import strewn
from town import PLOT, act, on, plots, square

from layers.coverage import Holdings, coverage, holdings, merged
from parcels import crs, districts, partition
from parcels.partition import EVERYWHERE, Block
from parcels.register import Register

CITY = districts.bundled()


def in_blocks(frame: gpd.GeoDataFrame, parted: list[Block]) -> list[Holdings]:
    """The holdings of each block; rows without a boundary are read once."""
    bounds = shapely.bounds(frame.geometry.to_numpy())
    nowhere = np.isnan(bounds[:, 0])
    parts = []
    for place, block in enumerate(parted):
        read = block.nears(bounds) | (nowhere if place == 0 else False)
        parts.append(holdings(frame[read], CITY, block=block))
    return parts


def same(one: Holdings, other: Holdings) -> None:
    """Both hold the same, number for number."""
    pd.testing.assert_frame_equal(one.groups, other.groups)
    pd.testing.assert_frame_equal(one.crossing, other.crossing, check_exact=True)
    pd.testing.assert_frame_equal(one.overlapping, other.overlapping)
    pd.testing.assert_frame_equal(one.pairs, other.pairs)
    for by in ("district", "unit"):
        pd.testing.assert_frame_equal(
            coverage(one, CITY, by=by), coverage(other, CITY, by=by), check_exact=True
        )


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20))
def test_blocks_add_up_to_the_whole_whatever_they_are(seed, count, most):
    frame = strewn(seed, count)
    low = partition.corners(frame.geometry.to_numpy())
    parted = partition.divided(low[~np.isnan(low[:, 0])], most)

    parts = in_blocks(frame, parted)

    same(merged(parts), merged([holdings(frame, CITY)]))
    same(merged(reversed(parts)), merged(parts))
    assert sum(len(part.pairs) for part in parts) == len(merged(parts).pairs)


def test_parcels_on_one_another_over_a_corner_of_four_blocks_are_one_pair():
    middle = (116.2, 40.0)
    parted = [
        Block(east=middle[0], north=middle[1]),
        Block(west=middle[0], north=middle[1]),
        Block(east=middle[0], south=middle[1]),
        Block(west=middle[0], south=middle[1]),
    ]
    over = [square(116.199, 39.999), square(116.1995, 39.9995), square(116.2, 40.0)]
    frame = plots(3, stage=["surveyed", "listed", "surveyed"]).set_geometry(
        gpd.GeoSeries(over, crs=crs.STORAGE)
    )

    parts = in_blocks(frame, parted)

    assert [len(part.pairs) for part in parts] == [1, 0, 0, 2]
    assert [int(part.groups["parcels"].sum()) for part in parts] == [2, 0, 0, 1]
    same(merged(parts), merged([holdings(frame, CITY)]))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=120), st.integers(1, 30))
def test_blocks_fill_the_plane_and_hold_no_more_than_asked(places, most):
    lonlat = np.array(places, np.float64).reshape(-1, 2)

    parted = partition.divided(lonlat, most)

    held = np.array([block.holds(lonlat) for block in parted])
    assert (held.sum(axis=0) == 1).all()
    _, times = np.unique(lonlat, axis=0, return_counts=True)
    assert held.sum(axis=1).max(initial=0) <= max(most, times.max(initial=0))


def test_what_has_no_boundary_belongs_to_whoever_reads_it_and_lies_near_nothing():
    nowhere = np.full((1, 4), np.nan)

    assert Block(116, 40, 117, 41).holds(nowhere[:, :2]).all()
    assert not EVERYWHERE.nears(nowhere).any()


@pytest.mark.parametrize(
    ("area_m2", "area_mm2"),
    [
        (0.0, 0),
        (np.nan, 0),
        (2.5e-6, 2),
        (3.5e-6, 4),
        (0.4999999e-6, 0),
        (95.49636524270328, 95_496_365),
        (2_249_999_999.9999995, 2_250_000_000_000_000),
        (9_000_000_000.000002, 9_000_000_000_000_002),
    ],
)
def test_the_database_rounds_to_square_millimetres_as_the_program_does(
    store_url, area_m2, area_mm2
):
    with Register(store_url, [PLOT]) as register:
        register.take(PLOT.key, plots(1), act())
        with register.store.write() as connection:
            stated = "NULL" if np.isnan(area_m2) else repr(area_m2)
            connection.exec_driver_sql(f"UPDATE version SET area_m2 = {stated}")
        groups = register.groups(PLOT.key, on(dt.date(2024, 12, 31)))

    assert groups["area_mm2"].tolist() == [area_mm2]
    assert crs.whole_mm2([area_m2]).tolist() == [area_mm2]


def test_the_sum_of_a_country_has_no_limit():
    stage = pd.DataFrame(
        {
            "district": ["110105", "110108"],
            "unit": ["110105", "110108"],
            "stage": ["listed", "listed"],
            "parcels": [1, 1],
            "with_boundary": [1, 1],
            "area_mm2": [9_000_000_000_000_000_001, 9_000_000_000_000_000_001],
        }
    )
    held = merged([holdings(plots(0), CITY)])

    table = coverage(Holdings(stage, held.crossing, held.overlapping, held.pairs), CITY)

    total = table[(table["place"] == "total") & (table["stage"] == "total")]
    assert total["area_m2"].tolist() == [18_000_000_000_000.0]
