"""The action plan: its tasks and measures as the document has them, and which layers show each.

Text and role cells are the plan's own. `layers` and `indicators` are this project's reading of
it. What the cells mean (who leads, when it is due) is not decided here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from layers.declaration import Problem, Problems
from parcels.errors import FileNotReadableError
from parcels.model import Layer

CURRENT: Final = "plan_2024"
"""Folder of the plan in force, below the reference folder."""

ALL: Final = "all"
"""Stands for every layer, where a measure is the aim of the whole plan."""

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


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure (工作措施) of the plan.

    Attributes:
        id: Task number and place in the task, e.g. "2.1".
        deadline_raw: The cell as the plan has it; so are the three cells of roles. Cells merged
            in the original shifted some of the roles.
        named_districts: Districts or units that the text names.
        targets: What the text asks for in numbers, in words.
        layers: Keys of the layers that show it; (ALL,) for every one.
        indicators: Keys of the indicators that measure it.
    """

    id: str
    chapter: str
    task_no: int
    task: str
    text: str
    deadline_raw: str
    lead_raw: str
    responsible_raw: str
    assisting_raw: str
    named_districts: tuple[str, ...]
    targets: str
    layers: tuple[str, ...]
    indicators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One task (重点任务) of the plan."""

    number: int
    name: str
    chapter: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The measures of a plan, in its order."""

    measures: tuple[Measure, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, in the plan's order."""
        found = {m.task_no: Task(m.task_no, m.task, m.chapter) for m in self.measures}
        return tuple(found.values())

    def measure(self, id_: str) -> Measure:
        """The measure of this number; KeyError if there is none."""
        for measure in self.measures:
            if measure.id == id_:
                return measure
        raise KeyError(id_)

    def shown_by(self, layer: str) -> tuple[Measure, ...]:
        """The measures that a layer shows."""
        return tuple(m for m in self.measures if {layer, ALL} & set(m.layers))


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


def load(folder: Path | None = None) -> Plan:
    """Read a plan.

    Args:
        folder: Holds measures.csv; the plan that comes with Jingtu when None.

    Raises:
        FileNotReadableError: There is no such file, or it is not UTF-8.
        DeclarationError: A column or a number is missing or wrong, with all problems and lines.
    """
    path = (folder or Path(__file__).parent / "reference" / CURRENT) / "measures.csv"
    try:
        reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileNotReadableError(file=str(path), reason=reason) from error
    problems = Problems(list(_column_problems(path, reader.fieldnames or ())))
    problems.refuse()
    numbered = [(reader.line_num, row) for row in reader]
    problems.found.extend(_row_problems(path, numbered))
    problems.refuse()
    return Plan(tuple(_measure(row) for _, row in numbered))


def disagreements(plan: Plan, layers: Mapping[str, Layer]) -> tuple[Disagreement, ...]:
    """Where a plan and the layers do not say the same about which layer shows which measure."""
    by_plan = {(m.id, key) for m in plan.measures for key in m.layers if key != ALL}
    by_layers = {(number, key) for key, layer in layers.items() for number in layer.measures}
    return tuple(
        Disagreement(number, key, "plan" if (number, key) in by_plan else "layer", key in layers)
        for number, key in sorted(by_plan ^ by_layers)
    )


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
        if not (task.isdecimal() and number.startswith(f"{task}.")):
            yield Problem("measure_number_wrong", str(path), number, line, number, task)
        if number in seen:
            yield Problem("key_twice", str(path), number, line, number)
        if not row["text"].strip():
            yield Problem("text_empty", str(path), f"{number}.text", line)
        seen.add(number)


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
    return tuple(part for part in cell.split(";") if part)
