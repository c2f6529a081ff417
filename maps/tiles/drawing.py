"""What a tile shows: parcels as polygons, and where they are too small to see, what is there.

Parcels smaller than SMALL are not left out and not drawn one by one: the tile is divided into
CELLS by CELLS squares, and each square with parcels is painted in the stage that holds the most
area in it. So a tile of the whole city stays small, and its colours stay true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from maps.tiles import mvt, outline
from maps.tiles.outline import Outlines
from maps.tiles.ranges import gathered, owners
from maps.tiles.world import UNITS, Tile

MARGIN: Final = 64
"""Units around a tile of which the shapes are drawn too: the width of a line and more."""

SMALL: Final = 24
"""Units of a tile, 1.5 pixels of 256: the longer side of a parcel that is not drawn by itself."""

CELLS: Final = 128
_CELL_BITS: Final = 5  # 4096 units over 128 cells
MANY_POINTS: Final = 2_000
"""Points in one tile from which on they are painted as cells."""

_LARGE: Final = 4
"""Boundaries more than so many tiles wide are cut to the tile."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Parcels of one moment that a tile may show.

    Attributes:
        place: Position of each parcel's boundary in the outlines.
        ids: Number of each parcel.
        stages: Which stage each parcel is in.
        areas_m2: Area of each parcel; NaN where there is none.
    """

    place: np.ndarray
    ids: np.ndarray
    stages: np.ndarray
    areas_m2: np.ndarray

    def only(self, chosen: np.ndarray) -> Shown:
        """Those of a mask or of positions."""
        return Shown(
            self.place[chosen], self.ids[chosen], self.stages[chosen], self.areas_m2[chosen]
        )


def draw(tile: Tile, outlines: Outlines, shown: Shown) -> bytes:
    """The tile: layers "parcels", "points" and "cells", each with the tag "stage".

    Args:
        tile: Which.
        outlines: Boundaries.
        shown: Parcels whose boundary's box meets the tile's box with MARGIN.

    Returns:
        Mapbox Vector Tile; empty where there is nothing.
    """
    kinds = outlines.kinds[shown.place]
    boxes = outlines.boxes[shown.place]
    side = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    is_area, is_point = kinds == outline.POLYGON, kinds == outline.POINT
    is_small = is_area & (side < SMALL << tile.shift)
    if np.count_nonzero(is_point) > MANY_POINTS:
        is_small, is_point = is_small | is_point, np.zeros_like(is_point)
    by_itself = np.flatnonzero(is_area & ~is_small)
    rings = _rings(tile, outlines, shown.place[by_itself], wide=side[by_itself])
    is_small[by_itself[rings.of_parcel == 0]] = True
    kept = by_itself[rings.of_parcel > 0]
    painted = np.flatnonzero(is_small)
    return b"".join(
        [
            _cells(tile, boxes[painted], shown.only(painted)),
            _parcels(rings, shown.only(kept)),
            _points(tile, outlines, shown.only(is_point)),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Rings:
    """Rings in units of a tile: their vertices, how many each has, and how many a parcel has."""

    xy: np.ndarray
    vertices: np.ndarray
    of_parcel: np.ndarray


def _rings(tile: Tile, outlines: Outlines, at: np.ndarray, *, wide: np.ndarray) -> _Rings:
    """The rings of boundaries, without what cannot be told apart at this zoom."""
    rings = outlines.rings[at]
    which = gathered(outlines.first_ring[at], rings)
    vertices = outlines.vertices[which]
    xy = outlines.xy[gathered(outlines.first_vertex[which], vertices)].astype(np.int64)
    of_ring = owners(rings)
    is_large = (wide > _LARGE * UNITS << tile.shift)[of_ring]
    if is_large.any():
        xy, vertices, of_ring = _cut(tile, xy, vertices, of_ring, is_large)
    units = (xy - tile.corner + ((1 << tile.shift) >> 1)) >> tile.shift
    units, vertices = _plain(units, vertices)
    enough = vertices >= 3
    units = units[np.repeat(enough, vertices)]
    return _Rings(units, vertices[enough], np.bincount(of_ring[enough], minlength=len(at)))


def _plain(units: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without vertices that repeat the one before or lie on the line to the next, twice over."""
    for _ in range(2):
        ring = owners(vertices)
        before, after = _neighbours(vertices)
        back, ahead = units - units[before], units[after] - units
        turns = back[:, 0] * ahead[:, 1] != back[:, 1] * ahead[:, 0]
        # A needle's tip does not turn, but it is where the boundary comes back.
        returns = (back * ahead).sum(axis=1) < 0
        stays = turns | returns
        units, vertices = units[stays], np.bincount(ring[stays], minlength=len(vertices))
    return units, vertices


