"""Sample parcels brought to break none of the gates of their layer."""

from __future__ import annotations

import pandas as pd

from layers.samples.words import words
from parcels.model import Gate, Layer


def lawful(frame: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """The parcels with those facts changed that the law does not allow at their stage.

    Args:
        frame: Sample parcels of the layer; left as it is.
        layer: Its gates are those that hold; a gate that is off binds nobody.
    """
    changed = frame.copy()
    for gate in layer.gates:
        if not gate.leaving and gate.question is None:
            _obey(changed, gate)
    return changed


def _obey(frame: pd.DataFrame, gate: Gate) -> None:
    bound = frame["stage"].isin(gate.stages)
    if gate.given is not None:
        bound &= frame[gate.given].notna()
    if gate.empty is not None:
        frame[gate.empty] = frame[gate.empty].mask(bound)
    if gate.none_of is not None:
        _plan_otherwise(frame, bound & frame[gate.none_of].isin(gate.codes), gate)
    for key in gate.known:
        frame[key] = frame[key].mask(bound & frame[key].isna(), _first(frame[key]))
    if gate.ordered:
        before, after = gate.ordered
        late = frame[before].isna() | (frame[before] > frame[after])
        frame[before] = frame[before].mask(bound & late, frame[after])
    if gate.differ:
        one, other = gate.differ
        for key in gate.differ:
            frame[key] = frame[key].mask(bound & frame[key].isna(), _first(frame[key]))
        alike = bound & (frame[one] == frame[other])
        frame[other] = frame[other].mask(alike, frame[other] + words()["another"])


def _plan_otherwise(frame: pd.DataFrame, where: pd.Series, gate: Gate) -> None:
    """Give the fields that go with this one, those there are, the first row the gate allows."""
    group = next(one for one in words()["groups"] if gate.none_of in one["fields"])
    place = group["fields"].index(gate.none_of)
    row = next(row for row in group["rows"] if row[place] not in gate.codes)
    for key, value in zip(group["fields"], row, strict=True):
        if key in frame.columns:
            frame[key] = frame[key].mask(where, value)


def _first(column: pd.Series) -> object:
    known = column.dropna()
    return known.iloc[0] if len(known) else None
