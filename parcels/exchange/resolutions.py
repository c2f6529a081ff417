"""Differences of a merge as a workbook: the open conflicts with a column to decide them in.

What is decided is read back from the same workbook. Each conflict carries a mark of the values
that were seen, so that a decision about values that have changed since does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import openpyxl
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from parcels import words
from parcels.errors import FileNotReadableError
from parcels.exchange.output import placed
from parcels.exchange.workbook import LONGEST_CELL
from parcels.merging import Side

COLUMNS: Final = (
    "choice",
    "state",
    "code",
    "name",
    "label",
    "base",
    "theirs",
    "ours",
    "parcel",
    "key",
    "mark",
)
"""Columns of the sheet: what to decide, what it is about, and what the program needs."""

_DECIDED: Final = "choice"
_IDS: Final = ("parcel", "key", "mark")
_WIDTHS: Final = (14, 12, 20, 26, 22, 30, 30, 30, 10, 18, 16)
_OPEN: Final = PatternFill("solid", fgColor="FFE3A3")


@dataclass(frozen=True, slots=True)
class Resolutions:
    """What was decided in a workbook.

    Attributes:
        sides: Whose word counts, by parcel (its number as text) and field.
        marks: The mark of the values seen, likewise.
    """

    sides: Mapping[tuple[str, str], Side]
    marks: Mapping[tuple[str, str], str]


def write_resolutions(
    path: Path,
    rows: Sequence[Mapping[str, str]],
    *,
    headings: Mapping[str, str],
    sides: Mapping[Side, str],
    sheet: str,
) -> None:
    """Write differences, those first that are to be decided; a file that is there is replaced.

    Args:
        path: Ends in .xlsx.
        rows: Texts by COLUMNS; `open` is "1" where a decision is wanted.
        headings: Words over COLUMNS.
        sides: Words of the two choices.
        sheet: Name of the sheet.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for place, (key, width) in enumerate(zip(COLUMNS, _WIDTHS, strict=True), start=1):
        cell = page.cell(1, place)
        _put(cell, headings[key])
        cell.font = Font(bold=True)
        page.column_dimensions[get_column_letter(place)].width = width
        page.column_dimensions[get_column_letter(place)].hidden = key in _IDS
    ordered = sorted(rows, key=lambda row: row["open"] != "1")
    for number, row in enumerate(ordered, start=2):
        for place, key in enumerate(COLUMNS, start=1):
            cell = page.cell(number, place)
            _put(cell, row[key])
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if row["open"] == "1" and key == _DECIDED:
                cell.fill = _OPEN
    _offer(page, len(rows), list(sides.values()))
    page.freeze_panes = "A2"
    with placed(path) as made:
        book.save(made)


def read_resolutions(path: Path, sides: Mapping[Side, Sequence[str]]) -> Resolutions:
    """What was decided in a workbook that `write_resolutions` wrote; blank is not decided.

    Args:
        path: The workbook.
        sides: How each choice may be written.

    Raises:
        FileNotReadableError: It is not such a workbook.
    """
    meant = {words.plain(one): side for side, written in sides.items() for one in written}
    decided: dict[tuple[str, str], Side] = {}
    marks: dict[tuple[str, str], str] = {}
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        table = [row[: len(COLUMNS)] for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (OSError, BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    if not table or len(table[0]) < len(COLUMNS):
        raise FileNotReadableError(file=path.name, reason="not_resolutions")
    for cells in table[1:]:
        row = dict(zip(COLUMNS, ("" if one is None else str(one) for one in cells), strict=False))
        side = meant.get(words.plain(row[_DECIDED]))
        if side is None or not row.get("key"):
            continue
        name = (row["parcel"], row["key"])
        decided[name] = side
        marks[name] = row["mark"]
    return Resolutions(decided, marks)


def _offer(page: Any, count: int, choices: Sequence[str]) -> None:
    offered = DataValidation(type="list", formula1='"' + ",".join(choices) + '"', allow_blank=True)
    offered.add(f"A2:A{count + 1}")
    page.add_data_validation(offered)


def _put(cell: Cell, written: str) -> None:
    """Put a text in a cell that no program takes for a formula."""
    cell.value = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", written)[:LONGEST_CELL]
    cell.data_type = "s"
    cell.quotePrefix = True
