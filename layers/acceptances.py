"""Exceptions: issues that a person accepted, with a reason and until when.

An acceptance is of one issue as it was: of a rule, and of the facts and boundaries of its parcels.
When it expires, is withdrawn, or when a parcel is no longer what it was, the issue stands again.
Nothing is deleted; an acceptance that ends keeps its row.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels.errors import AcceptanceNotUsableError, UnknownIssueError
from parcels.model import Moment
from parcels.recording import Act, Recorder
from parcels.register import Register
from parcels.tables import accepted_issue as accepted
from parcels.tables import change


class State(StrEnum):
    """How an issue stands to what was accepted."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    CHANGED = "changed"


HISTORY: Final = (
    "acceptance",
    "issue",
    "rule",
    "state",
    "until",
    "accepted_by",
    "accepted_at",
    "reason",
    "change",
    "ended_by",
    "ended_at",
    "ended_because",
    "ended_in",
)
"""Columns of `history`."""


def accept(register: Register, issue: pd.Series, act: Act, *, until: dt.date) -> int:
    """Accept an issue as it is now; one that was accepted before is accepted anew.

    Args:
        register: The register.
        issue: A row of `rule_book.issues`.
        act: Who, when, and the reason.
        until: The last day on which it is accepted.

    Returns:
        The number of the change.

    Raises:
        AcceptanceNotUsableError: There is no reason, or the day is before that of the act.
        StoreBusyError: Another process is writing.
    """
    if not act.reason or not act.reason.strip():
        raise AcceptanceNotUsableError(issue=issue["issue"], reason="no_reason", until=until)
    if until < act.on:
        raise AcceptanceNotUsableError(issue=issue["issue"], reason="past", until=until)
    numbers = [int(issue["parcel"])]
    if pd.notna(issue["other"]):
        numbers.append(int(issue["other"]))
    there = register.versions(numbers, Moment(act.on))
    with register.store.write() as connection:
        recorder = Recorder(register.store, connection, act)
        recorder.open("accept_issue")
        _close(connection, str(issue["issue"]), recorder.number)
        other = numbers[1] if len(numbers) > 1 else None
        connection.execute(
            sa.insert(accepted).values(
                id=register.store.next_id(connection, accepted),
                change_id=recorder.number,
                issue=issue["issue"],
                rule=issue["rule"],
                parcel_a=numbers[0],
                parcel_b=other,
                version_a=int(there["version"][numbers[0]]),
                version_b=None if other is None else int(there["version"][other]),
                digest_a=there["digest"][numbers[0]],
                digest_b=None if other is None else there["digest"][other],
                until=until,
            )
        )
    return recorder.number


def withdraw(register: Register, named: str, act: Act) -> int:
    """No longer accept an issue.

    Returns:
        The number of the change.

    Raises:
        AcceptanceNotUsableError: There is no reason.
        UnknownIssueError: No acceptance of such an issue stands.
    """
    if not act.reason or not act.reason.strip():
        raise AcceptanceNotUsableError(issue=named, reason="no_reason", until=None)
    with register.store.write() as connection:
        standing = sa.select(accepted.c.id).where(
            accepted.c.issue == named, accepted.c.closed_in.is_(None)
        )
        if connection.execute(standing.limit(1)).first() is None:
            raise UnknownIssueError(issue=named)
        recorder = Recorder(register.store, connection, act)
        recorder.open("withdraw_acceptance")
        _close(connection, named, recorder.number)
    return recorder.number


def history(register: Register) -> pd.DataFrame:
    """Every acceptance in order, with who ended it; the columns of HISTORY.

    `state` is "accepted" for those that stand, "replaced" for those that a new one of the same
    issue ended, and "withdrawn".
    """
    began, ended = change.alias("began"), change.alias("ended")
    query = (
        sa.select(
            accepted.c.id.label("acceptance"),
            accepted.c.issue,
            accepted.c.rule,
            accepted.c.until,
            began.c.made_by.label("accepted_by"),
            began.c.made_at.label("accepted_at"),
            began.c.reason,
            began.c.id.label("change"),
            ended.c.kind.label("ended_as"),
            ended.c.made_by.label("ended_by"),
            ended.c.made_at.label("ended_at"),
            ended.c.reason.label("ended_because"),
            ended.c.id.label("ended_in"),
        )
        .select_from(
            accepted.join(began, accepted.c.change_id == began.c.id).outerjoin(
                ended, accepted.c.closed_in == ended.c.id
            )
        )
        .order_by(accepted.c.id)
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
    words = {"accept_issue": "replaced", "withdraw_acceptance": "withdrawn"}
    state = rows["ended_as"].map(words).fillna("accepted")
    return rows.assign(state=state, ended_in=rows["ended_in"].astype("Int64"))[list(HISTORY)]


def compared(register: Register, moment: Moment, issues: pd.DataFrame) -> pd.DataFrame:
    """Issues with what was accepted of them, as known at the moment and judged on its day.

    Args:
        register: The register.
        moment: The two times.
        issues: `issue`, `digest` and `other_digest` among others.

    Returns:
        The same with `state`, `accepted_by`, `accepted_until` and `accepted_because`.
    """
    standing = _standing(register, moment).set_index("issue")
    held = standing.reindex(issues["issue"]).reset_index(drop=True)
    there = held["until"].notna().to_numpy(bool)
    same = np.ones(len(issues), bool)
    for now, then in (("digest", "digest_a"), ("other_digest", "digest_b")):
        one = issues[now].astype(object).where(issues[now].notna(), "").to_numpy(object)
        other = held[then].astype(object).where(held[then].notna(), "").to_numpy(object)
        same &= one == other
    late = np.array([day < moment.on for day in held["until"].fillna(dt.date.max)], bool)
    state = np.select(
        [~there, ~same, late], [State.OPEN.value, State.CHANGED.value, State.EXPIRED.value],
        default=State.ACCEPTED.value,
    )  # fmt: skip
    return issues.assign(
        state=state,
        accepted_by=held["made_by"].astype("str").to_numpy(),
        accepted_until=held["until"].astype(object).where(there, None).to_numpy(),
        accepted_because=held["reason"].astype("str").to_numpy(),
    )


def _standing(register: Register, moment: Moment) -> pd.DataFrame:
    """The last acceptance of each issue that was known and not withdrawn then."""
    with register.store.read() as connection:
        known = register.known(connection, moment)
        query = (
            sa.select(
                accepted.c.issue,
                accepted.c.digest_a,
                accepted.c.digest_b,
                accepted.c.until,
                change.c.made_by,
                change.c.reason,
            )
            .select_from(accepted.join(change, accepted.c.change_id == change.c.id))
            .where(
                accepted.c.change_id <= known,
                sa.or_(accepted.c.closed_in.is_(None), accepted.c.closed_in > known),
            )
            .order_by(accepted.c.id)
        )
        return register.store.frame(connection, query).drop_duplicates("issue", keep="last")


def _close(connection: sa.Connection, named: str, number: int) -> None:
    connection.execute(
        sa.update(accepted)
        .where(accepted.c.issue == named, accepted.c.closed_in.is_(None))
        .values(closed_in=number)
    )
