"""Indicators as they are written down beside figures, to be read back whatever is declared now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from layers.figures import Basis, Formula, Measure, Role, Term
from layers.indicators import Asked, Indicator
from parcels.model import Label


@dataclass(frozen=True, slots=True)
class Summand:
    """A term as it was declared.

    Attributes:
        label: What it is; None for terms that every indicator has.
        rule: Which parcels it is of, as the declaration was read.
    """

    term: Term
    label: Label | None
    rule: str


@dataclass(frozen=True, slots=True)
class Declared:
    """An indicator as it was declared when its figure was made.

    Attributes:
        key: Of the indicator.
        text: The formula in words.
        asked: What the plan asked, in one line each, e.g. ">= 0.95".
        question: What was not certain of the formula.
    """

    key: str
    label: Label
    unit: str
    basis: Basis
    text: Label
    source: Label
    layers: tuple[str, ...]
    terms: tuple[Summand, ...]
    asked: tuple[str, ...]
    question: Label | None

    @property
    def formula(self) -> Formula:
        """The terms as figures add them up."""
        return Formula(self.key, self.unit, tuple(one.term for one in self.terms))

    def label_of(self, term: str) -> Label | None:
        """What a term is; None for a term that every indicator has."""
        return next((one.label for one in self.terms if one.term.key == term), None)


def written(indicators: Iterable[Indicator]) -> str:
    """Indicators as JSON, the same for the same declarations."""
    whole = {one.key: _of(one) for one in indicators}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read(kept: str) -> dict[str, Declared]:
    """What `written` wrote, by key."""
    return {key: _read(key, told) for key, told in json.loads(kept).items()}


def declared(indicator: Indicator) -> Declared:
    """An indicator as it is declared now."""
    return read(written([indicator]))[indicator.key]


def _of(one: Indicator) -> dict[str, Any]:
    labels = {each.term.key: each.label for each in one.counted}
    rules = {each.term.key: repr(each.claim) for each in one.counted}
    return {
        "label": _label(one.label),
        "unit": one.unit,
        "basis": one.basis.value,
        "text": _label(one.text),
        "source": _label(one.source),
        "valid_from": one.valid_from.isoformat(),
        "valid_to": None if one.valid_to is None else one.valid_to.isoformat(),
        "layers": list(one.layers),
        "question": _label(one.question),
        "asked": [_asked(each) for each in one.asked],
        "terms": [
            {
                "key": term.key,
                "role": term.role.value,
                "measure": term.measure.value,
                "weight": str(term.weight),
                "label": _label(labels.get(term.key)),
                "rule": rules.get(term.key, ""),
            }
            for term in one.formula.terms
        ],
    }


def _asked(one: Asked) -> str:
    said = f"{one.target.operator.value} {one.target.value}"
    if one.all_of is not None:
        said += f", {one.all_of} == {one.are}"
    return said


def _label(one: Label | None) -> dict[str, str] | None:
    return None if one is None else {"zh": one.zh, "en": one.en}


def _read(key: str, told: Mapping[str, Any]) -> Declared:
    return Declared(
        key=key,
        label=Label(**told["label"]),
        unit=told["unit"],
        basis=Basis(told["basis"]),
        text=Label(**told["text"]),
        source=Label(**told["source"]),
        layers=tuple(told["layers"]),
        terms=tuple(_summand(one) for one in told["terms"]),
        asked=tuple(told["asked"]),
        question=Label(**told["question"]) if told["question"] else None,
    )


def _summand(told: Mapping[str, Any]) -> Summand:
    term = Term(
        told["key"], Role(told["role"]), Measure(told["measure"]), Fraction(told["weight"])
    )
    return Summand(term, Label(**told["label"]) if told["label"] else None, told["rule"])
