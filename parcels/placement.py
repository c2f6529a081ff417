"""Where boundaries lie: their areas, the districts they are in, which of them overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from parcels import crs, topology
from parcels.districts import Split, Territory


@dataclass(frozen=True, slots=True)
class Placement:
    """What is worked out once of boundaries, for the checks at the door and for the register.

    Attributes:
        area_m2: Area of each boundary on the ellipsoid; 0 for points, NaN for None.
        split: How the districts cut them.
        overlaps: Pairs of them that overlap, as `topology.overlaps` gives them.
    """

    area_m2: np.ndarray
    split: Split
    overlaps: pd.DataFrame

    def of(self, positions: Any) -> Placement:
        """The placement of some of the boundaries, in a new order.

        Args:
            positions: Array or series of their positions, each at most once.
        """
        positions = np.asarray(positions, np.int64)
        place = np.full(len(self.area_m2), -1)
        place[positions] = np.arange(len(positions))
        split, pairs = self.split, self.overlaps
        parcel = place[split.parcel]
        kept = np.flatnonzero(parcel >= 0)
        kept = kept[np.argsort(parcel[kept], kind="stable")]
        ends = np.sort(place[pairs[["a", "b"]].to_numpy()], axis=1)
        both = ends[:, 0] >= 0
        return Placement(
            self.area_m2[positions],
            Split(
                parcel[kept],
                split.district[kept],
                split.area_m2[kept],
                split.outside_m2[positions],
            ),
            pd.DataFrame(
                {"a": ends[both, 0], "b": ends[both, 1], "area_m2": pairs["area_m2"][both]}
            )
            .sort_values(["a", "b"])
            .reset_index(drop=True),
        )


def placed(
    boundaries: np.ndarray,
    territory: Territory,
    *,
    areas_m2: np.ndarray | None = None,
    unpaired: topology.Edges | None = None,
) -> Placement:
    """The placement of boundaries.

    Args:
        boundaries: Array of valid geometries in EPSG:4490; None lies nowhere.
        territory: The districts.
        areas_m2: Their areas by `crs.area_m2`, where the caller has them.
        unpaired: Their `topology.unpaired_edges`, where the caller has them.
    """
    if areas_m2 is None:
        areas_m2 = crs.area_m2(boundaries)
    return Placement(
        areas_m2,
        territory.split(boundaries, areas_m2),
        topology.overlaps(boundaries, unpaired=unpaired),
    )
