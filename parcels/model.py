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


@dataclass(frozen=True, slots=True)
class Stage:
    """One place in a life cycle.

    Attributes:
        next: Keys of the stages that may follow.
        derived: Computed from dates (e.g. overdue), never delivered.
    """

    key: str
    label: Label
    synonyms: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    derived: bool = False
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """A declared kind of parcel; everything else about it derives from this value.

    Attributes:
        fields: Core fields first, then the layer's own, in the order of forms and templates.
        stages: In life-cycle order; the order of legends.
        boundary_required: A row without a boundary is an error, not only "unknown".
        measures: Ids of the plan's measures this layer shows, e.g. "2.1".
        rules: Keys of the cross-layer rules that apply to it.
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
    """

    on: dt.date
    known: dt.datetime | None = field(default=None)
