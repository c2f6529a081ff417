"""Attribute lists: XLSX and CSV, with the header row wherever it stands."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError  # only the type: openpyxl raises it

import numpy as np
import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.encodings import open_text
from parcels.ingest.headings import heading_forms

HEADER_DEPTH: Final = 30
"""How many rows from the top a header row is looked for."""

_DELIMITERS: Final = ",\t;|"
_GUARD: Final = "'"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Rows = list[tuple[Any, ...]]


def read_xlsx(
    path: Path, *, findings: Findings, known: Collection[str], part: str | None = None
) -> Arrived:
    """A workbook's list as it arrived; a row is the row of the sheet.

    Args:
        path: The workbook.
        findings: Takes the sheets that were not read.
        known: Plain forms of the headings a list may have (`headings.headings`).
        part: Sheet to read; None for the first with a header row that says something known.

    Raises:
        FileNotReadableError: It is no workbook, or has no such sheet.
    """
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        ParseError,
        zipfile.BadZipFile,
        InvalidFileException,
    ) as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    try:
        return _book(book, path, findings=findings, known=known, part=part)
    except (ValueError, KeyError, TypeError, ParseError, zipfile.BadZipFile) as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    finally:
        book.close()


def read_csv(
    path: Path, *, findings: Findings, known: Collection[str], encoding: str | None = None
) -> Arrived:
    """A text list as it arrived; a row is the row a spreadsheet would show it in.

    Args:
        path: The file, in UTF-8 with or without byte order mark, or GBK.
        findings: Takes a guessed encoding.
        known: Plain forms of the headings a list may have (`headings.headings`).
        encoding: As stated by the user.

    Raises:
        FileNotReadableError: It cannot be opened, or is not text in the stated encoding.
    """
    text, name = open_text(path, findings, encoding)
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), _dialect(text))]
    except csv.Error as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    rows = [tuple(_unguarded(cell) for cell in row) for row in rows]
    table, numbers = _list(rows, known)
    return Arrived(
        Kind.CSV, source_of(path), framed(table, None, rows=numbers), None, encoding=name
    )


def guarded(cell: str) -> str:
    """A text that a spreadsheet will not take for a formula; `read_csv` takes the guard off."""
    return f"{_GUARD}{cell}" if _could_be_formula(cell) else cell


def _could_be_formula(cell: str) -> bool:
    bare = cell.lstrip(_GUARD)
    return bare.startswith(_FORMULA) and not _is_number(bare)


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith(_GUARD) and _could_be_formula(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _book(
    book: Any, path: Path, *, findings: Findings, known: Collection[str], part: str | None
) -> Arrived:
    names = [sheet.title for sheet in book.worksheets]
    if part is not None and part not in names:
        raise FileNotReadableError(file=path.name, reason=f"{part} / {', '.join(names)}")
    heads = {name: _head(book[name]) for name in names}
    scores = {name: _score(_header(rows, known), rows, known) for name, rows in heads.items()}
    chosen = part or max(names, key=lambda name: scores[name] > 0, default=None)
    if chosen is None:
        raise FileNotReadableError(file=path.name, reason="no sheet")
    for name in names:
        if name != chosen and any(_filled(row) for row in heads[name]):
            count = max((book[name].max_row or 1) - 1, 0)
            findings.add("part_not_used", found=name, details={"part": name, "records": count})
    table, numbers = _list(list(book[chosen].iter_rows(values_only=True)), known)
    return Arrived(
        Kind.XLSX,
        source_of(path),
        framed(table, None, rows=numbers),
        None,
        part=chosen if len(names) > 1 else None,
    )


def _head(sheet: Any) -> Rows:
    return list(sheet.iter_rows(max_row=HEADER_DEPTH, values_only=True))


def _list(rows: Rows, known: Collection[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """The records under the header row, and their row numbers from 1."""
    if not rows:
        return pd.DataFrame(), np.zeros(0, "int64")
    top = _header(rows[:HEADER_DEPTH], known)
    width = max(len(row) for row in rows[top:])
    names = [_name(cell) for cell in rows[top]] + [""] * (width - len(rows[top]))
    body = [
        (number, row + (None,) * (width - len(row)))
        for number, row in enumerate(rows[top + 1 :], start=top + 2)
        if _filled(row)
    ]
    numbers = np.array([number for number, _ in body], "int64")
    columns = list(zip(*(row for _, row in body), strict=True)) or [()] * width
    kept = [i for i, name in enumerate(names) if name or any(c is not None for c in columns[i])]
    if not kept:  # cells, but nothing in any of them
        return pd.DataFrame(), np.zeros(0, "int64")
    table = pd.concat(
        [pd.Series(_column(columns[i]), name=names[i] or f"#{i + 1}") for i in kept], axis=1
    )
    return table, numbers


def _header(rows: Rows, known: Collection[str]) -> int:
    """Place of the header row: the one with the most headings known, else the fullest first."""
    if not rows:
        return 0
    scores = [_score(place, rows, known) for place in range(len(rows))]
    best = max(scores)
    if best > 0:
        return scores.index(best)
    widths = [sum(cell not in (None, "") for cell in row) for row in rows]
    return widths.index(max(widths))


def _score(place: int, rows: Rows, known: Collection[str]) -> int:
    if place >= len(rows):
        return 0
    texts = [_name(cell) for cell in rows[place]]
    return sum(any(form in known for form in heading_forms(text)) for text in texts if text)


def _filled(row: Sequence[Any]) -> bool:
    return any(cell is not None and str(cell).strip() for cell in row)


def _name(cell: Any) -> str:
    return "" if cell is None else " ".join(str(cell).split())


def _column(cells: Iterable[Any]) -> Any:
    """Cells as one typed column where they are of one kind, else as text."""
    known = [None if isinstance(c, str) and not c.strip() else c for c in cells]
    kinds = {type(c) for c in known if c is not None}
    if not kinds or kinds <= {str}:
        return pd.array(known, dtype="str")
    if kinds == {bool}:
        return pd.array(known, dtype="boolean")
    if kinds == {int} and all(c is None or abs(c) < 1 << 62 for c in known):
        return pd.array(known, dtype="Int64")
    if kinds <= {int, float}:
        return pd.array([_cell(c) for c in known], dtype="str")
    return pd.array([_cell(c) for c in known], dtype="str")


def _cell(cell: Any) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ") if cell.time() != dt.time() else cell.date().isoformat()
    return str(cell)


def _dialect(text: str) -> type[csv.Dialect]:
    # The delimiter is the one the fullest of the first lines holds most often.
    lines = text.splitlines()[:HEADER_DEPTH]
    counts = {mark: max((line.count(mark) for line in lines), default=0) for mark in _DELIMITERS}
    chosen = max(_DELIMITERS, key=lambda mark: counts[mark])

    class _Found(csv.excel):
        delimiter = chosen

    return _Found
