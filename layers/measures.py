"""The values an action plan is made of: tasks, measures, deadlines, targets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from layers.figures import Operator
from parcels.model import Label

ALL: Final = "all"
"""Stands for every layer, where a measure is the aim of the whole plan."""

ROLES: Final = ("lead", "responsible", "assisting")
"""What a body does for a measure: 牵头, 主责, 协办."""

WHOLE: Final = "whole"
"""Key of the deadline in the measure's own cell, by which all of it is due."""


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

    @property
    def heading(self) -> str:
        """The first sentence, by which people know it."""
        return self.text.split("。", 1)[0]

    def raw(self, role: str) -> str:
        """The cell of one of ROLES, as the plan has it."""
        cells = (self.lead_raw, self.responsible_raw, self.assisting_raw)
        return dict(zip(ROLES, cells, strict=True))[role]


@dataclass(frozen=True, slots=True)
class Task:
    """One task (重点任务) of the plan."""

    number: int
    name: str
    chapter: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when a measure, or something it asks for, is to be done.

    Attributes:
        measure: Id of the measure.
        key: WHOLE for that of its own cell.
        due_on: The last day on which it is in time.
        text: The plan's own words.
        label: What is due; None for the measure itself.
    """

    measure: str
    key: str
    due_on: dt.date
    text: str
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An amount that the text of a measure names.

    Attributes:
        measure: Id of the measure.
        text: The plan's own words.
        value: In `unit`, exact; a share from 0 to 1.
        unit: "share", "count", "mu" or another unit of area.
        operator: How the value reached has to stand to it; None where no level is asked.
        indicator: Key of the indicator it is a target of; None where there is none.
        about: The plan itself says "about".
        alternative: It may be met in place of the one before.
        condition: What else has to hold, or what the number is.
        districts: Names of the districts it is for; all concerned where empty.
    """

    measure: str
    text: str
    value: Fraction
    unit: str
    operator: Operator | None = None
    indicator: str | None = None
    about: bool = False
    alternative: bool = False
    condition: Label | None = None
    districts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The measures of a plan, in its order.

    Attributes:
        year: The year it is for; 0 where that is not said.
        label: Its name; None where that is not said.
        deadlines: In the order of measures and days.
        targets: In the order of the plan.
        files: The texts it was read from, by name of file.
    """

    measures: tuple[Measure, ...]
    year: int = 0
    label: Label | None = None
    deadlines: tuple[Deadline, ...] = ()
    targets: tuple[Target, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

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

    def deadlines_of(self, measure: str) -> tuple[Deadline, ...]:
        """The deadlines of a measure, the first first."""
        return tuple(one for one in self.deadlines if one.measure == measure)

    def targets_of(self, measure: str) -> tuple[Target, ...]:
        """The amounts that a measure names."""
        return tuple(one for one in self.targets if one.measure == measure)

    @property
    def indicators(self) -> tuple[str, ...]:
        """Keys of all indicators that its measures name, in the order of the plan."""
        return tuple(dict.fromkeys(key for m in self.measures for key in m.indicators))
