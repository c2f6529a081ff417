"""The words of the register as frozen values.

One English word per Chinese term: layer (图层), parcel (地块), version (版本), change (变更),
stage (环节), district (区), unit (责任单位), measure (工作措施), issue (问题).
"""  # the glossary is the one home of these terms

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FOREVER: Final = dt.date(9999, 12, 31)
"""`valid_to` of what is still true: a date, so that every query is a plain comparison."""

CORE_COLUMNS: Final = (
    "code",
    "name",
    "former_name",
    "address",
    "district",
    "unit",
    "stage",
    "source_document",
    "declared_area_m2",
    "registered_lon",
    "registered_lat",
)
"""Fields every layer has, stored as columns of their own; all others are attributes."""


@dataclass(frozen=True, slots=True)
class Label:
    """A word for people, in Chinese and in English."""

    zh: str
    en: str

    def in_(self, lang: str) -> str:
        """The word in "zh" or "en"."""
        return self.en if lang == "en" else self.zh


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    CODE = "code"
    CODES = "codes"


class Shape(StrEnum):
    """Which boundaries a layer takes: polygons (P), points (p), or either."""

    POLYGON = "polygon"
    POINT = "point"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a code list, with the other ways districts write it."""

    code: str
    label: Label
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a layer.

    Attributes:
        key: Name in the register and in exports, ASCII, snake_case.
        aliases: Other column names it arrives under: Chinese, pinyin initials, English.
        unit: Unit the register stores, e.g. "m2", "mu", "m3", "t/a"; None for no unit.
        required: A row without it is an error.
        core: True for the columns of CORE_COLUMNS, False for attributes.
        sensitive: Masked for people without the right to see it.
    """

    key: str
    label: Label
    kind: Kind = Kind.TEXT
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    required: bool = False
    choices: tuple[Choice, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    core: bool = False
    sensitive: bool = False
    note: Label | None = None


class Reviewed(StrEnum):
    """On which moves of a stage the reviewer of the document is named."""

    NEVER = "never"
    ENTERING = "entering"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Stage:
    """One place in a life cycle.

    Attributes:
        next: Keys of the stages that may follow.
        derived: Computed from dates (e.g. overdue), never delivered.
        basis: The articles or documents that make it a stage.
        admits: Kinds of documents that a move into it can rest on.
        documents: Kinds of documents it ends with; a move out of it can rest on them too.
        reviewed: Whether a move into it or out of it names who reviewed the document.
    """

    key: str
    label: Label
    synonyms: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    derived: bool = False
    basis: str | None = None
    admits: tuple[Choice, ...] = ()
    documents: tuple[Choice, ...] = ()
    reviewed: Reviewed = Reviewed.NEVER


@dataclass(frozen=True, slots=True)
class Gate:
    """What the law asks of a parcel while it stands in a stage, or before it leaves one.

    A day that lies after the day of the act is not known yet. Of `empty`, `none_of`, `known`,
    `ordered` and `differ` a gate uses what it needs.

    Attributes:
        basis: Subject of `parcels.legal_basis`; which article it is depends on the day of the act.
        stages: The stages it looks at.
        leaving: It looks at moves out of these stages; else at parcels that stand in them.
        given: Looks only at parcels of which this field is known.
        unless: Looks away from parcels of which all these fields are known.
        empty: Field that must not be known.
        none_of: Field with codes it must not have, e.g. planned_use_class.
        codes: The codes of `none_of`.
        known: Fields that must be known.
        ordered: Two fields with days: the first is known and not after the second.
        differ: Two fields that are known and do not say the same.
        act: Field with the day of the act, where that is not the day of the move.
        since: The first day of an act that it judges; None for as long as its article.
        question: Why it is off until somebody switches it on; None for one that is on.
    """

    key: str
    label: Label
    basis: str
    stages: tuple[str, ...]
    leaving: bool = False
    given: str | None = None
    unless: tuple[str, ...] = ()
    empty: str | None = None
    none_of: str | None = None
    codes: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()
    act: str | None = None
    since: dt.date | None = None
    question: Label | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Keys of all fields it looks at."""
        single = (self.given, self.empty, self.none_of, self.act)
        named = (*single, *self.unless, *self.known, *self.ordered, *self.differ)
        return tuple(dict.fromkeys(key for key in named if key is not None))


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something to be done by a day: of each parcel, or of each unit's list.

    Attributes:
        basis: The document that sets it.
        due: Field with the day; None for a day of the calendar.
        months: Months at whose last day a unit's list is due, where `due` is None.
        months_after: Calendar months after the day in `due`.
        stages: The stages in which it is to be done; outside them it is done.
        flag: A field that keeps it to be done in any other stage too.
        done: Field with the day it was done; done by a day not before the due one.
        question: Why it is off until somebody switches it on; None for one that is on.
    """

    key: str
    label: Label
    basis: str
    due: str | None = None
    months: tuple[int, ...] = ()
    months_after: int = 0
    stages: tuple[str, ...] = ()
    flag: str | None = None
    done: str | None = None
    question: Label | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Keys of all fields it looks at."""
        return tuple(key for key in (self.due, self.flag, self.done) if key is not None)


@dataclass(frozen=True, slots=True)
class Inheritance:
    """How what holds of parcels passes to those that a split or a merge makes of them.

    What is not stated here is not guessed: whoever splits or merges must say it.

    Attributes:
        note: On what ground, and what of it is a choice.
        inherits_stage: What is split off stands in the stage of what it came from.
        strictest_first: Stages, the strictest first: a merge takes the first that one of the
            parents stands in. Empty: the parents must stand in the same one.
        carried: Keys of fields that hold of the children as they did of the parents.
    """

    note: Label
    inherits_stage: bool = False
    strictest_first: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """A declared kind of parcel; everything else about it derives from this value.

    Attributes:
        fields: Core fields first, then the layer's own, in the order of forms and templates.
        stages: In life-cycle order; the order of legends.
        boundary_required: A row without a boundary is an error, not only "unknown".
        measures: Ids of the plan's measures this layer shows, e.g. "2.1".
        rules: Keys of the cross-layer rules that apply to it.
        gates: What the law asks on the way through its stages, those that are off included.
        milestones: What is to be done by a day, those that are off included.
        inheritance: What children of a split or a merge inherit; None where it must be said.
        public: Keys of the fields that may be published; none for a layer that may not.
    """

    key: str
    label: Label
    shape: Shape
    fields: tuple[Field, ...]
    stages: tuple[Stage, ...]
    stage_label: Label
    boundary_required: bool = False
    measures: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    inheritance: Inheritance | None = None
    public: tuple[str, ...] = ()
    note: Label | None = None
    source: str = ""

    @property
    def own_fields(self) -> tuple[Field, ...]:
        """The layer's attributes, without the core columns."""
        return tuple(f for f in self.fields if not f.core)

    def field(self, key: str) -> Field:
        """The field of this key; KeyError if there is none."""
        for candidate in self.fields:
            if candidate.key == key:
                return candidate
        raise KeyError(key)

    def stage(self, key: str) -> Stage:
        """The stage of this key; KeyError if there is none."""
        for candidate in self.stages:
            if candidate.key == key:
                return candidate
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A sender's column confirmed by a person to be a field.

    Attributes:
        column: Plain form of the heading.
        field: Key of the field; "" for a column left out on purpose.
        by: Who confirmed it.
        at: When, timezone-aware.
    """

    column: str
    field: str
    by: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A delivered file as the register remembers it."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the register's two times.

    Attributes:
        on: True in the world on this day.
        known: As the register knew it at this instant (timezone-aware); None for "now".
        change: As it knew it right after the change of this number, in place of an instant.
    """

    on: dt.date
    known: dt.datetime | None = field(default=None)
    change: int | None = field(default=None)

    @property
    def is_as_known_now(self) -> bool:
        """Whether everything known up to now counts."""
        return self.known is None and self.change is None
