"""Invented boundaries that tile and look like real parcels, from a handful to millions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely

from parcels import crs

MEAN_AREA_M2: Final = 20_000.0
"""Mean area of a boundary where there is room for it."""

_PLAIN: Final = shapely.box(116.05, 39.75, 116.95, 40.25)
_M_PER_DEGREE: Final = 111_195.0
_ROWS: Final = (2, 6)
_COLUMNS: Final = (2, 8)
_PARCELS_PER_BLOCK: Final = 15.75
_BLOCK_RATIO: Final = 1.3
_PLAIN_VERTICES: Final = 5.1
_STREET: Final = 0.015
_SHRINK: Final = 0.88
_SMALLEST_M2: Final = 20.0
_MERGE: Final = 0.006


class NoRoomError(ValueError):
    """The land is too small or too broken to hold so many boundaries."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """Boundaries with the block each lies in.

    Attributes:
        polygons: Array (n,) of Polygon, EPSG:4490, degrees.
        block: Array (n,) of block numbers, ascending from 0.
    """

    polygons: np.ndarray
    block: np.ndarray


def tiles(
    count: int,
    *,
    seed: int,
    within: Any = None,
    vertices: int = 8,
    mean_area_m2: float = MEAN_AREA_M2,
) -> gpd.GeoSeries:
    """Boundaries that share their borders exactly inside a block; streets part the blocks.

    Corners meet in T and X junctions as in a cadastre. A shared border has the same coordinates
    on both sides, so that a block is a valid coverage without gap or overlap.

    Args:
        count: How many boundaries.
        seed: The same seed gives the same boundaries, coordinate for coordinate.
        within: Land to fill, a Polygon or MultiPolygon in EPSG:4490; None for a rectangle of
            about 4 000 km2 around Beijing. No boundary crosses its edge.
        vertices: Mean number of corners of a boundary; at least 6, as T junctions count.
        mean_area_m2: Mean area, m2; smaller where the land would not hold `count` of them.

    Returns:
        Series of Polygon in EPSG:4490, rounded to 1e-9 degrees (0.1 mm).

    Raises:
        NoRoomError: The land is too small or too broken to hold so many.
    """
    made = tiling(count, seed=seed, within=within, vertices=vertices, mean_area_m2=mean_area_m2)
    return gpd.GeoSeries(made.polygons, crs=crs.STORAGE)


def tiling(
    count: int,
    *,
    seed: int,
    within: Any = None,
    vertices: int = 8,
    mean_area_m2: float = MEAN_AREA_M2,
    clustered: bool = True,
) -> Tiling:
    """The boundaries of `tiles` with their blocks; arguments and refusals as there.

    `clustered` blocks lie in a few clusters where there is more land than needed; others are
    strewn over all of it.
    """
    if count == 0:
        return Tiling(np.empty(0, object), np.empty(0, np.int64))
    land = _PLAIN if within is None else within
    land_m2 = float(crs.area_m2(land))
    area_m2 = min(mean_area_m2, 0.75 * land_m2 / count)
    while area_m2 > _SMALLEST_M2:
        rng = np.random.default_rng(seed)
        # Some more than needed, as blocks hold more or fewer parcels by chance.
        enough = 30 + int(1.3 * count / _PARCELS_PER_BLOCK)
        outlines = _outlines(
            land, area_m2 * _PARCELS_PER_BLOCK, rng, enough=enough, clustered=clustered
        )
        rows = rng.integers(*_ROWS, len(outlines))
        columns = rng.integers(*_COLUMNS, int(rows.sum()))
        held = np.cumsum(np.add.reduceat(columns, _starts(rows))) if len(rows) else np.zeros(1)
        if held[-1] >= count:
            used = int(np.searchsorted(held, count)) + 1
            rows, columns = rows[:used], columns[: int(rows[:used].sum())]
            return _cut(outlines[:used], rows, columns, vertices=vertices, rng=rng, first=count)
        area_m2 *= _SHRINK
    raise NoRoomError(count, land_m2)


def rounded(lonlat: np.ndarray) -> np.ndarray:
    """Degrees rounded to 1e-9, about 0.1 mm."""
    return np.round(lonlat, 9)


def _starts(lengths: np.ndarray) -> np.ndarray:
    starts: np.ndarray = np.cumsum(lengths) - lengths
    return starts


def _outlines(
    land: Any, block_m2: float, rng: np.random.Generator, *, enough: int, clustered: bool
) -> np.ndarray:
    """Outlines of at least `enough` blocks that lie wholly inside the land, or of all there are.

    Returns:
        Array (blocks, 4, 2) of lon, lat: south-west, south-east, north-east, north-west.
    """
    west, south, east, north = land.bounds
    scale = np.array([_M_PER_DEGREE * np.cos(np.radians((south + north) / 2)), _M_PER_DEGREE])
    height_m = np.sqrt(block_m2 / _BLOCK_RATIO)
    step = np.array([height_m * _BLOCK_RATIO, height_m]) / scale
    phase = rng.uniform(0, 2 * np.pi, 6)
    columns, lines = (np.ceil([(east - west), (north - south)] / step) + 4).astype(int)
    x, y = np.meshgrid(np.arange(columns + 1) - 2.0, np.arange(lines + 1) - 2.0)
    bent_x = x + 0.6 * np.sin(2 * np.pi * (y / 13 + x / 41) + phase[0]) + _jitter(rng, x.shape)
    bent_y = y + 0.6 * np.sin(2 * np.pi * (x / 17 - y / 37) + phase[1]) + _jitter(rng, x.shape)
    nodes = np.stack([west + bent_x * step[0], south + bent_y * step[1]], axis=-1)
    corners = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2)
    corners = corners.reshape(-1, 4, 2)

    if clustered:
        order = _by_cluster(corners.mean(axis=1) * scale / height_m, phase[2:])
    else:
        order = rng.permutation(len(corners))
    shapely.prepare(land)
    found = []
    for some in np.array_split(order, max(1, len(order) // (2 * enough))):
        candidates = corners[some]
        found.append(candidates[shapely.contains_properly(land, shapely.polygons(candidates))])
        if sum(map(len, found)) >= enough:
            break
    return np.concatenate(found)


def _by_cluster(centre: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Order of blocks by a few waves of different length, so that used land lies in clusters.

    Args:
        centre: Array (n, 2), in heights of a block.
        phase: Four directions, radians.
    """
    rank = np.zeros(len(centre))
    for turn, length in zip(phase, (3.0, 5.0, 9.0, 15.0), strict=True):
        rank += np.sin(centre @ np.array([np.cos(turn), np.sin(turn)]) / length + 7 * turn)
    order: np.ndarray = np.argsort(-rank, kind="stable")
    return order


