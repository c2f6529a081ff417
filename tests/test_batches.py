"""A million rows are handled some thousands at a time, and it makes no difference how many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from parcels import flaws, gaps, topology


def tiles(count, *, shift=0.0):
    """A row of neighbours in Beijing, every third with a hole, some lying over the next."""
    step = 0.001
    shapes = []
    for place in range(count):
        west = 116.3 + place * step + (shift if place % 4 == 0 else 0.0)
        shape = shapely.box(west, 39.9, west + step, 39.901)
        if place % 3 == 0:
            shape = shape.difference(shape.centroid.buffer(step / 9, quad_segs=2))
        shapes.append(shape)
    return np.array(shapes, object)


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("shift", [0.0, 0.0003, -0.0001])
def test_overlaps_and_gaps_are_the_same_in_whatever_batches_edges_are_looked_at(
    monkeypatch, at_once, shift
):
    shapes = shapely.orient_polygons(tiles(9, shift=shift))
    overlaps, narrow = topology.overlaps(shapes), gaps.gaps(shapes, width_m=20)
    for name in ("topology._SHAPES_AT_ONCE", "topology._EDGES_AT_ONCE", "gaps._POINTS_AT_ONCE"):
        monkeypatch.setattr(f"parcels.{name}", at_once)

    pd.testing.assert_frame_equal(topology.overlaps(shapes), overlaps)
    pd.testing.assert_frame_equal(gaps.gaps(shapes, width_m=20), narrow)
    assert len(overlaps) == (0 if shift == 0 else 2)


@pytest.mark.parametrize("shift", [0.0, 0.0003])
def test_edges_worked_out_once_serve_overlaps_and_gaps_alike(shift):
    shapes = shapely.orient_polygons(tiles(9, shift=shift))
    shapes[4] = None
    edges = topology.unpaired_edges(shapes)

    pd.testing.assert_frame_equal(
        topology.overlaps(shapes, unpaired=edges), topology.overlaps(shapes)
    )
    pd.testing.assert_frame_equal(gaps.gaps(shapes, unpaired=edges), gaps.gaps(shapes))


def test_flaws_are_the_same_in_whatever_batches_boundaries_are_looked_at(monkeypatch):
    shapes = tiles(7)
    corners = [(116.5, 39.9), (116.5, 39.9), (116.51, 39.9), (116.51, 39.91), (116.5, 39.9)]
    shapes[5] = shapely.Polygon(corners)
    shapes[2] = None
    areas = np.full(len(shapes), 5_000.0)
    areas[6] = 0.5
    whole = flaws.find(shapes, areas)

    monkeypatch.setattr(flaws, "_AT_ONCE", 2)
    pieces = flaws.find(shapes, areas)

    assert whole.points_twice["boundary"].tolist() == [5]
    assert whole.slivers["boundary"].tolist() == [6]
    for name in ("points_twice", "spikes", "tiny_holes", "tiny_parts", "slivers"):
        pd.testing.assert_frame_equal(getattr(pieces, name), getattr(whole, name))
