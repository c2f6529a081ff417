"""Where versions come from: the changes that made them known, the files and people behind them."""

from __future__ import annotations

from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import crs
from parcels.model import FOREVER
from parcels.reading import Reading, as_column
from parcels.review import State
from parcels.tables import (
    NOT_SUPERSEDED,
    boundary,
    change,
    edition,
    file,
    person,
    submission_step,
    version,
)

_SHOWN: Final = ("code", "name", "district", "unit", "stage", "area_m2", "valid_from", "valid_to")
_FOLLOWED: Final = frozenset({"districts"})
"""Kinds of changes that no row of a file stands behind: parcels only follow them."""

_AT_ONCE: Final = 200_000


def of_versions(register: Reading, ids: np.ndarray) -> pd.DataFrame:
    """What versions say, and where that comes from.

    A version that only cuts another short, or brings it back, says what that one said: `said_in`
    is the change that said it first, and `row` is of its file.

    Args:
        register: The register.
        ids: Numbers of versions; what is no version is left out.

    Returns:
        Indexed by `version`, in the order of numbers: `parcel`, `layer`, `code`, `name`,
        `district`, `unit`, `stage`, `area_m2`, `valid_from`, `valid_to`, `change` (made it known),
        `until_change` (superseded it; NA while believed), `said_in`, and `row` (Int64).
    """
    wanted = np.unique(ids)
    pages = [
        _read(register, wanted[start : start + _AT_ONCE])
        for start in range(0, max(len(wanted), 1), _AT_ONCE)
    ]
    return pd.concat(pages).rename_axis("version")


