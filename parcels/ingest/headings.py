"""The names a heading may be known by, and the unit of measure written in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from parcels import words
from parcels.model import Field, Layer
from parcels.words import Measure

_AGAIN: Final = re.compile(r"#\d+$")
_BRACKET: Final = re.compile(r"^(.+?)[(\[【{](.*?)[)\]】}]$")
_SUFFIX: Final = re.compile(r"^(.+?)[_/:\-](.+)$")


def whole_form(heading: str) -> str:
    """The plain form of a heading, without the number a second column of its name carries."""
    return words.plain(_AGAIN.sub("", heading))


def heading_forms(heading: str) -> tuple[str, ...]:
    """The plain forms a heading may be known by: whole, then without unit and brackets."""
    whole = whole_form(heading)
    shorter = _without_unit(whole)
    return (whole,) if shorter is None else (whole, shorter[0])


def field_names(field: Field) -> Iterable[str]:
    """The names a field goes by, the preferred first: key, label, aliases."""
    return (field.key, field.label.zh, field.label.en, *field.aliases)


def headings(layer: Layer) -> frozenset[str]:
    """The plain forms of every heading a list for this layer may have."""
    lists = words.formats()["lists"]
    names = [name for field in layer.fields for name in field_names(field)]
    return words.plain_set([*names, *lists["east"], *lists["north"]])


def unit_of(heading: str) -> Measure | None:
    """The unit of measure in a heading, such as 面积(亩) or area_ha; None if there is none."""
    shorter = _without_unit(whole_form(heading))
    return None if shorter is None else words.measures().get(shorter[1])


def _without_unit(whole: str) -> tuple[str, str] | None:
    bracket = _BRACKET.match(whole)
    if bracket:
        return bracket.group(1), bracket.group(2)
    suffix = _SUFFIX.match(whole)
    if suffix and suffix.group(2) in words.measures():
        return suffix.group(1), suffix.group(2)
    return None
