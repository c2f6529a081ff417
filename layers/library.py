"""The door of the drawing office: figures of the register's layers, ready to be shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import geopandas as gpd
import pandas as pd

from layers import milestones, shares
from layers.catalog import Catalog
from layers.coverage import By, Holdings, coverage, holdings
from layers.shares import Share
from parcels import partition
from parcels.districts import Territory
from parcels.errors import LakeStaleError
from parcels.exchange import lake as lakes
from parcels.exchange.lake import Lake
from parcels.model import Layer, Moment
from parcels.partition import Block
from parcels.register import Filter, Register
from parcels.submissions import ONLY_STEPS

Adder: TypeAlias = Callable[[Sequence[Share], Territory], Holdings]
"""Adds shares up, here or on other machines."""


@dataclass(frozen=True, slots=True)
class Library:
    """The layers of a register.

    Attributes:
        register: Where the parcels are.
        catalog: The declared layers.
    """

    register: Register
    catalog: Catalog

    def coverage(  # noqa: PLR0913 - what, when, which, how shown, and by whom
        self,
        keys: Sequence[str],
        moment: Moment,
        *,
        by: By = "district",
        stages: bool = True,
        where: Filter | None = None,
        recompute: bool = False,
        adder: Adder | None = None,
    ) -> pd.DataFrame:
        """Coverage of layers, one below the other.

        Args:
            keys: Layers, in the order of the rows.
            moment: The two times.
            by: Places are districts or units.
            stages: False leaves out the rows of single stages.
            where: Which parcels to add up.
            recompute: Split and overlay the boundaries again, instead of using the split that the
                register keeps up. Both give the same figures.
            adder: Who does so, share by share; all of it here when None.

        Returns:
            The columns of `layers.coverage.COLUMNS` behind `layer`.
        """
        territory = self.register.territory_at(moment)

        def held(key: str) -> Holdings:
            if adder is not None:
                work = shares.of_register(self.register, key, moment, where=where)
                return adder(work, territory)
            if recompute:
                return self._holdings_from_boundaries(key, moment, where)
            return self._holdings(key, moment, where)

        return _below(
            [
                coverage(held(key), territory, by=by, stages=stages).assign(layer=key)
                for key in keys
            ]
        )

    def used(self, moment: Moment) -> list[str]:
        """Keys of the layers that hold a parcel, in the order of the catalog."""
        counts = self.register.counts(moment)
        return [key for key in self.catalog if counts.get(key, 0)]

    def due(self, keys: Sequence[str], moment: Moment) -> pd.DataFrame:
        """What is to be done by when in some layers.

        Args:
            keys: Layers, in the order of the rows.
            moment: The day to judge by, and as known when.

        Returns:
            The columns of `layers.milestones.COLUMNS`; milestones that are off are left out.
        """
        tables = [
            table
            for key in keys
            for table in self._due_of(self.register.layer(key), moment)
            if len(table)
        ]
        return pd.concat(tables, ignore_index=True) if tables else milestones.nothing()

    def _due_of(self, layer: Layer, moment: Moment) -> Iterator[pd.DataFrame]:
        on = [one for one in layer.milestones if one.question is None]
        own = [one for one in on if one.due is not None]
        if own:
            wanted = {"code", "name", "district", "unit", "stage"}
            wanted |= {key for one in own for key in one.fields}
            parcels = self.register.frame(
                layer.key, moment, columns=sorted(wanted), boundaries=False
            )
            for one in own:
                yield milestones.of_parcels(parcels, layer, one, today=moment.on)
        for one in on:
            if one.due is None:
                refreshes = self.register.refreshes(layer.key, moment)
                units = self.register.territory_at(moment).units
                yield milestones.of_lists(refreshes, units, layer, one, today=moment.on)

    def _holdings(self, key: str, moment: Moment, where: Filter | None) -> Holdings:
        overlapping, pairs = self.register.overlapping(key, moment, where=where)
        return Holdings(
            self.register.groups(key, moment, where=where),
            self.register.crossing(key, moment, where=where),
            overlapping,
            pairs,
        )

    def _holdings_from_boundaries(
        self, key: str, moment: Moment, where: Filter | None
    ) -> Holdings:
        frame = self.register.frame(
            key, moment, where=where, columns=["district", "unit", "stage"]
        )
        return holdings(frame, self.register.territory_at(moment))


# -- lakes -----------------------------------------------------------------------------------


def coverage_of_lakes(
    found: Sequence[Lake],
    adder: Adder,
    *,
    by: By = "district",
    stages: bool = True,
    where: Filter | None = None,
) -> pd.DataFrame:
    """Coverage of the layers of lakes, one below the other; the columns of `Library.coverage`.

    Args:
        found: The lakes, in the order of the rows; each with the districts it was written with.
        adder: Adds their shares up.
        by: Places are districts or units.
        stages: False leaves out the rows of single stages.
        where: Which parcels; a lake knows their codes, districts, units and stages.

    Raises:
        LakeNotUsableError: A file is missing, damaged, or of another lake.
    """
    tables = []
    for one in found:
        territory = one.territory()
        held = adder(shares.of_lake(one, where=where), territory)
        table = coverage(held, territory, by=by, stages=stages)
        tables.append(table.assign(layer=one.layer))
    return _below(tables)


def write_lake(  # noqa: PLR0913 - what, when, where and how large
    register: Register,
    key: str,
    moment: Moment,
    folder: Path,
    *,
    made_at: dt.datetime,
    most: int = shares.MOST,
    told: shares.Told = lambda _done, _total: None,
) -> Lake:
    """Write a layer of the register as a lake, a block in memory at a time.

    Args:
        register: The register.
        key: The layer.
        moment: The two times.
        folder: Empty, and our own.
        made_at: Instant (aware).
        most: About so many parcels in a file.
        told: Told how many files are written, and of how many.
    """
    pinned = register.pinned(moment)
    divided = register.blocks(key, pinned, most=most)

    def parts() -> Iterator[tuple[Block, gpd.GeoDataFrame]]:
        for number, block in enumerate(divided):
            told(number, len(divided))
            near = register.near(key, pinned, block)
            own = near[block.holds(partition.corners(near.geometry.to_numpy()))]
            if number == 0:
                nowhere = register.nowhere(key, pinned)
                own = pd.concat([own, nowhere]) if len(nowhere) else own
            yield block, own

    return lakes.write(
        folder,
        register.layer(key),
        parts(),
        moment=pinned,
        territory=register.territory_at(pinned),
        made_at=made_at,
    )


def refuse_stale(found: Lake, register: Register, asked: Moment | None) -> None:
    """Refuse a lake between which and the moment asked for the register changed.

    Args:
        found: The lake.
        register: The one it was written from.
        asked: The moment; None for the day of the lake as known now.

    Raises:
        LakeStaleError: A change of the layer, or of the districts, lies between them.
    """
    known = register.pinned(asked or Moment(found.moment.on)).change or 0
    written = found.moment.change or 0
    changes = register.changes()
    between = changes["change"].between(min(known, written) + 1, max(known, written))
    theirs = changes["layer"].isna() | (changes["layer"] == found.layer)
    missed = changes[between & theirs & ~changes["kind"].isin(ONLY_STEPS)]
    if len(missed):
        raise LakeStaleError(
            folder=str(found.folder),
            layer=found.layer,
            reason="lake_other_state",
            found=written,
            asked=int(missed["change"].max()),
        )


def _below(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    whole = pd.concat(tables, ignore_index=True)
    return whole[["layer", *[name for name in whole.columns if name != "layer"]]]
