"""Which rows of a list are headings, which are records, and which are neither."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.findings import Findings
from parcels.ingest.arrived import unique_names
from parcels.ingest.headings import heading_forms

HEADER_DEPTH: Final = 30
"""How many rows from the top a header row is looked for."""

ERRORS: Final = frozenset(
    {
        "#REF!",
        "#N/A",
        "#VALUE!",
        "#DIV/0!",
        "#NAME?",
        "#NULL!",
        "#NUM!",
        "#SPILL!",
        "#CALC!",
        "#GETTING_DATA",
    }
)
"""What a spreadsheet shows in place of a value it cannot compute."""

# A row of column numbers under the headings has at least this many of them.
_FEWEST_NUMBERS: Final = 3
_NUL: Final = "\0"

Rows = Sequence[tuple[Any, ...]]


def listed(
    rows: Rows, *, known: Collection[str], findings: Findings, separated: bool = False
) -> tuple[pd.DataFrame, np.ndarray]:
    """The records under the headings of a list, and their row numbers from 1.

    Args:
        rows: Every row, empty ones too.
        known: Plain forms of the headings a list may have (`headings.headings`).
        findings: Takes rows that are no records, and what cannot be in a cell.
        separated: Whether cells are kept apart by marks in a text, so that a row with more cells
            than there are headings has a mark too many.
    """
    if not rows:
        return pd.DataFrame(), np.zeros(0, "int64")
    start, names = _headings(rows, known)
    width = max(len(names), max((len(row) for row in rows[start:]), default=0))
    body = [(number, row) for number, row in enumerate(rows[start:], start + 1) if filled(row)]
    body = _records(body, first=start + 1, findings=findings)
    numbers = np.array([number for number, _ in body], "int64")
    if separated:
        beyond = [n for n, row in body if filled(row[len(names) :])]
        findings.add("record_damaged", rows=np.array(beyond, "int64"))
    padded = (row + (None,) * (width - len(row)) for _, row in body)
    columns = list(zip(*padded, strict=True)) or [()] * width
    names += [""] * (width - len(names))
    kept = [i for i, name in enumerate(names) if name or any(c is not None for c in columns[i])]
    if not kept:  # cells, but nothing in any of them
        return pd.DataFrame(), np.zeros(0, "int64")
    shown = unique_names([names[i] or f"#{i + 1}" for i in kept])
    whole = [
        _clean(pd.Series(_column(columns[i]), name=name), numbers, known, findings)
        for i, name in zip(kept, shown, strict=True)
    ]
    return pd.concat(whole, axis=1), numbers


def score(rows: Rows, known: Collection[str]) -> int:
    """How many headings are known in the row, or the two rows, that have the most."""
    if not rows:
        return 0
    return _known(_headings(rows, known)[1], known)


def filled(row: Sequence[Any]) -> bool:
    """Whether anything is written in a row."""
    return any(cell is not None and str(cell).strip() for cell in row)


def _headings(rows: Rows, known: Collection[str]) -> tuple[int, list[str]]:
    """Where the records begin, and the headings above them.

    The headings are in the row with the most known ones, else in the fullest; where a heading is
    in two rows, as under a merged one, the lower row says which column it is.
    """
    tops = [[_name(cell) for cell in row] for row in rows[:HEADER_DEPTH]]
    scores = [_known(names, known) for names in tops]
    best = max(scores)
    if best == 0:
        widths = [sum(bool(name) for name in names) for names in tops]
        top = widths.index(max(widths))
        return top + 1, tops[top]
    top = scores.index(best)
    for upper in (top, top - 1):
        if upper < 0 or upper + 1 >= len(tops):
            continue
        both = _over(tops[upper], tops[upper + 1])
        if _known(both, known) > best:
            return upper + 2, both
    return top + 1, tops[top]


def _over(upper: list[str], lower: list[str]) -> list[str]:
    width = max(len(upper), len(lower))
    pairs = zip(
        upper + [""] * (width - len(upper)), lower + [""] * (width - len(lower)), strict=True
    )
    return [below or above for above, below in pairs]


def _known(names: Iterable[str], known: Collection[str]) -> int:
    return sum(any(form in known for form in heading_forms(name)) for name in names if name)


def _records(
    body: list[tuple[int, tuple[Any, ...]]], *, first: int, findings: Findings
) -> list[tuple[int, tuple[Any, ...]]]:
    """The rows that are records; totals, notes and column numbers are told of."""
    lists = words.formats()["lists"]
    totals = words.plain_set(lists["totals"])
    notes = tuple(f"{word}:" for word in words.plain_set(lists["notes"]))
    kept, others = [], []
    for number, row in body:
        reason = _no_record(row, totals, notes)
        if number == first and reason is None and _counts_columns(row):
            reason = "numbers"
        if reason is None:
            kept.append((number, row))
        else:
            others.append((number, row, reason))
    reasons = lists["no_record"]
    findings.add(
        "row_no_record",
        rows=[number for number, _, _ in others],
        found=[" ".join(_name(cell) for cell in row if cell)[:80] for _, row, _ in others],
        details=[words.in_both(reasons, reason, "reason") for _, _, reason in others],
    )
    return kept


def _no_record(row: Sequence[Any], totals: Collection[str], notes: tuple[str, ...]) -> str | None:
    first = next((cell for cell in row if cell is not None and str(cell).strip()), None)
    if not isinstance(first, str):
        return None
    said = words.plain(first[:60])
    if said.rstrip(":") in totals:
        return "total"
    return "note" if said.startswith(notes) else None


def _counts_columns(row: Sequence[Any]) -> bool:
    """Whether a row numbers the columns: 1, 2, 3 ... as printed forms do."""
    written = [str(cell).strip() for cell in row if cell is not None and str(cell).strip()]
    return len(written) >= _FEWEST_NUMBERS and written == [
        str(number) for number in range(1, len(written) + 1)
    ]


def _name(cell: Any) -> str:
    return "" if cell is None else " ".join(str(cell).replace(_NUL, "").split())


def _clean(
    column: pd.Series, numbers: np.ndarray, known: Collection[str], findings: Findings
) -> pd.Series:
    """A column without what no value can hold; each such cell is an error of its row."""
    if not pd.api.types.is_string_dtype(column):
        return column
    nul = column.str.contains(_NUL, regex=False).fillna(value=False).to_numpy(bool)
    if nul.any():
        findings.add("record_damaged", rows=numbers[nul])
        column = column.str.replace(_NUL, "", regex=False)
    if not any(form in known for form in heading_forms(str(column.name))):
        return column
    wrong = column.isin(ERRORS).to_numpy(bool)
    if not wrong.any():
        return column
    findings.add("cell_error", rows=numbers[wrong], field=str(column.name), found=column[wrong])
    return column.mask(wrong)


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
    return pd.array([_cell(c) for c in known], dtype="str")


def _cell(cell: Any) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ") if cell.time() != dt.time() else cell.date().isoformat()
    return str(cell)
