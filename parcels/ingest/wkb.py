"""What kind of geometry a WKB holds, told by its head: those that GEOS cannot read too."""

from __future__ import annotations

from typing import Final

# Curves, and the collections that may hold them.
_CURVES: Final = frozenset({8, 9, 10, 11, 12})
# Surfaces in space, which the multipatches of a shapefile become.
_SOLIDS: Final = {15: "PolyhedralSurface", 16: "TIN", 17: "Triangle"}


def is_curved(wkb: bytes) -> bool:
    """Whether it is, or may hold, a curve."""
    return _kind(wkb) in _CURVES


def solid(wkb: bytes) -> str | None:
    """What a surface in space is called; None for anything else."""
    return _SOLIDS.get(_kind(wkb))


def _kind(wkb: bytes) -> int:
    """The number of its type, whatever dimensions it has."""
    return (int.from_bytes(wkb[1:5], "little" if wkb[0] else "big") & 0xFFFF) % 1000
