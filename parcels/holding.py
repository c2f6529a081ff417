"""What the register believes of the parcels that a delivery is about, before it is changed."""

from __future__ import annotations

import json
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import attributes, moves
from parcels.model import Layer, SourceFile
from parcels.parting import Parting
from parcels.reading import SHOWN, as_column, parcels_frame, undoes
from parcels.tables import NOT_SUPERSEDED, boundary, change, file, version
from parcels.undoing import taken_back

NAMED_AT_MOST: Final = 10_000
"""How many codes or parcels a query names; a larger delivery reads the layer and picks.

SQLite takes 32 766 values in a query, PostgreSQL 65 535.
"""


class Holding(Parting):
    """The register of parcels behind one URL, with what a change of it starts from."""

    def _change_of_file(
        self, connection: sa.Connection, layer: str, source: SourceFile | None, part: object
    ) -> int | None:
        """The last change that took in this sheet or layer of the very same file."""
        if source is None:
            return None
        query = (
            sa.select(change.c.id, change.c.details)
            .select_from(change.join(file))
            .where(
                file.c.sha256 == source.sha256,
                change.c.layer == layer,
                # What waits for a reviewer, or went back, was not taken in.
                change.c.kind != "submit",
            )
        )
        changes = connection.execute(query)
        found = {int(number) for number, said in changes if _part_of(said) == part}
        # What was taken back can be sent again.
        return max(found - taken_back(undoes(connection)), default=None) if found else None

    def _standing(
        self, connection: sa.Connection, layer: Layer, delivered: pd.DataFrame
    ) -> pd.DataFrame:
        """The believed versions of the parcels delivered: only what moves are judged by.

        Rows of which the door has told the parcel are of that one, whatever their code; KEY says
        then of each version which parcel it is of.
        """
        told = told_parcels(delivered)
        codes = delivered["code"][told.isna().to_numpy(bool)].dropna()
        ids = told.dropna().astype("int64")
        wanted = [f for f in layer.own_fields if f.key in moves.facts(layer)]
        query = sa.select(version.c.parcel_id, *[version.c[name] for name in moves.HELD]).where(
            version.c.layer == layer.key, version.c.recorded_to == NOT_SUPERSEDED
        )
        if wanted:
            query = query.add_columns(sa.cast(version.c.attributes, sa.Text).label("attributes"))
        if len(codes) + len(ids) <= NAMED_AT_MOST:
            named = version.c.code.in_(codes.tolist())
            query = query.where(sa.or_(named, version.c.parcel_id.in_(ids.tolist())))
        rows = self.store.frame(connection, query)
        ours = rows["parcel_id"].isin(ids)
        rows = rows[ours | rows["code"].isin(codes)].reset_index(drop=True)
        held = pd.DataFrame({name: as_column(rows[name], name) for name in moves.HELD})
        if len(ids):
            held = keyed(held, rows["parcel_id"].where(rows["parcel_id"].isin(ids)))
        if not wanted:
            return held
        return pd.concat([held, attributes.decode(rows["attributes"].tolist(), wanted)], axis=1)

    def _held_for(
        self, connection: sa.Connection, layer: Layer, delivered: gpd.GeoDataFrame
    ) -> gpd.GeoDataFrame:
        """The believed versions, at any day, of the parcels that delivered rows may be."""
        codes = delivered["code"].dropna()
        told = delivered["parcel"].dropna() if "parcel" in delivered else codes.iloc[:0]
        unknown = delivered["code"].isna() & ~delivered.index.isin(told.index)
        ids = told.to_numpy(np.int64)
        if unknown.any():
            near = self._parcels_about(connection, layer, delivered.geometry[unknown])
            ids = np.union1d(ids, near)
        return self.held(connection, layer, codes, ids=ids)

    def _parcels_about(
        self, connection: sa.Connection, layer: Layer, shapes: gpd.GeoSeries
    ) -> np.ndarray:
        """Ids of the parcels that rows without a code may be: near them, or without a boundary."""
        about = sa.and_(version.c.code.is_(None), boundary.c.geom.is_(None))
        west, south, east, north = shapes.total_bounds.tolist()
        if not np.isnan(west):
            about = sa.or_(about, self.store.within(boundary.c.geom, (west, south, east, north)))
        query = sa.select(version.c.parcel_id).distinct().select_from(version.join(boundary))
        query = query.where(
            version.c.layer == layer.key, version.c.recorded_to == NOT_SUPERSEDED, about
        )
        found: np.ndarray = np.array(connection.execute(query).scalars().all(), np.int64)
        return found

    def held(
        self,
        connection: sa.Connection,
        layer: Layer,
        codes: pd.Series | None,
        *,
        ids: np.ndarray | None = None,
        chosen: Any = None,
    ) -> gpd.GeoDataFrame:
        """The believed versions, at any day, of the parcels with these codes (None: of all).

        `ids` are further parcels by their number, `chosen` is a further condition.
        """
        query = (
            sa.select(
                version.c.id.label("version"),
                version.c.parcel_id,
                version.c.boundary_id,
                version.c.crosses,
                version.c.source_row,
                version.c.valid_to,
                *[version.c[c] for c in SHOWN],
                sa.cast(version.c.attributes, sa.Text).label("attributes"),
                self.store.boundary_column(boundary.c.geom),
            )
            .select_from(version.join(boundary))
            .where(version.c.layer == layer.key, version.c.recorded_to == NOT_SUPERSEDED)
        )
        if chosen is not None:
            query = query.where(chosen)
        others = np.zeros(0, np.int64) if ids is None else ids
        if codes is not None and len(codes) + len(others) <= NAMED_AT_MOST:
            query = query.where(_is_of(layer, codes, others))
        rows = self.store.frame(connection, query)
        if codes is not None:
            named = rows["code"].isin(codes) | rows["parcel_id"].isin(others)
            theirs = rows.loc[named, "parcel_id"]
            rows = rows[rows["parcel_id"].isin(theirs)].reset_index(drop=True)
        held = parcels_frame(rows, layer, SHOWN, layer.own_fields).reset_index()
        held["version"] = rows["version"].astype("int64")
        held["boundary"] = rows["boundary_id"].astype("int64")
        held["crosses"] = rows["crosses"].astype(bool)
        held["row"] = rows["source_row"].astype("Int64")
        held["valid_to"] = as_column(rows["valid_to"], "valid_to")
        return held


