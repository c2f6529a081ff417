"""Mapbox Vector Tiles, version 2.1, written without a loop over features.

Everything inside a feature is a variable-length whole number: keys and lengths of the protocol
buffer as much as the geometry. So a layer's features are one array of numbers, put in its place
by arithmetic, and `encoding.varints` turns it into bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from maps.encoding import varints
from maps.tiles.ranges import gathered, owners
from maps.tiles.world import UNITS

POINT: Final = 1
POLYGON: Final = 3

_MOVE: Final = 1
_LINE: Final = 2
_CLOSE: Final = (1 << 3) | 7
_HEAD: Final = 10
"""Numbers of a feature before its geometry, besides its tags."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Geometries as the specification writes them.

    Attributes:
        numbers: Commands and moves of all geometries, one after another.
        counts: How many numbers each geometry has; none has none.
    """

    numbers: np.ndarray
    counts: np.ndarray


def points(xy: np.ndarray) -> Commands:
    """A point for each row, in units of the tile."""
    count = len(xy)
    numbers = np.empty((count, 3), dtype=np.int64)
    numbers[:, 0] = _command(_MOVE, 1)
    numbers[:, 1:] = _zigzag(xy)
    return Commands(numbers.ravel(), np.full(count, 3))


def polygons(xy: np.ndarray, vertices: np.ndarray, rings: np.ndarray) -> Commands:
    """Polygons from their rings.

    Args:
        xy: Array (n, 2) of vertices in units of the tile, without the closing ones.
        vertices: How many vertices each ring has; at least three.
        rings: How many rings each polygon has; at least one.
    """
    per_ring = 2 * vertices + 3
    ring_start = np.cumsum(per_ring) - per_ring
    numbers = np.empty(int(per_ring.sum()), dtype=np.int64)
    numbers[ring_start] = _command(_MOVE, 1)
    numbers[ring_start + 3] = _command(_LINE, 0) + ((vertices - 1) << 3)
    numbers[ring_start + per_ring - 1] = _CLOSE
    nth = gathered(np.zeros(len(vertices), dtype=np.int64), vertices)
    place = np.repeat(ring_start, vertices) + 2 * nth + 1 + (nth > 0)
    ring_of_polygon = owners(rings)
    first_of_polygon = np.diff(np.repeat(ring_of_polygon, vertices), prepend=-1) != 0
    moves = _zigzag(np.where(first_of_polygon[:, None], xy, xy - np.roll(xy, 1, axis=0)))
    numbers[place], numbers[place + 1] = moves[:, 0], moves[:, 1]
    return Commands(numbers, np.add.reduceat(per_ring, np.cumsum(rings) - rings))


def layer(
    name: str,
    kind: int,
    drawn: Commands,
    ids: np.ndarray,
    tags: Mapping[str, tuple[np.ndarray, Sequence[str | int]]],
) -> bytes:
    """One layer of a tile; nothing where it has no feature.

    Args:
        name: Of the layer.
        kind: POINT or POLYGON.
        drawn: A geometry per feature.
        ids: A number per feature.
        tags: For each key, which of the values every feature has, and the values.
    """
    if not len(ids):
        return b""
    at, values = _tags(tags, len(ids))
    body = b"".join(
        [
            _text(1, name),
            _features(kind, drawn, np.asarray(ids, np.int64), at),
            *(_text(3, key) for key in tags),
            *(_value(value) for value in values),
            varints(np.array([5 << 3, UNITS, 15 << 3, 2])),
        ]
    )
    return varints(np.array([(3 << 3) | 2, len(body)])) + body


def _features(kind: int, drawn: Commands, ids: np.ndarray, tags: np.ndarray) -> bytes:
    count, width = tags.shape
    tag_bytes = _sizes(tags).sum(axis=1) if width else np.zeros(count, dtype=np.int64)
    starts = np.cumsum(drawn.counts) - drawn.counts
    geometry_bytes = np.add.reduceat(_sizes(drawn.numbers), starts)
    length = (
        (1 + _sizes(ids))
        + (1 + _sizes(tag_bytes) + tag_bytes)
        + 2
        + (1 + _sizes(geometry_bytes) + geometry_bytes)
    )
    head = np.empty((count, _HEAD + width), dtype=np.int64)
    head[:, 0], head[:, 1] = (2 << 3) | 2, length
    head[:, 2], head[:, 3] = 1 << 3, ids
    head[:, 4], head[:, 5] = (2 << 3) | 2, tag_bytes
    head[:, 6 : 6 + width] = tags
    head[:, 6 + width], head[:, 7 + width] = 3 << 3, kind
    head[:, 8 + width], head[:, 9 + width] = (4 << 3) | 2, geometry_bytes
    per_feature = head.shape[1] + drawn.counts
    begin = np.cumsum(per_feature) - per_feature
    whole = np.empty(int(per_feature.sum()), dtype=np.int64)
    whole[(begin[:, None] + np.arange(head.shape[1])).ravel()] = head.ravel()
    whole[gathered(begin + head.shape[1], drawn.counts)] = drawn.numbers
    return varints(whole)


def _tags(
    tags: Mapping[str, tuple[np.ndarray, Sequence[str | int]]], count: int
) -> tuple[np.ndarray, list[str | int]]:
    """Pairs of key and value of each feature, and the values of all keys in one list."""
    values: list[str | int] = []
    columns = []
    for key, (which, known) in enumerate(tags.values()):
        columns += [np.full(len(which), key), np.asarray(which, np.int64) + len(values)]
        values.extend(known)
    return np.column_stack(columns) if columns else np.zeros((count, 0), np.int64), values


def _text(field: int, words: str) -> bytes:
    content = words.encode("utf-8", "replace")
    return varints(np.array([(field << 3) | 2, len(content)])) + content


def _value(value: str | int) -> bytes:
    content = _text(1, value) if isinstance(value, str) else varints(np.array([5 << 3, value]))
    return varints(np.array([(4 << 3) | 2, len(content)])) + content


def _command(kind: int, count: int) -> int:
    return (count << 3) | kind


def _zigzag(moves: np.ndarray) -> np.ndarray:
    signed = np.asarray(moves, dtype=np.int64)
    coded: np.ndarray = (signed << 1) ^ (signed >> 63)
    return coded


def _sizes(numbers: np.ndarray) -> np.ndarray:
    """How many bytes each number takes as a varint."""
    sizes = np.ones(numbers.shape, dtype=np.int64)
    most = int(numbers.max(initial=0))
    bits = 7
    while most >> bits:
        sizes += numbers >= 1 << bits
        bits += 7
    return sizes
