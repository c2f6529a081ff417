"""The content of a whole register as one short text, to tell whether two are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa

from parcels import geopackage, seals, tables
from parcels.store import Store

_AT_ONCE: Final = 5_000
"""Rows held in memory at a time."""


def fingerprint(store: Store) -> str:
    """SHA-256, in hex, over every row of every table, in the order of their keys.

    Registers with the same history have the same fingerprint, whichever database holds them: how
    it is stored, shown and sealed (indexes, free pages, views, hashes of rows as one database has
    them) does not count, nor do row numbers that the database gives by itself, which skip those
    of changes that came to nothing. Read in one transaction and in pieces, so that a register of
    any size fits into memory.

    Args:
        store: The database.
    """
    whole = hashlib.sha256()
    with store.read() as connection:
        for table in tables.metadata.sorted_tables:
            if table.name in seals.NOT_SEALED:
                continue
            whole.update(f"{table.name}\n".encode())
            for rows in _pieces(store, connection, table):
                whole.update("".join(rows).encode())
    return whole.hexdigest()


def _pieces(store: Store, connection: sa.Connection, table: sa.Table) -> Iterator[Iterator[str]]:
    """The rows of a table, a line each, some thousands at a time."""
    chosen = [column for column in table.columns if column is not table.autoincrement_column]
    geometries = [isinstance(column.type, tables.BoundaryType) for column in chosen]
    documents = [column.type is tables.Json for column in chosen]
    wanted = [
        store.boundary_column(column) if is_geometry else _whole(column, document=is_document)
        for column, is_geometry, is_document in zip(chosen, geometries, documents, strict=True)
    ]
    query = sa.select(*wanted).order_by(*table.primary_key.columns)
    found = connection.execute(query.execution_options(yield_per=_AT_ONCE))
    for rows in found.partitions():
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place, (is_geometry, is_document) in enumerate(
            zip(geometries, documents, strict=True)
        ):
            if is_geometry:
                columns[place] = _bodies(columns[place], embedded=store.is_embedded)
            elif is_document:
                columns[place] = [_sorted(one) for one in columns[place]]
        yield (f"{row!r}\n" for row in zip(*columns, strict=True))


def _whole(column: sa.Column[Any], *, document: bool) -> sa.ColumnElement[Any]:
    return sa.cast(column, sa.Text) if document else column


def _bodies(column: Sequence[Any], *, embedded: bool) -> list[Any]:
    """Geometries as WKB in hex, without what each database adds to them."""
    if embedded:
        shapes = geopackage.from_blobs(column)
    else:
        raw = np.array([None if one is None else bytes(one) for one in column], dtype=object)
        shapes = shapely.from_wkb(raw)
    return list(shapely.to_wkb(shapes, hex=True, byte_order=1))


def _sorted(document: str | None) -> str | None:
    """JSON with its keys in order: PostgreSQL keeps its own."""
    return None if document is None else json.dumps(json.loads(document), sort_keys=True)
