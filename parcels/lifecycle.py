"""Which stage may follow which, what a move rests on, and the gates the law sets on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from parcels import legal_basis
from parcels.legal_basis import Article
from parcels.model import Choice, Gate, Kind, Layer, Reviewed, SourceFile, Stage


@dataclass(frozen=True, slots=True)
class Evidence:
    """The document that a move rests on.

    Attributes:
        kind: Code of a kind of document of the layer's stages; None where a delivery only names
            a document by its number.
        number: As the document has it.
        dated_on: The day on the document.
        issued_by: The body that issued it.
        reviewed_by: Who reviewed it, where it is reviewed.
        file: The kept copy.
    """

    kind: str | None
    number: str
    dated_on: dt.date | None = None
    issued_by: str | None = None
    reviewed_by: str | None = None
    file: SourceFile | None = None


def is_declared(layer: Layer) -> bool:
    """Whether a layer says which stage may follow which; else any may."""
    return any(stage.next for stage in layer.stages)


def may_follow(layer: Layer, stage: str | None, to: str) -> bool:
    """Whether a parcel in a stage may move to another; one without a stage may enter anywhere."""
    if stage is None or stage == to or not is_declared(layer):
        return True
    return to in layer.stage(stage).next


def is_binding(layer: Layer, stage: str, to: str) -> bool:
    """Whether the order of two stages rests on a law or a document, and not on custom alone."""
    return layer.stage(stage).basis is not None or layer.stage(to).basis is not None


def documents(layer: Layer, stage: str | None, to: str) -> tuple[Choice, ...]:
    """The kinds of documents a move can rest on; none where the layer does not say."""
    ended = layer.stage(stage).documents if stage is not None else ()
    return tuple(dict.fromkeys([*ended, *layer.stage(to).admits]))


def is_reviewed(layer: Layer, stage: str | None, to: str) -> bool:
    """Whether the document of a move names who reviewed it."""
    left = stage is not None and layer.stage(stage).reviewed is Reviewed.LEAVING
    return left or layer.stage(to).reviewed is Reviewed.ENTERING


def lacks(layer: Layer, stage: str | None, to: str, evidence: Evidence) -> tuple[str, ...]:
    """What the evidence of a move does not say: of kind, dated_on, issued_by, reviewed_by.

    A document known only by its number, as deliveries name it, is taken as it is.
    """
    if evidence.kind is None:
        return ()
    kinds = {choice.code for choice in documents(layer, stage, to)}
    found = ["kind"] if kinds and evidence.kind not in kinds else []
    if evidence.dated_on is None:
        found.append("dated_on")
    if not evidence.issued_by:
        found.append("issued_by")
    if is_reviewed(layer, stage, to) and not evidence.reviewed_by:
        found.append("reviewed_by")
    return tuple(found)


def kinds(layer: Layer) -> dict[str, Choice]:
    """Every kind of document that the moves of a layer can rest on, by code."""
    all_stages: Sequence[Stage] = layer.stages
    listed = [choice for s in all_stages for choice in (*s.admits, *s.documents)]
    return {choice.code: choice for choice in listed}


# Gates


def article(gate: Gate, act: dt.date) -> Article | None:
    """The article a gate rests on at the day of an act; None where it does not hold then."""
    if gate.question is not None or (gate.since is not None and act < gate.since):
        return None
    return legal_basis.subjects()[gate.basis].on(act)


def breaches(
    gate: Gate, layer: Layer, parcels: pd.DataFrame, *, on: dt.date, contradictions: bool = False
) -> pd.Series:
    """Which parcels a gate stops, whatever stage they came from.

    Days after `on` are not known yet; days that are equal are in order. The article must have been
    in force on the day of the act, and a gate that is off stops nobody.

    Args:
        gate: A gate of the layer.
        layer: Says which fields are days.
        parcels: Columns `stage` (the stage they stand in, or leave for a gate on leaving) and the
            layer's fields by key; a missing column is unknown throughout.
        on: The day of the act.
        contradictions: Stop only what is known to be wrong, not what is unknown.

    Returns:
        Booleans on the same index, named by the gate's key.
    """
    mask = parcels["stage"].isin(gate.stages).to_numpy(bool, copy=True)
    if gate.given is not None and gate.given in parcels:
        mask &= parcels[gate.given].notna().to_numpy(bool)
    if gate.question is None and mask.any():
        # Few stand in these stages: only they are looked at closely.
        held = [key for key in gate.fields if key in parcels]
        mask[mask] = _stopped(
            gate, layer, parcels.loc[mask, held], on=on, only_wrong=contradictions
        )
    else:
        mask[:] = False
    return pd.Series(mask, index=parcels.index, name=gate.key)


def _stopped(
    gate: Gate, layer: Layer, parcels: pd.DataFrame, *, on: dt.date, only_wrong: bool
) -> np.ndarray:
    facts = _Facts(layer, parcels, np.datetime64(on, "s"))
    wrong = _wrong(gate, facts)
    if not only_wrong:
        wrong |= _unknown(gate, facts)
    if gate.given is not None:
        wrong &= facts.known(gate.given)
    if gate.unless:
        wrong &= ~np.logical_and.reduce([facts.known(key) for key in gate.unless])
    if wrong.any():
        wrong[wrong] = _in_force(gate, _acts(gate, facts, on)[wrong])
    return wrong


def act_days(gate: Gate, layer: Layer, parcels: pd.DataFrame, *, on: dt.date) -> list[dt.date]:
    """The day of the act by which a gate judges each parcel."""
    facts = _Facts(layer, parcels, np.datetime64(on, "s"))
    found: list[dt.date] = _acts(gate, facts, on).astype("datetime64[D]").tolist()
    return found


class _Facts:
    """What is known of parcels by a day."""

    def __init__(self, layer: Layer, parcels: pd.DataFrame, on: np.datetime64) -> None:
        self._dates = {f.key for f in layer.fields if f.kind is Kind.DATE}
        self._parcels = parcels
        self._on = on
        self.count = len(parcels)

    def known(self, key: str) -> np.ndarray:
        """Whether a field is known; a day only once it has come."""
        if key in self._dates:
            days = self.days(key)
            return np.asarray(~np.isnat(days) & (days <= self._on), dtype=bool)
        if key not in self._parcels:
            return np.zeros(self.count, bool)
        return np.asarray(self._parcels[key].notna(), dtype=bool)

    def days(self, key: str) -> np.ndarray:
        if key not in self._parcels:
            return np.full(len(self._parcels), np.datetime64("NaT"), "datetime64[s]")
        days: np.ndarray = pd.to_datetime(self._parcels[key]).to_numpy("datetime64[s]")
        return days

    def among(self, key: str, codes: Sequence[str]) -> np.ndarray:
        """Whether a field has one of some codes."""
        if key not in self._parcels:
            return np.zeros(self.count, bool)
        return np.asarray(self._parcels[key].isin(codes), dtype=bool)

    def texts(self, key: str) -> np.ndarray:
        if key not in self._parcels:
            return np.full(len(self._parcels), "", object)
        texts = self._parcels[key].astype("str").fillna("")
        # Districts vary spaces, width and brackets; the unit is the same.
        plain = texts.str.normalize("NFKC").str.replace(r"[\s()]", "", regex=True).str.casefold()
        return np.asarray(plain, dtype=object)


def _wrong(gate: Gate, facts: _Facts) -> np.ndarray:
    """What is known and contradicts the gate."""
    wrong = facts.known(gate.empty) if gate.empty else np.zeros(facts.count, bool)
    if gate.none_of is not None:
        wrong = wrong | facts.among(gate.none_of, gate.codes)
    if gate.ordered:
        first, second = (facts.days(key) for key in gate.ordered)
        wrong = wrong | np.asarray(first > second, dtype=bool)
    if gate.differ:
        one, other = (facts.texts(key) for key in gate.differ)
        wrong = wrong | np.asarray((one == other) & (one != ""), dtype=bool)
    return wrong


def _unknown(gate: Gate, facts: _Facts) -> np.ndarray:
    """What must be known for the gate to be passed, and is not."""
    needed = [*gate.known, *gate.ordered[:1], *gate.differ]
    lost = np.zeros(facts.count, bool)
    for key in needed:
        lost |= ~facts.known(key)
    return lost


def _acts(gate: Gate, facts: _Facts, on: dt.date) -> np.ndarray:
    move = np.datetime64(on, "s")
    if gate.act is None:
        return np.full(facts.count, move)
    days = facts.days(gate.act)
    return np.where(np.isnat(days), move, days)


def _in_force(gate: Gate, acts: np.ndarray) -> np.ndarray:
    """Whether an article stands behind the gate on each day; few days differ."""
    days, places = np.unique(acts.astype("datetime64[D]"), return_inverse=True)
    held = np.array([article(gate, day) is not None for day in days.tolist()], dtype=bool)
    return held[places]
