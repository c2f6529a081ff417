"""Lists in XLSX workbooks, odd and hostile ones too; and text that no spreadsheet runs."""

from __future__ import annotations

import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError  # only the type: openpyxl raises it

import numpy as np
import openpyxl
from openpyxl.utils import column_index_from_string
from openpyxl.utils.exceptions import InvalidFileException

from parcels.errors import FileNotReadableError, FileTooLargeError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.corner_points import Sheet, cornered, with_corners
from parcels.ingest.listing import HEADER_DEPTH, Rows, filled, listed, score

MOST_CELLS: Final = 60_000_000
"""A sheet with more cells, counted to the last one of each row, is refused."""

_PIECE: Final = 1 << 20
_OLE_MARK: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_MERGED: Final = re.compile(rb'<mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_FORMULAS: Final = re.compile(rb"<f[\s>/]")
_MOST_MERGED_ROWS: Final = 1_000_000
_GUARD: Final = "'"
# Programs take signs of full width for the others, and leave out white space before them.
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BREAKS: Final = ("\t", "\r", "\n")
# openpyxl raises all of these on broken workbooks.
_BROKEN: Final = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    AssertionError,
    ParseError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    InvalidFileException,
)


def check_form(path: Path) -> None:
    """Refuse what is named a workbook and is an old or a locked one.

    Raises:
        FileNotReadableError: It is, or cannot be opened.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(len(_OLE_MARK)) != _OLE_MARK:
                return
            locked = _ENCRYPTED in stream.read(_PIECE)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    raise FileNotReadableError(
        file=path.name, reason="workbook_locked" if locked else "workbook_old"
    )


def read_xlsx(
    path: Path,
    *,
    findings: Findings,
    known: Collection[str],
    part: str | None = None,
    surfaces: bool = True,
    alone: bool = False,
) -> Arrived:
    """A workbook's list as it arrived; a row is the row of the sheet.

    What is merged downwards holds for each row; the result of a formula is the one the file keeps.

    Args:
        path: The workbook.
        findings: Takes the sheets that were not read, formulas without a result, cells in error.
        known: Plain forms of the headings a list may have (`headings.headings`).
        part: Sheet to read; None for the first with a header row that says something known.
        surfaces: Whether several rows may be the corners of one parcel.
        alone: Whether the other sheets are read elsewhere, and the name of the file says nothing
            of this one.

    Raises:
        FileNotReadableError: It is no workbook, or has no such sheet.
        FileTooLargeError: It has too many cells.
    """
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            # Parts that openpyxl leaves out are none of those a list stands in.
            warnings.simplefilter("ignore")
            rows, chosen, several, formulas = _sheet(
                stream, path, findings=None if alone else findings, known=known, part=part
            )
    except _BROKEN as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    table, numbers = listed(rows, known=known, findings=findings)
    _report_formulas(formulas, numbers, findings)
    whole = Arrived(
        Kind.XLSX,
        source_of(path),
        framed(table, None, rows=numbers),
        None,
        part=chosen if several else None,
    )
    sheet = Sheet(table, numbers, (chosen,) if alone else (path.stem, chosen))
    return with_corners(whole, sheet, known=known, findings=findings) if surfaces else whole


def sheet_names(path: Path) -> list[str]:
    """Names of the sheets that are not hidden.

    Raises:
        FileNotReadableError: It is no workbook.
    """
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True)
            try:
                return [one.title for one in book.worksheets if one.sheet_state == "visible"]
            finally:
                book.close()
    except _BROKEN as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error


def corner_sheets(path: Path, *, known: Collection[str]) -> list[str]:
    """The sheets of a workbook that has several, each of them a list of corner points; else none.

    Such a workbook has a parcel on every sheet. A hidden or an empty sheet does not count.
    """
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            try:
                return _cornered(book, path, known)
            finally:
                book.close()
    except (*_BROKEN, FileTooLargeError):
        return []  # reading it says why


def _cornered(book: Any, path: Path, known: Collection[str]) -> list[str]:
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    heads = {sheet.title: list(_bounded(sheet, path, HEADER_DEPTH)) for sheet in shown}
    names = [name for name, rows in heads.items() if any(map(filled, rows))]
    if len(names) < 2 or not all(_has_corners(heads[name], names, known) for name in names):
        return []
    whole = (list(_bounded(book[name], path)) for name in names)
    return names if all(_has_corners(rows, names, known) for rows in whole) else []


def _has_corners(rows: Rows, names: Sequence[str], known: Collection[str]) -> bool:
    nowhere = Findings("", "")
    table, numbers = listed(rows, known=known, findings=nowhere)
    sheet = Sheet(table, numbers, tuple(names))
    return cornered(sheet, known=known, findings=nowhere) is not None


def guarded(cell: str) -> str:
    """A text that a spreadsheet will not take for a formula; `read_csv` takes the guard off."""
    return f"{_GUARD}{cell}" if _could_be_formula(cell) else cell


def unguarded(cell: str) -> str:
    """The text that was guarded."""
    return cell[1:] if cell.startswith(_GUARD) and _could_be_formula(cell) else cell


def _could_be_formula(cell: str) -> bool:
    bare = cell.lstrip(_GUARD)
    return bare.startswith(_BREAKS) or (
        bare.lstrip().startswith(_FORMULA) and not _is_number(bare)
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _sheet(
    stream: BinaryIO,
    path: Path,
    *,
    findings: Findings | None,
    known: Collection[str],
    part: str | None,
) -> tuple[Rows, str, bool, list[int]]:
    """The rows of the sheet to read, its name, whether it has others, rows with bare formulas."""
    book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
    try:
        chosen = _chosen(book, path, findings=findings, known=known, part=part)
        sheet = book[chosen]
        rows = list(_bounded(sheet, path))
        merged, with_formulas = _peeked(stream, sheet)
        several = len(book.worksheets) > 1
    finally:
        book.close()
    formulas = _bare_formulas(stream, chosen, rows, path) if with_formulas else []
    return _filled_down(rows, merged), chosen, several, formulas


def _chosen(
    book: Any, path: Path, *, findings: Findings | None, known: Collection[str], part: str | None
) -> str:
    """The sheet to read; a hidden one only where no other has a heading known."""
    sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
    names = [sheet.title for sheet in sheets]
    if not names:
        raise FileNotReadableError(file=path.name, reason="no sheet")
    if part is not None and part not in names:
        raise FileNotReadableError(file=path.name, reason=f"{part} / {', '.join(names)}")
    heads = {sheet.title: list(_bounded(sheet, path, HEADER_DEPTH)) for sheet in sheets}
    chosen: str = part or max(names, key=lambda name: score(heads[name], known) > 0)
    if findings is None:
        return chosen
    for sheet in sheets:
        if sheet.title != chosen and any(filled(row) for row in heads[sheet.title]):
            count = sum(1 for row in _bounded(sheet, path) if filled(row))
            details = {"part": sheet.title, "records": max(count - 1, 0)}
            findings.add("part_not_used", found=sheet.title, details=details)
    return chosen


def _bounded(sheet: Any, path: Path, depth: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Rows as long as what is written in them, whatever size the sheet claims to have."""
    sheet.reset_dimensions()
    cells = 0
    for number, row in enumerate(sheet.iter_rows(max_row=depth, values_only=True), start=1):
        cells += len(row) + 1
        if cells > MOST_CELLS:
            raise FileTooLargeError(
                file=path.name, reason="workbook_cells", found=cells, limit=MOST_CELLS
            )
        yield row
        if number == depth:
            return


