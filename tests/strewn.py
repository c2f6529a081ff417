"""Parcels of all sizes about Beijing: over borders and one another, outside, or without land."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from town import PLOT, act, plots

from parcels import crs
from parcels.register import Register


def strewn(seed: int, count: int) -> gpd.GeoDataFrame:
    """A parcels frame with `district`, `unit` and `stage`, in no order of its ids."""
    rng = np.random.default_rng(seed)
    low = np.round(rng.uniform((115.2, 39.5), (117.3, 40.9), (count, 2)), 2)
    side = rng.choice([0.001, 0.01, 0.05, 0.2], (count, 1)) * rng.uniform(0.5, 1.5, (count, 2))
    shapes = shapely.box(*low.T, *(low + side).T)
    nothing = rng.random(count)
    shapes[nothing < 0.05] = None
    points = nothing > 0.95
    shapes[points] = shapely.points(low[points])
    frame = gpd.GeoDataFrame(
        {
            "district": None,
            "unit": rng.choice(["110108", "110115403"], count),
            "stage": rng.choice(["surveyed", "listed"], count),
        },
        geometry=shapes,
        crs=crs.STORAGE,
        index=pd.Index(rng.permutation(count) * 7 + 3, name="parcel"),
    )
    return frame.astype({"district": "str", "unit": "str", "stage": "str"})


def delivered(seed: int, count: int) -> Any:
    """The same as a delivery of the invented town."""
    frame = strewn(seed, count)
    given = plots(count, unit=frame["unit"].tolist(), stage=frame["stage"].tolist())
    given["district"] = None
    return given.set_geometry(gpd.GeoSeries(frame.geometry.to_numpy(), crs=crs.STORAGE))


def register_of(url: str, *, seed: int = 5, count: int = 120) -> Register:
    """A register that holds them."""
    register = Register(url, [PLOT])
    register.take(PLOT.key, delivered(seed, count), act())
    return register
