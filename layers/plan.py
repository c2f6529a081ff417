"""Reads an action plan from its folder: the rows of measures.csv, and what plan.toml adds to them.

Text and role cells are the plan's own. `layers` and `indicators` are this project's reading of
it. All problems of all files are refused at once, each with its file and line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from layers import plan_words
from layers.declaration import Declaration, Entry, Form, Problem, Problems, nearest
from layers.measures import (
    ALL,
    ROLES,
    WHOLE,
    Deadline,
    Measure,
    Plan,
    Target,
    Task,
)
from layers.plan_terms import DEADLINE, TARGET, Known, Terms, strangers
from parcels.errors import FileNotReadableError
from parcels.model import Label, Layer

__all__ = [
    "ALL",
    "ROLES",
    "WHOLE",
    "Deadline",
    "Disagreement",
    "Known",
    "Measure",
    "Plan",
    "Target",
    "Task",
    "disagreements",
    "load",
]

CURRENT: Final = "plan_2024"
"""Folder of the plan that comes with Jingtu, below the reference folder."""

MEASURES: Final = "measures.csv"
DECLARATION: Final = "plan.toml"
TEXT: Final = "action_plan.zh.txt"
"""The files of a plan; the text of the document may be missing."""

COLUMNS: Final = (
    "id",
    "chapter",
    "task_no",
    "task",
    "text",
    "deadline_raw",
    "lead_raw",
    "responsible_raw",
    "assisting_raw",
    "named_districts",
    "targets",
    "layers",
    "indicators",
)
"""Columns of measures.csv."""

_PLAN: Final[Form] = {
    "year": Entry("integer", required=True),
    "zh": Entry("text", required=True),
    "en": Entry("text", required=True),
    "deadlines": Entry("tables", form=DEADLINE),
    "targets": Entry("tables", form=TARGET),
}
_YEARS: Final = range(2000, 2100)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A plan says that a layer shows a measure and the layer does not, or the other way round.

    Attributes:
        said_by: "plan" or "layer".
        is_known: Whether there is such a layer in the catalog.
    """

    measure: str
    layer: str
    said_by: str
    is_known: bool = True


@dataclass(slots=True)
class _Reading:
    """A plan being read: its measures with their lines, and what is wrong."""

    folder: Path
    known: Known
    problems: Problems = field(default_factory=Problems)
    lines: dict[str, int] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)

    def wrong(self, code: str, measure: str, column: str, found: str, expected: str = "") -> None:
        """Note a problem with a cell of measures.csv."""
        path, line = str(self.folder / MEASURES), self.lines[measure]
        self.problems.found.append(
            Problem(code, path, f"{measure}.{column}", line, found, expected)
        )


def load(folder: Path | None = None, *, known: Known | None = None) -> Plan:
    """Read and check a plan.

    Args:
        folder: Holds measures.csv and plan.toml; the plan that comes with Jingtu when None.
        known: What its measures may name.

    Raises:
        FileNotReadableError: There is no measures.csv, or it is not UTF-8.
        DeclarationError: Something is missing or wrong, with all problems and lines.
    """
    folder = folder or Path(__file__).parent / "reference" / CURRENT
    reading = _Reading(folder, known or Known())
    _read_measures(reading)
    declaration = Declaration(folder / DECLARATION, reading.problems)
    said = declaration.form(_PLAN)
    reading.problems.refuse()
    year = said["year"]
    if year not in _YEARS:
        declaration.problem("year_out_of_range", at=("year",), found=year)
        reading.problems.refuse()
    for measure in reading.measures:
        _check_names(reading, measure)
    terms = Terms(declaration, reading.measures, reading.known)
    deadlines = [
        *_own_deadlines(reading, year),
        *terms.deadlines(said.get("deadlines", ()), year),
    ]
    targets = list(terms.targets(said.get("targets", ())))
    reading.problems.refuse()
    place = {measure.id: at for at, measure in enumerate(reading.measures)}
    deadlines.sort(key=lambda one: (place[one.measure], one.due_on, one.key != WHOLE))
    return Plan(
        tuple(reading.measures),
        year,
        Label(said["zh"], said["en"]),
        tuple(deadlines),
        tuple(targets),
        MappingProxyType(_texts(folder)),
    )