def _peeked(stream: BinaryIO, sheet: Any) -> tuple[list[tuple[int, int, int]], bool]:
    """Columns merged downwards (column, first and last row), and whether there are formulas.

    openpyxl tells of neither while it streams.
    """
    merged: list[tuple[int, int, int]] = []
    formulas, tail, total = False, b"", 0
    place = str(sheet._worksheet_path).lstrip("/")  # noqa: SLF001 - the one place that knows
    with zipfile.ZipFile(stream) as parts, parts.open(place) as content:
        while piece := content.read(_PIECE):
            text = tail + piece
            formulas = formulas or _FORMULAS.search(text) is not None
            for found in _MERGED.finditer(text):
                first, last = int(found[2]), int(found[4])
                total += last - first
                if last > first and total <= _MOST_MERGED_ROWS:
                    merged.append((column_index_from_string(found[1].decode()), first, last))
            # A mark cut in two is whole in the next piece, and one at the end is seen twice.
            tail = text[-64:]
    return merged, formulas


def _filled_down(rows: list[tuple[Any, ...]], merged: Iterable[tuple[int, int, int]]) -> Rows:
    for column, first, last in merged:
        if first > len(rows) or len(rows[first - 1]) < column:
            continue
        said = rows[first - 1][column - 1]
        for place in range(first, min(last, len(rows))):
            row = rows[place]
            if said is None or (len(row) >= column and row[column - 1] is not None):
                continue
            longer = row + (None,) * (column - len(row))
            rows[place] = (*longer[: column - 1], said, *longer[column:])
    return rows


def _bare_formulas(stream: BinaryIO, chosen: str, rows: Rows, path: Path) -> list[int]:
    """Numbers of rows with a formula whose result the file does not keep."""
    book = openpyxl.load_workbook(stream, read_only=True)
    try:
        written = _bounded(book[chosen], path)
        return [
            number
            for number, (shown, kept) in enumerate(zip(written, rows, strict=False), start=1)
            if any(
                there is None and isinstance(cell, str) and cell.startswith("=")
                for cell, there in zip(shown, kept, strict=False)
            )
        ]
    finally:
        book.close()


def _report_formulas(formulas: list[int], numbers: np.ndarray, findings: Findings) -> None:
    findings.add("formula_without_result", rows=numbers[np.isin(numbers, formulas)])
