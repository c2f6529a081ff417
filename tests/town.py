"""One invented town for the tests of the register: a layer of plots and a way to make them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels.model import (
    CORE_COLUMNS,
    Choice,
    Field,
    Kind,
    Label,
    Layer,
    Moment,
    Shape,
    SourceFile,
    Stage,
)
from parcels.recording import Act

NUMBERS = ("declared_area_m2", "registered_lon", "registered_lat")
DAY = dt.date(2024, 6, 1)
AT = dt.datetime(2024, 6, 1, 8, tzinfo=dt.UTC)


def label(zh: str) -> Label:
    return Label(zh, zh)


CORE = tuple(
    Field(key, label(f"核心{key}"), Kind.NUMBER if key in NUMBERS else Kind.TEXT, core=True)
    for key in CORE_COLUMNS
)

PLOT = Layer(
    "town_plot",
    label("示例地块"),
    Shape.EITHER,
    (
        *CORE,
        Field("industry", label("行业")),
        Field("closed_on", label("关停日期"), Kind.DATE),
        Field("years", label("生产年限"), Kind.INTEGER),
        Field("volume_m3", label("方量"), Kind.NUMBER, unit="m3"),
        Field("in_park", label("在园区"), Kind.BOOLEAN),
        Field(
            "use",
            label("用途"),
            Kind.CODE,
            choices=(Choice("R", label("居住")), Choice("M", label("工业"))),
        ),
    ),
    (Stage("surveyed", label("已调查")), Stage("listed", label("已列入名录"))),
    label("环节"),
)


def square(west: float, south: float, *, side: float = 0.002) -> shapely.MultiPolygon:
    """A square boundary, degrees."""
    return shapely.MultiPolygon([shapely.box(west, south, west + side, south + side)])


def plots(count: int, *, west: float = 116.2, south: float = 40.0, **columns: Any) -> Any:
    """Plots in a row, in Haidian, 0.001 degrees apart."""
    shapes = [square(west + i * 0.003, south) for i in range(count)]
    frame = gpd.GeoDataFrame(
        {
            "code": [f"P{i:04d}" for i in range(count)],
            "name": [f"示例地块{i}号" for i in range(count)],
            "district": "110108",
            "unit": "110108",
            "stage": "surveyed",
            "industry": "化工",
            "closed_on": pd.Timestamp("2020-01-31").as_unit("s"),
            "years": pd.array([7] * count, "Int64"),
            "volume_m3": 1.25,
            "in_park": pd.array([True] * count, "boolean"),
            "use": "M",
            "row": np.arange(1, count + 1),
            **columns,
        },
        geometry=shapes,
        crs=4490,
    )
    for key in CORE_COLUMNS:
        if key not in frame:
            frame[key] = np.nan if key in NUMBERS else None
    return frame


def act(on: dt.date = DAY, *, sha: str | None = None, days: int = 0) -> Act:
    """An act of the invented clerk; `days` after the first one."""
    source = None if sha is None else SourceFile("示例.shp", sha, 10)
    return Act(by="示例经办人", at=AT + dt.timedelta(days=days), on=on, file=source)


def on(day: dt.date, known: dt.datetime | None = None) -> Moment:
    """A moment."""
    return Moment(day, known)
