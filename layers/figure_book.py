"""The door for figures: reckon them, freeze a period, restate it, and explain a figure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from layers import declared, explaining, indicators, reckoning, report_book, restating
from layers.coverage import TOTAL, UNKNOWN, By
from layers.declared import Declared
from layers.explaining import Explanation
from layers.figures import Basis, Figure, FigureKey, State, Verdict, no_parts
from layers.indicators import Indicator, Indicators
from layers.periods import Period
from layers.reckoning import WAYS, Account, Scope
from parcels import freezing, provenance
from parcels.errors import PeriodNotFrozenError, UnknownFigureError
from parcels.freezing import Block, Frozen, Kept
from parcels.model import Moment
from parcels.recording import Act
from parcels.register import Filter, Register


@dataclass(frozen=True, slots=True)
class Told:
    """A figure with its verdict."""

    figure: Figure
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Restated:
    """A frozen period against the same period as known now.

    Attributes:
        frozen: The freeze.
        now: The moment it is compared with.
        before: The figures as they were frozen; None for a place where nothing counted then.
        after: The same figures reckoned again, in the same order; None for a place where nothing
            counts any more, or an indicator that is no longer declared.
        moved: `restating.COLUMNS`, with `why`, `change`, and `code`, `name` of the parcel.
        changes: The changes named, as `provenance.of_changes` gives them.
        is_same_rule: By indicator, whether it is declared as it was.
        reports: The reports of reported figures then and now, by number, as
            `report_book.history` gives them.
    """

    frozen: Frozen
    now: Moment
    before: tuple[Told | None, ...]
    after: tuple[Told | None, ...]
    moved: pd.DataFrame
    changes: pd.DataFrame
    is_same_rule: dict[str, bool]
    reports: pd.DataFrame


def freeze(
    register: Register, asked: Indicators, period: Period, act: Act, *, again: bool = False
) -> Frozen:
    """Keep every figure of a period as it is known now, with all it rests on, as one change.

    Args:
        register: The register.
        asked: The indicators.
        period: The period; its last day is when what counts was true.
        act: Who, when and why.
        again: Keep another edition beside those there are.

    Raises:
        PeriodFrozenError: The period is frozen, and `again` is False.
        StoreBusyError: Another process is writing.
    """
    moment = Moment(period.last, change=freezing.last_change(register))
    if not again:
        freezing.refuse_frozen(register, str(period))
    blocks: list[Block] = []

    def keep(given: Sequence[Account]) -> None:
        blocks.extend(freezing.pack([one.parts for one in given]))

    told = _figures(register, tuple(asked.values()), Scope(period, moment), keep)
    kept = Kept(str(period), moment, declared.written(asked.values()), _rows(told), blocks)
    return freezing.record(register, act, kept, again=again)


def find(register: Register, period: Period, edition: int | None = None) -> Frozen | None:
    """The last edition of a frozen period, or the one of this number; None if it is not frozen.

    Raises:
        PeriodNotFrozenError: There is no such edition.
    """
    found = freezing.listed(register, str(period))
    if edition is None:
        return found[-1] if found else None
    for one in found:
        if one.edition == edition:
            return one
    everything = freezing.listed(register)
    known = [f"{one.period} ({one.edition})" for one in everything]
    raise PeriodNotFrozenError(period=str(period), known=known)


def frozen(register: Register, period: Period, edition: int | None = None) -> Frozen:
    """The same, refused where the period is not frozen.

    Raises:
        PeriodNotFrozenError: It is not, or there is no such edition.
    """
    found = find(register, period, edition)
    if found is None:
        known = [f"{one.period} ({one.edition})" for one in freezing.listed(register)]
        raise PeriodNotFrozenError(period=str(period), known=known)
    return found


def kept(register: Register, one: Frozen, **only: str) -> list[Told]:
    """The figures of a frozen period, as they were frozen.

    Args:
        register: The register.
        one: The freeze.
        **only: Only of this `indicator`, `by`, `place`.
    """
    rows = freezing.figures(register, one.number, **only).to_dict("records")
    return [_figure(row, one.period) for row in rows]


def restate(
    register: Register,
    asked: Indicators,
    period: Period,
    *,
    edition: int | None = None,
    only: Sequence[str] | None = None,
    ways: Sequence[By] = WAYS,
) -> Restated:
    """A frozen period reckoned again as known now, against what was frozen.

    Args:
        register: The register.
        asked: The indicators as they are declared now.
        period: The period.
        edition: Which edition; the last when None.
        only: Keys of the indicators; all when None.
        ways: How places are told.

    Raises:
        PeriodNotFrozenError: It is not frozen, or there is no such edition.
        FrozenDamagedError: What is kept is not what was frozen.
    """
    one = frozen(register, period, edition)
    before = [
        told
        for told in kept(register, one)
        if told.figure.by in ways and (only is None or told.figure.indicator in only)
    ]
    keys = list(dict.fromkeys(told.figure.indicator for told in before))
    live = tuple(asked[key] for key in keys if key in asked)
    now = Moment(one.moment.on, change=freezing.last_change(register))
    moving = _Moving(register, one, keys, ways)
    again = _figures(register, live, Scope(period, now), moving.add, ways=ways)
    then, there = ({told.figure.key: told for told in some} for some in (before, again))
    named = list(dict.fromkeys([*then, *there]))
    moved = moving.done()
    ids = pd.concat([moved["version_before"], moved["version_after"]]).dropna().unique()
    versions = provenance.of_versions(register, ids.astype(np.int64))
    redrawn = _redrawn(register, one)
    moved = moved.join(
        restating.causes(moved, versions, known=one.moment.change or 0, redrawn=redrawn)
    )
    newest = moved["version_after"].fillna(moved["version_before"])
    moved = moved.assign(**{name: newest.map(versions[name]) for name in ("code", "name")})
    numbers = moved["change"].dropna().unique().astype(np.int64)
    former, present = declared.read(one.declarations), declared.written(live)
    current = declared.read(present)
    return Restated(
        frozen=one,
        now=now,
        before=tuple(then.get(key) for key in named),
        after=tuple(there.get(key) for key in named),
        moved=moved,
        changes=provenance.of_changes(register, numbers),
        is_same_rule={key: former.get(key) == current.get(key) for key in keys},
        reports=_reports(register, [*before, *again]),
    )


def explain(
    register: Register, asked: Indicators, key: FigureKey, of: Frozen | Scope
) -> Explanation:
    """A figure and all it rests on.

    Args:
        register: The register.
        asked: The indicators as they are declared now.
        key: Which figure.
        of: The freeze that keeps it; or of which period and state it is reckoned now, all parcels.

    Raises:
        UnknownFigureError: There is no such figure.
        FrozenDamagedError: What is kept is not what was frozen.
    """
    if isinstance(of, Frozen):
        return _explain_frozen(register, of, key)
    return _explain_live(register, asked, key, of)


# -- inside -----------------------------------------------------------------------------------


def _explain_frozen(register: Register, one: Frozen, key: FigureKey) -> Explanation:
    found = kept(register, one, indicator=key.indicator, by=key.by, place=key.place)
    if not found:
        raise UnknownFigureError(figure=str(key))
    place = None if key.place == TOTAL else key.place
    rule = declared.read(one.declarations)[key.indicator]
    parts = freezing.parts(
        register,
        one.number,
        by=key.by,
        place=place,
        layers=rule.layers,
        indicators=[key.indicator],
    )
    return _traced(register, found[0], rule, one.moment, one, parts)


def _explain_live(
    register: Register, asked: Indicators, key: FigureKey, scope: Scope
) -> Explanation:
    indicator = asked.get(key.indicator)
    if indicator is None:
        raise UnknownFigureError(figure=str(key))
    # What a unit answers for is asked of the store alone; land of others may lie in a district.
    alone = key.by == "unit" and key.place not in {TOTAL, UNKNOWN}
    where = Filter(units=(key.place,)) if alone else None
    accounts: list[Account] = []
    one = Scope(scope.period, scope.moment, where)
    told = _figures(register, (indicator,), one, accounts.extend, ways=(key.by,))
    found = [one for one in told if one.figure.key == key]
    if not found:
        raise UnknownFigureError(figure=str(key))
    frames = [account.parts for account in accounts]
    if key.place != TOTAL:
        frames = [frame[(frame["place"] == key.place).to_numpy(bool)] for frame in frames]
    rule = declared.declared(indicator)
    return _traced(register, found[0], rule, scope.moment, None, _together(frames))


def _traced(
    register: Register,
    told: Told,
    rule: Declared,
    moment: Moment,
    one: Frozen | None,
    parts: pd.DataFrame,
) -> Explanation:
    versions = provenance.of_versions(register, parts["version"].to_numpy(np.int64))
    whole = explaining.traced(parts, versions)
    numbers = np.union1d(versions["change"], versions["said_in"])
    changes = provenance.of_changes(register, numbers)
    reports = _reports(register, [told]).reset_index().to_dict("records")
    report = reports[0] if reports else None
    return Explanation(told.figure, told.verdict, rule, moment, one, whole, changes, report)


def _reports(register: Register, told: Sequence[Told]) -> pd.DataFrame:
    """The reports that figures are of, by number."""
    numbers = {one.figure.report for one in told} - {None}
    if not numbers:
        return pd.DataFrame({"report": pd.Series(dtype="int64")}).set_index("report")
    every = report_book.history(register)
    return every[every["report"].isin(numbers)].set_index("report")


def _figures(
    register: Register,
    asked: Sequence[Indicator],
    scope: Scope,
    each: Callable[[list[Account]], None],
    *,
    ways: Sequence[By] = WAYS,
) -> list[Told]:
    """Figures with verdicts of all places; `each` is given what each layer gives."""
    territory = register.territory_at(scope.moment)
    codes = {"unit": list(territory.units.index), "district": list(territory.districts.index)}

    def passing() -> Iterator[Account]:
        given = reckoning.accounts(register, asked, scope, ways=ways)
        for _, group in itertools.groupby(given, key=lambda one: one.layer):
            of_layer = list(group)
            each(of_layer)
            yield from of_layer

    found = reckoning.figures(passing(), asked, scope.period, {by: codes[by] for by in ways})
    found = report_book.with_reports(register, found, scope.moment)
    rules = {one.key: one for one in asked}
    return [Told(one, indicators.verdict(rules[one.indicator], one)) for one in found]


class _Moving:
    """What moved of a freeze, gathered layer by layer, so that no two are held at once."""

    def __init__(
        self, register: Register, one: Frozen, keys: Sequence[str], ways: Sequence[By]
    ) -> None:
        self.register = register
        self.one = one
        self.keys = keys
        self.ways = ways
        self.missing = freezing.layers(register, one.number)
        self.found: list[pd.DataFrame] = []

    def add(self, given: Sequence[Account]) -> None:
        """Take what one layer gives now."""
        layer = given[0].layer
        self.missing = [key for key in self.missing if key != layer]
        for by in self.ways:
            now = [one.parts for one in given if one.by == by]
            self.found.append(restating.movements(self._kept(layer, by), _together(now)))

    def done(self) -> pd.DataFrame:
        """All movements, those of layers that give nothing any more included."""
        for layer in self.missing:
            for by in self.ways:
                self.found.append(restating.movements(self._kept(layer, by), no_parts()))
        some = [frame for frame in self.found if len(frame)]
        if not some:
            return restating.movements(no_parts(), no_parts())
        whole = pd.concat(some, ignore_index=True)
        order = np.argsort(-whole["moved"].abs().to_numpy(np.int64), kind="stable")
        return whole.iloc[order].reset_index(drop=True)

    def _kept(self, layer: str, by: By) -> pd.DataFrame:
        number = self.one.number
        return freezing.parts(self.register, number, by=by, layers=[layer], indicators=self.keys)


def _redrawn(register: Register, one: Frozen) -> int | None:
    """The change by which the districts are no longer those of the freeze; None if they are."""
    return provenance.districts_after(register, one.districts)


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of parts as one; categories stay what they are where they can."""
    some = [frame for frame in frames if len(frame)]
    if not some:
        return no_parts()
    columns: dict[str, Any] = {
        name: pd.api.types.union_categoricals([frame[name] for frame in some])
        for name in restating.LABELS
    }
    for name in ("parcel", "version", "amount"):
        columns[name] = np.concatenate([frame[name].to_numpy(np.int64) for frame in some])
    return pd.DataFrame(columns)


