"""The book of sites: proposals, the decisions of people, and who belongs to which site.

Membership follows from confirmed pairs and from nothing else; every row belongs to the change that
wrote it, and one that ends is closed by a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from layers import sites
from layers.sites import EVIDENCE
from parcels.errors import ProposalDecidedError, UnknownProposalError
from parcels.model import FOREVER, Moment
from parcels.reading import Filter
from parcels.recording import Act, Recorder
from parcels.register import Register
from parcels.tables import NOT_SUPERSEDED, site, version
from parcels.tables import site_member as member
from parcels.tables import site_proposal as proposal

OPEN: Final = "open"
CONFIRMED: Final = "confirmed"
REJECTED: Final = "rejected"
STATES: Final = (OPEN, CONFIRMED, REJECTED)

ALWAYS: Final = Moment(FOREVER)
"""All that is known, whatever the day."""

_READ: Final = ["code", "name", "address", "district"]


def propose(
    register: Register,
    keys: Sequence[str],
    moment: Moment,
    act: Act,
    *,
    where: Filter | None = None,
) -> tuple[int | None, int]:
    """Note every pair of parcels that may be one site and was not noted before.

    A pair that was confirmed or rejected is not proposed again.

    Args:
        register: The register.
        keys: Layers to look at, among each other and each in itself.
        moment: Which state of the register.
        act: Who, when, why.
        where: Which parcels.

    Returns:
        The number of the change, None where nothing is new; and how many pairs are new.
    """
    frames = [
        register.frame(key, moment, where=where, columns=_READ).assign(layer=key) for key in keys
    ]
    there = [frame for frame in frames if len(frame)]
    if not there:
        return None, 0
    found = sites.candidates(gpd.GeoDataFrame(pd.concat(there)))
    with register.store.write() as connection:
        noted = connection.execute(sa.select(proposal.c.parcel_a, proposal.c.parcel_b)).all()
        known = pd.MultiIndex.from_tuples([(a, b) for a, b in noted], names=["a", "b"])
        pairs = pd.MultiIndex.from_frame(found[["a", "b"]])
        new = found[~pairs.isin(known)] if len(known) else found
        if new.empty:
            return None, 0
        recorder = Recorder(register.store, connection, act)
        number = recorder.open("propose_sites")
        start = register.store.next_id(connection, proposal)
        columns = {
            "id": list(range(start, start + len(new))),
            "change_id": [number] * len(new),
            "parcel_a": new["a"].tolist(),
            "parcel_b": new["b"].tolist(),
            **{
                key: new[key].astype(object).where(new[key].notna(), None).tolist()
                for key in EVIDENCE
            },
            "grounds": new["grounds"].tolist(),
        }
        register.store.insert(connection, proposal, columns)
    return number, len(new)


def proposals(
    register: Register, states: Sequence[str] = (OPEN,), moment: Moment = ALWAYS
) -> pd.DataFrame:
    """Proposals, the latest of each pair, in the order they were made.

    Args:
        register: The register.
        states: Where they stand, as was known then.
        moment: What was known; the parcels are told as they were on its day.

    Returns:
        Columns `proposal` (its number), `state`, the evidence, `grounds`, for each of `a` and `b`
        `layer_`, `code_`, `name_` and `parcel_`, then `decided_by`, `decided_at`, `reason`.
    """
    with register.store.read() as connection:
        known = register.known_at(connection, moment)
        query = sa.select(proposal).where(proposal.c.change_id <= known).order_by(proposal.c.id)
        rows = register.store.frame(connection, query)
        # What was decided since was open then.
        closed = rows["closed_in"].astype("Int64")
        undecided = (closed.isna() | (closed > known)).to_numpy(bool, na_value=True)
        told = ["decision", "decided_by", "decided_at", "reason"]
        rows.loc[undecided, told] = None
        rows = rows.drop_duplicates(["parcel_a", "parcel_b"], keep="last")
        rows = rows.assign(state=rows["decision"].fillna(OPEN))
        rows = rows[rows["state"].isin(states)].reset_index(drop=True)
        named = _named(register, connection, {*rows["parcel_a"], *rows["parcel_b"]}, moment)
    sides = {
        f"{key}_{side}": rows[f"parcel_{side}"].map(named[key])
        for side in ("a", "b")
        for key in ("layer", "code", "name")
    }
    order = ["id", "state", *EVIDENCE, "grounds", "parcel_a", "parcel_b"]
    decided = rows[["decided_by", "decided_at", "reason"]]
    whole = pd.concat([rows[order], pd.DataFrame(sides, index=rows.index), decided], axis=1)
    return whole.rename(columns={"id": "proposal"})


def decide(register: Register, number: int, act: Act, *, confirmed: bool) -> int:
    """Confirm or reject a proposal as one change; a decision can be turned by the other one.

    Args:
        register: The register.
        number: Of the proposal.
        act: The person, when, and why.
        confirmed: Whether the two parcels are one site.

    Returns:
        The number of the change.

    Raises:
        UnknownProposalError: There is none of this number.
        ProposalDecidedError: It was decided so already, or a newer one stands for the pair.
        StoreBusyError: Another process is writing.
    """
    decision = CONFIRMED if confirmed else REJECTED
    with register.store.write() as connection:
        row = connection.execute(sa.select(proposal).where(proposal.c.id == number)).first()
        if row is None:
            known = connection.execute(
                sa.select(proposal.c.id).where(proposal.c.closed_in.is_(None)).limit(20)
            ).scalars()
            raise UnknownProposalError(proposal=number, known=list(known))
        pair = sa.and_(proposal.c.parcel_a == row.parcel_a, proposal.c.parcel_b == row.parcel_b)
        last = connection.execute(sa.select(sa.func.max(proposal.c.id)).where(pair)).scalar_one()
        if row.decision == decision or last != number:
            raise ProposalDecidedError(proposal=number, state=row.decision or OPEN, last=last)
        recorder = Recorder(register.store, connection, act)
        change = recorder.open("confirm_site" if confirmed else "reject_site")
        if row.closed_in is not None:
            # What was decided stays as it was; the new decision is one of its own.
            number = register.store.next_id(connection, proposal)
            kept = {key: getattr(row, key) for key in ("parcel_a", "parcel_b", "grounds")}
            kept |= {key: getattr(row, key) for key in EVIDENCE}
            connection.execute(sa.insert(proposal).values(id=number, change_id=change, **kept))
        connection.execute(
            sa.update(proposal)
            .where(proposal.c.id == number)
            .values(
                decision=decision,
                decided_by=act.by,
                decided_at=act.at,
                reason=act.reason,
                closed_in=change,
            )
        )
        _follow(register, connection, change, act)
    return change


def members(register: Register, moment: Moment = ALWAYS) -> pd.DataFrame:
    """Who belongs to which site.

    Args:
        register: The register.
        moment: What was known; parcels that began after its day are left out.

    Returns:
        Columns `site`, `layer`, `code`, `name`, `district`, `stage`, `valid_from`, `valid_to` of
        the parcel as believed last until its day, `proposal` (the evidence), `confirmed_by`,
        `confirmed_at`, `reason`, the numbers of the evidence, `parcel`.
    """
    query = (
        sa.select(
            member.c.site_id.label("site"),
            member.c.parcel_id.label("parcel"),
            member.c.proposal_id.label("proposal"),
            member.c.confirmed_by,
            member.c.confirmed_at,
            proposal.c.reason,
            *[proposal.c[key] for key in EVIDENCE],
        )
        .select_from(member.join(proposal, member.c.proposal_id == proposal.c.id))
        .order_by(member.c.site_id, member.c.parcel_id)
    )
    with register.store.read() as connection:
        known = min(register.known_at(connection, moment), NOT_SUPERSEDED - 1)
        query = query.where(member.c.recorded_from <= known, member.c.recorded_to > known)
        rows = register.store.frame(connection, query)
        named = _named(register, connection, set(rows["parcel"]), moment)
    begun = (rows["parcel"].map(named["valid_from"]) <= moment.on).to_numpy(bool)
    rows = rows[begun].reset_index(drop=True)
    told = ["layer", "code", "name", "district", "stage", "valid_from", "valid_to"]
    parts = {key: rows["parcel"].map(named[key]) for key in told}
    order = ["site", *told, "proposal", "confirmed_by", "confirmed_at", "reason", *EVIDENCE]
    return rows.assign(**parts)[[*order, "parcel"]]


def _follow(register: Register, connection: sa.Connection, change: int, act: Act) -> None:
    """Bring the members in line with the confirmed pairs."""
    run = connection.execute
    pairs = pd.DataFrame(
        run(
            sa.select(
                proposal.c.id, proposal.c.parcel_a, proposal.c.parcel_b, proposal.c.decision
            ).order_by(proposal.c.id)
        ).fetchall(),
        columns=["id", "a", "b", "decision"],
    ).drop_duplicates(["a", "b"], keep="last")
    standing = pairs[pairs["decision"] == CONFIRMED]
    held = pd.DataFrame(
        run(
            sa.select(member.c.id, member.c.site_id, member.c.parcel_id).where(
                member.c.recorded_to == NOT_SUPERSEDED
            )
        ).fetchall(),
        columns=["id", "site", "parcel"],
    ).astype("int64")
    free = register.store.next_id(connection, site)
    now = sites.membership(standing, held[["site", "parcel"]], free=free)
    new_sites = np.unique(now.loc[now["site"] >= free, "site"]).tolist()
    both = now.merge(held, on=["site", "parcel"], how="outer", indicator=True)
    gone = both.loc[both["_merge"] == "right_only", "id"].astype(int).tolist()
    if gone:
        run(sa.update(member).where(member.c.id.in_(gone)).values(recorded_to=change))
    columns = {"id": new_sites, "change_id": [change] * len(new_sites)}
    register.store.insert(connection, site, columns)
    added = both[both["_merge"] == "left_only"]
    ends = pd.concat([standing.set_index("a")["id"], standing.set_index("b")["id"]])
    newest = ends.groupby(level=0).max()
    start = register.store.next_id(connection, member)
    rows = [
        {
            "id": start + place,
            "site_id": int(one.site),
            "parcel_id": int(one.parcel),
            "proposal_id": int(newest[one.parcel]),
            "confirmed_by": act.by,
            "confirmed_at": act.at,
            "recorded_from": change,
            "recorded_to": NOT_SUPERSEDED,
        }
        for place, one in enumerate(added.itertuples())
    ]
    if rows:
        run(sa.insert(member), rows)


def _named(
    register: Register, connection: sa.Connection, parcels: set[int], moment: Moment
) -> pd.DataFrame:
    """What parcels are called on a day or before, as last believed then; indexed by id."""
    known = register.known_at(connection, moment)
    names = ("layer", "code", "name", "district", "stage", "valid_from", "valid_to")
    noted = sorted(int(one) for one in parcels)
    query = sa.select(
        version.c.parcel_id, version.c.recorded_to, *[version.c[key] for key in names]
    ).where(version.c.parcel_id.in_(noted), version.c.recorded_from <= known)
    rows = register.store.frame(connection, query)
    # What was superseded since was believed then; what begins later is told only for want of else.
    rows = rows.assign(
        recorded_to=rows["recorded_to"].clip(upper=known + 1),
        begun=rows["valid_from"] <= moment.on,
    ).sort_values(["recorded_to", "begun", "valid_from"], kind="stable")
    last = rows.drop_duplicates("parcel_id", keep="last").set_index("parcel_id")
    return last.drop(columns=["recorded_to", "begun"])
