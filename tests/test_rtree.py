"""The packed R-tree: SQLite's own check passes, and it finds what a plain comparison finds."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from town import PLOT, act, plots

from parcels import rtree
from parcels.register import Register


def tree_of(ids, boxes):
    """A database with these boxes in an R-tree packed by us."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING rtree(id,minx,maxx,miny,maxy)")
    size = connection.execute("SELECT length(data) FROM t_node").fetchone()[0]
    tree = rtree.packed(np.asarray(ids), rtree.outward(boxes), node_bytes=size)
    connection.execute("DELETE FROM t_node")
    numbers = range(rtree.ROOT, rtree.ROOT + len(tree.nodes))
    connection.executemany(
        "INSERT INTO t_node VALUES (?,?)", zip(numbers, tree.nodes, strict=True)
    )
    leaves = zip(map(int, ids), tree.leaves.tolist(), strict=True)
    connection.executemany("INSERT INTO t_rowid VALUES (?,?)", leaves)
    parents = zip(numbers[1:], tree.parents.tolist(), strict=True)
    connection.executemany("INSERT INTO t_parent VALUES (?,?)", parents)
    return connection


def boxes_of(corners):
    """Boxes (min x, max x, min y, max y) of rows x, y, width, height."""
    x, y, width, height = corners.T
    return np.column_stack([x, x + width, y, y + height])


@pytest.mark.parametrize("count", [1, 2, 45, 51, 52, 1000, 2500, 30_000])
def test_sqlite_finds_nothing_wrong_with_a_packed_tree(count):
    corners = np.random.default_rng(count).uniform(0, 1, (count, 4)) * [1, 1, 0.01, 0.01]

    connection = tree_of(np.arange(10, 10 + count), boxes_of(corners))

    assert connection.execute("SELECT rtreecheck('t')").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (count,)


@settings(max_examples=60, deadline=None)
@given(
    arrays(float, st.tuples(st.integers(1, 300), st.just(4)), elements=st.floats(0, 120)),
    st.tuples(st.floats(0, 120), st.floats(0, 120), st.floats(0, 60), st.floats(0, 60)),
)
def test_a_packed_tree_finds_every_box_that_a_window_meets(corners, window):
    boxes = boxes_of(corners)
    west, south, width, height = window
    connection = tree_of(np.arange(len(boxes)), boxes)

    query = "SELECT id FROM t WHERE maxx >= ? AND minx <= ? AND maxy >= ? AND miny <= ?"
    found = {i for (i,) in connection.execute(query, (west, west + width, south, south + height))}

    meets = (boxes[:, 1] >= west) & (boxes[:, 0] <= west + width)
    meets &= (boxes[:, 3] >= south) & (boxes[:, 2] <= south + height)
    assert set(np.flatnonzero(meets)) <= found


def test_boxes_entered_later_and_taken_out_leave_the_tree_whole():
    rng = np.random.default_rng(3)
    connection = tree_of(np.arange(3000), boxes_of(rng.uniform(0, 1, (3000, 4))))

    for number, (x, y) in enumerate(rng.uniform(0, 1, (500, 2))):
        connection.execute("INSERT INTO t VALUES (?,?,?,?,?)", (5000 + number, x, x, y, y))
        connection.execute("DELETE FROM t WHERE id = ?", (number * 3,))

    assert connection.execute("SELECT rtreecheck('t')").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (3000,)


def test_the_registers_tree_is_whole_after_large_and_small_deliveries(tmp_path):
    path = tmp_path / "a.gpkg"
    sizes = (1200, 3, 1500, 800)
    with Register(str(path), [PLOT]) as register:
        for number, count in enumerate(sizes):
            delivered = plots(count, west=116.0, south=39.6 + number * 0.1)
            delivered["code"] = f"D{number}-" + delivered["code"]
            register.take(PLOT.key, delivered, act())

    with sqlite3.connect(path) as connection:
        checked = connection.execute("SELECT rtreecheck('rtree_boundary_geom')").fetchone()
        count = connection.execute("SELECT count(*) FROM rtree_boundary_geom").fetchone()
    connection.close()
    assert checked == ("ok",)
    assert count == (sum(sizes),)
