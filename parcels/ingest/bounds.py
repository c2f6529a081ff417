"""How much of this machine one delivery may take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from parcels import words


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of `reference/formats.toml`, with the reason for each written there.

    Attributes:
        entries: Files in one ZIP or folder, ZIPs inside counted with theirs.
        directory_bytes: The list of names of a ZIP.
        unpacked_bytes: All that comes out of one ZIP.
        ratio: Unpacked to packed size of one entry of at least `ratio_from_bytes`.
        depth: ZIPs inside ZIPs.
        folders: Folders inside folders.
        workbook_bytes: A workbook unpacked.
        parsed_bytes: A file of a kind that is parsed whole.
        text_bytes: A list or a file of boundary points.
        vertices: Corners of one boundary.
        streamed_from_bytes: Files larger than this are read record by record.
        rows: Rows of one delivery.
        rows_bytes: What the rows of one delivery may take in memory.
    """

    entries: int
    directory_bytes: int
    unpacked_bytes: int
    ratio: int
    ratio_from_bytes: int
    depth: int
    folders: int
    workbook_bytes: int
    parsed_bytes: int
    text_bytes: int
    vertices: int
    streamed_from_bytes: int
    rows: int
    rows_bytes: int


@cache
def limits() -> Limits:
    """The bounds in force."""
    return Limits(**words.formats()["limits"])
