"""Reports as units send them: a workbook or text list read by the form, or one typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Final

import pandas as pd

from parcels.findings import Findings
from parcels.ingest import columns, headings, values
from parcels.ingest.columns import Matched
from parcels.ingest.containers import Item
from parcels.ingest.reading import read
from parcels.model import Layer, SourceFile

_FILLED: Final = ("subject", "deadline", "unit", "value_unit", "period")
"""Fields that a template may hold already; a row that says no more reports nothing."""


def receive(
    sent: Path | Item, form: Layer, findings: Findings, *, part: str | None = None
) -> tuple[SourceFile, pd.DataFrame]:
    """Read a workbook or text list of reports, as written.

    Args:
        sent: The file.
        form: The columns of a report.
        findings: Takes what is wrong with the file and its columns.
        part: Sheet to read.

    Returns:
        The file, and what was understood of each row, indexed by row; see `report_checks.checked`.

    Raises:
        FileNotReadableError, FormatNotKnownError, FileNotSafeError, FileTooLargeError: See
            `ingest.reading.read`.
    """
    known = headings.headings(form)
    arrived = read(sent, findings=findings, known=known, part=part, surfaces=False)
    matched = columns.match(arrived, form, findings=findings)
    columns.report_missing(matched, form, findings=findings)
    frame = pd.DataFrame(arrived.frame.drop(columns="geometry"))
    if frame.empty:
        findings.add("file_empty")
    understood = values.harmonise(frame, matched, form, findings=findings)
    heading = matched.columns.get("value")
    if heading is not None and "value_unit" not in understood:
        understood["value_unit"] = _unit_in(heading)
    said = understood.drop(columns=[key for key in _FILLED if key in understood])
    blank = said.isna().all(axis=1)
    named = understood.notna().any(axis=1)
    findings.add("report_row_blank", rows=understood.index[blank & named].to_numpy("int64"))
    return arrived.source, understood[~blank]


def typed(said: Mapping[str, str], form: Layer, findings: Findings) -> pd.DataFrame:
    """One report as it was typed: fields by key."""
    written = pd.DataFrame(
        {key: [value] for key, value in said.items()}, index=pd.Index([1]), dtype="str"
    )
    return values.harmonise(
        written, Matched({key: key for key in said}, {}), form, findings=findings
    )


def _unit_in(heading: str) -> str | None:
    """The unit in the brackets of a heading, such as a value in %."""
    forms = headings.heading_forms(heading)
    return forms[0].removeprefix(forms[-1]).strip("()[]【】{}") or None


def beside(folder: Path) -> Callable[[str], Path | None]:
    """Finds files by name in a folder and below; what would lead out of it is not found."""

    def found(name: str) -> Path | None:
        pure = PurePath(name.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts:
            return None
        path = folder / pure
        return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None

    return found
