"""A million rows are handled some thousands at a time, and it makes no difference how many."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from test_values import FIELDS
from town import DAY, PLOT, act, plots

from parcels import boundaries, flaws, gaps, store, tables, topology
from parcels.findings import Findings
from parcels.fingerprint import fingerprint
from parcels.ingest.columns import Matched
from parcels.ingest.values import ROUNDING, harmonise
from parcels.model import Label, Layer, Shape
from parcels.register import Register

LIST = Layer("list", Label("清单", "List"), Shape.EITHER, FIELDS, (), Label("环节", "Stage"))


class Watched(list):
    """A column that notes how many of its values are asked for at a time."""

    def __init__(self, values):
        super().__init__(values)
        self.asked = []

    def __getitem__(self, which):
        """What a list gives."""
        found = super().__getitem__(which)
        self.asked.append(len(found) if isinstance(which, slice) else 1)
        return found


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


@pytest.mark.parametrize("count", [0, 1, store.ROWS_AT_ONCE, 2 * store.ROWS_AT_ONCE + 1])
def test_rows_are_made_ready_for_a_database_some_thousands_at_a_time(store_url, count):
    numbers = Watched(range(1, count + 1))
    names = Watched([f"{number}.gpkg" for number in numbers])
    columns = {
        "id": numbers,
        "name": names,
        "sha256": Watched(["0" * 64] * count),
        "received_at": Watched(["2024-06-01T00:00:00.000000Z"] * count),
    }
    with Register(store_url, [PLOT]) as register, register.store.write() as connection:
        register.store.insert(connection, tables.file, columns)
        written = connection.execute(tables.file.select()).all()

    assert [(row.id, row.name) for row in written] == list(zip(numbers, names, strict=True))
    assert sum(names.asked) == count
    assert max(names.asked, default=0) <= store.ROWS_AT_ONCE


def test_a_register_is_the_same_in_whatever_batches_it_was_written(
    store_url, tmp_path, monkeypatch
):
    with Register(store_url, [PLOT]) as whole:
        whole.take(PLOT.key, plots(11), act(sha="a"))
        whole.take(PLOT.key, plots(7, name="改名"), act(sha="b", on=DAY))
        expected = fingerprint(whole.store)
    for module in ("store", "recording"):
        monkeypatch.setattr(f"parcels.{module}.ROWS_AT_ONCE", 3)

    with Register(str(tmp_path / "batches.gpkg"), [PLOT]) as pieces:
        pieces.take(PLOT.key, plots(11), act(sha="a"))
        pieces.take(PLOT.key, plots(7, name="改名"), act(sha="b", on=DAY))

        assert fingerprint(pieces.store) == expected
        assert not pieces.store.verify().misfits


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


corner = st.tuples(st.integers(0, 12), st.integers(0, 12))


@given(
    st.lists(corner, min_size=3, max_size=6, unique=True),
    st.booleans(),
    st.sampled_from([1.0, 1e-9]),
)
@settings(max_examples=60)
def test_a_boundary_in_the_registers_form_stays_the_very_same_and_any_other_gets_it(
    corners, several, squeezed
):
    ring = shapely.Polygon([(116 + x / 1e3, 40 + squeezed * y / 1e3) for x, y in corners])
    given_ = shapely.MultiPolygon([ring]) if several else ring
    if not ring.is_valid or ring.area == 0:
        return
    shapes = np.array([given_], object)

    (formed,) = boundaries._oriented(shapes)

    turned = shapely.orient_polygons(ring)
    assert shapely.equals_identical(formed, shapely.MultiPolygon([turned]))
    if several and squeezed == 1.0 and shapely.equals_identical(turned, ring):
        assert formed is given_


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=5), st.integers(0, 7))
@settings(max_examples=80)
def test_an_area_given_as_a_number_is_rounded_where_the_finest_of_them_ends(areas, decimals):
    written = [round(area, decimals) for area in areas]
    arrived = pd.DataFrame({"面积": written}, index=pd.RangeIndex(1, len(written) + 1))
    matched = Matched({"declared_area_m2": "面积"}, {})

    fields = harmonise(arrived, matched, LIST, findings=Findings("list", "f.gpkg"))

    ends = [re.search(r"\.(\d+)$", f"{one!r}".removesuffix(".0")) for one in written]
    finest = max(len(end[1]) if end else 0 for end in ends)
    assert fields[ROUNDING].tolist() == [0.5 * 10.0**-finest] * len(written)
