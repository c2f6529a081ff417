"""Which field a column under no known name is likely to be: offered to people, not decided."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

import pandas as pd

from parcels import words
from parcels.districts import Territory
from parcels.ingest.arrived import Arrived
from parcels.ingest.headings import field_names, heading_forms
from parcels.model import Field, Kind, Layer

OFFERED_FROM: Final = 0.55
"""Likeness from which a field is named to people."""

TAKEN_FROM: Final = 0.8
"""Likeness from which an offer may be taken when the user has asked for that."""

LEAD: Final = 0.1
"""By how much such an offer must be ahead of the next."""

MOST: Final = 3
"""Fields named for one column."""

_INITIALS: Final = 0.9
_CONTAINED: Final = 0.6
_BY_VALUES: Final = 0.6
_BONUS: Final = 0.15
_AGREED: Final = 0.9
# So many different values tell what a column holds; a million do not tell more.
_LOOKED_AT: Final = 2_000
_DIFFERENT: Final = 50
_AMOUNT: Final = re.compile(r"^[+-]?\d[\d,]*\.?\d*(.*)$")
# Shorter ones are alike by chance: JD and WD, MC and DZ.
_SHORTEST_ASCII: Final = 4


@dataclass(frozen=True, slots=True)
class Offer:
    """A field that a column may be.

    Attributes:
        likeness: 0 to 1: by name, more when the values speak for it, less when against.
        by_values: Whether the values speak for it.
    """

    column: str
    field: str
    likeness: float
    by_values: bool


def offers(
    arrived: Arrived,
    layer: Layer,
    *,
    columns: Sequence[str],
    free: Collection[str],
    territory: Territory | None = None,
) -> dict[str, tuple[Offer, ...]]:
    """The likeliest fields of each column, best first.

    Names are compared by the characters they share in order, rare ones counting more than those
    many fields have, and by their pinyin initials. Values are read as what each field holds.

    Args:
        arrived: The delivery.
        layer: Whose fields may be meant.
        columns: Columns under no known name.
        free: Keys of the fields no column is known for.
        territory: Districts and units, to recognise columns of them.

    Returns:
        By column at most MOST offers of at least OFFERED_FROM; columns without any are left out.
    """
    fields = [field for field in layer.fields if field.key in free]
    weights = _weights(layer)
    found: dict[str, tuple[Offer, ...]] = {}
    for column in columns:
        sample = _sample(arrived.frame[column])
        made = [_offer(column, field, sample, weights, layer, territory) for field in fields]
        likely = [one for one in made if one.likeness >= OFFERED_FROM]
        likely.sort(key=lambda one: -one.likeness)
        if likely:
            found[column] = tuple(likely[:MOST])
    return found


def unambiguous(made: Mapping[str, tuple[Offer, ...]]) -> dict[str, Offer]:
    """Offers without doubt: TAKEN_FROM reached, LEAD ahead, no other column for the field."""
    sure: dict[str, Offer] = {}
    wanted = Counter(one.field for each in made.values() for one in each)
    for column, each in made.items():
        best = each[0]
        ahead = len(each) == 1 or best.likeness - each[1].likeness >= LEAD
        if best.likeness >= TAKEN_FROM and ahead and wanted[best.field] == 1:
            sure[column] = best
    return sure


def _offer(
    column: str,
    field: Field,
    sample: Sequence[str],
    weights: Mapping[str, float],
    layer: Layer,
    territory: Territory | None,
) -> Offer:
    names = [words.plain(name) for name in field_names(field)]
    forms = heading_forms(column)
    likeness = max(_likeness(form, name, weights) for form in forms for name in names)
    said = _said_by_values(sample, field, layer, territory)
    if said is None:
        return Offer(column, field.key, likeness, by_values=False)
    if said < _AGREED:
        return Offer(column, field.key, likeness / 2, by_values=False)
    alone = _BY_VALUES if _is_telling(field, layer) else 0.0
    return Offer(column, field.key, max(alone, min(likeness + _BONUS, 0.99)), by_values=True)


# Names


def _likeness(heading: str, name: str, weights: Mapping[str, float]) -> float:
    if len(name) > 1 and len(heading) > 1 and heading.isascii() != name.isascii():
        chinese, ascii_ = (name, heading) if heading.isascii() else (heading, name)
        return _INITIALS if words.initials(chinese) == ascii_ else 0.0
    if heading.isascii() and min(len(heading), len(name)) < _SHORTEST_ASCII:
        return 0.0
    blocks = SequenceMatcher(None, heading, name, autojunk=False).get_matching_blocks()
    shared = "".join(heading[one.a : one.a + one.size] for one in blocks)
    both = _weight(heading, weights) + _weight(name, weights)
    alike = 2 * _weight(shared, weights) / both if both else 0.0
    within = len(name) > 1 and name in heading
    return max(alike, _CONTAINED) if within else min(alike, 0.99)


def _weights(layer: Layer) -> dict[str, float]:
    """How much each character tells: less, the more fields have it in their names."""
    each = [set("".join(map(words.plain, field_names(field)))) for field in layer.fields]
    held = Counter(character for one in each for character in one)
    most = math.log1p(len(layer.fields))
    return {
        character: math.log1p(len(layer.fields) / count) / most
        for character, count in held.items()
        if not character.isascii()
    }


def _weight(written: str, weights: Mapping[str, float]) -> float:
    return sum(weights.get(character, 1.0) for character in written)


# Values


def _sample(column: pd.Series) -> list[str]:
    some = column.dropna().head(_LOOKED_AT).astype("str").str.strip()
    different = some.drop_duplicates().head(_DIFFERENT)
    return [one for one in different if words.plain(one) not in words.blanks()]


def _said_by_values(
    sample: Sequence[str], field: Field, layer: Layer, territory: Territory | None
) -> float | None:
    """Share of the values that this field could hold; None where they tell nothing of it."""
    fits = _test_of(field, layer, territory)
    if fits is None or not sample:
        return None
    share = sum(fits(one) for one in sample) / len(sample)
    # A district may have codes of its own; only the national form speaks, and only in favour.
    return None if field.key == "code" and share < _AGREED else share


def _test_of(
    field: Field, layer: Layer, territory: Territory | None
) -> Callable[[str], bool] | None:
    if field.key == "stage":
        stages = [s for s in layer.stages if not s.derived]
        return _one_of([w for s in stages for w in (s.key, s.label.zh, s.label.en, *s.synonyms)])
    if field.key in {"district", "unit"}:
        if territory is None:
            return None
        known = territory.district_codes if field.key == "district" else territory.unit_codes
        return lambda one: bool(known(pd.Series([one])).notna().all())
    if field.key == "code":
        return _is_national_code
    if field.choices:
        return _one_of([w for c in field.choices for w in (c.code, c.label.zh, *c.synonyms)])
    return _TESTS.get(field.kind)


def _is_telling(field: Field, layer: Layer) -> bool:
    """Whether values alone name the field: codes, districts, stages, the words of a list."""
    if field.kind is Kind.CODE:
        return len(field.choices) > 1
    return field.key in {"code", "district"} or (field.key == "stage" and len(layer.stages) > 1)


def _one_of(known: Sequence[str]) -> Callable[[str], bool]:
    plain = words.plain_set(known)
    return lambda one: words.plain(one) in plain


def _is_national_code(one: str) -> bool:
    code = words.plain(one)
    return len(code) == words.formats()["suggestions"]["code_digits"] and code.isdecimal()


def _is_number(one: str) -> bool:
    amount = _AMOUNT.match(words.plain(one))
    return amount is not None and (amount[1] in {"", "%"} or amount[1] in words.measures())


def _is_date(one: str) -> bool:
    digits = [character for character in words.plain(one) if character.isdecimal()]
    year = "".join(digits[:4])
    return 5 <= len(digits) <= 14 and year.startswith(("19", "20"))


def _is_yes_or_no(one: str) -> bool:
    known = words.values()["boolean"]
    return words.plain(one) in words.plain_set([*known["yes"], *known["no"]])


_TESTS: Final[Mapping[Kind, Callable[[str], bool]]] = {
    Kind.INTEGER: _is_number,
    Kind.NUMBER: _is_number,
    Kind.DATE: _is_date,
    Kind.BOOLEAN: _is_yes_or_no,
}
