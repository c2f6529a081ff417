"""Columns confirmed by people for a sender; a later confirmation closes the former."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import sqlalchemy as sa

from parcels.districts import Territory
from parcels.ingest.headings import whole_form
from parcels.model import Confirmed
from parcels.recording import Act, Recorder
from parcels.store import Query, Store
from parcels.tables import mapping


def sender_of(said: str | None, territory: Territory) -> str | None:
    """How a sender is kept: the code of the unit or district so called, else as written."""
    if said is None or not said.strip():
        return None
    written = pd.Series([said])
    for known in (territory.unit_codes(written), territory.district_codes(written)):
        if known.notna().all():
            return str(known.iloc[0])
    return said.strip()


def kept(store: Store, *, sender: str | None, layer: str) -> dict[str, Confirmed]:
    """The mappings in force of a sender for a layer, by plain form of the column."""
    if sender is None:
        return {}
    query = _open().where(mapping.c.sender == sender, mapping.c.layer == layer)
    with store.read() as connection:
        return {
            row.column: Confirmed(row.column, row.field, row.confirmed_by, row.confirmed_at)
            for row in connection.execute(query)
        }


def listed(store: Store, *, closed: bool = False) -> pd.DataFrame:
    """Every mapping in force, and with `closed` those that were, in the order of confirmation.

    Returns:
        Columns `mapping` (its number), `sender`, `layer`, `column` (plain form), `field` ("" for
        left out), `confirmed_by`, `confirmed_at`, `change`, `closed_by`, `closed_at`.
    """
    query = sa.select(mapping) if closed else _open()
    with store.read() as connection:
        rows = store.frame(connection, query.order_by(mapping.c.id)).drop(columns="closed_in")
    return rows.rename(columns={"id": "mapping", "change_id": "change"})


def keep(store: Store, connection: sa.Connection, act: Act, *, layer: str, change: int) -> None:
    """Keep what a stored import was told of its columns; what it says otherwise closes the former.

    Args:
        store: The store the transaction belongs to.
        connection: The writing connection of the import's own change.
        act: `sender`, `confirmed`, and who and when.
        layer: Key of the layer.
        change: Number of the change.
    """
    if act.sender is None or not act.confirmed:
        return
    told = {whole_form(column): field for column, field in act.confirmed.items()}
    query = _open().where(mapping.c.sender == act.sender, mapping.c.layer == layer)
    held = {row.column: row for row in connection.execute(query)}
    for column, field in told.items():
        former = held.get(column)
        if former is not None and former.field == field:
            continue
        if former is not None:
            _close(connection, former.id, act, change=change)
        connection.execute(
            sa.insert(mapping).values(
                id=store.next_id(connection, mapping),
                sender=act.sender,
                layer=layer,
                column=column,
                field=field,
                confirmed_by=act.by,
                confirmed_at=act.at,
                change_id=change,
            )
        )


def forget(store: Store, number: int, *, by: str, at: dt.datetime) -> bool:
    """Close a mapping in force, as a change; False if there is none of this number."""
    with store.write() as connection:
        found = connection.execute(_open().where(mapping.c.id == number)).first()
        if found is not None:
            act = Act(by=by, at=at, on=at.date(), details={"mapping": number})
            change = Recorder(store, connection, act).open("forget", layer=found.layer)
            _close(connection, number, act, change=change)
    return found is not None


def _open() -> Query:
    return sa.select(mapping).where(mapping.c.closed_at.is_(None))


def _close(connection: sa.Connection, number: int, act: Act, *, change: int) -> None:
    connection.execute(
        sa.update(mapping)
        .where(mapping.c.id == number)
        .values(closed_by=act.by, closed_at=act.at, closed_in=change)
    )
