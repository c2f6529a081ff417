"""A copy that comes back: its edits go through the door and join what others did meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from parcels import merging
from parcels.districts import Territory
from parcels.exchange.checkout import NUMBER, Base
from parcels.findings import Findings
from parcels.ingest import copies
from parcels.ingest.arrived import Arrived, Progress, no_progress
from parcels.ingest.copies import NEW, Touched
from parcels.ingest.delivery import Delivery, ReceiveOptions, examine, judged
from parcels.ingest.differences import differences, label_of, said, value
from parcels.ingest.joining import Decided, Joined
from parcels.merging import PARCEL
from parcels.model import Layer


@dataclass(frozen=True, slots=True, eq=False)
class Returned:
    """A copy that was read, checked and merged.

    Attributes:
        delivery: Its touched rows; of known parcels only what counts of the edits, so that all
            else stays as the register has it.
        base: What it is a copy of.
        lent: Its rows as they were lent.
        ends: Numbers of the parcels that are no longer true.
        differences: One row per parcel and field that either side changed: `parcel`, `code`,
            `name`, `key` (field, BOUNDARY, or PARCEL), `state` ("theirs", "ours", "same",
            "conflict", "added", "removed"), `side` (whose word counts; None while it is open),
            `base`, `theirs`, `ours` (values; boundaries in EPSG:4490), `mark`.
    """

    delivery: Delivery
    base: Base
    lent: gpd.GeoDataFrame
    ends: np.ndarray
    differences: pd.DataFrame


def receive_copy(  # noqa: PLR0913 - everything known of the copy meets here
    arrived: Arrived,
    base: Base,
    lent: gpd.GeoDataFrame,
    layer: Layer,
    territory: Territory,
    *,
    register: gpd.GeoDataFrame,
    decided: Decided,
    findings: Findings,
    asked: ReceiveOptions,
    moves: Callable[[gpd.GeoDataFrame, Findings], None],
    progress: Progress = no_progress,
) -> Returned:
    """Check the touched rows of a copy and merge them with the register; nothing is stored.

    Args:
        arrived: The copy as it was read.
        base: What it remembers.
        lent: Its rows as lent, indexed by parcel.
        layer: The layer of all.
        territory: Districts and units.
        register: The layer's parcels now, all columns, indexed by parcel.
        decided: What a person says about it.
        findings: Takes everything found.
        asked: What the user says about the delivery.
        moves: Finds what the life cycle does not allow of edits.
        progress: Told of each of `delivery.STEPS`.

    Raises:
        What `delivery.receive` raises.
    """
    done = copies.touched(arrived.frame, lent, layer, findings)
    sent = replace(
        arrived, frame=arrived.frame.loc[done.rows], idle=arrived.idle | frozenset({NUMBER})
    )
    known = _recognisable(sent, done, register)
    delivery = examine(
        sent,
        layer,
        territory,
        findings=findings,
        asked=asked,
        register=known,
        progress=progress,
    )
    joined = Joined(delivery, done, lent, layer, register, decided)
    _report(joined, findings)
    whole = judged(joined.rows(), findings)
    if whole["ok"].any():
        moves(joined.as_known(whole[whole["ok"]].drop(columns="ok")), findings)
        whole = judged(whole, findings)
    kept = np.flatnonzero(joined.says_something() | ~whole["ok"].to_numpy(bool))
    delivery = replace(
        delivery,
        frame=whole.iloc[kept].reset_index(drop=True),
        placement=delivery.placement.of(kept),
    )
    return Returned(delivery, base, lent, joined.ends(), differences(joined))


def _recognisable(sent: Arrived, done: Touched, register: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The register's parcels, those with a new code in the file under that one."""
    known = register[["code", "name", register.geometry.name]].reset_index()
    if "code" not in sent.frame.columns:
        return known
    numbers = done.parcels.loc[sent.frame.index]
    codes = sent.frame["code"].astype("str").str.strip()
    told = codes[(numbers != NEW) & codes.notna() & (codes != "")]
    new = pd.Series(told.to_numpy(object), index=numbers.loc[told.index].to_numpy())
    code = known["parcel"].map(new).astype("str")
    return known.assign(code=code.fillna(known["code"]))


