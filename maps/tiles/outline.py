"""Boundaries of a layer on the world's grid, in flat arrays sorted so that neighbours are near.

Four levels of whole numbers: vertices, the rings they make, the boundaries the rings make, and
blocks of boundaries with the box of each, which answer what lies in a box without looking at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from maps.tiles import world
from maps.tiles.ranges import gathered

NONE: Final = 0
POLYGON: Final = 1
POINT: Final = 2

BLOCK: Final = 256
"""Boundaries that share one box of the index."""

_POLYGONAL: Final = (3, 6)
_NOWHERE: Final = (world.SIDE, world.SIDE, -1, -1)  # the box of a boundary that is not known


@dataclass(frozen=True, slots=True)
class Outlines:
    """Boundaries, in an order of their own.

    Attributes:
        ids: Number of each boundary in the register.
        kinds: NONE, POLYGON or POINT.
        boxes: Array (n, 4): west, north, east, south; the far sides belong to the box.
        rings: How many rings each boundary has; a point has one of one vertex.
        first_ring: Position of each boundary's first ring.
        vertices: How many vertices each ring has, the closing one left out.
        first_vertex: Position of each ring's first vertex.
        xy: Array (m, 2) of places of the world.
        blocks: Box of each BLOCK boundaries.
    """

    ids: np.ndarray
    kinds: np.ndarray
    boxes: np.ndarray
    rings: np.ndarray
    first_ring: np.ndarray
    vertices: np.ndarray
    first_vertex: np.ndarray
    xy: np.ndarray
    blocks: np.ndarray

    def within(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """Positions of the boundaries whose box meets a box with open far sides, ascending."""
        blocks = np.flatnonzero(_meet(self.blocks, box))
        starts = blocks * BLOCK
        near = gathered(starts, np.minimum(starts + BLOCK, len(self.ids)) - starts)
        found: np.ndarray = near[_meet(self.boxes[near], box)]
        return found

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return int(sum(getattr(self, name).nbytes for name in self.__slots__))


def pack(ids: np.ndarray, geometries: np.ndarray) -> Outlines:
    """Boundaries as flat arrays.

    Args:
        ids: A number for each.
        geometries: Shapely geometries in EPSG:4490, degrees; None allowed. What is neither
            polygon nor point stands as the point in its middle.
    """
    kinds = _kinds(geometries)
    areas = kinds == POLYGON
    dots = np.flatnonzero(kinds == POINT)
    oriented = shapely.orient_polygons(geometries[areas], exterior_cw=True)
    parts, of_part = shapely.get_parts(oriented, return_index=True)
    lines, of_line = shapely.get_rings(parts, return_index=True)
    lonlat, of_vertex = shapely.get_coordinates(lines, return_index=True)
    closing = np.diff(of_vertex, append=-1) != 0
    middle = shapely.get_coordinates(shapely.centroid(geometries[dots]))
    owner = np.concatenate([np.flatnonzero(areas)[of_part[of_line]], dots])
    vertices = np.concatenate(
        [np.bincount(of_vertex[~closing], minlength=len(lines)), np.ones(len(dots))]
    )
    xy = world.from_lonlat(np.concatenate([lonlat[~closing], middle])).astype(np.int32)
    return _sorted(ids, kinds, owner, vertices.astype(np.int64), xy)


def joined(older: Outlines, newer: Outlines) -> Outlines:
    """Both, the newer behind the older: right at once, sorted again when they are packed anew."""
    filler = -len(older.ids) % BLOCK  # a block holds boundaries of one of them only
    pad = _filler(filler)
    whole = {
        name: np.concatenate([getattr(part, name) for part in (older, pad, newer)])
        for name in ("ids", "kinds", "boxes", "rings", "vertices", "xy")
    }
    return _indexed(**whole)


def _filler(count: int) -> Outlines:
    none = np.zeros(count, dtype=np.int64)
    empty = np.zeros(0, dtype=np.int64)
    boxes = np.tile(np.array(_NOWHERE, dtype=np.int64), (count, 1))
    return Outlines(
        none - 1, none.astype(np.uint8), boxes, none, none, empty, empty,
        np.zeros((0, 2), np.int32), boxes[:0],
    )  # fmt: skip


def _sorted(
    ids: np.ndarray, kinds: np.ndarray, owner: np.ndarray, vertices: np.ndarray, xy: np.ndarray
) -> Outlines:
    """Put rings, given with the boundary each belongs to, in the order of the boundaries."""
    first = np.cumsum(vertices) - vertices
    boxes = np.tile(np.array(_NOWHERE, dtype=np.int64), (len(ids), 1))
    if len(owner):
        order = np.argsort(owner, kind="stable")
        starts = np.flatnonzero(np.diff(owner[order], prepend=-1))
        low = np.minimum.reduceat(xy, first, axis=0)[order]
        high = np.maximum.reduceat(xy, first, axis=0)[order]
        known = owner[order][starts]
        boxes[known, :2] = np.minimum.reduceat(low, starts, axis=0)
        boxes[known, 2:] = np.maximum.reduceat(high, starts, axis=0)
    rank = _along_the_curve(boxes, kinds)
    place = np.empty(len(ids), dtype=np.int64)
    place[rank] = np.arange(len(ids))
    ring_order = np.argsort(place[owner], kind="stable")
    moved = gathered(first[ring_order], vertices[ring_order])
    return _indexed(
        ids=np.asarray(ids, np.int64)[rank],
        kinds=kinds[rank],
        boxes=boxes[rank],
        rings=np.bincount(place[owner], minlength=len(ids)),
        vertices=vertices[ring_order],
        xy=xy[moved],
    )


def _indexed(
    *,
    ids: np.ndarray,
    kinds: np.ndarray,
    boxes: np.ndarray,
    rings: np.ndarray,
    vertices: np.ndarray,
    xy: np.ndarray,
) -> Outlines:
    starts = np.arange(0, len(ids), BLOCK)
    if len(ids):
        low = np.minimum.reduceat(boxes[:, :2], starts, axis=0)
        high = np.maximum.reduceat(boxes[:, 2:], starts, axis=0)
        blocks = np.column_stack([low, high])
    else:
        blocks = np.zeros((0, 4), dtype=np.int64)
    return Outlines(
        ids=ids,
        kinds=kinds,
        boxes=boxes,
        rings=rings,
        first_ring=np.cumsum(rings) - rings,
        vertices=vertices,
        first_vertex=np.cumsum(vertices) - vertices,
        xy=xy,
        blocks=blocks,
    )


def _kinds(geometries: np.ndarray) -> np.ndarray:
    kinds = np.where(np.isin(shapely.get_type_id(geometries), _POLYGONAL), POLYGON, POINT)
    kinds[shapely.is_missing(geometries) | shapely.is_empty(geometries)] = NONE
    return kinds.astype(np.uint8)


def _meet(boxes: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    west, north, east, south = box
    inside: np.ndarray = (
        (boxes[:, 2] >= west)
        & (boxes[:, 0] < east)
        & (boxes[:, 3] >= north)
        & (boxes[:, 1] < south)
    )
    return inside


def _along_the_curve(boxes: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Positions in the order of a Z curve through the middles; unknown boundaries last."""
    middle = (boxes[:, :2] + boxes[:, 2:]) >> 1
    key = _spread(middle[:, 0]) | (_spread(middle[:, 1]) << np.uint64(1))
    key[kinds == NONE] = np.iinfo(np.uint64).max
    return np.argsort(key, kind="stable")


def _spread(numbers: np.ndarray) -> np.ndarray:
    """Thirty-two bits each with a zero between them."""
    spread = numbers.astype(np.uint64) & np.uint64(0xFFFFFFFF)
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        spread = (spread | (spread << np.uint64(shift))) & np.uint64(mask)
    return spread
