"""The door of the drawing office: figures of the register's layers, ready to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from layers import milestones
from layers.catalog import Catalog
from layers.coverage import By, Holdings, coverage, holdings
from parcels.model import Layer, Moment
from parcels.register import Filter, Register


@dataclass(frozen=True, slots=True)
class Library:
    """The layers of a register.

    Attributes:
        register: Where the parcels are.
        catalog: The declared layers.
    """

    register: Register
    catalog: Catalog

    def coverage(
        self,
        keys: Sequence[str],
        moment: Moment,
        *,
        by: By = "district",
        stages: bool = True,
        where: Filter | None = None,
        recompute: bool = False,
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

        Returns:
            The columns of `layers.coverage.COLUMNS` behind `layer`.
        """
        held = self._holdings if not recompute else self._holdings_from_boundaries
        territory = self.register.territory_at(moment)
        tables = [
            coverage(held(key, moment, where), territory, by=by, stages=stages).assign(layer=key)
            for key in keys
        ]
        whole = pd.concat(tables, ignore_index=True)
        return whole[["layer", *[name for name in whole.columns if name != "layer"]]]

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
