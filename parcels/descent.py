"""What a parcel came from and what became of it, read from the rows of lineage."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd
import sqlalchemy as sa

from parcels import crs, lineage
from parcels.errors import UnknownParcelError
from parcels.model import FOREVER, Moment
from parcels.reading import undoes
from parcels.register import Register
from parcels.store import Query, Store
from parcels.tables import NOT_SUPERSEDED, boundary, change, file, remainder, version
from parcels.tables import lineage as links
from parcels.undoing import taken_back


@dataclass(frozen=True, slots=True)
class Chain:
    """The lineage of one code.

    Attributes:
        parcels: One row per parcel, indexed by id: `code`, `name`, `stage` as last believed,
            `valid_from`, `valid_to`, `relation` ("self", "ancestor", "descendant", or "beside" for
            one that came of the same act).
        steps: One row per parent and child, in order of the acts: `parent`, `child` (ids),
            `act`, `change`, `on`, `common_m2`, `parent_boundary`, `child_boundary` (ids),
            `made_by`, `made_at`, `reason`, the document's `kind`, `number`, `dated_on`,
            `issued_by`, `reviewed_by`, `file`, `sha256`.
        boundaries: Indexed by boundary id, EPSG:4490.
        left: Land that the acts left out on purpose: `change`, `parent` (id), `area_m2`,
            `reason`, and the land as geometry, EPSG:4490.
    """

    parcels: pd.DataFrame
    steps: pd.DataFrame
    boundaries: gpd.GeoDataFrame
    left: gpd.GeoDataFrame


def believed(
    connection: sa.Connection, *, known: int = NOT_SUPERSEDED, on: dt.date = FOREVER
) -> pd.DataFrame:
    """`parent` and `child` of every step whose change still counts.

    Args:
        connection: Any connection.
        known: Only what the register knew after the change of this number.
        on: Only acts that were true by this day.
    """
    query = sa.select(
        links.c.change_id, links.c.parent_id.label("parent"), links.c.child_id.label("child")
    ).join(change, links.c.change_id == change.c.id)
    query = query.where(links.c.change_id <= known, change.c.effective_on <= on)
    rows = pd.DataFrame(
        connection.execute(query).fetchall(), columns=["change", "parent", "child"]
    )
    return rows[~rows["change"].isin(taken_back(undoes(connection, known)))].astype("int64")


def chain(register: Register, layer: str, code: str, moment: Moment | None = None) -> Chain:
    """What the parcels that have or had a code came from and became until a day.

    Args:
        register: The register.
        layer: Key of the layer.
        code: The code.
        moment: Acts that were true by its day, as the register knew them then; all by default.

    Raises:
        UnknownParcelError: No parcel has or had the code by then.
    """
    store = register.store
    key = register.layer(layer).key
    moment = moment or Moment(FOREVER)
    with store.read() as connection:
        upto = register.known_at(connection, moment)
        query = sa.select(version.c.parcel_id).where(
            version.c.layer == key,
            version.c.code == code,
            version.c.recorded_from <= upto,
            version.c.valid_from <= moment.on,
        )
        own = {int(one) for one in connection.execute(query).scalars()}
        if not own:
            raise UnknownParcelError(layer=key, codes=[code], count=1)
        known = believed(connection, known=upto, on=moment.on)
        before, after = lineage.ancestors(known, own), lineage.descendants(known, own)
        within = own | before | after
        led = known["parent"].isin(within) & known["child"].isin(within)
        # The acts as a whole: who was split off beside it belongs to the picture.
        steps = store.frame(connection, _steps(set(known.loc[led, "change"])))
        involved = within | set(steps["parent"]) | set(steps["child"])
        parcels = _parcels(store.frame(connection, _versions(involved, upto, moment.on)), upto)
        left = store.frame(connection, _left(store, set(steps["change"])))
        ids = {*steps["parent_boundary"], *steps["child_boundary"]}
        shapes = store.frame(
            connection,
            sa.select(boundary.c.id, store.boundary_column(boundary.c.geom)).where(
                boundary.c.id.in_(sorted(ids))
            ),
        )
    relation = dict.fromkeys(before, "ancestor") | dict.fromkeys(after, "descendant")
    relation |= dict.fromkeys(own, "self")
    parcels["relation"] = [relation.get(one, "beside") for one in parcels.index]
    return Chain(
        parcels,
        steps.reset_index(drop=True),
        gpd.GeoDataFrame(
            index=pd.Index(shapes["id"].astype("int64"), name="boundary"),
            geometry=shapes["geom"].to_numpy(),
            crs=crs.STORAGE,
        ),
        gpd.GeoDataFrame(
            left.drop(columns="geom"), geometry=left["geom"].to_numpy(), crs=crs.STORAGE
        ),
    )


def _steps(changes: set[int]) -> Query:
    return (
        sa.select(
            links.c.parent_id.label("parent"),
            links.c.child_id.label("child"),
            change.c.kind.label("act"),
            change.c.id.label("change"),
            change.c.effective_on.label("on"),
            links.c.common_m2,
            links.c.parent_boundary_id.label("parent_boundary"),
            links.c.child_boundary_id.label("child_boundary"),
            change.c.made_by,
            change.c.made_at,
            change.c.reason,
            *[links.c[c] for c in ("kind", "number", "dated_on", "issued_by", "reviewed_by")],
            file.c.name.label("file"),
            file.c.sha256,
        )
        .select_from(
            links.join(change, links.c.change_id == change.c.id).outerjoin(
                file, links.c.file_id == file.c.id
            )
        )
        .where(links.c.change_id.in_(sorted(changes)))
        .order_by(change.c.effective_on, change.c.id, links.c.id)
    )


def _left(store: Store, changes: set[int]) -> Query:
    return (
        sa.select(
            remainder.c.change_id.label("change"),
            remainder.c.parent_id.label("parent"),
            remainder.c.area_m2,
            remainder.c.reason,
            store.boundary_column(remainder.c.geom),
        )
        .where(remainder.c.change_id.in_(sorted(changes)))
        .order_by(remainder.c.id)
    )


def _versions(within: set[int], known: int, on: dt.date) -> Query:
    columns = ("code", "name", "stage", "area_m2", "valid_from", "valid_to", "recorded_to")
    return (
        sa.select(version.c.parcel_id.label("parcel"), *[version.c[c] for c in columns])
        .where(
            version.c.parcel_id.in_(sorted(within)),
            version.c.recorded_from <= known,
            version.c.valid_from <= on,
        )
        .order_by(version.c.recorded_to, version.c.valid_from)
    )


def _parcels(rows: pd.DataFrame, known: int) -> pd.DataFrame:
    """The version of each parcel believed last, with the day it began to be."""
    # What was superseded later only was believed then.
    rows = rows.assign(
        recorded_to=rows["recorded_to"].where(rows["recorded_to"] <= known, known + 1)
    )
    rows = rows.sort_values(["recorded_to", "valid_from"], kind="stable")
    last = rows.drop_duplicates("parcel", keep="last").set_index("parcel")
    newest = rows["parcel"].map(last["recorded_to"]) == rows["recorded_to"]
    first = rows[newest].groupby("parcel")["valid_from"].min()
    last.index = last.index.astype("int64")
    return last.assign(valid_from=first).drop(columns="recorded_to")
