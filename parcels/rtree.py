"""Boxes packed into the nodes of SQLite's R-tree, all at once.

SQLite enters boxes one by one and splits nodes as they fill. When most of a tree is new, sorting
the boxes into tiles and writing the nodes is some twenty times faster and gives fuller, better
separated nodes. The format is that of the shadow tables of SQLite's R-tree module, version 1
(sqlite.org/rtree.html, section 6; `rtreecheck` proves what is written).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

ROOT: Final = 1
"""Number of the root node, which every tree has."""

_CELL: Final = np.dtype([("key", ">i8"), ("box", ">f4", 4)])
_HEAD: Final = np.dtype([("depth", ">u2"), ("cells", ">u2")])
# Some room in each node, so that the first box entered later splits nothing.
_FILL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Packed:
    """A whole tree.

    Attributes:
        nodes: Body of each node; the first is the root, number ROOT, the others follow it.
        leaves: Node number of each box, aligned with the ids that were packed.
        parents: Node number of the parent of each node but the root, from number ROOT + 1 on.
    """

    nodes: list[bytes]
    leaves: np.ndarray
    parents: np.ndarray


def outward(boxes: np.ndarray) -> np.ndarray:
    """Boxes in the 32 bits of the tree, never smaller than they were.

    Args:
        boxes: Shape (n, 4): min x, max x, min y, max y.
    """
    short = boxes.astype(np.float32)
    low, high = np.float32(-np.inf), np.float32(np.inf)
    short[:, ::2] = np.where(
        short[:, ::2] > boxes[:, ::2], np.nextafter(short[:, ::2], low), short[:, ::2]
    )
    short[:, 1::2] = np.where(
        short[:, 1::2] < boxes[:, 1::2], np.nextafter(short[:, 1::2], high), short[:, 1::2]
    )
    return short


def packed(ids: np.ndarray, boxes: np.ndarray, *, node_bytes: int) -> Packed:
    """A tree of boxes, by sort-tile-recursive packing (Leutenegger, Lopez, Edgington 1997).

    Args:
        ids: Integers, shape (n,), different, n > 0.
        boxes: float32, shape (n, 4): min x, max x, min y, max y.
        node_bytes: Size of a node, as the root of the empty tree has it.
    """
    most = (node_bytes - _HEAD.itemsize) // _CELL.itemsize
    wanted = max(int(most * _FILL), 2)
    levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    keys, below = np.arange(len(ids)), boxes
    while True:
        order, node = _tiled(below, wanted if len(below) > most else len(below))
        levels.append((keys[order], below[order], node))
        start = np.flatnonzero(np.diff(node, prepend=-1))
        if len(start) == 1:
            break
        below = _around(below[order], start)
        keys = np.arange(len(start))
    return _numbered(ids, levels, node_bytes)


def _tiled(boxes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Order of boxes by tiles of at most `size`, and the tile of each in that order."""
    count = len(boxes)
    tiles = -(-count // size)
    slices = int(np.ceil(np.sqrt(tiles)))
    middle = boxes[:, ::2] + (boxes[:, 1::2] - boxes[:, ::2]) / 2
    by_x = np.argsort(middle[:, 0], kind="stable")
    piece = np.empty(count, np.int64)
    piece[by_x] = np.arange(count) * slices // count
    order = np.lexsort((middle[:, 1], piece))
    return order, np.arange(count) * tiles // count


def _around(boxes: np.ndarray, start: np.ndarray) -> np.ndarray:
    around = np.maximum.reduceat(boxes, start, axis=0)
    around[:, ::2] = np.minimum.reduceat(boxes[:, ::2], start, axis=0)
    return around


def _numbered(
    ids: np.ndarray, levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]], node_bytes: int
) -> Packed:
    # From the root down: each level's nodes are numbered after those of the level above.
    depth = len(levels) - 1
    counts = [int(node[-1]) + 1 for _, _, node in reversed(levels)]
    first = [ROOT + sum(counts[:above]) for above in range(len(counts))]
    nodes: list[bytes] = []
    parents: list[np.ndarray] = []
    leaves = np.empty(len(ids), np.int64)
    for above, (keys, boxes, node) in enumerate(reversed(levels)):
        mine = first[above] + node
        cells = np.empty(len(keys), _CELL)
        cells["box"] = boxes
        if above == depth:
            cells["key"] = ids[keys]
            leaves[keys] = mine
        else:
            cells["key"] = first[above + 1] + keys
            of = np.empty(len(keys), np.int64)
            of[keys] = mine
            parents.append(of)
        nodes += _bodies(cells, node, node_bytes, depth=depth if above == 0 else 0)
    joined = np.concatenate(parents) if parents else np.empty(0, np.int64)
    return Packed(nodes, leaves, joined)


def _bodies(cells: np.ndarray, node: np.ndarray, node_bytes: int, *, depth: int) -> list[bytes]:
    start = np.flatnonzero(np.diff(node, prepend=-1))
    ends = np.append(start[1:], len(cells))
    heads = np.zeros(len(start), _HEAD)
    heads["depth"], heads["cells"] = depth, ends - start
    return [
        (head.tobytes() + cells[begin:end].tobytes()).ljust(node_bytes, b"\0")
        for head, begin, end in zip(heads, start, ends, strict=True)
    ]
