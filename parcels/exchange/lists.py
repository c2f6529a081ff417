"""Lists as offices keep them: a title over the headings in XLSX, and CSV for spreadsheets."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from pathlib import Path
from typing import Any, Final

import openpyxl
import pandas as pd
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font

from parcels.errors import OutputNotWritableError
from parcels.ingest.workbook import guarded

_CORE: Final = "docProps/core.xml"
_STAMP: Final = re.compile(r"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")


def write_xlsx(
    path: Path, table: pd.DataFrame, *, title: str, notes: str = "", made_at: dt.datetime
) -> None:
    """Write a list with a merged title row, a row of notes if there are any, then the headings.

    Texts stay texts: none becomes a formula or a number. Unknown values are empty cells.

    Args:
        path: The file; one that is there is replaced.
        table: Its columns and rows as they are to stand there.
        title: First row, across all columns; also the name of the sheet, as far as it fits.
        notes: Second row, e.g. who made the list and in which unit areas are.
        made_at: Instant put into the file, so that the same table gives the same bytes.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = re.sub(r"[\[\]:*?/\\]", "", title)[:31]
    for row, words in enumerate(filter(None, (title, notes)), start=1):
        _put(sheet.cell(row, 1), words)
        sheet.cell(row, 1).font = Font(bold=row == 1)
        sheet.cell(row, 1).alignment = Alignment(horizontal="center" if row == 1 else "left")
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=table.shape[1])
    top = sheet.max_row + 1
    for column, name in enumerate(table.columns, start=1):
        _put(sheet.cell(top, column), str(name))
        sheet.cell(top, column).font = Font(bold=True)
        for row, found in enumerate(table.iloc[:, column - 1].tolist(), start=top + 1):
            if not pd.isna(found):
                _put(sheet.cell(row, column), found)
    whole = io.BytesIO()
    book.save(whole)
    _save(path, _dated(whole, made_at.astimezone(dt.UTC)))


def write_csv(path: Path, table: pd.DataFrame, *, encoding: str = "utf-8-sig") -> None:
    """Write a list with commas and one row of headings; no text can run as a formula.

    Args:
        path: The file; one that is there is replaced.
        table: Its columns and rows as they are to stand there.
        encoding: The default has the mark by which spreadsheets know UTF-8; "gbk" is common.

    Raises:
        OutputNotWritableError: The file cannot be written, or the encoding lacks a character.
    """
    safe = table.map(lambda one: guarded(one) if isinstance(one, str) else one)
    safe.columns = [guarded(str(name)) for name in table.columns]
    text = safe.to_csv(index=False, lineterminator="\r\n")
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError as error:
        raise OutputNotWritableError(file=path.name, reason=str(error)) from error
    _save(path, content)


def _put(cell: Cell, found: Any) -> None:
    cell.value = found
    if isinstance(found, str):
        cell.data_type = "s"


def _dated(book: io.BytesIO, at: dt.datetime) -> bytes:
    """The same workbook with one instant for every date in it."""
    whole = io.BytesIO()
    stamp = at.timetuple()[:6]
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == _CORE:
                fixed = rf"\g<1>{at:%Y-%m-%dT%H:%M:%SZ}\g<2>"
                content = _STAMP.sub(fixed, content.decode()).encode()
            info = zipfile.ZipInfo(name, (stamp[0], stamp[1], stamp[2], *stamp[3:6]))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, content)
    return whole.getvalue()


def _save(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputNotWritableError(file=path.name, reason=reason) from error
