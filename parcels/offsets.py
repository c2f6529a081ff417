"""The shifts of Chinese web maps: GCJ-02 and BD-09, forward and back.

Formulas as published with the open-source "eviltransform" and used by every converter since; the
authority's own are not public. Over Beijing they give 504 to 611 m for GCJ-02 and 1303 to 1424 m
for BD-09. GCJ-02 leaves places outside a box around China as they are; the step from GCJ-02 to
BD-09 has no such box.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

Shift = Callable[[np.ndarray], np.ndarray]

_SEMI_MAJOR_M: Final = 6_378_245.0  # of the Krassovsky ellipsoid, as the published formula has it
_E2: Final = 0.006_693_421_622_965_943
_BD_ANGLE: Final = np.pi * 3000.0 / 180.0
# The box of the published formula: west, south, east, north.
_BOX: Final = (72.004, 0.8293, 137.8347, 55.8271)
# A ten-thousandth of a millimetre; the inverse promises 1e-9 degree.
_CLOSE_DEG: Final = 1e-12
# Each round leaves less than a fiftieth of the error; eight are enough from 0.02 degree.
_ROUNDS: Final = 30


def to_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates shifted as GCJ-02 maps show them; unchanged outside the formula's box.

    Args:
        lonlat: Array (n, 2) of degrees, WGS 84 or CGCS2000.
    """
    # Infinite coordinates and those of 1e308 stay what they are, or become no number.
    with np.errstate(all="ignore"):
        return np.where(_in_box(lonlat)[:, None], _shifted(lonlat), lonlat)


def _shifted(lonlat: np.ndarray) -> np.ndarray:
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
    with np.errstate(all="ignore"):
        return _baidu(to_gcj02(lonlat))


def _baidu(shown: np.ndarray) -> np.ndarray:
    """What Baidu makes of GCJ-02."""
    x, y = shown[:, 0], shown[:, 1]
    length = np.hypot(x, y) + 0.00002 * np.sin(y * _BD_ANGLE)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD_ANGLE)
    return np.column_stack([length * np.cos(angle) + 0.0065, length * np.sin(angle) + 0.006])


def from_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates of what a GCJ-02 map shows, to 1e-9 degree.

    Args:
        lonlat: Array (n, 2) of degrees, in GCJ-02.
    """
    true = _inverse(_shifted, lonlat)
    # What is outside the box was never shifted. Within some 700 m of the box's edge, far from any
    # land of China, a place can be read either way; it counts as shifted.
    return np.where(_in_box(true)[:, None], true, np.asarray(lonlat, float))


def from_bd09(lonlat: np.ndarray) -> np.ndarray:
    """True coordinates of what a Baidu map shows, to 1e-9 degree.

    Args:
        lonlat: Array (n, 2) of degrees, in BD-09.
    """
    return from_gcj02(_inverse(_baidu, lonlat))


FORWARD: Final[Mapping[str, Shift]] = {"gcj02": to_gcj02, "bd09": to_bd09}
"""The shifts by key."""

INVERSE: Final[Mapping[str, Shift]] = {"gcj02": from_gcj02, "bd09": from_bd09}
"""Their inverses by key."""

FORMULA: Final[Mapping[str, str]] = {
    "gcj02": "inverse of eviltransform wgs2gcj",
    "bd09": "inverse of eviltransform wgs2gcj, gcj2bd",
}
"""Names of the formulas that set coordinates right, for the record."""


def _in_box(lonlat: np.ndarray) -> np.ndarray:
    lon, lat = np.asarray(lonlat, float).T
    west, south, east, north = _BOX
    return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))


def _inverse(shift: Shift, shown: Any) -> np.ndarray:
    # The shift changes so slowly from place to place that walking back by it converges fast.
    wanted = np.asarray(shown, float)
    true = wanted.copy()
    with np.errstate(all="ignore"):
        for _ in range(_ROUNDS):
            step = shift(true) - wanted
            true = true - step
            moving = np.abs(step[np.isfinite(step)])
            if moving.max(initial=0.0) < _CLOSE_DEG:
                break
    return true