def _jitter(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-0.1, 0.1, shape)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Marks at uneven distances, from 0 to 1, on each of many rulers.

    Attributes:
        ruler: Number of the ruler, ascending.
        position: Place on the ruler, ascending on each; the first is 0 and the last 1.
        room: Distance to the nearer neighbour; 0 for the first and the last.
    """

    ruler: np.ndarray
    position: np.ndarray
    room: np.ndarray


def _marks(parts: np.ndarray, rng: np.random.Generator) -> _Marks:
    """Marks that divide ruler i into `parts[i]` uneven parts."""
    ruler_of_part = np.repeat(np.arange(len(parts)), parts)
    weight = rng.uniform(0.5, 1.5, len(ruler_of_part))
    width = weight / np.add.reduceat(weight, _starts(parts))[ruler_of_part]
    is_last = np.zeros(len(width) + len(parts), bool)
    is_last[np.cumsum(parts + 1) - 1] = True
    is_first = np.roll(is_last, 1)

    position, to_west, to_east = np.zeros((3, len(is_last)))
    position[~is_first] = np.cumsum(width) - ruler_of_part
    position[is_last] = 1
    to_west[~is_first] = width
    to_east[~is_last] = width
    ruler = np.repeat(np.arange(len(parts)), parts + 1)
    return _Marks(ruler, position, np.minimum(to_west, to_east))


@dataclass(frozen=True, slots=True)
class _Corners:
    """Corners in their blocks: 0 to 1 from west to east and from south to north."""

    block: np.ndarray
    east: np.ndarray
    north: np.ndarray


@dataclass(frozen=True, slots=True)
class _Sides:
    """The borders between the parcels of a row; each runs between two lines.

    Attributes:
        south, north: Number of its corner on the line south and north of its row.
        between: The corners between these two, `count` of each side, sides after one another.
        count: How many those are.
    """

    south: np.ndarray
    north: np.ndarray
    between: _Corners
    count: int


def _cut(
    outlines: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    vertices: int,
    rng: np.random.Generator,
    first: int,
) -> Tiling:
    """Cut block i into `rows[i]` rows and every row into `columns[...]` parcels.

    Parcels of a row stand between two lines that run through the whole block, so that the sides
    of two rows meet the line between them at different places.
    """
    extra = max(0.0, vertices - _PLAIN_VERTICES)
    lines, marks = _marks(rows, rng), _marks(columns, rng)
    row_line = np.delete(np.arange(len(lines.ruler)), np.cumsum(rows + 1) - 1)
    side_line = row_line[marks.ruler]
    lean = rng.uniform(-0.2, 0.2, len(marks.room)) * marks.room
    line, east, of_side = _meet(
        np.concatenate([side_line, side_line + 1]),
        np.concatenate([marks.position - lean, marks.position + lean]),
        per_parcel=(extra - 2 * (extra // 4)) / 2,
        rng=rng,
    )
    on_lines = _Corners(lines.ruler[line], east, _wavy(lines, line, east, rng))
    south, north = np.split(of_side, 2)
    bulge = rng.uniform(-0.1, 0.1, len(marks.room)) * marks.room
    sides = _Sides(south, north, *_bulged(on_lines, south, north, bulge, int(extra // 4)))

    is_west = np.ones(len(marks.ruler), bool)
    is_west[np.cumsum(columns + 1) - 1] = False
    west = np.flatnonzero(is_west)[:first]
    corner, size = _rings(sides, west, len(line))
    lonlat = np.concatenate([_place(on_lines, outlines), _place(sides.between, outlines)])
    rings = shapely.linearrings(lonlat[corner], indices=np.repeat(np.arange(first), size))
    return Tiling(shapely.polygons(rings), lines.ruler[side_line[west]])


def _meet(
    line: np.ndarray, east: np.ndarray, *, per_parcel: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The corners on every line, from west to east, where sides end on it.

    Ends that nearly meet become one corner; further corners are strewn between them.

    Args:
        line: Line on which each end stands.
        east: Its place on the line, 0 to 1.
        per_parcel: Mean number of further corners on the width of a parcel.
        rng: Source of chance.

    Returns:
        Line and place of each corner, and the number of the corner of each end.
    """
    order = np.lexsort((east, line))
    line, east = line[order], east[order]
    is_new = np.ones(len(line), bool)
    is_new[1:] = (np.diff(line) > 0) | (np.diff(east) >= _MERGE)
    group = np.cumsum(is_new) - 1
    line, east = line[is_new], east[is_new]

    gap = np.append(np.diff(east), 0).clip(0)  # after the last corner of a line comes none
    mean = gap * per_parcel * (sum(_COLUMNS) - 1) / 2
    strewn = np.floor(mean + rng.uniform(0, 1, len(gap))).astype(np.int64) * (gap > 0)
    owner = np.repeat(np.arange(len(line)), strewn + 1)
    nth = np.arange(len(owner)) - _starts(strewn + 1)[owner]
    shift = np.where(nth > 0, rng.uniform(-0.3, 0.3, len(owner)), 0)
    every_east = east[owner] + gap[owner] * (nth + shift) / (strewn[owner] + 1)

    of_end = np.empty(len(order), np.int64)
    of_end[order] = _starts(strewn + 1)[group]
    return line[owner], every_east, of_end


