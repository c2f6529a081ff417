"""The world as web maps lay it out: one square in spherical Mercator, cut into tiles.

A place is two whole numbers, to the east and to the south of the north-west corner, of which
`SIDE` make the side of the square: 1.9 cm at the equator, 1.4 cm in Beijing. Every tile of every
zoom up to FINEST_ZOOM begins at such a place and divides into UNITS of them without a remainder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

BITS: Final = 31
SIDE: Final = 1 << BITS
UNIT_BITS: Final = 12
UNITS: Final = 1 << UNIT_BITS
"""Units along the side of a tile, the "extent" of the Mapbox Vector Tile specification."""

FINEST_ZOOM: Final = BITS - UNIT_BITS
"""The last zoom at which a unit of a tile is one place of the world."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: zoom, column from the west, row from the north (XYZ)."""

    z: int
    x: int
    y: int

    @property
    def is_on_earth(self) -> bool:
        """Whether there is such a tile."""
        count = 1 << self.z if 0 <= self.z <= FINEST_ZOOM else 0
        return 0 <= self.x < count and 0 <= self.y < count

    @property
    def shift(self) -> int:
        """How many bits a unit of the tile is coarser than a place of the world."""
        return BITS - UNIT_BITS - self.z

    @property
    def corner(self) -> tuple[int, int]:
        """Its north-west corner."""
        return self.x << (BITS - self.z), self.y << (BITS - self.z)

    def box(self, margin: int = 0) -> tuple[int, int, int, int]:
        """West, north, east and south, `margin` units wider on each side; the far sides open."""
        (west, north), side, wider = self.corner, 1 << (BITS - self.z), margin << self.shift
        return west - wider, north - wider, west + side + wider, north + side + wider

    def lonlat_box(self) -> tuple[float, float, float, float]:
        """West, south, east and north in degrees."""
        west, north, east, south = self.box()
        corners = to_lonlat(np.array([[west, south], [east, north]]))
        return tuple(float(side) for side in corners.ravel())  # type: ignore[return-value] # four


def from_lonlat(lonlat: np.ndarray) -> np.ndarray:
    """Places of the world for degrees.

    Args:
        lonlat: Array (n, 2) of EPSG:4490 degrees, taken as WGS 84 as every web map does.

    Returns:
        Array (n, 2) of int64, inside the square.
    """
    across = lonlat[:, 0] / 360.0 + 0.5
    down = 0.5 - np.arctanh(np.sin(np.radians(lonlat[:, 1]))) / (2.0 * np.pi)
    places = np.floor(np.column_stack([across, down]) * SIDE)
    inside: np.ndarray = np.clip(places, 0, SIDE - 1).astype(np.int64)
    return inside


def to_lonlat(places: np.ndarray) -> np.ndarray:
    """Degrees of places of the world, array (n, 2) of longitude and latitude."""
    across, down = (np.asarray(places, dtype=np.float64) / SIDE).T
    north = np.degrees(np.arctan(np.sinh((0.5 - down) * 2.0 * np.pi)))
    return np.column_stack([(across - 0.5) * 360.0, north])
