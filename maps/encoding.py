"""How boundaries and columns are packed into a page: few bytes, and data stays data.

Boundaries are projected as the browser draws them (spherical Mercator), simplified, laid on a
grid, and written as differences from vertex to vertex in as few bytes as each needs. The script
`static/map/bytes.js` reads what is written here.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

RADIUS_M: Final = 6_378_137.0
"""Of the sphere that web maps are drawn on."""

FINEST_M: Final = 0.05
COARSEST_M: Final = 2.0
MANY_VERTICES: Final = 200_000

NO_BOUNDARY: Final = 0
POLYGON: Final = 1
POINT: Final = 2

_POLYGONAL: Final = (3, 6)  # shapely type ids of Polygon and MultiPolygon
_CELL: Final = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
_UNSAFE_IN_HTML: Final = str.maketrans(
    {c: f"\\u{ord(c):04x}" for c in "<>&'\u2028\u2029"} | {"/": "\\/"}
)


@dataclass(frozen=True, slots=True)
class Packed:
    """Boundaries as bytes.

    Attributes:
        count: Parcels.
        origin_m: Easting and northing of the grid's zero, spherical Mercator metres.
        step_m: Width of a grid cell, spherical Mercator metres.
        kinds: NO_BOUNDARY, POLYGON or POINT for each parcel, a byte each.
        streams: Name and length in bytes of each stream, in the order they follow each other.
        content: The streams, compressed (zlib).
    """

    count: int
    origin_m: tuple[float, float]
    step_m: float
    kinds: bytes
    streams: tuple[tuple[str, int], ...]
    content: bytes


def drawing_order(geometries: np.ndarray) -> np.ndarray:
    """Positions in an order that keeps neighbours together; those without a boundary last.

    Args:
        geometries: Array of shapely geometries in EPSG:4490, degrees; None allowed.
    """
    west, south, east, north = shapely.bounds(geometries).T
    centre = np.column_stack([west + east, south + north])
    known = np.isfinite(centre).all(axis=1)
    place = np.full(len(centre), np.iinfo(np.uint64).max, dtype=np.uint64)
    if known.any():
        low, high = centre[known].min(axis=0), centre[known].max(axis=0)
        span = np.maximum(high - low, 1e-12)
        cell = ((centre[known] - low) / span * 0xFFFF).astype(np.uint64)
        place[known] = _spread(cell[:, 0]) | (_spread(cell[:, 1]) << np.uint64(1))
    return np.argsort(place, kind="stable")


def pack_boundaries(geometries: np.ndarray, tags: Mapping[str, np.ndarray]) -> Packed:
    """Boundaries in few bytes, no parcel lost.

    The grid follows the usual parcel of the layer: a boundary moves by less than a five-hundredth
    of its width (a thousandth in small layers), at least FINEST_M and at most COARSEST_M. A
    parcel smaller than a grid cell is drawn as one cell.

    Args:
        geometries: Array of shapely geometries in EPSG:4490, degrees. Polygons keep rings,
            anything else but a point becomes its centre, None stays without a boundary.
        tags: Further streams of one byte per parcel (uint8), by name.
    """
    plane = shapely.transform(geometries, _mercator)
    kinds = _kinds(plane)
    polygons = plane[kinds == POLYGON]
    points = shapely.get_coordinates(shapely.centroid(plane[kinds == POINT]))
    step = _step(polygons)
    low = shapely.total_bounds(plane)[:2] if len(plane) else np.full(2, np.nan)
    origin = np.where(np.isfinite(low), low, 0.0)
    streams = {
        "kinds": kinds.tobytes(),
        **{name: np.asarray(tag, np.uint8).tobytes() for name, tag in tags.items()},
        **_polygon_streams(polygons, origin, step),
        "points": signed_varints(_steps(_on_grid(points, origin, step))),
    }
    return Packed(
        len(geometries),
        (float(origin[0]), float(origin[1])),
        step,
        kinds.tobytes(),
        tuple((name, len(content)) for name, content in streams.items()),
        zlib.compress(b"".join(streams.values()), 9),
    )


def pack_columns(columns: list[pd.Series]) -> bytes:
    """Columns of text as compressed JSON: repeated values are written once.

    Args:
        columns: Text, missing where there is none; all of the same length.

    Returns:
        zlib-compressed UTF-8 JSON, a list with one entry per column: {"words": [...],
        "at": [...]} with -1 for missing, or {"each": [...]} with null for missing.
    """
    written = json.dumps([_column(c) for c in columns], ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate, which no encoding can hold, becomes a question mark.
    return zlib.compress(written.encode("utf-8", "replace"), 9)


def as_text(content: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(content).decode("ascii")


def json_for_html(value: Any) -> str:
    """JSON that can stand in any element of a page: it neither ends it nor holds an address.

    Besides what JSON escapes, the characters < > & ' / and the line separators U+2028 and U+2029
    are escaped. NaN is refused.
    """
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return written.encode("utf-8", "replace").decode("utf-8").translate(_UNSAFE_IN_HTML)


def varints(numbers: np.ndarray) -> bytes:
    """Whole numbers from 0, seven bits to a byte, the low ones first (LEB128)."""
    left = np.asarray(numbers, dtype=np.uint64)
    if left.size == 0:
        return b""
    lengths = np.ones(left.shape, dtype=np.int64)
    for bits in range(7, 64, 7):
        lengths += left >= np.uint64(1) << np.uint64(bits)
    start = np.cumsum(lengths) - lengths
    place = np.arange(lengths.sum()) - np.repeat(start, lengths)
    spread = np.repeat(left, lengths) >> (place.astype(np.uint64) * np.uint64(7))
    more = place < np.repeat(lengths, lengths) - 1
    return ((spread & np.uint64(0x7F)).astype(np.uint8) | (more << 7).astype(np.uint8)).tobytes()


def signed_varints(numbers: np.ndarray) -> bytes:
    """Whole numbers of either sign, small ones in few bytes: 0, -1, 1, -2 become 0, 1, 2, 3."""
    signed = np.asarray(numbers, dtype=np.int64).ravel()
    return varints(((signed << 1) ^ (signed >> 63)).astype(np.uint64))


def _mercator(lonlat: np.ndarray) -> np.ndarray:
    north = np.arctanh(np.sin(np.radians(lonlat[:, 1])))
    return np.column_stack([np.radians(lonlat[:, 0]), north]) * RADIUS_M


def _kinds(plane: np.ndarray) -> np.ndarray:
    kinds = np.where(np.isin(shapely.get_type_id(plane), _POLYGONAL), POLYGON, POINT)
    kinds[shapely.is_missing(plane) | shapely.is_empty(plane)] = NO_BOUNDARY
    return kinds.astype(np.uint8)


def _step(polygons: np.ndarray) -> float:
    """Width of a grid cell, metres."""
    if len(polygons) == 0:
        return 0.1
    parts = 500 if shapely.get_num_coordinates(polygons).sum() > MANY_VERTICES else 1000
    width_m = float(np.median(np.sqrt(shapely.area(polygons))))
    return float(np.clip(round(width_m / parts, 2), FINEST_M, COARSEST_M))


def _polygon_streams(polygons: np.ndarray, origin: np.ndarray, step: float) -> dict[str, bytes]:
    whole, parcel_of_part = shapely.get_parts(polygons, return_index=True)
    simple = shapely.simplify(whole, step, preserve_topology=False)
    parts = np.where(shapely.is_empty(simple), whole, simple)
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    outer = np.diff(part_of_ring, prepend=-1) != 0
    vertices, ring_of = _snapped(rings, origin, step)
    vertices, ring_of = _with_cells(vertices, ring_of, outer)
    per_ring = np.bincount(ring_of, minlength=len(rings))
    kept = per_ring > 0
    rings_per_parcel = np.bincount(
        parcel_of_part[part_of_ring[kept]].astype(np.int64), minlength=len(polygons)
    )
    first = np.diff(ring_of, prepend=-1) != 0
    steps = np.diff(vertices, axis=0, prepend=vertices[:1])
    return {
        "rings": varints(rings_per_parcel),
        "vertices": varints(per_ring[kept]),
        "starts": signed_varints(_steps(vertices[first])),
        "steps": signed_varints(steps[~first]),
    }


def _snapped(rings: np.ndarray, origin: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices on the grid, without closing and repeated ones, and the ring of each."""
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    grid = _on_grid(coordinates, origin, step)
    closing = np.diff(ring_of, append=-1) != 0
    grid, ring_of = grid[~closing], ring_of[~closing]
    first = np.diff(ring_of, prepend=-1) != 0
    repeated = (np.diff(grid, axis=0, prepend=grid[:1]) == 0).all(axis=1) & ~first
    grid, ring_of = grid[~repeated], ring_of[~repeated]
    if not len(ring_of):
        return grid, ring_of
    # The last vertex may have come to lie on the first.
    first = np.flatnonzero(np.diff(ring_of, prepend=-1) != 0)
    last = np.append(first[1:], len(ring_of)) - 1
    meets = (grid[first] == grid[last]).all(axis=1) & (last > first)
    keep = np.ones(len(ring_of), dtype=bool)
    keep[last[meets]] = False
    return grid[keep], ring_of[keep]