def of_changes(register: Reading, numbers: np.ndarray) -> pd.DataFrame:
    """Who made changes, when, why and from which file.

    Args:
        register: The register.
        numbers: Numbers of changes.

    Returns:
        Indexed by `change`: `kind`, `layer`, `effective_on`, `made_at`, `made_by`, `reason`,
        `undoes`, `file`, `sha256`, and `sent_by`: who submitted what `made_by` approved.
    """
    own = ("kind", "layer", "effective_on", "made_at", "made_by", "reason", "undoes")
    few = register.store.among(change.c.id, np.unique(numbers))
    query = (
        sa.select(
            change.c.id.label("change"),
            *[change.c[name] for name in own],
            file.c.name.label("file"),
            file.c.sha256,
            _sender(),
        )
        .select_from(change.outerjoin(file, change.c.file_id == file.c.id))
        .where(few)
        .order_by(change.c.id)
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
    return rows.astype({"change": "int64", "undoes": "Int64"}).set_index("change")


def boundaries(register: Reading, ids: np.ndarray) -> gpd.GeoSeries:
    """The boundaries of versions, EPSG:4490, by number; None where there is none."""
    query = (
        sa.select(version.c.id, register.store.boundary_column(boundary.c.geom))
        .select_from(version.join(boundary, version.c.boundary_id == boundary.c.id))
        .where(register.store.among(version.c.id, np.unique(ids)))
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
    return gpd.GeoSeries(
        rows["geom"].to_numpy(), index=rows["id"].astype("int64"), crs=crs.STORAGE
    )


def districts_after(register: Reading, number: int | None) -> int | None:
    """The last change that drew districts anew after an edition; None if it is still in force.

    Args:
        register: The register.
        number: Of the edition; None for the bundled districts of a register without one.
    """
    query = sa.select(sa.func.max(edition.c.change_id)).where(edition.c.id > (number or 1))
    with register.store.read() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else int(found)


def _read(register: Reading, ids: np.ndarray) -> pd.DataFrame:
    names = {"version": version.c.id, "parcel": version.c.parcel_id, "layer": version.c.layer}
    query = (
        sa.select(
            *[column.label(name) for name, column in names.items()],
            *[version.c[name] for name in _SHOWN],
            version.c.recorded_from.label("change"),
            version.c.recorded_to.label("until_change"),
            version.c.source_row.label("row"),
        )
        .where(register.store.among(version.c.id, ids))
        .order_by(version.c.id)
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
        said = _said_in(register, connection, rows)
        kinds = dict(_kinds(register, connection, said["change"].unique()))
    until = rows["until_change"].astype("Int64")
    # Of the few changes, those that a row of a file stands behind.
    rowed = [number for number, (kind, has_file) in kinds.items() if has_file and _is_row(kind)]
    typed: dict[str, Any] = {name: as_column(rows[name], name) for name in _SHOWN}
    return pd.DataFrame(
        {
            "parcel": rows["parcel"].astype("int64"),
            "layer": rows["layer"].astype("str"),
            **typed,
            "change": rows["change"].astype("int64"),
            "until_change": until.mask(until == NOT_SUPERSEDED),
            "said_in": said["change"].astype("int64"),
            "row": said["row"].astype("Int64").where(said["change"].isin(rowed)),
        }
    ).set_index(pd.Index(rows["version"].astype("int64")))


def _is_row(kind: str) -> bool:
    return kind not in _FOLLOWED


def _kinds(register: Reading, connection: sa.Connection, numbers: np.ndarray) -> Any:
    """Kind of each change, and whether a file came with it."""
    query = sa.select(change.c.id, change.c.kind, change.c.file_id)
    for row in connection.execute(query.where(register.store.among(change.c.id, numbers))):
        yield row.id, (row.kind, row.file_id is not None)


def _said_in(register: Reading, connection: sa.Connection, rows: pd.DataFrame) -> pd.DataFrame:
    """For each version the change that first said what it says, and the row of its file."""
    said = rows[["version", "change", "row"]].copy()
    # What may only repeat another ended, or was brought back; each step looks one further back.
    undoing = sa.select(change.c.id).where(change.c.undoes.is_not(None))
    back = connection.execute(undoing).scalars().all()
    open_ended = (rows["valid_to"] == FOREVER).to_numpy(bool)
    at = np.flatnonzero(~open_ended | rows["change"].isin(back).to_numpy(bool))
    while len(at):
        before = _repeated(register, connection, said["version"].iloc[at].to_numpy(np.int64))
        found = said["version"].iloc[at].map(before["former"])
        at = at[found.notna().to_numpy(bool)]
        former = found.dropna().astype("int64")
        said.iloc[at, 0] = former.to_numpy()
        told = before.set_index("former")
        told = told[~told.index.duplicated()]
        said.iloc[at, 1] = former.map(told["change"]).to_numpy()
        said.iloc[at, 2] = former.map(told["row"]).to_numpy()
    return said


def _repeated(register: Reading, connection: sa.Connection, ids: np.ndarray) -> pd.DataFrame:
    """The version that each of some repeats: superseded by its change, or by what that undoes."""
    own, former = version.alias("own"), version.alias("former")
    ended = sa.or_(
        former.c.recorded_to == own.c.recorded_from, former.c.recorded_to == change.c.undoes
    )
    query = (
        sa.select(
            own.c.id.label("version"),
            former.c.id.label("former"),
            former.c.recorded_from.label("change"),
            former.c.source_row.label("row"),
        )
        .select_from(
            own.join(change, change.c.id == own.c.recorded_from).join(
                former, former.c.parcel_id == own.c.parcel_id
            )
        )
        .where(
            register.store.among(own.c.id, ids),
            former.c.id < own.c.id,
            former.c.digest == own.c.digest,
            former.c.boundary_id == own.c.boundary_id,
            sa.func.coalesce(former.c.source_row, -1) == sa.func.coalesce(own.c.source_row, -1),
            former.c.valid_from < own.c.valid_to,
            own.c.valid_from < former.c.valid_to,
            ended,
        )
        .order_by(own.c.id, former.c.id.desc())
    )
    rows = register.store.frame(connection, query).astype({"version": "int64", "former": "int64"})
    return rows.drop_duplicates("version").set_index("version")


def _sender() -> sa.Label[Any]:
    """Who last submitted what the change approved; NULL where that is who made it, or nobody."""
    approved, sent = submission_step.alias("approved"), submission_step.alias("sent")
    return (
        sa.select(person.c.name)
        .select_from(
            approved.join(sent, sent.c.submission_id == approved.c.submission_id).join(
                person, person.c.id == sent.c.person_id
            )
        )
        .where(
            approved.c.change_id == change.c.id,
            approved.c.state == State.APPROVED.value,
            sent.c.state == State.SUBMITTED.value,
            sent.c.round == approved.c.round,
            sent.c.change_id != approved.c.change_id,
        )
        .order_by(sent.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("sent_by")
    )
