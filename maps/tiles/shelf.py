"""Tiles that were drawn, kept until a change touches them or newer ones need the room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from maps.tiles.drawing import MARGIN
from maps.tiles.world import Tile


@dataclass(frozen=True, slots=True)
class Key:
    """What a tile is of.

    Attributes:
        layer: Key of the layer.
        tile: Which tile.
        choice: Anything hashable that says which parcels of which moment.
        follows: Whether it is of what is believed now, and so grows old with the next change.
    """

    layer: str
    tile: Tile
    choice: Hashable
    follows: bool


class Shelf:
    """Tiles by key, those unused for longest given up first.

    Args:
        room_bytes: How much the tiles may take together.
    """

    def __init__(self, room_bytes: int) -> None:
        self._room = room_bytes
        self._taken = 0
        self._tiles: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many tiles."""
        return len(self._tiles)

    @property
    def taken_bytes(self) -> int:
        """How much they take together."""
        return self._taken

    def get(self, key: Key) -> bytes | None:
        """The tile, or None."""
        with self._lock:
            found = self._tiles.get(key)
            if found is not None:
                self._tiles.move_to_end(key)
            return found

    def put(self, key: Key, drawn: bytes) -> None:
        """Keep a tile, unless it alone takes more than there is room."""
        with self._lock:
            self._drop(key)
            if len(drawn) > self._room:
                return
            self._tiles[key] = drawn
            self._taken += len(drawn)
            while self._taken > self._room:
                self._drop(next(iter(self._tiles)))

    def touched(self, layer: str, boxes: np.ndarray) -> int:
        """Give up the tiles of a layer that follow it and meet one of some boxes; how many.

        Args:
            layer: Key of the layer.
            boxes: Array (n, 4): west, north, east, south in the world; the far sides included.
        """
        with self._lock:
            old = [
                key
                for key in self._tiles
                if key.layer == layer and key.follows and _meets(key.tile, boxes)
            ]
            for key in old:
                self._drop(key)
            return len(old)

    def _drop(self, key: Key) -> None:
        found = self._tiles.pop(key, None)
        if found is not None:
            self._taken -= len(found)


def _meets(tile: Tile, boxes: np.ndarray) -> bool:
    west, north, east, south = tile.box(MARGIN)
    return bool(
        (
            (boxes[:, 2] >= west)
            & (boxes[:, 0] < east)
            & (boxes[:, 3] >= north)
            & (boxes[:, 1] < south)
        ).any()
    )
