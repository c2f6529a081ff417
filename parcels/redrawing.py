"""Districts replaced or taken back: every believed parcel is split and assigned anew."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import reassigning
from parcels.districts import Territory
from parcels.holding import Holding
from parcels.model import Layer, Moment
from parcels.reading import undoes
from parcels.recording import Act, Recorder
from parcels.tables import edition, version
from parcels.taking_back import TakingBack, Undone
from parcels.undoing import resting_on


def redraw(
    register: Holding,
    recorder: Recorder,
    layer: Layer,
    territory: Territory,
    *,
    edition_id: int,
    former: pd.DataFrame | None = None,
) -> int:
    """Split a layer's believed boundaries by new districts; how many parcels move.

    Args:
        register: The register.
        recorder: The change that brings the districts.
        layer: The layer.
        territory: The new districts.
        edition_id: Their edition.
        former: `district` and `unit` of versions that go back to what they were, by the id of the
            version now believed; all others follow the districts.
    """
    held = register.held(recorder.connection, layer, None)
    if held.empty:
        return 0
    once = held.drop_duplicates("boundary")
    split = territory.split(once.geometry.to_numpy())
    crosses = recorder.add_parts(
        once["boundary"].to_numpy(np.int64),
        split,
        territory.districts.index,
        edition_id=edition_id,
    )
    now = reassigning.assigned_anew(held, territory, split, crosses)
    moved = reassigning.moved(held, now)
    if former is not None:
        now, moved = _as_before(held, now, former)
    if not moved.any():
        return 0
    recorder.close_versions(held.loc[moved, "version"].to_numpy(np.int64))
    recorder.add_versions(layer, now[moved])
    return int(held.loc[moved, "parcel"].nunique())


def _as_before(
    held: gpd.GeoDataFrame, now: gpd.GeoDataFrame, former: pd.DataFrame
) -> tuple[gpd.GeoDataFrame, pd.Series]:
    """The versions with what they said before, and which of them are other than now."""
    back = former.reindex(held["version"]).set_index(held.index)
    known = held["version"].isin(former.index)
    for key in ("district", "unit"):
        now[key] = now[key].where(~known, back[key].astype(now[key].dtype))
    other_unit = now["unit"].fillna("") != held["unit"].fillna("")
    return now, reassigning.moved(held, now) | (known & other_unit)


class Redrawing(TakingBack):
    """A change of districts being taken back: those before it are loaded again."""

    def obstacle(self) -> str | None:
        """The first districts stand on nothing."""
        before = sa.select(edition.c.id).where(edition.c.change_id < self.number).limit(1)
        return None if self.connection.execute(before).first() else "no_districts_before"

    def later(self) -> list[int]:
        """Later districts that still count; parcels follow whatever districts there are."""
        query = sa.select(edition.c.change_id).where(edition.c.change_id > self.number)
        found = {int(one) for one in self.connection.execute(query).scalars()}
        return resting_on(self.number, found, undoes(self.connection))

    def record(self, act: Act) -> Undone:
        """Put the districts before it in force again, as a new edition."""
        before = self.register.territory_at(
            Moment(self.row["effective_on"], change=self.number - 1)
        )
        own = replace(act, on=self.row["effective_on"], unit=None)
        recorder = Recorder(self.register.store, self.connection, own)
        recorder.open("undo", undoes=self.number)
        key = recorder.add_edition(before, source=self._source())
        former = self._former()
        count = sum(
            redraw(
                self.register,
                recorder,
                layer,
                before,
                edition_id=key,
                former=former[former["layer"] == layer.key].set_index("version"),
            )
            for layer in self.register.layers
        )
        self.register.__dict__.pop("territory", None)
        return Undone(recorder.number, self.number, count, 0, of="districts")

    def _source(self) -> str:
        query = sa.select(edition.c.source).where(edition.c.change_id < self.number)
        last = query.order_by(edition.c.id.desc()).limit(1)
        return str(self.connection.execute(last).scalar_one())

    def _former(self) -> pd.DataFrame:
        """What the change said otherwise of parcels that nothing but districts touched since.

        Returns:
            `version` (believed now), `layer`, and `district` and `unit` before the change.
        """
        redrawn = sa.select(edition.c.change_id)
        old, new, other = version.alias("old"), version.alias("new"), version.alias("other")
        touched = sa.select(other.c.parcel_id).where(
            other.c.recorded_from >= self.number, other.c.recorded_from.not_in(redrawn)
        )
        query = (
            sa.select(new.c.id.label("version"), old.c.layer, old.c.district, old.c.unit)
            .select_from(
                old.join(
                    new,
                    sa.and_(
                        new.c.parcel_id == old.c.parcel_id,
                        new.c.boundary_id == old.c.boundary_id,
                        new.c.valid_from == old.c.valid_from,
                        new.c.valid_to == old.c.valid_to,
                    ),
                )
            )
            .where(
                old.c.recorded_from < self.number,
                old.c.recorded_to == self.number,
                new.c.recorded_from >= self.number,
                new.c.recorded_to > self.number,
                new.c.parcel_id.not_in(touched),
            )
            .order_by(new.c.id)
        )
        rows = self.register.store.frame(self.connection, query)
        return rows.astype({"version": "int64"})