def _report(joined: Joined, findings: Findings) -> None:
    """Add what a person must know or decide."""
    _report_conflicts(joined, findings)
    _report_codes(joined, findings)
    _report_unused(joined, findings)
    for parcel, key in joined.stale:
        _told(joined, findings, "resolution_stale", parcel, key)
    for code, these in (
        ("checkout_removed", ~joined.removal["ends"] & (not joined.end_removed)),
        ("checkout_ended", joined.removal["ends"]),
        ("checkout_removal_open", _removal_open(joined)),
    ):
        ids = joined.removal.index[these.to_numpy(bool)]
        if not len(ids):
            continue
        findings.add(
            code,
            rows=pd.array([pd.NA] * len(ids), "Int64"),
            numbers=joined.register.loc[ids, "code"].fillna(ids.to_series().astype("str")),
            details=[{"name": _shown(name)} for name in joined.register.loc[ids, "name"]],
        )


def _removal_open(joined: Joined) -> pd.Series:
    open_ = joined.removal["side"].isna() & joined.removal["changed"]
    return open_ & joined.end_removed


def _report_conflicts(joined: Joined, findings: Findings) -> None:
    for parcel, key in merging.undecided(joined.found, joined.choices, joined.names):
        if not joined.gone[joined.file.index.get_loc(parcel)]:
            _told(joined, findings, "merge_conflict", parcel, key)
    edited = joined.found.edited.to_numpy(bool).any(axis=1)
    for place in np.flatnonzero(joined.gone & edited):
        parcel = int(joined.file.index[place])
        if joined.choices.of(joined.names[parcel], PARCEL) is None:
            _told(joined, findings, "merge_parcel_gone", parcel, PARCEL)


def _report_unused(joined: Joined, findings: Findings) -> None:
    """Decisions about what is no conflict: they may be mistyped."""
    used = {
        (name, key)
        for parcel, key in merging.listed(joined.found.conflicts)
        for name in joined.names[parcel]
    }
    ended = (*joined.file.index[joined.gone], *joined.removal.index)
    used |= {(name, PARCEL) for parcel in ended for name in joined.names[int(parcel)]}
    choices = joined.decided.choices
    open_ = {name for name, _ in used}
    unused = [name for name in choices.parcels if name not in open_]
    unused += [f"{name}:{key}" for name, key in choices.fields if (name, key) not in used]
    for one in unused:
        findings.add("resolution_not_used", found=one)


def _report_codes(joined: Joined, findings: Findings) -> None:
    """Codes given to a parcel that are those of another one."""
    given = joined.file["code"].where(joined.counts("code", joined.take)).dropna()
    held = joined.register["code"].dropna()
    owner = pd.Series(held.index, index=held.to_numpy(object))
    owner = owner[~owner.index.duplicated()].reindex(given.to_numpy(object))
    other = owner.notna().to_numpy() & (owner.to_numpy() != given.index.to_numpy())
    for parcel in given.index[other]:
        _told(joined, findings, "checkout_code_taken", int(parcel), "code")


def _told(joined: Joined, findings: Findings, code: str, parcel: int, key: str) -> None:
    place = joined.file.index.get_loc(parcel)
    row = joined.file.iloc[place]
    was, theirs, ours = (value(of, place, key) for of in (joined.base, joined.file, joined.now))
    findings.add(
        code,
        rows=[int(row["row"])],
        numbers=[joined.names[parcel][0]],
        field=None if key == PARCEL else key,
        found=[said(joined.layer, key, theirs).zh],
        at=_centre(row.geometry),
        details={
            "label_zh": label_of(joined.layer, key).zh,
            "label_en": label_of(joined.layer, key).en,
        }
        | {
            f"{name}_{lang}": said(joined.layer, key, held).in_(lang)
            for name, held in (("base", was), ("theirs", theirs), ("ours", ours))
            for lang in ("zh", "en")
        },
    )


def _shown(word: object) -> str:
    return "" if pd.isna(word) else str(word)


def _centre(shape: Any) -> np.ndarray | None:
    if shape is None or shape.is_empty:
        return None
    point = shape.representative_point()
    return np.array([[point.x, point.y]])
