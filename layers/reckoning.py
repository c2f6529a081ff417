"""What the indicators come to in a register: one pass over each layer, parts as they are made.

So a million parcels are never held for all indicators at once. What is reported has no parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from layers import claims, indicators, parts, sampled, senses
from layers.claims import BOUNDARY, Claim, Facts
from layers.coverage import TOTAL, By
from layers.figures import Basis, Figure, State, add_up, computed
from layers.indicators import Indicator
from layers.parts import Lying
from layers.periods import Period
from layers.senses import Sense
from parcels.model import Layer, Moment
from parcels.reading import VERSION
from parcels.register import Filter, Register

WAYS: Final[tuple[By, ...]] = ("unit", "district")
"""Both ways to say where a parcel counts."""

_PLACED: Final = (VERSION, "unit", "district", "stage", BOUNDARY)


@dataclass(frozen=True, slots=True)
class Scope:
    """What figures are of.

    Attributes:
        period: What "this year" means; days after its end have not come.
        moment: Which state of the register.
        where: Which parcels; all by default.
    """

    period: Period
    moment: Moment
    where: Filter | None = None


@dataclass(frozen=True, eq=False)
class Account:
    """What one layer gives to one indicator.

    Attributes:
        indicator: The indicator.
        layer: Key of the layer.
        by: Which of the two ways.
        parts: Columns of `figures.PARTS`, its texts as categories.
        places: Codes of all places at which the layer holds a parcel, counted or not.
    """

    indicator: Indicator
    layer: str
    by: By
    parts: pd.DataFrame
    places: frozenset[str]


def accounts(
    register: Register,
    asked: Iterable[Indicator],
    scope: Scope,
    *,
    ways: Sequence[By] = WAYS,
) -> Iterator[Account]:
    """The parts of computed indicators, layer by layer; each layer is read once.

    Args:
        register: Where the parcels are.
        asked: Indicators; those that are reported, or whose formula is not in force, give nothing.
        scope: Of which period and state.
        ways: How places are told.
    """
    live = [one for one in asked if one.basis is Basis.COMPUTED and one.is_in_force(scope.period)]
    for layer in register.layers:
        ours = [one for one in live if layer.key in one.layers]
        if not ours:
            continue
        facts = facts_of(register, layer, ours, scope)
        if facts.parcels.empty:
            continue
        crossing = register.crossing(layer.key, scope.moment, where=scope.where)
        lies = parts.lying(layer.key, facts.parcels, crossing)
        yield from _of_layer(facts, lies, ours, ways)


def _of_layer(
    facts: Facts, lies: Lying, asked: Iterable[Indicator], ways: Sequence[By]
) -> Iterator[Account]:
    held = {by: lies.held(by) for by in ways}
    for indicator in asked:
        terms = indicators.terms(indicator, facts)
        for by in ways:
            given = parts.parts(indicator, terms, lies, by)
            yield Account(indicator, lies.layer, by, given, held[by])


def facts_of(
    register: Register,
    layer: Layer,
    asked: Iterable[Indicator],
    scope: Scope,
    *,
    also: Iterable[str] = (),
) -> Facts:
    """The parcels of a layer with the columns that indicators look at, and no boundaries.

    Args:
        register: Where the parcels are.
        layer: The layer.
        asked: The indicators.
        scope: Of which period and state.
        also: Further columns.
    """
    return facts_about(register, layer, _claims(layer, asked), scope, also=also)


def facts_about(
    register: Register,
    layer: Layer,
    looked: Iterable[Claim],
    scope: Scope,
    *,
    also: Iterable[str] = (),
) -> Facts:
    """The parcels of a layer with the columns that claims look at; else as `facts_of`."""
    columns = [*columns_for(layer, looked), *also]
    frame = register.frame(
        layer.key, scope.moment, where=scope.where, columns=columns, boundaries=False
    )
    table = pd.DataFrame(frame.drop(columns="geometry"))
    if claims.SAMPLED in columns:
        codes = _sampled_codes(register, layer, scope.moment)
        table[claims.SAMPLED] = table["code"].isin(codes)
    return Facts(_as_categories(table), layer, scope.period)


def columns_of(layer: Layer, asked: Iterable[Indicator]) -> list[str]:
    """Columns of a layer that indicators look at, and those that say where its parcels count."""
    return columns_for(layer, _claims(layer, asked))


def columns_for(layer: Layer, looked: Iterable[Claim]) -> list[str]:
    """Columns that claims look at, and those that say where parcels count."""
    gates = {gate.key: gate for gate in layer.gates}
    needed = {key for claim in looked for key in claims.fields(claim, gates)}
    if claims.SAMPLED in needed:
        needed.add("code")
    return [*_PLACED, *sorted(needed - set(_PLACED))]


def _claims(layer: Layer, asked: Iterable[Indicator]) -> list[Claim]:
    return [one.claim for each in asked for one in each.counted if layer.key in one.layers]


def _sampled_codes(register: Register, layer: Layer, moment: Moment) -> pd.Series:
    """Codes of the parcels in which a sample was taken."""
    points = register.readings(moment)[["point"]].drop_duplicates()
    if points.empty:
        return points["point"]
    return sampled.located(points, register, moment, layer=layer.key)["parcel"].dropna()


def _as_categories(parcels: pd.DataFrame) -> pd.DataFrame:
    """Places and stages as categories: few differ, and they are looked at again and again."""
    texts = ["unit", "district", "stage"]
    return parcels.astype(dict.fromkeys(texts, "category"))


def figures(
    given: Iterable[Account],
    asked: Sequence[Indicator],
    period: Period,
    places: dict[By, Sequence[str]],
) -> list[Figure]:
    """A figure of each indicator for each place and for the city, in this order.

    Args:
        given: The parts, which are used up.
        asked: The indicators.
        period: Of which the figures are.
        places: Codes of the places by `by`; UNKNOWN and OUTSIDE are added where something counts.
    """
    held: dict[tuple[str, By], set[str]] = {}
    sums: dict[tuple[str, By, str], dict[str, int]] = {}
    for account in given:
        held.setdefault((account.indicator.key, account.by), set()).update(account.places)
        for key, terms in add_up([account.parts]).items():
            whole = sums.setdefault(key, {})
            for term, amount in terms.items():
                whole[term] = whole.get(term, 0) + amount
    found = []
    for indicator in asked:
        for by, codes in places.items():
            there = held.get((indicator.key, by), set())
            others = sorted(there - set(codes))
            for place in (*codes, *others, TOTAL):
                terms = sums.get((indicator.key, by, place), {})
                is_held = bool(there) if place == TOTAL else place in there
                found.append(_figure(indicator, terms, period, by, place, is_held=is_held))
    return found


def _figure(
    indicator: Indicator,
    terms: dict[str, int],
    period: Period,
    by: By,
    place: str,
    *,
    is_held: bool,
) -> Figure:
    if indicator.basis is Basis.REPORTED:
        state, reason = State.NO_DATA, indicators.NOT_REPORTED
    elif not indicator.is_in_force(period):
        state, reason = State.CANNOT_BE_JUDGED, indicators.NOT_IN_FORCE
    elif not is_held:
        state, reason = State.NO_DATA, indicators.NO_PARCELS
    else:
        figure = computed(indicator.formula, terms, period=str(period), by=by, place=place)
        return indicators.told(figure)
    return indicators.without(indicator, period, by, place, state=state, reason=reason)


def sense_table(
    register: Register, sense: Sense, key: str, scope: Scope, *, by: By
) -> pd.DataFrame:
    """In how far a layer is covered in a sense, by place.

    Args:
        register: Where the parcels are.
        sense: The sense.
        key: Of a layer that shows it.
        scope: Of which period and state.
        by: Places are districts or units.

    Returns:
        The columns of `senses.COLUMNS`.
    """
    claim, layer = sense.shown[key], register.layer(key)
    facts = facts_about(register, layer, [claim], scope)
    overlapping, pairs = register.overlapping(key, scope.moment, where=scope.where)
    held = senses.held(
        senses.answers(claim, facts),
        facts.parcels,
        crossing=register.crossing(key, scope.moment, where=scope.where),
        overlapping=overlapping,
        pairs=pairs,
    )
    return senses.table(held, register.territory_at(scope.moment), by=by)
