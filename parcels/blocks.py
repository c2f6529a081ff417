"""Columns of whole numbers packed small, with a hash over the plain numbers."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np

_LEVEL: Final = 3
"""Of zlib; 9 takes fifteen times as long for 3 % less."""


def pack(columns: Sequence[np.ndarray] | np.ndarray) -> bytes:
    """Aligned columns of int64 as few bytes, and exactly these again by `unpack`.

    Each number is kept as its distance to the one before, the sign in the lowest bit, and the
    bytes of one place stand together: what grows by small steps is nearly nothing.
    """
    packed = []
    for column in columns:
        # Distances may wrap around; adding them up again wraps back.
        apart: np.ndarray = np.diff(column, prepend=np.int64(0)).astype(np.int64)
        folded = (apart << 1) ^ (apart >> 63)
        packed.append(folded.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes())
    return zlib.compress(b"".join(packed), _LEVEL)


def unpack(content: bytes, columns: int) -> np.ndarray:
    """The columns of `pack`, one row of the array each.

    Raises:
        zlib.error, ValueError: Nothing that `pack` made.
    """
    whole = np.frombuffer(zlib.decompress(content), np.uint8).reshape(columns, 8, -1)
    folded = np.ascontiguousarray(whole.transpose(0, 2, 1)).view("<i8")[:, :, 0]
    apart = ((folded.view("<u8") >> np.uint64(1)).view("<i8")) ^ -(folded & 1)
    return np.cumsum(apart, axis=1, dtype=np.int64)


def digest(columns: Sequence[np.ndarray] | np.ndarray) -> str:
    """SHA-256 over columns of int64, little-endian, one after the other; in hexadecimal."""
    running = hashlib.sha256()
    for column in columns:
        running.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return running.hexdigest()
