"""The indicators as files declare them: `reference/indicators/*.toml`, every problem by line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from layers.claim_files import CLAIM, ClaimReader
from layers.claims import Claim
from layers.declaration import Declaration, Entry, Form, Problems, nearest
from layers.figures import AMOUNTS, Basis, Measure, Operator, Role, Target, Term
from layers.indicators import OWN_TERMS, Asked, Counted, Indicator, Indicators
from layers.toml_lines import Path as Place
from parcels.errors import FileNotReadableError, UnknownIndicatorError
from parcels.model import Label, Layer

FOLDER: Final = Path(__file__).parent / "reference" / "indicators"
"""The folder of the indicators that come with Jingtu."""

_LABEL: Final[Form] = {"zh": Entry("text", required=True), "en": Entry("text", required=True)}
_TEXT: Final = Entry("table", form=_LABEL)
_WORDS: Final = Entry("table", required=True, form=_LABEL)

INDICATOR: Final[Form] = {
    "key": Entry("text", required=True),
    **_LABEL,
    "unit": Entry("text", required=True),
    "basis": Entry("text", required=True, words=frozenset(Basis), refuse="figure_basis_unknown"),
    "measure": Entry("text", words=frozenset(Measure), refuse="figure_measure_unknown"),
    "formula": _WORDS,
    "source": _TEXT,
    "valid_from": Entry("day"),
    "valid_to": Entry("day"),
    "layers": Entry("texts"),
    "question": _TEXT,
    "beside": Entry("text"),
    "cases": Entry("text"),
    "cases_gates": Entry("texts"),
    "asked": Entry(
        "tables",
        form={
            "operator": Entry(
                "text", required=True, words=frozenset(Operator), refuse="operator_unknown"
            ),
            "value": Entry("text", required=True),
            "city": Entry("boolean"),
            "about": Entry("boolean"),
            "all_of": Entry("text"),
            "are": Entry("text"),
        },
    ),
    "terms": Entry(
        "tables",
        form={
            "key": Entry("text", required=True),
            **_LABEL,
            "role": Entry(
                "text", required=True, words=frozenset(Role), refuse="figure_role_unknown"
            ),
            "layers": Entry("texts"),
            "where": Entry("table", required=True, form=CLAIM),
            "weight": Entry("text"),
            "question": _TEXT,
        },
    ),
}
"""One indicator."""

INDICATORS: Final[Form] = {
    "source": _WORDS,
    "valid_from": Entry("day", required=True),
    "claims": Entry(
        "tables",
        form={
            "key": Entry("text", required=True),
            "where": Entry("table", required=True, form=CLAIM),
        },
    ),
    "indicators": Entry("tables", required=True, form=INDICATOR),
}
"""A file of indicators; its source and first day hold for those that do not say their own."""


def load(
    layers: Mapping[str, Layer],
    *,
    folder: Path | None = None,
    extra: Iterable[Path] = (),
    weights: Mapping[str, Fraction] | None = None,
) -> Indicators:
    """Read and check every declared indicator.

    Args:
        layers: The declared layers.
        folder: Folder with the files; the one that comes with Jingtu when None.
        extra: More folders with such files.
        weights: What terms count, by "indicator.term", in place of what is declared.

    Raises:
        FileNotReadableError: There is no such folder.
        DeclarationError: With all problems of all files.
        UnknownIndicatorError: A weight is of no term.
    """
    problems = Problems()
    found: dict[str, Indicator] = {}
    asked = dict(weights or {})
    for path in (path for one in (folder or FOLDER, *extra) for path in _files(one)):
        declaration = Declaration(path, problems)
        table = declaration.form(INDICATORS)
        if not declaration.is_sound:
            continue
        reader = _Reader(declaration, layers, table)
        for position, row in enumerate(table["indicators"]):
            at = ("indicators", position)
            if row["key"] in found:
                declaration.problem("key_twice", at=(*at, "key"), found=row["key"])
            found[row["key"]] = reader.read(row, at)
            if row.get("beside", row["key"]) not in found:
                expected = nearest(row["beside"], found)
                declaration.problem(
                    "indicator_unknown", at=(*at, "beside"), found=row["beside"], expected=expected
                )
    problems.refuse()
    known = {f"{key}.{one.term.key}" for key in found for one in found[key].counted}
    if strange := asked.keys() - known:
        raise UnknownIndicatorError(indicator=min(strange), known=sorted(known))
    return Indicators(MappingProxyType({key: _weighed(found[key], asked) for key in found}))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotReadableError(file=str(folder), reason=os.strerror(errno.ENOENT))
    return sorted(folder.glob("*.toml"))


def _weighed(indicator: Indicator, weights: Mapping[str, Fraction]) -> Indicator:
    """The indicator with the weights that were asked for."""
    counted = tuple(
        replace(one, term=replace(one.term, weight=weights[f"{indicator.key}.{one.term.key}"]))
        if f"{indicator.key}.{one.term.key}" in weights
        else one
        for one in indicator.counted
    )
    return replace(indicator, counted=counted)


class _Reader:
    """Reads the indicators of a file whose form is right; what is wrong is its problem."""

    def __init__(
        self, declaration: Declaration, layers: Mapping[str, Layer], table: Mapping[str, Any]
    ) -> None:
        self._file = declaration
        self._layers = layers
        self._table = table
        self._named = {
            row["key"]: (row["where"], ("claims", position, "where"))
            for position, row in enumerate(table.get("claims", []))
        }

    def read(self, row: Mapping[str, Any], at: Place) -> Indicator:
        """The indicator, without what is wrong in it."""
        row, at = self._with_terms(row, at)
        keys = self._known_layers(row.get("layers", []), (*at, "layers"))
        measure = Measure(row.get("measure", Measure.COUNT))
        counted = tuple(
            one
            for position, term in enumerate(row.get("terms", []))
            if (one := self._counted(term, (*at, "terms", position), keys, measure))
        )
        asked = tuple(
            way
            for position, target in enumerate(row.get("asked", []))
            if (way := self._asked(target, (*at, "asked", position), counted))
        )
        self._check_terms(row, at, counted)
        since, until = row.get("valid_from", self._table["valid_from"]), row.get("valid_to")
        if until is not None and until < since:
            self._file.problem(
                "days_reversed", at=(*at, "valid_to"), found=until, expected=str(since)
            )
        return Indicator(
            key=row["key"],
            label=_label(row),
            unit=row["unit"],
            basis=Basis(row["basis"]),
            text=_label(row["formula"]),
            source=_label(row.get("source", self._table["source"])),
            valid_from=since,
            layers=keys,
            counted=counted,
            asked=asked,
            valid_to=until,
            question=_label(row["question"]) if "question" in row else None,
            beside=row.get("beside"),
            cases=self._term(row.get("cases"), (*at, "cases"), counted),
            cases_gates=tuple(one for one in row.get("cases_gates", ()) if one is not None),
        )

    def _with_terms(self, row: Mapping[str, Any], at: Place) -> tuple[Mapping[str, Any], Place]:
        """With the terms of the indicator it stands beside, where it has none of its own."""
        beside = row.get("beside")
        first: Mapping[str, Any] = next(
            (one for one in self._table["indicators"] if one.get("key") == beside), {}
        )
        if "terms" in row or "terms" not in first:
            return row, at
        shared = ("terms", "asked", "cases", "cases_gates", "layers")
        return {key: first[key] for key in shared if key in first} | dict(row), at

    def _check_terms(
        self, row: Mapping[str, Any], at: Place, counted: tuple[Counted, ...]
    ) -> None:
        """A computed indicator has what its value is made of; a reported one has no terms."""
        roles = {one.term.role for one in counted}
        if row["basis"] == Basis.REPORTED:
            if row.get("terms"):
                self._file.problem("terms_not_used", at=(*at, "terms"), found=row["key"])
            return
        if row["unit"] != "share" and row["unit"] not in AMOUNTS:
            expected = ["share", *AMOUNTS]
            self._file.problem(
                "unit_unknown", at=(*at, "unit"), found=row["unit"], expected=expected
            )
        wanted = {Role.NUMERATOR, *([Role.DENOMINATOR] if row["unit"] == "share" else ())}
        for role in sorted(wanted - roles):
            self._file.problem("term_missing", at=(*at, "terms"), found=role)
        if row["unit"] != "share" and Role.DENOMINATOR in roles:
            self._file.problem("term_not_used", at=(*at, "terms"), found=Role.DENOMINATOR)

    def _counted(
        self, row: Mapping[str, Any], at: Place, keys: tuple[str, ...], measure: Measure
    ) -> Counted | None:
        if row["key"] in OWN_TERMS:
            self._file.problem("key_reserved", at=(*at, "key"), found=row["key"])
        chosen = self._known_layers(row.get("layers", keys), (*at, "layers"))
        claim: Claim | None = None
        for key in chosen:
            reader = ClaimReader(self._file, self._layers[key], self._named)
            claim = reader.read(row["where"], (*at, "where"))
        weight = self._number(row.get("weight", "1"), (*at, "weight"))
        if claim is None or weight is None:
            return None
        term = Term(row["key"], Role(row["role"]), measure, weight)
        question = _label(row["question"]) if "question" in row else None
        return Counted(term, _label(row), claim, chosen, question)

    def _asked(
        self, row: Mapping[str, Any], at: Place, counted: tuple[Counted, ...]
    ) -> Asked | None:
        number = self._number(row["value"], (*at, "value"))
        all_of = self._term(row.get("all_of"), (*at, "all_of"), counted)
        are = self._term(row.get("are"), (*at, "are"), counted)
        if number is None:
            return None
        return Asked(
            Target(Operator(row["operator"]), number),
            city=row.get("city", False),
            about=row.get("about", False),
            all_of=all_of,
            are=are,
        )

    def _term(self, key: str | None, at: Place, counted: tuple[Counted, ...]) -> str | None:
        known = [one.term.key for one in counted]
        if key is not None and key not in known:
            self._file.problem("term_unknown", at=at, found=key, expected=nearest(key, known))
        return key

    def _known_layers(self, keys: Iterable[str | None], at: Place) -> tuple[str, ...]:
        asked = [key for key in keys if key is not None]
        for position, key in enumerate(asked):
            if key not in self._layers:
                expected = nearest(key, self._layers)
                self._file.problem(
                    "layer_unknown", at=(*at, position), found=key, expected=expected
                )
        return tuple(key for key in asked if key in self._layers)

    def _number(self, written: str, at: Place) -> Fraction | None:
        try:
            number: Fraction | None = Fraction(Decimal(written))
        except (InvalidOperation, ValueError, OverflowError):
            number = None
        if number is None or number < 0:
            self._file.problem("number_wrong", at=at, found=written)
            return None
        return number


def _label(row: Mapping[str, Any]) -> Label:
    return Label(row["zh"], row["en"])
