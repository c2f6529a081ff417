"""A delivery or an act against the life cycle: which of its moves stand, and what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from parcels import lifecycle
from parcels.findings import Findings
from parcels.lifecycle import Evidence
from parcels.model import Gate, Layer

HELD: Final = ("code", "stage", "source_document", "valid_from", "valid_to")
"""What must be known of the believed versions, besides the facts of the gates."""

KEY: Final = "key"
"""Column that tells which parcel a row is where its code does not: matched by its boundary."""

_LACKS: Final = {
    "kind": "evidence_kind_not_fitting",
    "dated_on": "evidence_undated",
    "issued_by": "evidence_without_issuer",
    "reviewed_by": "evidence_without_reviewer",
}

MOVE_CODES: Final = (
    "move_too_early",
    "stage_erased",
    "stage_not_allowed",
    "stage_unusual",
    "evidence_missing",
    *_LACKS.values(),
    "gate_not_met",
    "gate_not_met_on_entry",
)
"""Every finding this module makes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """On what ground moves are made.

    Attributes:
        on: First day on which what is said is true.
        evidence: The document all moves rest on; None where each row names its own.
        corrects: What the register believes was wrong, so that this is no move: order, evidence
            and gates do not bind.
    """

    on: dt.date
    evidence: Evidence | None = None
    corrects: bool = False


def facts(layer: Layer) -> tuple[str, ...]:
    """Fields that the gates of a layer look at, those that are off left out."""
    keys = (key for gate in layer.gates if gate.question is None for key in gate.fields)
    return tuple(dict.fromkeys(keys))


def assess(
    delivered: pd.DataFrame, held: pd.DataFrame, layer: Layer, claim: Claim, findings: Findings
) -> None:
    """Find every move that the life cycle does not allow.

    A blank value keeps the one in force. A parcel that is new, or has no stage yet, may enter at
    any stage; what is known to be wrong with it is a warning. A gate is not met only if the act
    makes it so: what was wrong before is not blamed on it.

    Args:
        delivered: One row per parcel: `code`, `row`, and fields by key. KEY where something else
            than the code tells which parcel a row is.
        held: Believed versions, at any day, of these parcels: HELD and the facts, and KEY where
            the rows have it.
        layer: The layer of both.
        claim: Since when, and on what ground.
        findings: Takes what is wrong.
    """
    known = _places(_keys(delivered), _keys(held)) >= 0
    _check_entry(delivered[~known], layer, claim.on, findings)
    if not known.any():
        return
    steps = _Steps(delivered if known.all() else delivered[known], held, layer, claim.on)
    if not len(steps.delivered):
        return
    if claim.corrects:
        _check_entry(steps.after, layer, claim.on, findings)
        return
    report = _Report(steps, layer, findings)
    if lifecycle.is_declared(layer):
        _check_order(steps, layer, claim, report)
    _check_evidence(steps, layer, claim, report)
    _check_gates(steps, layer, claim, report)


