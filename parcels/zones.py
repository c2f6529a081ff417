"""Divides the area of a million boundaries among zones, exactly and in columns.

A grid knows which of its cells a border of a zone runs through. A boundary whose box meets no
such cell lies wholly in the zones of its first cell, or in none: four look-ups in a summed-area
table tell, without touching a geometry. Only what lies near a border is cut, and by the part of
the zone around it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import shapely

from parcels import crs

_BORDER: Final = -1
_COARSEST: Final = 32
_FINEST: Final = 1024
_MOST_CELLS: Final = 400_000

# Below this many boundaries the grid costs more than it saves.
_WORTH_A_GRID: Final = 1_000

# A zone with fewer vertices is cut with as it is.
_SMALL_ZONE: Final = 64
_DEEPEST: Final = 6


class Zones:
    """Polygons among which boundaries are divided; they may overlap each other.

    Args:
        polygons: Array of valid Polygon or MultiPolygon in EPSG:4490; others hold nothing.
    """

    def __init__(self, polygons: np.ndarray) -> None:
        plane = crs.equal_area(np.asarray(polygons, dtype=object))
        solid = (shapely.get_dimensions(plane) == 2) & ~shapely.is_empty(plane)
        self._number = np.flatnonzero(solid)
        self._plane: np.ndarray = plane[solid]

    def split(
        self, boundaries: np.ndarray, areas_m2: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which boundaries share how much area with which zones.

        Args:
            boundaries: Array of valid geometries in EPSG:4490; None and empty ones share nothing.
            areas_m2: Their areas by `crs.area_m2`, where the caller has them.

        Returns:
            Positions of boundaries, positions of zones and areas in m2, sorted by boundary and
            zone. Shared areas may be as small as the rounding of the arithmetic. A geometry
            without area (a point) has an entry of area 0 for every zone that holds one inner
            point of it, border included.
        """
        boundaries = np.asarray(boundaries, dtype=object)
        label, near = self._looked_up(boundaries)
        far_place, far_zone = self._of_labels(label)
        if areas_m2 is None:
            areas_m2 = crs.area_m2(boundaries)
        far_area = areas_m2[far_place]
        near_place, near_zone, near_area = self._divided(crs.equal_area(boundaries[near]))
        place = np.concatenate([far_place, near[near_place]])
        zone = np.concatenate([far_zone, near_zone])
        area = np.concatenate([far_area, near_area])
        order = np.lexsort((zone, place))
        return place[order], self._number[zone[order]], area[order]

    def _looked_up(self, boundaries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The grid's label of each boundary (_BORDER where it has none), and which are near."""
        present = ~(shapely.is_missing(boundaries) | shapely.is_empty(boundaries))
        label = np.full(len(boundaries), _BORDER)
        if not len(self._plane):
            return label, np.empty(0, np.int64)
        if present.sum() >= _WORTH_A_GRID:
            label[present] = self._grid.labels(shapely.bounds(boundaries[present]))
        return label, np.flatnonzero(present & (label == _BORDER))

    def _of_labels(self, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = np.flatnonzero(label != _BORDER)
        if not len(known):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        start, length, zone = self._grid.combinations
        repeats = length[label[known]]
        first = np.repeat(start[label[known]], repeats)
        step = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        return np.repeat(known, repeats), zone[first + step]

    def _divided(self, plane: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Exact areas of boundaries near a border, in the plane."""
        flat = shapely.get_dimensions(plane) < 2
        if flat.any():
            plane = np.where(flat, shapely.point_on_surface(plane), plane)
        tree = shapely.STRtree(plane)
        held_zone, held = tree.query(self._plane, predicate="contains_properly")
        cut_zone, cut = tree.query(self._borders, predicate="intersects")
        held_area = shapely.area(plane[held])
        cut_area = np.zeros(len(cut))
        solid = ~flat[cut]
        cut_area[solid] = self._cut(plane, cut[solid], cut_zone[solid])
        return (
            np.concatenate([held, cut]),
            np.concatenate([held_zone, cut_zone]),
            np.concatenate([held_area, cut_area]),
        )

    def _cut(self, plane: np.ndarray, place: np.ndarray, zone: np.ndarray) -> np.ndarray:
        """Areas of boundaries cut by zones, pair by pair.

        A zone of many vertices is first reduced to a box of tiles at least twice as wide as the
        boundary and around it; boundaries close to each other share the box.
        """
        cutter = self._plane[zone]
        large = np.flatnonzero(shapely.get_num_coordinates(cutter) >= _SMALL_ZONE)
        if len(large):
            bounds = shapely.bounds(plane[place[large]])
            box, deep = self._surroundings(bounds)
            large, box, deep = large[deep], box[deep], deep[deep]
            keys = np.column_stack([zone[large], box])
            distinct, which = np.unique(keys, axis=0, return_inverse=True)
            around = shapely.box(*distinct[:, 1:].T)
            piece = shapely.intersection(self._plane[distinct[:, 0].astype(np.int64)], around)
            cutter[large] = piece[which.reshape(-1)]
        areas: np.ndarray = shapely.area(shapely.intersection(plane[place], cutter))
        return areas

    def _surroundings(self, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A box around each box, one of few; and whether it is smaller than the whole."""
        west, south, east, north = shapely.total_bounds(self._plane)
        extent = max(east - west, north - south)
        size = (bounds[:, 2:] - bounds[:, :2]).max(axis=1)
        with np.errstate(divide="ignore"):
            level = np.floor(np.log2(extent / size))
        level = np.clip(level, 0, _DEEPEST)
        width = (extent / 2**level)[:, None]
        origin = np.array([west, south])
        tile = np.floor(((bounds[:, :2] + bounds[:, 2:]) / 2 - origin) / width)
        # The tile of a box's middle is as wide as the box; half a tile more all round holds it.
        low = origin + (tile - 0.5) * width
        return np.hstack([low, low + 2 * width]), level > 0

    @cached_property
    def _borders(self) -> np.ndarray:
        lines: np.ndarray = shapely.boundary(self._plane)
        return lines

    @cached_property
    def _grid(self) -> _Grid:
        return _Grid(self._plane, self._borders)


class _Grid:
    """Square cells labelled with the combination of zones that holds them, or as border.

    Args:
        plane: The zones, in the equal-area plane.
        borders: Their borders.
    """

    def __init__(self, plane: np.ndarray, borders: np.ndarray) -> None:
        self._plane = plane
        self._numbers: dict[tuple[int, ...], int] = {(): 0}
        west, south, east, north = shapely.total_bounds(plane)
        # A sixteenth more on every side: the outermost cells of any fineness lie outside all
        # zones, so that whatever lies beyond the grid may be taken to lie in them.
        margin = np.array([east - west, north - south]) / 16
        self._origin = np.array([west, south]) - margin
        self._extent = np.array([east - west, north - south]) + 2 * margin
        self._segments = shapely.STRtree(_segments(borders))
        self._label = self._refined()
        side = len(self._label)
        self._sums = np.zeros((side + 1, side + 1), np.int32)
        self._sums[1:, 1:] = (self._label == _BORDER).cumsum(0, np.int32).cumsum(1, np.int32)

    @cached_property
    def combinations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start and length of each label's run of zones, and the runs."""
        held = list(self._numbers)
        length = np.array([len(one) for one in held])
        zones = np.array([zone for one in held for zone in one], dtype=np.int64)
        return np.cumsum(length) - length, length, zones

    def labels(self, bounds: np.ndarray) -> np.ndarray:
        """The label of each box (EPSG:4490 degrees), _BORDER where a border may come near."""
        low = self._cell(crs.to_plane(bounds[:, :2]))
        high = self._cell(crs.to_plane(bounds[:, 2:])) + 1
        borders = (
            self._sums[high[:, 1], high[:, 0]]
            - self._sums[low[:, 1], high[:, 0]]
            - self._sums[high[:, 1], low[:, 0]]
            + self._sums[low[:, 1], low[:, 0]]
        )
        return np.where(borders == 0, self._label[low[:, 1], low[:, 0]], _BORDER)

    def _cell(self, xy: np.ndarray) -> np.ndarray:
        side = len(self._label)
        cell = np.floor((xy - self._origin) * (side / self._extent))
        return np.clip(cell, 0, side - 1).astype(np.int64)

    def _refined(self) -> np.ndarray:
        side = _COARSEST
        label = np.full((side, side), _BORDER)
        while True:
            row, column = np.nonzero(label == _BORDER)
            self._settle(label, row, column)
            border = int((label == _BORDER).sum())
            if side >= _FINEST or 4 * border > _MOST_CELLS or border == 0:
                return label
            label = label.repeat(2, axis=0).repeat(2, axis=1)
            side *= 2

    def _settle(self, label: np.ndarray, row: np.ndarray, column: np.ndarray) -> None:
        """Label those of these cells that no border meets."""
        width = self._extent / len(label)
        low = self._origin + np.column_stack([column, row]) * width
        # A micrometre more, so that rounding never puts a boundary into a cell it does not touch.
        cells = shapely.box(*(low - 1e-6).T, *(low + width + 1e-6).T)
        met = np.unique(self._segments.query(cells, predicate="intersects")[0])
        free = np.setdiff1d(np.arange(len(row)), met, assume_unique=True)
        middles = shapely.points(low[free] + width / 2)
        zone, middle = shapely.STRtree(middles).query(self._plane, predicate="intersects")
        order = np.lexsort((zone, middle))
        held = np.split(zone[order], np.cumsum(np.bincount(middle, minlength=len(free)))[:-1])
        label[row[free], column[free]] = [
            self._numbers.setdefault(tuple(one.tolist()), len(self._numbers))
            for one in held[: len(free)]
        ]


def _segments(lines: np.ndarray) -> np.ndarray:
    """The straight pieces of lines."""
    xy, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    same = line[1:] == line[:-1]
    pieces: np.ndarray = shapely.linestrings(np.stack([xy[:-1][same], xy[1:][same]], axis=1))
    return pieces