def _is_of(layer: Layer, codes: pd.Series, ids: np.ndarray) -> Any:
    """The condition for versions of the parcels with these codes or numbers.

    A parcel that had another code on other days is the same one.
    """
    same = version.alias("same")
    coded = sa.select(same.c.parcel_id).where(
        same.c.layer == layer.key,
        same.c.recorded_to == NOT_SUPERSEDED,
        same.c.code.in_(codes.tolist()),
    )
    asked = [version.c.parcel_id.in_(coded)] if len(codes) else []
    if len(ids):
        asked.append(version.c.parcel_id.in_(ids.tolist()))
    return sa.or_(sa.false(), *asked)


def keyed(rows: pd.DataFrame, parcels: pd.Series) -> pd.DataFrame:
    """Rows with KEY: the parcel where it is told, else the code."""
    told = parcels.notna().to_numpy(bool)
    keys = rows["code"].astype(object).to_numpy(copy=True)
    # No code begins with a zero byte.
    keys[told] = ("\0" + parcels[told].astype("int64").astype("str")).to_numpy(object)
    return rows.assign(**{moves.KEY: pd.Series(keys, index=rows.index, dtype="str")})


def told_parcels(delivered: pd.DataFrame) -> pd.Series:
    """Which parcel the door has told each row to be, Int64."""
    if "parcel" in delivered:
        return delivered["parcel"].astype("Int64")
    return pd.Series(pd.NA, index=delivered.index, dtype="Int64")


def _part_of(details: Any) -> object:
    """The sheet or layer a change took in; None where its file has one only."""
    # PostgreSQL gives the object, SQLite its text.
    held = json.loads(details) if isinstance(details, str) else details
    return (held or {}).get("part")