def _neighbours(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position of the vertex before and after each on its ring."""
    total = int(vertices.sum())
    before, after = np.arange(total) - 1, np.arange(total) + 1
    has = vertices > 0
    ends = np.cumsum(vertices)[has]
    starts = ends - vertices[has]
    before[starts], after[ends - 1] = ends - 1, starts
    return before, after


def _cut(
    tile: Tile, xy: np.ndarray, vertices: np.ndarray, of_ring: np.ndarray, is_large: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boundaries far larger than the tile, cut to it; each is put together, cut, and laid out."""
    ends = np.cumsum(vertices)
    near = tile.box(MARGIN)
    new_xy, new_vertices, new_owner = [], [], []
    for parcel in np.unique(of_ring[is_large]):
        lines = [xy[ends[i] - vertices[i] : ends[i]] for i in np.flatnonzero(of_ring == parcel)]
        # Rings one after another by the rule of even and odd: what is inside an odd number is in.
        whole = shapely.build_area(shapely.multilinestrings([_closed(one) for one in lines]))
        inside = shapely.clip_by_rect(whole, *near)
        for part in shapely.get_parts(shapely.orient_polygons(inside, exterior_cw=True)):
            for ring in shapely.get_rings(part):
                new_xy.append(np.rint(shapely.get_coordinates(ring)[:-1]).astype(np.int64))
                new_vertices.append(len(new_xy[-1]))
                new_owner.append(parcel)
    rest = ~is_large
    owner = np.concatenate([of_ring[rest], np.array(new_owner, dtype=np.int64)])
    counts = np.concatenate([vertices[rest], np.array(new_vertices, dtype=np.int64)])
    flat = np.concatenate([xy[np.repeat(rest, vertices)], *new_xy])
    order = np.argsort(owner, kind="stable")
    moved = gathered((np.cumsum(counts) - counts)[order], counts[order])
    return flat[moved], counts[order], owner[order]


def _closed(line: np.ndarray) -> shapely.LineString:
    return shapely.linestrings(np.concatenate([line, line[:1]]).astype(np.float64))


def _parcels(rings: _Rings, shown: Shown) -> bytes:
    drawn = mvt.polygons(rings.xy, rings.vertices, rings.of_parcel[rings.of_parcel > 0])
    return mvt.layer("parcels", mvt.POLYGON, drawn, shown.ids, {"stage": _stages(shown)})


def _points(tile: Tile, outlines: Outlines, shown: Shown) -> bytes:
    first = outlines.first_vertex[outlines.first_ring[shown.place]]
    units = (outlines.xy[first].astype(np.int64) - tile.corner) >> tile.shift
    drawn = mvt.points(units)
    return mvt.layer("points", mvt.POINT, drawn, shown.ids, {"stage": _stages(shown)})


def _stages(shown: Shown) -> tuple[np.ndarray, list[int]]:
    known, which = np.unique(shown.stages, return_inverse=True)
    return which, [int(stage) for stage in known]


def _cells(tile: Tile, boxes: np.ndarray, shown: Shown) -> bytes:
    """One feature per stage: the squares where it holds the most area, in runs along a row."""
    middle = (boxes[:, :2] + boxes[:, 2:]) >> 1
    column, row = ((middle - tile.corner) >> (tile.shift + _CELL_BITS)).T
    inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS)
    if not inside.any():
        return b""
    cell = (row * CELLS + column)[inside]
    stages = shown.stages[inside].astype(np.int64)
    count = int(stages.max()) + 1
    # Points and lines have no area; where there is nothing else they count alike.
    weights = np.nan_to_num(shown.areas_m2[inside]) + 1e-6
    held = np.bincount(cell * count + stages, weights=weights, minlength=CELLS * CELLS * count)
    held = held.reshape(CELLS * CELLS, count)
    taken = np.flatnonzero(held.any(axis=1))
    return _painted(taken, held[taken].argmax(axis=1))


def _painted(cells: np.ndarray, stages: np.ndarray) -> bytes:
    known, which = np.unique(stages, return_inverse=True)
    # A run goes on while the next cell is the neighbour in the same row and in the same stage.
    begins = np.ones(len(cells), dtype=bool)
    begins[1:] = (np.diff(cells) != 1) | (np.diff(which) != 0) | (cells[1:] % CELLS == 0)
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, len(cells)))
    order = np.argsort(which[starts], kind="stable")
    west = (cells[starts] % CELLS)[order] << _CELL_BITS
    north = (cells[starts] // CELLS)[order] << _CELL_BITS
    east, south = west + (lengths[order] << _CELL_BITS), north + (1 << _CELL_BITS)
    corners = np.stack(
        [
            np.stack(pair, axis=1)
            for pair in ((west, north), (east, north), (east, south), (west, south))
        ],
        axis=1,
    )
    drawn = mvt.polygons(
        corners.reshape(-1, 2), np.full(len(west), 4), np.bincount(which[starts][order])
    )
    tags = {"stage": (np.arange(len(known)), [int(stage) for stage in known])}
    return mvt.layer("cells", mvt.POLYGON, drawn, np.arange(len(known)) + 1, tags)