def disagreements(plan: Plan, layers: Mapping[str, Layer]) -> tuple[Disagreement, ...]:
    """Where a plan and the layers do not say the same about which layer shows which measure."""
    by_plan = {(m.id, key) for m in plan.measures for key in m.layers if key != ALL}
    by_layers = {(number, key) for key, layer in layers.items() for number in layer.measures}
    return tuple(
        Disagreement(number, key, "plan" if (number, key) in by_plan else "layer", key in layers)
        for number, key in sorted(by_plan ^ by_layers)
    )


def _texts(folder: Path) -> dict[str, str]:
    """The files of a plan as text; its document is left out where there is none."""
    found = {}
    for name in (MEASURES, DECLARATION, TEXT):
        path = folder / name
        if path.exists() or name != TEXT:
            found[name] = _text(path)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileNotReadableError(file=str(path), reason=reason) from error


# -- measures.csv -----------------------------------------------------------------------------


def _read_measures(reading: _Reading) -> None:
    path, problems = reading.folder / MEASURES, reading.problems
    try:
        reader = csv.DictReader(io.StringIO(_text(path), newline=""))
        problems.found.extend(_column_problems(path, reader.fieldnames or ()))
        problems.refuse()
        numbered = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise FileNotReadableError(file=str(path), reason=str(error)) from error
    problems.found.extend(_row_problems(path, numbered))
    if not numbered:
        problems.found.append(Problem("no_measures", str(path), "", 1))
    problems.refuse()
    for line, row in numbered:
        reading.lines[row["id"]] = line
        reading.measures.append(_measure(row))


def _column_problems(path: Path, columns: Iterable[str]) -> Iterable[Problem]:
    there = set(columns)
    for column in COLUMNS:
        if column not in there:
            yield Problem("missing_key", str(path), "", 1, column)
    for column in sorted(there - set(COLUMNS)):
        yield Problem("unknown_key", str(path), column, 1, column, ", ".join(COLUMNS))


def _row_problems(
    path: Path, numbered: Iterable[tuple[int, Mapping[str, str]]]
) -> Iterable[Problem]:
    seen: set[str] = set()
    for line, row in numbered:
        number, task = row["id"], row["task_no"]
        if None in row or None in row.values():
            yield Problem("row_wrong_length", str(path), number, line)
            continue
        if not (task.isdecimal() and _is_number_of(number, task)):
            yield Problem("measure_number_wrong", str(path), number, line, number, task)
        if number in seen:
            yield Problem("key_twice", str(path), number, line, number)
        for column in ("text", "task"):
            if not row[column].strip():
                yield Problem("text_empty", str(path), f"{number}.{column}", line)
        seen.add(number)


def _is_number_of(number: str, task: str) -> bool:
    first, _, place = number.partition(".")
    return first == task and place.isdecimal()


def _measure(row: Mapping[str, str]) -> Measure:
    return Measure(
        id=row["id"],
        chapter=row["chapter"],
        task_no=int(row["task_no"]),
        task=row["task"],
        text=row["text"],
        deadline_raw=row["deadline_raw"],
        lead_raw=row["lead_raw"],
        responsible_raw=row["responsible_raw"],
        assisting_raw=row["assisting_raw"],
        named_districts=_parts(row["named_districts"]),
        targets=row["targets"],
        layers=_parts(row["layers"]),
        indicators=_parts(row["indicators"]),
    )


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _check_names(reading: _Reading, measure: Measure) -> None:
    """The layers and districts that a measure names are there."""
    known = reading.known
    if known.layers is not None:
        for key in measure.layers:
            if key != ALL and key not in known.layers:
                close = ", ".join(nearest(key, known.layers))
                reading.wrong("layer_unknown", measure.id, "layers", key, close)
    if known.territory is not None:
        for name in strangers(measure.named_districts, known.territory):
            close = ", ".join(nearest(name, known.territory.units["name"]))
            reading.wrong("district_unknown", measure.id, "named_districts", name, close)


def _own_deadlines(reading: _Reading, year: int) -> Iterator[Deadline]:
    """The deadlines in the cells of measures.csv; the last is that of the whole measure."""
    for measure in reading.measures:
        cell = measure.deadline_raw
        days = plan_words.due_days(cell, year)
        if not days:
            reading.wrong("deadline_not_understood", measure.id, "deadline_raw", cell)
            continue
        for place, day in enumerate(sorted(days), start=1):
            key = WHOLE if place == len(days) else f"by_{day:%m_%d}"
            yield Deadline(measure.id, key, day, cell.strip())
