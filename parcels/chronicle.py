"""Every version of a layer with its two times, in columns: for those who draw many moments.

`Reading.frame` answers for one moment. Whoever shows a layer on any day, or follows it from change
to change, reads it once from here and chooses the moment in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels.reading import Reading
from parcels.store import Query
from parcels.tables import NOT_SUPERSEDED, boundary, change, version

__all__ = ["NOT_SUPERSEDED", "Chronicle", "last_change", "read"]

ROWS_AT_ONCE: Final = 100_000
"""How many rows are Python objects at a time."""

_NUMBERS: Final = ("id", "parcel_id", "boundary_id", "recorded_from", "recorded_to")
_WORDS: Final = ("district", "unit", "stage")
_DAYS: Final = ("valid_from", "valid_to")
_COLUMNS: Final = (*_NUMBERS, *_WORDS, *_DAYS, "area_m2")


@dataclass(frozen=True, slots=True)
class Chronicle:
    """The versions of a layer that changes up to one made or closed.

    Attributes:
        change: Number of the last change of the layer; 0 where there is none.
        versions: A row per version in the order of their numbers: `version`, `parcel`, `boundary`,
            `recorded_from`, `recorded_to` (int64; NOT_SUPERSEDED for what is still believed),
            `valid_from`, `valid_to` (datetime64[D]), `district`, `unit`, `stage` (category),
            `area_m2`.
        boundaries: Shapely geometries in EPSG:4490 by number of the boundary; None where a parcel
            has none.
    """

    change: int
    versions: pd.DataFrame
    boundaries: pd.Series


def last_change(register: Reading, layer: str) -> int:
    """Number of the last change that a layer's versions know of; 0 where there is none."""
    with register.store.read() as connection:
        return _last_change(connection, layer)


def read(register: Reading, layer: str, *, after: int = 0) -> Chronicle:
    """The versions that changes after a number made or closed; all of them after 0.

    Args:
        register: The register.
        layer: Key of the layer.
        after: Number of the last change already known. A version that a later change closed comes
            again, with its `recorded_to`; its boundary does not.

    Raises:
        UnknownLayerError: No layer has the key.
    """
    key = register.layer(layer).key
    newer = sa.or_(version.c.recorded_from > after, _closed_after(after))
    rows = sa.select(*[version.c[name] for name in _COLUMNS]).where(
        version.c.layer == key, *([newer] if after else [])
    )
    fresh = sa.select(version.c.boundary_id).where(
        version.c.layer == key, version.c.recorded_from > after
    )
    shapes = sa.select(boundary.c.id, register.store.boundary_column(boundary.c.geom)).where(
        boundary.c.id.in_(fresh), *([boundary.c.change_id > after] if after else [])
    )
    with register.store.read() as connection:
        last = _last_change(connection, key)
        versions = [_typed(page) for page in _pages(register, connection, rows, version.c.id)]
        pages = list(_pages(register, connection, shapes, boundary.c.id))
    found = pd.concat(
        [pd.Series(page["geom"].to_numpy(), index=page["id"].astype("int64")) for page in pages]
    )
    return Chronicle(last, _joined(versions), found.rename_axis("boundary"))


def _last_change(connection: sa.Connection, layer: str) -> int:
    ours = sa.select(sa.func.max(change.c.id)).where(change.c.layer == layer)
    # Districts loaded anew, and the undoing of several layers at once, name no layer.
    shared = sa.select(sa.func.max(change.c.id)).where(change.c.layer.is_(None))
    numbers = [connection.execute(query).scalar() for query in (ours, shared)]
    return max(int(number or 0) for number in numbers)


def _closed_after(after: int) -> sa.ColumnElement[bool]:
    return sa.and_(version.c.recorded_to > after, version.c.recorded_to < NOT_SUPERSEDED)


def _pages(
    register: Reading, connection: sa.Connection, query: Query, key: sa.ColumnElement[Any]
) -> Iterator[pd.DataFrame]:
    """The rows of a query in the order of a key, some at a time; at least one page."""
    last = -1
    while True:
        page = register.store.frame(
            connection, query.where(key > last).order_by(key).limit(ROWS_AT_ONCE)
        )
        yield page
        if len(page) < ROWS_AT_ONCE:
            return
        last = int(page["id"].iloc[-1])


def _typed(page: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, Any] = {name: page[name].astype("int64") for name in _NUMBERS}
    columns |= {name: page[name].astype("category") for name in _WORDS}
    columns |= {name: np.array(page[name].tolist(), dtype="datetime64[D]") for name in _DAYS}
    columns["area_m2"] = page["area_m2"].astype("float64")
    return pd.DataFrame(columns)


def _joined(pages: list[pd.DataFrame]) -> pd.DataFrame:
    words = {
        name: pd.api.types.union_categoricals([page[name] for page in pages], sort_categories=True)
        for name in _WORDS
    }
    whole = pd.concat(pages, ignore_index=True).assign(**words)
    return whole.rename(
        columns={"id": "version", "parcel_id": "parcel", "boundary_id": "boundary"}
    )
