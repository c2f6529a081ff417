"""Divides the plane into blocks that each hold about as many parcels, and says who belongs where.

A parcel belongs to the block that holds the low corner (west and south) of its box; land that two
parcels share belongs to the block that holds the low corner of what their boxes share. Both boxes
reach that corner, so whoever reads all that comes near a block sees every pair of it, and no pair
is of two blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

# A degree of longitude is so much of one of latitude at 40N: blocks become about square.
_LON_TO_LAT: Final = 0.77


@dataclass(frozen=True, slots=True)
class Block:
    """A box in EPSG:4490, degrees; its west and south edges are its own, the others are not.

    Attributes:
        west: Lowest longitude; -inf where the block is open.
        south: Lowest latitude.
        east: First longitude beyond it; inf where the block is open.
        north: First latitude beyond it.
    """

    west: float = -math.inf
    south: float = -math.inf
    east: float = math.inf
    north: float = math.inf

    def holds(self, corners: np.ndarray) -> np.ndarray:
        """Which corners (n, 2) lie in it; NaN, the corner of no boundary, lies in every block.

        Who has no boundary is never found by where it lies, so only one reader has it.
        """
        lon, lat = corners.T
        inside: np.ndarray = (
            (lon >= self.west) & (lon < self.east) & (lat >= self.south) & (lat < self.north)
        )
        inside[np.isnan(lon)] = True
        return inside

    def nears(self, bounds: np.ndarray) -> np.ndarray:
        """Which boxes (n, 4) meet it, edges included; NaN meets nothing."""
        west, south, east, north = bounds.T
        meet: np.ndarray = (
            (west <= self.east)
            & (east >= self.west)
            & (south <= self.north)
            & (north >= self.south)
        )
        return meet

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north with the whole globe in place of infinity."""
        return (
            max(self.west, -180.0),
            max(self.south, -90.0),
            min(self.east, 180.0),
            min(self.north, 90.0),
        )


EVERYWHERE: Final = Block()
"""The one block of undivided parcels."""


def corners(boundaries: np.ndarray) -> np.ndarray:
    """Low corners of boundaries, shape (n, 2), degrees; NaN for None and empty ones."""
    low: np.ndarray = shapely.bounds(boundaries)[:, :2]
    return low


def common_corners(boundaries: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Low corner of what the boxes of each pair share, shape (n, 2).

    Args:
        boundaries: Array of geometries in EPSG:4490.
        pairs: Positions, shape (n, 2).
    """
    low = corners(boundaries)
    shared: np.ndarray = np.maximum(low[pairs[:, 0]], low[pairs[:, 1]])
    return shared


def divided(lonlat: np.ndarray, most: int) -> list[Block]:
    """Blocks that fill the plane, each holding at most so many corners.

    Neighbours in the list are neighbours on the ground, mostly.

    Args:
        lonlat: Corners, shape (n, 2), degrees, without NaN; of all parcels or of a sample.
        most: At most so many in a block, unless more have the very same corner.
    """
    return _halved(lonlat, most, EVERYWHERE)


def _halved(lonlat: np.ndarray, most: int, block: Block) -> list[Block]:
    if len(lonlat) <= most:
        return [block]
    spread = (lonlat.max(axis=0) - lonlat.min(axis=0)) * (_LON_TO_LAT, 1.0)
    axis = int(spread[1] > spread[0])
    along = lonlat[:, axis]
    cut = float(np.partition(along, len(along) // 2)[len(along) // 2])
    if cut <= along.min():
        beyond = along[along > cut]
        if not len(beyond):
            # The longer side has no length: all have the very same corner.
            return [block]
        cut = float(beyond.min())
    low, high = _cut(block, axis, cut)
    return _halved(lonlat[along < cut], most, low) + _halved(lonlat[along >= cut], most, high)


def _cut(block: Block, axis: int, at: float) -> tuple[Block, Block]:
    west, south, east, north = block.west, block.south, block.east, block.north
    if axis:
        return Block(west, south, east, at), Block(west, at, east, north)
    return Block(west, south, at, north), Block(at, south, east, north)