def _wavy(
    lines: _Marks, line: np.ndarray, east: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """How far north corners lie: lines inside a block wave, its outer lines are straight."""
    turns, phase = rng.uniform(0.3, 1.1, len(lines.room)), rng.uniform(0, 1, len(lines.room))
    wave = np.sin(2 * np.pi * (turns[line] * east + phase[line]))
    north: np.ndarray = lines.position[line] + 0.13 * lines.room[line] * wave
    return north


def _bulged(
    on_lines: _Corners, south: np.ndarray, north: np.ndarray, bulge: np.ndarray, count: int
) -> tuple[_Corners, int]:
    """`count` corners along each side, bent out by `bulge` at its middle."""
    part = (np.arange(count) + 1) / (count + 1)

    def along(name: str) -> np.ndarray:
        start, end = getattr(on_lines, name)[south], getattr(on_lines, name)[north]
        path: np.ndarray = start[:, None] + (end - start)[:, None] * part
        return path

    east = along("east") + bulge[:, None] * np.sin(np.pi * part)
    block = np.repeat(on_lines.block[south], count)
    return _Corners(block, east.ravel(), along("north").ravel()), count


def _rings(sides: _Sides, west: np.ndarray, on_lines: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the corners around each parcel, counter-clockwise and closed, and how many.

    Args:
        sides: The sides; corners between their ends are counted after those on lines.
        west: The western side of each parcel; the next one is its eastern side.
        on_lines: How many corners stand on lines.
    """
    south, north, many = sides.south, sides.north, np.full(len(west), sides.count)
    one = np.ones(len(west), np.int64)
    # The corners between the ends of side i end where those of side i + 1 begin.
    eastern = on_lines + (west + 1) * sides.count
    start = [south[west], eastern, north[west + 1], eastern - 1, south[west]]
    length = [
        south[west + 1] - south[west] + 1,
        many,
        north[west + 1] - north[west] + 1,
        many,
        one,
    ]
    step = np.tile([1, 1, -1, -1, 1], len(west))
    flat_start, flat_length = np.stack(start, 1).ravel(), np.stack(length, 1).ravel()
    nth = np.arange(flat_length.sum()) - np.repeat(_starts(flat_length), flat_length)
    corner = np.repeat(flat_start, flat_length) + np.repeat(step, flat_length) * nth
    return corner, np.sum(length, axis=0)


def _place(corners: _Corners, outlines: np.ndarray) -> np.ndarray:
    """Lon, lat of corners between the corners of their block, with half a street around it."""
    east = (_STREET + (1 - 2 * _STREET) * corners.east)[:, None]
    north = (_STREET + (1 - 2 * _STREET) * corners.north)[:, None]
    quad = outlines[corners.block]
    southern = quad[:, 0] + (quad[:, 1] - quad[:, 0]) * east
    northern = quad[:, 3] + (quad[:, 2] - quad[:, 3]) * east
    return rounded(southern + (northern - southern) * north)
