"""The shifts of Chinese web maps: GCJ-02 and BD-09, forward and back.

Formulas as published with the open-source "eviltransform" and used by every converter since; the
authority's own are not public. Within China they give 100 to 700 m for GCJ-02.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

Shift = Callable[[np.ndarray], np.ndarray]

_SEMI_MAJOR_M: Final = 6_378_245.0  # of the Krassovsky ellipsoid, as the published formula has it
_E2: Final = 0.006_693_421_622_965_943
_BD_ANGLE: Final = np.pi * 3000.0 / 180.0
_CLOSE_DEG: Final = 1e-10
_ROUNDS: Final = 30


def to_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates shifted as GCJ-02 maps show them.

    Args:
        lonlat: Array (n, 2) of degrees, WGS 84 or CGCS2000.
    """
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (wave + 20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (wave + 20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    angle = np.radians(lat)
    magic = 1.0 - _E2 * np.sin(angle) ** 2
    metres_lat = _SEMI_MAJOR_M * (1.0 - _E2) / (magic * np.sqrt(magic))
    metres_lon = _SEMI_MAJOR_M / np.sqrt(magic) * np.cos(angle)
    return np.column_stack(
        [lon + np.degrees(east / metres_lon), lat + np.degrees(north / metres_lat)]
    )


def to_bd09(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates shifted as Baidu maps show them.

    Args:
        lonlat: Array (n, 2) of degrees, WGS 84 or CGCS2000.
    """
    shifted = to_gcj02(lonlat)
    x, y = shifted[:, 0], shifted[:, 1]
    length = np.hypot(x, y) + 0.00002 * np.sin(y * _BD_ANGLE)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD_ANGLE)
    return np.column_stack([length * np.cos(angle) + 0.0065, length * np.sin(angle) + 0.006])


def from_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates of what a GCJ-02 map shows, to 1e-9 degree.

    Args:
        lonlat: Array (n, 2) of degrees, in GCJ-02.
    """
    return _inverse(to_gcj02, lonlat)


def from_bd09(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates of what a Baidu map shows, to 1e-9 degree.

    Args:
        lonlat: Array (n, 2) of degrees, in BD-09.
    """
    return _inverse(to_bd09, lonlat)


FORWARD: Final[Mapping[str, Shift]] = {"gcj02": to_gcj02, "bd09": to_bd09}
"""The shifts by key."""

INVERSE: Final[Mapping[str, Shift]] = {"gcj02": from_gcj02, "bd09": from_bd09}
"""Their inverses by key."""


def _inverse(shift: Shift, shown: Any) -> np.ndarray:
    # The shift changes so slowly from place to place that walking back by it converges fast.
    wanted = np.asarray(shown, float)
    true = wanted.copy()
    for _ in range(_ROUNDS):
        step = shift(true) - wanted
        true = true - step
        if not len(step) or np.nanmax(np.abs(step), initial=0.0) < _CLOSE_DEG:
            break
    return true