def _with_cells(
    vertices: np.ndarray, ring_of: np.ndarray, outer: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rings that have shrunk to a line or a dot: an outer one becomes a cell, a hole goes."""
    shrunk = (np.bincount(ring_of, minlength=len(outer)) < 3)[ring_of]
    first = np.diff(ring_of, prepend=-1) != 0
    seed = first & shrunk & outer[ring_of]
    cells = (vertices[seed][:, None, :] + _CELL).reshape(-1, 2)
    joined = np.concatenate([ring_of[~shrunk], np.repeat(ring_of[seed], len(_CELL))])
    order = np.argsort(joined, kind="stable")
    return np.concatenate([vertices[~shrunk], cells])[order], joined[order]


def _on_grid(coordinates: np.ndarray, origin: np.ndarray, step: float) -> np.ndarray:
    cells: np.ndarray = np.rint((coordinates - origin) / step).astype(np.int64)
    return cells


def _steps(positions: np.ndarray) -> np.ndarray:
    return np.diff(positions, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))


def _spread(numbers: np.ndarray) -> np.ndarray:
    """Sixteen bits each with a zero between them, for the Z-order curve."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        numbers = (numbers | (numbers << np.uint64(shift))) & np.uint64(mask)
    return numbers


def _column(column: pd.Series) -> dict[str, list[Any]]:
    at, words = pd.factorize(column.astype(object).where(column.notna(), None))
    if len(words) * 2 < len(column):
        return {"words": words.tolist(), "at": at.tolist()}
    return {"each": [None if i < 0 else words[i] for i in at]}
