"""What plan.toml adds to the measures of a plan: deadlines and amounts that their text names."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from layers import plan_words, toml_lines
from layers.declaration import Declaration, Entry, Form, nearest
from layers.figures import AMOUNTS, Operator
from layers.measures import WHOLE, Deadline, Measure, Target
from parcels.districts import Territory
from parcels.model import Label

DEADLINE: Final[Form] = {
    "measure": Entry("text", required=True),
    "key": Entry("text", required=True),
    "month": Entry("integer", required=True),
    "day": Entry("integer"),
    "text": Entry("text", required=True),
    "zh": Entry("text", required=True),
    "en": Entry("text", required=True),
}
"""One deadline besides those in the cells of measures.csv."""

TARGET: Final[Form] = {
    "measure": Entry("text", required=True),
    "indicator": Entry("text"),
    "text": Entry("text", required=True),
    "operator": Entry("text", words=frozenset(Operator), refuse="operator_unknown"),
    "value": Entry("text", required=True),
    "unit": Entry(
        "text", required=True, words=frozenset({"share", *AMOUNTS}), refuse="unit_unknown"
    ),
    "about": Entry("boolean"),
    "alternative": Entry("boolean"),
    "districts": Entry("texts"),
    "zh": Entry("text"),
    "en": Entry("text"),
}
"""One amount that the text of a measure names."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan may name besides itself; nothing is looked up where it is None.

    Attributes:
        layers: Keys of the declared layers.
        territory: Districts and units.
    """

    layers: Collection[str] | None = None
    territory: Territory | None = None


def strangers(names: Collection[str], territory: Territory) -> list[str]:
    """Names that no unit has."""
    written = pd.Series(list(names), dtype="str")
    return list(written[territory.unit_codes(written).isna().to_numpy(bool)])


@dataclass(frozen=True, slots=True)
class Terms:
    """The deadlines and targets of a plan.toml being read.

    Attributes:
        declaration: The file.
        measures: Those of the plan.
        known: What may be named besides.
    """

    declaration: Declaration
    measures: Sequence[Measure]
    known: Known

    def deadlines(self, said: Iterable[Mapping[str, Any]], year: int) -> Iterator[Deadline]:
        """The deadlines in the text of measures; what is wrong is noted and left out."""
        seen: set[tuple[str, str]] = set()
        for at, one in enumerate(said):
            where = ("deadlines", at)
            measure = self._measure_of(one, where, DEADLINE)
            if measure is None:
                continue
            due_on = plan_words.day_of(year, one["month"], one.get("day"))
            if due_on is None:
                found = f"{one['month']}-{one.get('day', '')}".rstrip("-")
                self.declaration.problem("day_not_in_calendar", at=(*where, "month"), found=found)
            key = one["key"]
            if key == WHOLE or (measure.id, key) in seen:
                self.declaration.problem("key_twice", at=(*where, "key"), found=key)
            seen.add((measure.id, key))
            self._check_words(measure, one["text"], where)
            if due_on is not None:
                yield Deadline(measure.id, key, due_on, one["text"], Label(one["zh"], one["en"]))

    def targets(self, said: Iterable[Mapping[str, Any]]) -> Iterator[Target]:
        """The amounts that measures name; what is wrong is noted and left out."""
        before: tuple[str, str | None] | None = None
        for at, one in enumerate(said):
            where = ("targets", at)
            measure = self._measure_of(one, where, TARGET)
            if measure is None:
                continue
            about = (measure.id, one.get("indicator"))
            if one.get("alternative") and before != about:
                self.declaration.problem("alternative_to_nothing", at=(*where, "alternative"))
            before = about
            value = _exact(one["value"])
            self._check_target(one, measure, value, where)
            if value is not None:
                yield _target(one, measure, value)

    def _check_target(
        self,
        one: Mapping[str, Any],
        measure: Measure,
        value: Fraction | None,
        where: toml_lines.Path,
    ) -> None:
        wrong = self.declaration.problem
        self._check_words(measure, one["text"], where)
        indicator = one.get("indicator")
        if indicator is not None and indicator not in measure.indicators:
            wrong(
                "indicator_not_of_measure",
                at=(*where, "indicator"),
                found=indicator,
                expected=measure.indicators,
            )
        for key, other in (("zh", "en"), ("en", "zh")):
            if key in one and other not in one:
                wrong("missing_key", at=where, found=other)
        if value is None or value not in plan_words.amounts(one["text"]):
            at = (*where, "value")
            wrong("number_not_in_text", at=at, found=one["value"], expected=one["text"])
        if self.known.territory is not None:
            units = self.known.territory.units["name"]
            for name in strangers(
                [n for n in one.get("districts", ()) if n], self.known.territory
            ):
                at = (*where, "districts")
                wrong("district_unknown", at=at, found=name, expected=nearest(name, units))

    def _measure_of(
        self, one: Mapping[str, Any], where: toml_lines.Path, form: Form
    ) -> Measure | None:
        """The measure that an entry is about; None where there is none, or it lacks a key."""
        if any(entry.required and key not in one for key, entry in form.items()):
            return None
        named = {measure.id: measure for measure in self.measures}
        if one["measure"] in named:
            return named[one["measure"]]
        self.declaration.problem(
            "measure_unknown",
            at=(*where, "measure"),
            found=one["measure"],
            expected=nearest(one["measure"], named),
        )
        return None

    def _check_words(self, measure: Measure, text: str, where: toml_lines.Path) -> None:
        """What is said to be the plan's own words stands in the text of the measure."""
        if "".join(text.split()) not in "".join(measure.text.split()):
            self.declaration.problem(
                "words_not_in_measure", at=(*where, "text"), found=text, expected=measure.id
            )


def _target(one: Mapping[str, Any], measure: Measure, value: Fraction) -> Target:
    return Target(
        measure=measure.id,
        text=one["text"],
        value=value,
        unit=one["unit"],
        operator=Operator(one["operator"]) if "operator" in one else None,
        indicator=one.get("indicator"),
        about=one.get("about", False),
        alternative=one.get("alternative", False),
        condition=Label(one["zh"], one["en"]) if {"zh", "en"} <= one.keys() else None,
        districts=tuple(name for name in one.get("districts", ()) if name is not None),
    )


def _exact(written: str) -> Fraction | None:
    try:
        number = Decimal(written.strip())
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() and math.isfinite(float(number)) else None
