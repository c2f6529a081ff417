"""The files beside the layers: documents that moves rest on, gates, and milestones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from layers import forms
from layers.declaration import Declaration, nearest
from parcels import legal_basis
from parcels.model import Choice, Gate, Label, Milestone


@dataclass(frozen=True, slots=True)
class Passage:
    """What layers can name for the way through their stages, by key."""

    documents: Mapping[str, Choice] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    milestones: Mapping[str, Milestone] = field(default_factory=dict)


def read_documents(declaration: Declaration) -> dict[str, Choice]:
    """The kinds of documents; empty if something is wrong."""
    read = declaration.form(forms.DOCUMENTS).get("documents", [])
    if not declaration.is_sound:
        return {}
    return {
        row["key"]: Choice(row["key"], _label(row), tuple(row.get("synonyms", ()))) for row in read
    }


def read_gates(declaration: Declaration) -> dict[str, Gate]:
    """The gates; empty if something is wrong."""
    read = declaration.form(forms.GATES).get("gates", [])
    for position, row in enumerate(read):
        basis = row.get("basis")
        if basis is not None and basis not in legal_basis.subjects():
            declaration.problem(
                "basis_unknown",
                at=("gates", position, "basis"),
                found=basis,
                expected=nearest(basis, legal_basis.subjects()),
            )
    return {row["key"]: _gate(row) for row in read} if declaration.is_sound else {}


def read_milestones(declaration: Declaration) -> dict[str, Milestone]:
    """The milestones; empty if something is wrong."""
    read = declaration.form(forms.MILESTONES).get("milestones", [])
    for position, row in enumerate(read):
        if ("due" in row) == ("months" in row):
            declaration.problem("due_or_months", at=("milestones", position), found=row.get("key"))
    return {row["key"]: _milestone(row) for row in read} if declaration.is_sound else {}


def missing_fields(rule: Gate | Milestone, held: Iterable[str]) -> list[str]:
    """Fields that a gate or a milestone looks at and a layer does not have.

    What a gate looks away for (`unless`) need not be there.
    """
    spared = set(rule.unless) if isinstance(rule, Gate) else set()
    return [key for key in rule.fields if key not in {*held, *spared}]


def _gate(row: Mapping[str, Any]) -> Gate:
    return Gate(
        key=row["key"],
        label=_label(row),
        basis=row["basis"],
        stages=tuple(row["stages"]),
        leaving=row.get("leaving", False),
        given=row.get("given"),
        unless=tuple(row.get("unless", ())),
        empty=row.get("empty"),
        none_of=row.get("none_of"),
        codes=tuple(row.get("codes", ())),
        known=tuple(row.get("known", ())),
        ordered=tuple(row.get("ordered", ())),
        differ=tuple(row.get("differ", ())),
        act=row.get("act"),
        since=row.get("since"),
        question=_question(row),
    )


def _milestone(row: Mapping[str, Any]) -> Milestone:
    return Milestone(
        key=row["key"],
        label=_label(row),
        basis=row["basis"],
        due=row.get("due"),
        months=tuple(row.get("months", ())),
        months_after=row.get("months_after", 0),
        stages=tuple(row.get("stages", ())),
        flag=row.get("flag"),
        done=row.get("done"),
        question=_question(row),
    )


def _label(row: Mapping[str, Any]) -> Label:
    return Label(row["zh"], row["en"])


def _question(row: Mapping[str, Any]) -> Label | None:
    return _label(row["question"]) if "question" in row else None