def _rows(told: Sequence[Told]) -> pd.DataFrame:
    """Figures as `freezing` keeps them."""
    rows = []
    for one in told:
        figure = one.figure
        own = {name: getattr(figure, name) for name in freezing.FIGURES if hasattr(figure, name)}
        numbers = {
            name: None if own[name] is None else str(own[name])
            for name in ("numerator", "denominator", "value")
        }
        rows.append(
            {
                **own,
                **numbers,
                "basis": figure.basis.value,
                "state": figure.state.value,
                "verdict": one.verdict.value,
                "terms": json.dumps(dict(figure.terms), sort_keys=True),
            }
        )
    return pd.DataFrame(rows, columns=list(freezing.FIGURES))


def _figure(row: dict[str, Any], period: str) -> Told:
    numerator, denominator, report = (_whole(row[name]) for name in _WHOLE)
    figure = Figure(
        indicator=row["indicator"],
        period=period,
        by=row["by"],
        place=row["place"],
        unit=row["unit"],
        basis=Basis(row["basis"]),
        state=State(row["state"]),
        terms=json.loads(row["terms"]),
        numerator=numerator,
        denominator=denominator,
        scale=int(row["scale"]),
        written=row["written"],
        report=report,
        evidence=row["evidence"],
        person=row["person"],
        reason=row["reason"],
    )
    return Told(figure, Verdict(row["verdict"]))


def _whole(kept: Any) -> int | None:
    return None if kept is None else int(kept)


_WHOLE: Final = ("numerator", "denominator", "report")
