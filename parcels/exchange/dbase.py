"""Tables of shapefiles (dBASE III), with the widths that are asked for."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

_VERSION: Final = 3
_HEADER: Final = struct.Struct("<BBBBIHH16xBB2x")
_COLUMN: Final = struct.Struct("<11sc4xBB14x")
_HEADER_END: Final = b"\r"
_FILE_END: Final = b"\x1a"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: At most 10 ASCII characters.
        kind: "C" text, "N" number, "D" day.
        width: In bytes of the encoding; 8 for a day.
        decimals: Digits behind the point of a number.
    """

    name: str
    kind: Literal["C", "N", "D"]
    width: int
    decimals: int = 0


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    *,
    encoding: str,
    written_on: dt.date,
) -> bytes:
    """A table as it stands in a .dbf file; None is blank.

    Args:
        columns: In the order of the rows.
        rows: Texts, numbers and days.
        encoding: Of the texts. The language byte stays 0: the .cpg file says it.
        written_on: Day in the header.

    Raises:
        ValueError: A value is wider than its column.
        UnicodeEncodeError: The encoding lacks a character.
    """
    records = [b" " + b"".join(map(_cell, columns, row, [encoding] * len(row))) for row in rows]
    length = 1 + sum(one.width for one in columns)
    head = _HEADER.pack(
        _VERSION,
        written_on.year - 1900,
        written_on.month,
        written_on.day,
        len(records),
        _HEADER.size + _COLUMN.size * len(columns) + len(_HEADER_END),
        length,
        0,
        0,
    )
    described = [
        _COLUMN.pack(one.name.encode("ascii"), one.kind.encode(), one.width, one.decimals)
        for one in columns
    ]
    return b"".join([head, *described, _HEADER_END, *records, _FILE_END])


def _cell(column: Column, found: Any, encoding: str) -> bytes:
    if found is None:
        return b" " * column.width
    if column.kind == "N":
        written = f"{found:.{column.decimals}f}".rjust(column.width).encode()
    elif column.kind == "D":
        written = f"{found:%Y%m%d}".encode()
    else:
        written = str(found).encode(encoding).ljust(column.width)
    if len(written) > column.width:
        raise ValueError(found)
    return written
