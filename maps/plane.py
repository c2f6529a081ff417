"""Boundaries as paths of a small drawing: degrees to pixels, north up."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import shapely

_ROOM: Final = 0.12
"""Share of a map left free around what it shows."""


class Plane:
    """Degrees to the pixels of a square map, north up, true to scale in its middle."""

    def __init__(self, shapes: np.ndarray, side: int) -> None:
        west, south, east, north = shapely.total_bounds(shapes)
        self._middle = np.array([(west + east) / 2, (south + north) / 2])
        self._narrow = float(np.cos(np.radians(self._middle[1])))
        span = max((east - west) * self._narrow, north - south, 1e-4)
        self._scale = side * (1 - 2 * _ROOM) / span
        self._half = side / 2

    def at(self, lonlat: np.ndarray) -> np.ndarray:
        """Pixels of places."""
        apart = (lonlat - self._middle) * [self._narrow, -1.0]
        return np.asarray(apart * self._scale + self._half)

    def window(self, side: int) -> shapely.Polygon:
        """What is seen of the earth, degrees."""
        reach = side / 2 / self._scale
        x, y = self._middle
        return shapely.box(
            x - reach / self._narrow, y - reach, x + reach / self._narrow, y + reach
        )

    def path(self, shape: Any) -> str:
        """The path of a boundary; a point becomes a small diamond."""
        drawn = shapely.simplify(shape, 0.3 / self._scale)
        rings, _ = shapely.get_rings(shapely.get_parts(drawn), return_index=True)
        if not len(rings):
            points = self.at(shapely.get_coordinates(drawn))
            return "".join(f"M{x - 5:.1f} {y:.1f}l5-5 5 5-5 5z" for x, y in points)
        return "".join(
            "M"
            + "L".join(f"{x:.1f} {y:.1f}" for x, y in self.at(shapely.get_coordinates(ring)))
            + "z"
            for ring in rings
        )
