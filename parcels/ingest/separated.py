"""Lists in text: CSV and its kin, by whatever mark their cells are kept apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.corner_points import Sheet, with_corners
from parcels.ingest.encodings import open_text
from parcels.ingest.listing import HEADER_DEPTH, listed, score
from parcels.ingest.workbook import unguarded

_QUOTE: Final = '"'
_MARKS: Final = ",\t;|，；"
# So many quotes opened and never closed are looked for: each costs a reading of the rest.
_UNCLOSED: Final = 20


def read_csv(
    path: Path,
    *,
    findings: Findings,
    known: Collection[str],
    encoding: str | None = None,
    surfaces: bool = True,
) -> Arrived:
    """A text list as it arrived; a row is the row a spreadsheet would show it in.

    Args:
        path: The file, in UTF-8 with or without byte order mark, or GBK.
        findings: Takes a guessed encoding and damaged rows.
        known: Plain forms of the headings a list may have (`headings.headings`).
        encoding: As stated by the user.
        surfaces: Whether several rows may be the corners of one parcel.

    Raises:
        FileNotReadableError: It cannot be opened, or is not text in the stated encoding.
    """
    text, name = open_text(path, findings, encoding)
    lines = list(io.StringIO(text, newline=""))
    try:
        mark = _mark(lines, known)
        rows, damaged = _rows(lines, mark)
    except csv.Error as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    damaged += _swallowed(rows, mark)
    rows = [tuple(unguarded(cell) for cell in row) for row in rows]
    table, numbers = listed(rows, known=known, findings=findings, separated=True)
    findings.add("record_damaged", rows=numbers[np.isin(numbers, damaged)])
    whole = Arrived(
        Kind.CSV, source_of(path), framed(table, None, rows=numbers), None, encoding=name
    )
    sheet = Sheet(table, numbers, (path.stem,))
    return with_corners(whole, sheet, known=known, findings=findings) if surfaces else whole


def _mark(lines: Sequence[str], known: Collection[str]) -> str:
    """The mark by which the first lines hold the most known headings, else the most frequent."""
    first = lines[:HEADER_DEPTH]
    counts = {mark: max((line.count(mark) for line in first), default=0) for mark in _MARKS}
    best = sorted(_MARKS, key=lambda mark: -counts[mark])
    return max(best, key=lambda mark: score(_parsed(first, mark), known) if counts[mark] else 0)


def _rows(lines: Sequence[str], mark: str) -> tuple[list[tuple[str, ...]], list[int]]:
    """Every row, and the numbers of those that open a quote and never close it.

    Such a quote would take in the rest of the file; its line is read with the quote as it stands,
    and reading goes on behind it.
    """
    rows: list[tuple[str, ...]] = []
    damaged: list[int] = []
    place = 0
    while place < len(lines):
        told = len(damaged) < _UNCLOSED
        got, stop = _until_unclosed(lines[place:], mark, quoted=told)
        if not told:
            damaged += [n for n, row in enumerate(got, len(rows) + 1) if _QUOTE in "".join(row)]
        rows += got
        place += stop
        if place < len(lines):
            rows += _parsed([lines[place]], mark, quoted=False)
            damaged.append(len(rows))
            place += 1
    return rows, damaged


def _swallowed(rows: Sequence[tuple[str, ...]], mark: str) -> list[int]:
    """Numbers of rows with a cell of several lines that holds as many marks as a whole row.

    A quote that is closed by one of another row takes in what stands between them.
    """
    width = max(map(len, rows[:HEADER_DEPTH]), default=0)
    return [
        number
        for number, row in enumerate(rows, start=1)
        if any("\n" in cell and cell.count(mark) >= max(width - 1, 2) for cell in row)
    ]


def _until_unclosed(
    lines: Sequence[str], mark: str, *, quoted: bool
) -> tuple[list[tuple[str, ...]], int]:
    """Rows up to one that is not closed, and the number of lines they take."""
    reader = csv.reader(iter(lines), _dialect(mark, quoted=quoted))
    rows: list[tuple[str, ...]] = []
    starts = [0]
    try:
        for row in reader:
            rows.append(tuple(row))
            starts.append(reader.line_num)
    except csv.Error:
        if len(lines[starts[-1]]) > csv.field_size_limit():
            raise
        return rows, starts[-1]
    if rows and quoted and _is_open(lines[starts[-2] :], mark):
        return rows[:-1], starts[-2]
    return rows, len(lines)


def _is_open(lines: Sequence[str], mark: str) -> bool:
    strict = _dialect(mark)
    strict.strict = True
    try:
        list(csv.reader(iter(lines), strict))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _parsed(lines: Sequence[str], mark: str, *, quoted: bool = True) -> list[tuple[Any, ...]]:
    try:
        return [tuple(row) for row in csv.reader(iter(lines), _dialect(mark, quoted=quoted))]
    except csv.Error:
        return []


def _dialect(mark: str, *, quoted: bool = True) -> type[csv.Dialect]:
    class _Found(csv.excel):
        delimiter = mark
        quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE

    return _Found