def moved(rows: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """The rows of a difference that move a parcel from one stage to another.

    Args:
        rows: `Difference.rows`.
        held: The believed versions with `version`, `stage` and `source_document`.

    Returns:
        Columns `parcel`, `from_stage`, `to_stage`, and `document`: the source document where the
        row names another than the version in force.
    """
    was = held.drop_duplicates("version").set_index("version")[["stage", "source_document"]]
    base = was.reindex(rows["base"].fillna(0).astype("int64")).reset_index(drop=True)
    now = rows.reset_index(drop=True)
    move = base["stage"].notna() & now["stage"].notna() & (base["stage"] != now["stage"])
    named = now["source_document"].where(now["source_document"] != base["source_document"])
    return pd.DataFrame(
        {
            "parcel": now.loc[move, "parcel"].astype("int64"),
            "from_stage": base.loc[move, "stage"],
            "to_stage": now.loc[move, "stage"],
            "document": named[move],
        }
    ).reset_index(drop=True)


class _Steps:
    """Every row with the version in force before it, and with blanks filled from that.

    Only rows that move, enter, or change a fact of a gate are kept.
    """

    def __init__(
        self, delivered: pd.DataFrame, held: pd.DataFrame, layer: Layer, on: dt.date
    ) -> None:
        day = np.datetime64(on, "s")
        keys = ["stage", *facts(layer)]
        in_force = held[(held["valid_from"] <= day) & (held["valid_to"] > day)]
        in_force = in_force.reset_index(drop=True)
        places = _places(_keys(delivered), _keys(in_force))
        staged = delivered["stage"].notna().to_numpy(bool) if "stage" in delivered else False
        # Known, but only from a later day on.
        early = (places < 0) & staged
        kept = early | _changes(delivered, in_force, keys, places)
        if "erased" in delivered:
            kept |= delivered["erased"].notna().to_numpy(bool)
        columns = ["code", "row", "source_document", "erased", *keys]
        rows = delivered[kept].reindex(columns=columns).reset_index(drop=True)
        keyed = _keys(delivered)[kept].reset_index(drop=True)
        was = in_force.reindex(columns=["source_document", *keys])
        was = was.reindex(pd.Index(np.where(places[kept] < 0, len(was), places[kept])))
        before = pd.DataFrame({key: _plain(was[key]) for key in was.columns})
        after = rows[["code", "row"]].copy()
        taken_away = rows["erased"].astype("str").fillna("").str.split(";")
        for key in keys:
            after[key] = np.where(rows[key].notna(), _plain(rows[key]), before[key])
            if rows["erased"].notna().any():
                gone = taken_away.map(lambda told, key=key: key in told).to_numpy(bool)
                after[key] = np.where(gone & rows[key].isna(), None, after[key])
        self.delivered, self.before, self.after = rows, before, after
        differs = before["stage"].to_numpy(object) != after["stage"].to_numpy(object)
        known = before["stage"].notna() & after["stage"].notna()
        self.moves = np.asarray(known & differs, dtype=bool)
        self.erased = (before["stage"].notna() & after["stage"].isna()).to_numpy(bool)
        self.early = early[kept]
        self.since, self.later = _times(held, keyed, before, day)

    def where(self, mask: np.ndarray) -> list[tuple[int, str, str]]:
        """Position, stage left and stage entered of the rows of a mask."""
        places = np.flatnonzero(mask)
        pairs = zip(
            places.tolist(),
            self.before["stage"].to_numpy(object)[places],
            self.after["stage"].to_numpy(object)[places],
            strict=True,
        )
        return [(place, str(one), str(other)) for place, one, other in pairs]


def _keys(frame: pd.DataFrame) -> pd.Series:
    """What tells which parcel each row is."""
    return frame[KEY] if KEY in frame else frame["code"]


def _places(codes: pd.Series, among: pd.Series) -> np.ndarray:
    """Where each code first stands among others; -1 where it does not."""
    found = pc.index_in(
        pa.array(codes, pa.string(), from_pandas=True),
        value_set=pa.array(among, pa.string(), from_pandas=True),
        skip_nulls=True,
    )
    places: np.ndarray = pc.fill_null(found, -1).to_numpy()
    return places


def _plain(column: pd.Series) -> np.ndarray:
    """Values as objects with None for unknown, which compare without surprises."""
    values: np.ndarray = column.astype(object).where(column.notna(), None).to_numpy(object)
    return values


def _changes(
    delivered: pd.DataFrame, in_force: pd.DataFrame, keys: Sequence[str], places: np.ndarray
) -> np.ndarray:
    """Which rows say another stage or fact than the version in force; blanks say nothing."""
    changed = np.zeros(len(delivered), bool)
    for key in keys:
        if key not in delivered or not delivered[key].notna().any():
            continue
        now = delivered[key].reset_index(drop=True)
        if key not in in_force:
            changed |= now.notna().to_numpy(bool)
            continue
        was = in_force[key].reindex(pd.Index(np.where(places < 0, len(in_force), places)))
        was = was.reset_index(drop=True)
        if was.dtype != now.dtype:
            now, was = now.astype(object), was.astype(object)
        differs = pd.Series(now != was).fillna(value=True).to_numpy(bool)
        changed |= now.notna().to_numpy(bool) & differs
    return changed


def _times(
    held: pd.DataFrame, keys: pd.Series, before: pd.DataFrame, day: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
    """Since when each parcel stands in its stage, and from when on another is already known."""
    nat = np.full(len(keys), np.datetime64("NaT"), "datetime64[s]")
    ours = held.assign(key=_keys(held))
    ours = ours[ours["key"].isin(keys)]
    if not len(ours):
        return nat, nat.copy()
    stage = pd.Series(before["stage"].to_numpy(object), index=keys.to_numpy(object))
    now = ours["key"].map(stage)
    other = (ours["stage"].fillna("") != now.fillna("")).to_numpy(bool)
    starts = ours["valid_from"].to_numpy("datetime64[s]")
    later = ours.loc[(starts > day) & other].groupby("key")["valid_from"].min()
    last_other = ours.loc[(starts <= day) & other].groupby("key")["valid_to"].max()
    first = ours.loc[~other].groupby("key")["valid_from"].min()
    since = last_other.reindex(keys).fillna(first.reindex(keys))
    return (
        since.to_numpy("datetime64[s]"),
        later.reindex(keys).to_numpy("datetime64[s]"),
    )


class _Report:
    """Adds findings that name stages in both languages."""

    def __init__(self, steps: _Steps, layer: Layer, findings: Findings) -> None:
        self._steps = steps
        self._labels = {stage.key: stage.label for stage in layer.stages}
        self._findings = findings

    def stages(self, one: str, other: str) -> dict[str, str]:
        """The two stages of a move, in words."""
        return {
            f"{name}_{lang}": self._labels[key].in_(lang) if key in self._labels else key
            for name, key in (("stage", one), ("to", other))
            for lang in ("zh", "en")
        }

    def add(self, code: str, places: Sequence[int], details: Sequence[dict[str, Any]]) -> None:
        """One finding for each place."""
        at = self._steps.delivered.iloc[list(places)]
        self._findings.add(
            code,
            rows=at["row"].astype("int64"),
            numbers=at["code"],
            field="stage",
            found=self._steps.after["stage"].iloc[list(places)],
            details=details,
        )


def _check_order(steps: _Steps, layer: Layer, claim: Claim, report: _Report) -> None:
    # Without a stage a parcel could enter again anywhere.
    told = [report.stages(one, one) for _, one, _ in steps.where(steps.erased)]
    report.add("stage_erased", np.flatnonzero(steps.erased).tolist(), told)
    day = np.datetime64(claim.on, "s")
    too_early = steps.early | (
        steps.moves & (~np.isnat(steps.later) | ~(steps.since < day).astype(bool))
    )
    late = np.where(np.isnat(steps.later), steps.since, steps.later)
    told = [
        {
            **report.stages(one, other),
            "on": claim.on.isoformat(),
            "since": str(np.datetime64(late[place], "D")),
        }
        for place, one, other in steps.where(too_early)
    ]
    report.add("move_too_early", np.flatnonzero(too_early).tolist(), told)
    found: dict[str, tuple[list[int], list[dict[str, Any]]]] = {}
    for place, one, other in steps.where(steps.moves):
        if lifecycle.may_follow(layer, one, other):
            continue
        code = "stage_not_allowed" if lifecycle.is_binding(layer, one, other) else "stage_unusual"
        places, details = found.setdefault(code, ([], []))
        places.append(place)
        following = [layer.stage(key).label for key in layer.stage(one).next]
        details.append(
            {
                **report.stages(one, other),
                "next_zh": [label.zh for label in following],
                "next_en": [label.en for label in following],
            }
        )
    for code, (places, details) in found.items():
        report.add(code, places, details)


def _check_evidence(steps: _Steps, layer: Layer, claim: Claim, report: _Report) -> None:
    found: dict[str, tuple[list[int], list[dict[str, Any]]]] = {}
    own = steps.delivered["source_document"]
    names_own = (own.notna() & (own != steps.before["source_document"])).to_numpy(bool)
    for place, one, other in steps.where(steps.moves):
        kinds = lifecycle.documents(layer, one, other)
        details = {
            **report.stages(one, other),
            "kinds_zh": [kind.label.zh for kind in kinds],
            "kinds_en": [kind.label.en for kind in kinds],
        }
        codes: list[str] = []
        if claim.evidence is not None:
            codes = [_LACKS[one_] for one_ in lifecycle.lacks(layer, one, other, claim.evidence)]
        elif kinds and not names_own[place]:
            codes = ["evidence_missing"]
        for code in codes:
            places, all_details = found.setdefault(code, ([], []))
            places.append(place)
            all_details.append(details)
    for code, (places, all_details) in found.items():
        report.add(code, places, all_details)


def _check_gates(steps: _Steps, layer: Layer, claim: Claim, report: _Report) -> None:
    for gate in layer.gates:
        if gate.question is not None:
            continue
        if gate.leaving:
            left = steps.after.assign(stage=steps.before["stage"])
            stops = steps.moves & _stops(gate, layer, left, claim.on)
        else:
            stops = _stops(gate, layer, steps.after, claim.on)
            stops &= ~_stops(gate, layer, steps.before, claim.on)
        where = np.flatnonzero(stops)
        if len(where):
            at = steps.after.iloc[where]
            report.add("gate_not_met", where.tolist(), _told(gate, layer, at, claim.on))


def _check_entry(parcels: pd.DataFrame, layer: Layer, on: dt.date, findings: Findings) -> None:
    """Warn of what is known to be wrong with parcels that come in as they stand."""
    if "stage" not in parcels or not len(parcels):
        return
    for gate in layer.gates:
        if gate.question is not None or gate.leaving:
            continue
        at = parcels[_stops(gate, layer, parcels, on, contradictions=True)]
        findings.add(
            "gate_not_met_on_entry",
            rows=at["row"].astype("int64"),
            numbers=at["code"],
            field="stage",
            found=at["stage"],
            details=_told(gate, layer, at, on),
        )


def _told(gate: Gate, layer: Layer, parcels: pd.DataFrame, on: dt.date) -> list[dict[str, Any]]:
    """What a gate asks, of which fields, and the article in force at each parcel's act."""
    labels = [layer.field(key).label for key in gate.fields if key not in gate.unless]
    told = []
    for act in lifecycle.act_days(gate, layer, parcels, on=on):
        article = lifecycle.article(gate, act)
        basis = article.cited if article is not None else gate.label
        told.append(
            {
                "gate": gate.key,
                "gate_zh": gate.label.zh,
                "gate_en": gate.label.en,
                "basis_zh": basis.zh,
                "basis_en": basis.en,
                "fields_zh": [label.zh for label in labels],
                "fields_en": [label.en for label in labels],
                "act": act.isoformat(),
            }
        )
    return told


def _stops(
    gate: Gate, layer: Layer, parcels: pd.DataFrame, on: dt.date, *, contradictions: bool = False
) -> np.ndarray:
    found = lifecycle.breaches(gate, layer, parcels, on=on, contradictions=contradictions)
    stops: np.ndarray = found.to_numpy(bool, copy=True)
    return stops
