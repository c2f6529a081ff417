"""Reads the register block by block, so that many can read it at once and none holds all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import sqlalchemy as sa

from parcels import partition
from parcels.model import Moment
from parcels.partition import Block
from parcels.reading import Filter, Reading
from parcels.tables import boundary, change, version

_SAMPLED: Final = 20_000
"""About so many boundaries tell how the parcels are spread."""

_SAMPLED_OF_BLOCK: Final = 64

_GLOBE: Final = (-180.0, -90.0, 180.0, 90.0)


class Parting(Reading):
    """The register of parcels behind one URL, to be read in blocks."""

    def pinned(self, moment: Moment) -> Moment:
        """The same moment by the number of the last change known then.

        What is read at it later, and by others, is of one state, whatever is changed meanwhile.
        """
        if moment.change is not None:
            return moment
        with self.store.read() as connection:
            if moment.known is None:
                last = connection.execute(sa.select(sa.func.max(change.c.id))).scalar()
            else:
                last = self._known(connection, moment)
        return Moment(moment.on, change=int(last or 0))

    def blocks(
        self, layer: str, moment: Moment, *, most: int, where: Filter | None = None
    ) -> list[Block]:
        """Blocks that fill the plane and hold about as many parcels of a layer each.

        Args:
            layer: Key of the layer.
            moment: The two times.
            most: About so many parcels in a block at most; how they are spread is told from a
                sample of them.
            where: Which parcels.
        """
        count = self.counts(moment).get(layer, 0)
        one_in = max(1, min(most // _SAMPLED_OF_BLOCK, count // _SAMPLED))
        few = sa.func.mod(version.c.id, one_in) == 0 if one_in > 1 else sa.true()
        frame = self._frame(layer, moment, where, (), only=[few])
        corners = partition.corners(frame.geometry.to_numpy())
        known = corners[~np.isnan(corners[:, 0])]
        return partition.divided(known, max(1, most // one_in))

    def near(
        self,
        layer: str,
        moment: Moment,
        block: Block,
        *,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> gpd.GeoDataFrame:
        """The parcels whose boundary's box meets a block, also those that belong to another.

        Args:
            layer: Key of the layer.
            moment: The two times.
            block: The block.
            where: Which parcels.
            columns: As of `frame`.
        """
        meets = self.store.within(boundary.c.geom, block.box)
        return self._frame(layer, moment, where, columns, only=[meets])

    def nowhere(
        self,
        layer: str,
        moment: Moment,
        *,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> gpd.GeoDataFrame:
        """The parcels that `near` gives for no block: without a boundary, or an empty one."""
        somewhere = self.store.within(boundary.c.geom, _GLOBE)
        absent = sa.or_(boundary.c.geom.is_(None), sa.not_(somewhere))
        return self._frame(layer, moment, where, columns, only=[absent])
