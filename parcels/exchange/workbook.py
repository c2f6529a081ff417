"""Sheets out: XLSX files that show what was in the columns, and never run any of it."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from parcels.exchange.output import placed

LONGEST_SHEET: Final = 1_048_575
"""Rows below the heading that a sheet of XLSX holds; what is more goes to a further sheet."""

LONGEST_CELL: Final = 32_767
"""Characters that a cell of XLSX holds."""

_NOT_IN_XML: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
_WOULD_RUN: Final = re.compile(
    r"[=+\-@\t\r\n]|\s+[=+\-@]|#(N/A|NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!)"
)
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_NAME: Final = 31
_EXACT_INTEGER: Final = 999_999_999_999_999
_FIRST_DAY: Final = dt.date(1900, 3, 1)
_WIDTHS: Final = (8, 60)
_SAMPLE: Final = 500


def write_sheets(
    path: Path,
    sheets: Mapping[str, pd.DataFrame],
    *,
    headings: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> None:
    """Write frames to an XLSX file, a sheet each, with a heading that stays in view and filters.

    Text is always text: what begins like a formula is marked as quoted, whole numbers of more
    than 15 digits and days before 1900-03-01 become text rather than something else, and what XML
    cannot hold is left out. Dates are dates shown as ISO 8601; instants with a time zone are ISO
    text; None, NaN and infinities are empty cells. The file appears whole or not at all.

    Args:
        path: The file; one that is there is replaced.
        sheets: Frames by sheet name; a name Excel does not take is changed, a frame of more than
            LONGEST_SHEET rows is continued in a further sheet. The index is not written.
        headings: Words over the columns by column name; a column without one shows its name.
        formats: Number formats by column name, e.g. "#,##0.00".

    Raises:
        OutputNotWritableError: The file cannot be written; `reason` is the name of the system's
            error, e.g. "ENOSPC".
    """
    with placed(path) as made:
        _book(sheets, headings=headings or {}, formats=formats or {}).save(made)


def sheet_name(written: str, taken: Iterable[str] = ()) -> str:
    """A name that Excel takes for a sheet, unlike those taken whatever their case."""
    used = {one.casefold() for one in taken} | {"history"}
    cleaned = _NOT_IN_NAMES.sub(" ", written).strip(" '") or "Sheet"
    candidate, count = _cut(cleaned, _LONGEST_NAME), 1
    while candidate.casefold() in used:
        count += 1
        ending = f" ({count})"
        candidate = _cut(cleaned, _LONGEST_NAME - len(ending)) + ending
    return candidate


def _book(
    sheets: Mapping[str, pd.DataFrame],
    *,
    headings: Mapping[str, str],
    formats: Mapping[str, str],
) -> Workbook:
    book = Workbook(write_only=True)
    for name, frame in _parts(sheets):
        _write(book.create_sheet(name), frame, words=headings, formats=formats)
    return book


def _parts(sheets: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    taken: list[str] = []
    for written, frame in sheets.items():
        for start in range(0, max(len(frame), 1), LONGEST_SHEET):
            taken.append(sheet_name(written, taken))
            yield taken[-1], frame.iloc[start : start + LONGEST_SHEET]


def _write(
    sheet: WriteOnlyWorksheet,
    frame: pd.DataFrame,
    *,
    words: Mapping[str, str],
    formats: Mapping[str, str],
) -> None:
    names = [str(name) for name in frame.columns]
    heads = [_text(words.get(name, name)) for name in names]
    columns = [_cells(frame.iloc[:, place]) for place in range(len(names))]
    last = get_column_letter(max(len(names), 1))
    # A write-only sheet takes its widths and panes before its first row.
    for place, (head, cells) in enumerate(zip(heads, columns, strict=True), start=1):
        sheet.column_dimensions[get_column_letter(place)].width = _width(head, cells)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{last}{len(frame) + 1}"
    sheet.append([_heading(sheet, head) for head in heads])
    shown = [
        _dressed(sheet, cells, formats.get(n)) for n, cells in zip(names, columns, strict=True)
    ]
    for row in zip(*shown, strict=True):
        sheet.append(row)


def _cells(column: pd.Series) -> list[Any]:
    """The values of a column as XLSX holds them."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return [None if pd.isna(one) else bool(one) for one in column]
    if pd.api.types.is_numeric_dtype(column.dtype):
        return [_number(one) for one in column.astype(object).tolist()]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _cells(column.astype(object))
    if isinstance(column.dtype, pd.StringDtype):
        return _texts(column)
    return [_any(one) for one in column.astype(object).tolist()]


def _texts(column: pd.Series) -> list[str | None]:
    cleaned = column.astype(object).str.replace(_NOT_IN_XML, "", regex=True).str[:LONGEST_CELL]
    return [None if pd.isna(one) else one for one in cleaned.tolist()]


def _any(one: Any) -> Any:
    if not isinstance(one, list | tuple | dict | set | np.ndarray) and pd.isna(one):
        return None
    if isinstance(one, bool | np.bool_):
        return bool(one)
    if isinstance(one, int | float | np.number):
        return _number(one)
    if isinstance(one, dt.date):
        return _moment(one)
    return _text(str(one))


def _number(one: Any) -> Any:
    if pd.isna(one) or not np.isfinite(one):
        return None
    plain = one.item() if isinstance(one, np.generic) else one
    if isinstance(plain, int) and abs(plain) > _EXACT_INTEGER:
        return str(plain)
    return plain


def _moment(one: dt.date) -> Any:
    if not isinstance(one, dt.datetime):
        return one if one >= _FIRST_DAY else one.isoformat()
    if one.tzinfo is not None:
        return one.isoformat()
    if one.time() == dt.time.min:
        return _moment(one.date())
    return one.replace(microsecond=0) if one.date() >= _FIRST_DAY else one.isoformat()


def _text(written: str) -> str:
    return re.sub(_NOT_IN_XML, "", written)[:LONGEST_CELL]


def _dressed(sheet: WriteOnlyWorksheet, cells: Sequence[Any], number_format: str | None) -> Any:
    """The cells, with those that need more than a value made into cells of their own."""
    if number_format is not None:
        return [_formatted(sheet, one, number_format) for one in cells]
    return [
        _quoted(sheet, one) if isinstance(one, str) and _WOULD_RUN.match(one) else one
        for one in cells
    ]


def _formatted(sheet: WriteOnlyWorksheet, one: Any, number_format: str) -> Any:
    if not isinstance(one, int | float):
        return _quoted(sheet, one) if isinstance(one, str) else one
    cell = WriteOnlyCell(sheet, one)
    cell.number_format = number_format
    return cell


def _quoted(sheet: WriteOnlyWorksheet, written: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, written)
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


def _heading(sheet: WriteOnlyWorksheet, words: str) -> WriteOnlyCell:
    cell = _quoted(sheet, words)
    cell.font = Font(bold=True)
    cell.alignment = Alignment(vertical="top", wrap_text=True)
    return cell


def _width(head: str, cells: Sequence[Any]) -> float:
    """Width of a column in characters; a Chinese character takes two."""
    widest = max(map(_columns, [head, *(str(one) for one in cells[:_SAMPLE] if one is not None)]))
    return float(min(max(widest + 2, _WIDTHS[0]), _WIDTHS[1]))


def _columns(written: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in written[:100])


def _cut(written: str, longest: int) -> str:
    """At most so many UTF-16 units, which is how Excel counts, and no quote at the end."""
    units = written.encode("utf-16-le")[: 2 * longest]
    return units.decode("utf-16-le", errors="ignore").rstrip(" '")
