"""The text of a dBase table as bytes, for telling its encoding and finding what is cut off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

_DELETED: Final = ord("*")
_END_OF_FIELDS: Final = 0x0D
# What stands in columns of every other letter GDAL takes for text, known letter or not.
_NO_TEXT: Final = frozenset("NFLD")
_CHUNK: Final = 200_000

LANGUAGES: Final = {
    0x4D: "gb18030",
    0x7A: "gb18030",
    0x4F: "big5",
    0x78: "big5",
    0x13: "cp932",
    0x7B: "cp932",
    0x4E: "cp949",
    0x79: "cp949",
    0xC9: "cp1251",
    0xC8: "cp1250",
}
"""Encodings by the table's language byte; the Western ones are left out, as they stand in most
files whatever these hold."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a table: its name as bytes, type letter, place in a record and width."""

    name: bytes
    letter: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Table:
    """What the head of a table says, and how many whole records really follow it."""

    path: Path
    declared: int
    held: int
    head: int
    width: int
    language: int
    columns: tuple[Column, ...]

    def deleted(self) -> np.ndarray:
        """Whether each record held is marked as deleted."""
        return np.asarray(self._records()[:, 0] == _DELETED)

    def holds(self, byte: int) -> bool:
        """Whether a byte is anywhere in the records."""
        records = self._records()
        pieces = range(0, len(records), _CHUNK)
        return any(bool((records[at : at + _CHUNK] == byte).any()) for at in pieces)

    def foreign_texts(self, limit: int = 5_000) -> list[bytes]:
        """Names and values with a byte over 127, without the padding; at most `limit` rows."""
        texts = [c.name for c in self.columns if not c.name.isascii()]
        chosen = self._foreign_rows(limit)
        for column in self.columns:
            if column.letter in _NO_TEXT:
                continue
            part = chosen[:, column.start : column.start + column.width]
            texts += [t for one in part if not (t := one.tobytes().rstrip(b" \0")).isascii()]
        return texts

    def _foreign_rows(self, limit: int) -> np.ndarray:
        records, found, count = self._records(), [], 0
        for start in range(0, len(records), _CHUNK):
            piece = records[start : start + _CHUNK]
            hits = piece[(piece > 127).any(axis=1)]
            found.append(hits[: limit - count])
            count += len(found[-1])
            if count >= limit:
                break
        return np.concatenate(found) if found else np.zeros((0, self.width), "uint8")

    def _records(self) -> np.ndarray:
        if self.held == 0:
            return np.zeros((0, max(self.width, 1)), "uint8")
        size = (self.held, self.width)
        return np.memmap(self.path, "uint8", "r", offset=self.head, shape=size)


def open_table(path: Path) -> Table | None:
    """The table at this path, or None if its head is not one of dBase.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        first = stream.read(32)
        if len(first) < 32:
            return None
        head = int.from_bytes(first[8:10], "little")
        width = int.from_bytes(first[10:12], "little")
        rest = stream.read(max(head - 32, 0))
    if head < 33 or width < 1:
        return None
    declared = int.from_bytes(first[4:8], "little")
    held = min(declared, max(size - head, 0) // width)
    return Table(path, declared, held, head, width, first[29], _columns(rest, width))


def _columns(described: bytes, record_width: int) -> tuple[Column, ...]:
    columns, start = [], 1
    for at in range(0, len(described) - 31, 32):
        if described[at] == _END_OF_FIELDS:
            break
        name = described[at : at + 11].split(b"\0")[0]
        letter = chr(described[at + 11])
        width = described[at + 16]
        if start + width > record_width:
            break
        columns.append(Column(name, letter, start, width))
        start += width
    return tuple(columns)
