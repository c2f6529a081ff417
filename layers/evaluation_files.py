"""Schemes of evaluation as files declare them, every problem by line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from layers.declaration import Declaration, Entry, Form, Problems, nearest
from layers.evaluation import FULL, Aspect, Item, NoData, Rule, Scheme
from layers.indicators import Indicator
from layers.toml_lines import Path as Place
from parcels.model import Label

SAMPLE: Final = Path(__file__).parent / "reference" / "evaluation" / "sample.toml"
"""The scheme that comes with Jingtu: an example and no authority's."""

QUARTER: Final = re.compile(r"\d{4}Q[1-4]")

_LABEL: Final[Form] = {"zh": Entry("text", required=True), "en": Entry("text", required=True)}
_TEXT: Final = Entry("table", required=True, form=_LABEL)

SCHEME: Final[Form] = {
    "quarter": Entry("text", required=True),
    "sample": Entry("boolean"),
    "no_data": Entry("text", required=True, words=frozenset(NoData), refuse="scheme_word_unknown"),
    "title": _TEXT,
    "note": _TEXT,
    "aspects": Entry(
        "tables",
        required=True,
        form={
            "key": Entry("text", required=True),
            **_LABEL,
            "weight": Entry("number", required=True),
            "items": Entry(
                "tables",
                required=True,
                form={
                    "key": Entry("text", required=True),
                    "indicator": Entry("text", required=True),
                    "rule": Entry(
                        "text", required=True, words=frozenset(Rule), refuse="scheme_word_unknown"
                    ),
                    "weight": Entry("number", required=True),
                    "cap": Entry("number"),
                },
            ),
        },
    ),
}
"""A scheme."""


def load(path: Path, indicators: Mapping[str, Indicator]) -> tuple[Scheme, str]:
    """Read and check a scheme.

    Args:
        path: The file.
        indicators: The declared ones, by key.

    Returns:
        The scheme, and the text of the file.

    Raises:
        DeclarationError: With all problems and lines.
    """
    problems = Problems()
    declaration = Declaration(path, problems)
    table = declaration.form(SCHEME)
    if declaration.is_sound:
        _check(declaration, table, indicators)
    problems.refuse()
    return of(table), path.read_text("utf-8-sig")


def read(text: str) -> Scheme:
    """The scheme of a text that was checked when it was kept."""
    return of(tomllib.loads(text))


def of(table: Mapping[str, Any]) -> Scheme:
    """The scheme of a table that was checked."""
    return Scheme(
        quarter=table["quarter"],
        title=Label(**table["title"]),
        note=Label(**table["note"]),
        is_sample=table.get("sample", False),
        no_data=NoData(table["no_data"]),
        aspects=tuple(
            Aspect(
                aspect["key"],
                Label(aspect["zh"], aspect["en"]),
                _exactly(aspect["weight"]),
                tuple(
                    Item(
                        item["key"],
                        item["indicator"],
                        Rule(item["rule"]),
                        _exactly(item["weight"]),
                        _exactly(item.get("cap", FULL)),
                    )
                    for item in aspect["items"]
                ),
            )
            for aspect in table["aspects"]
        ),
    )


def _exactly(number: float | Fraction) -> Fraction:
    """A number as it was written, not as binary floats have it."""
    return number if isinstance(number, Fraction) else Fraction(Decimal(str(number)))


def _check(
    declaration: Declaration, table: Mapping[str, Any], indicators: Mapping[str, Indicator]
) -> None:
    if not QUARTER.fullmatch(table["quarter"]):
        declaration.problem("scheme_quarter_wrong", at=("quarter",), found=table["quarter"])
    seen: set[str] = set()
    for position, aspect in enumerate(table["aspects"]):
        at: Place = ("aspects", position)
        _check_weight(declaration, aspect, at)
        if not aspect["items"]:
            declaration.problem("scheme_items_missing", at=at, found=aspect["key"])
        for number, item in enumerate(aspect["items"]):
            here: Place = (*at, "items", number)
            if item["key"] in seen:
                declaration.problem("key_twice", at=(*here, "key"), found=item["key"])
            seen.add(item["key"])
            _check_weight(declaration, item, here)
            _check_item(declaration, item, here, indicators)
    if not table["aspects"]:
        declaration.problem("scheme_items_missing", at=("aspects",), found="aspects")


def _check_weight(declaration: Declaration, row: Mapping[str, Any], at: Place) -> None:
    for key in ("weight", "cap"):
        if key in row and row[key] <= 0:
            declaration.problem("scheme_weight_wrong", at=(*at, key), found=row[key])


def _check_item(
    declaration: Declaration,
    item: Mapping[str, Any],
    at: Place,
    indicators: Mapping[str, Indicator],
) -> None:
    known = indicators.get(item["indicator"])
    if known is None:
        declaration.problem(
            "indicator_unknown",
            at=(*at, "indicator"),
            found=item["indicator"],
            expected=nearest(item["indicator"], indicators),
        )
        return
    rule = Rule(item["rule"])
    if rule in {Rule.SHARE, Rule.INVERSE} and known.unit != "share":
        declaration.problem("scheme_not_share", at=(*at, "rule"), found=known.key)
    asked = [one for one in known.asked if not one.city and one.target.value > 0]
    if rule in {Rule.TARGET, Rule.TOWARD} and not asked:
        declaration.problem("scheme_no_target", at=(*at, "rule"), found=known.key)
