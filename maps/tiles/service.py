"""The tiles of a register: drawn when asked for, kept, and never older than the register."""

from __future__ import annotations

import threading
import zlib
from typing import Final

from maps.tiles import drawing, kept
from maps.tiles.kept import Choice, Kept
from maps.tiles.shelf import Key, Shelf
from maps.tiles.world import Tile
from parcels import chronicle
from parcels.reading import Reading

ROOM_BYTES: Final = 256 << 20
"""Memory for tiles that were drawn."""

_QUICK: Final = 1
"""Level of compression: tiles are small and asked for by the dozen."""


class Tiles:
    """Draws the tiles of a register's layers, at any moment, for any choice of parcels.

    Args:
        register: The register, which others may write at any time.
        room_bytes: Memory for tiles that were drawn.
    """

    def __init__(self, register: Reading, *, room_bytes: int = ROOM_BYTES) -> None:
        self._register = register
        self._shelf = Shelf(room_bytes)
        self._kept: dict[str, Kept] = {}
        self._locks = {layer.key: threading.Lock() for layer in register.layers}

    def layer(self, key: str) -> Kept:
        """A layer as the register has it at this instant.

        Raises:
            UnknownLayerError: No layer has the key.
        """
        declared = self._register.layer(key)
        with self._locks[key]:
            now = self._kept.get(key)
            last = chronicle.last_change(self._register, key)
            if now is not None and now.change == last:
                return now
            if now is None or kept.needs_sorting(now):
                made = kept.keep(declared, chronicle.read(self._register, key))
            else:
                newer = chronicle.read(self._register, key, after=now.change)
                made, touched = kept.refresh(now, newer)
                self._shelf.touched(key, touched)
            self._kept[key] = made
            return made

    def tile(self, layer: str, tile: Tile, choice: Choice) -> bytes:
        """One tile, compressed (gzip); empty where it shows nothing.

        Args:
            layer: Key of the layer.
            tile: Which tile; one that is on earth.
            choice: Which parcels of which moment.

        Raises:
            UnknownLayerError: No layer has the key.
        """
        own = self.layer(layer)
        key = Key(layer, tile, choice.hashable, follows=choice.known >= own.change)
        found = self._shelf.get(key)
        if found is None:
            shown = own.shown(tile.box(drawing.MARGIN), choice)
            content = drawing.draw(tile, own.outlines, shown)
            found = _compressed(content) if content else b""
            self._shelf.put(key, found)
        return found


def _compressed(content: bytes) -> bytes:
    """As gzip writes it, without the hour: the same tile is the same bytes."""
    packer = zlib.compressobj(_QUICK, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()
