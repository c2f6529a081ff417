"""Copies lent for editing that raise each finding of a merge, and ones that just do not."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers import catalog
from parcels import districts
from parcels.exchange.checkout import NUMBER, Base, lent
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, framed
from parcels.ingest.copies import as_written
from parcels.ingest.delivery import ReceiveOptions
from parcels.ingest.joining import Decided
from parcels.ingest.returned import receive_copy
from parcels.ingest.stated import stated
from parcels.merging import PARCEL, Choices, Side
from parcels.model import SourceFile

PLOT = catalog.load()["priority_plot"]
DAY = dt.date(2024, 6, 1)
AT = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
TERRITORY = districts.bundled()
BASE = Base("", PLOT.key, None, 1, DAY, AT, "示例经办人")


def plots():
    """Three plots as the register has them, numbered from 1."""
    frame = stated(PLOT, ["A", "B", "C"], {}, findings=Findings(PLOT.key, ""))
    shapes = [shapely.box(116.2 + n / 100, 40, 116.204 + n / 100, 40.003) for n in range(3)]
    whole = frame.reindex(columns=[field.key for field in PLOT.fields])
    whole = whole.assign(name="示例", stage="priority", district="110108", unit="110108")
    index = pd.Index([1, 2, 3], name="parcel")
    return gpd.GeoDataFrame(whole, geometry=shapes, crs=4490).set_index(index)


def altered(parcels, changes):
    """The same parcels with other values: a dictionary by number and field; None removes one."""
    other = parcels.copy()
    for (number, key), value in changes.items():
        if key == PARCEL:
            other = other.drop(index=number)
        else:
            other.loc[number, key] = value
    return other


def found(edits=None, others=None, *, again=(), decided=None):
    """Codes found in a copy in which rows were edited, and some repeated, while others edited."""
    before = plots()
    written = lent(altered(before, edits or {}), PLOT)
    written = pd.concat([written, *[written.iloc[[row]] for row in again]], ignore_index=True)
    if again:
        written.loc[len(written) - 1, "code"] = "D"
    rows = np.arange(1, len(written) + 1)
    table = pd.DataFrame(written.drop(columns="geometry"))
    base = lent(before, PLOT)
    findings = Findings(PLOT.key, "副本.gpkg")
    receive_copy(
        Arrived(
            Kind.GEOPACKAGE,
            SourceFile("副本.gpkg", "0" * 64, 1),
            framed(table, written.geometry.to_numpy(), rows=rows),
            before.crs,
        ),
        BASE,
        as_written(base, PLOT, [field.key for field in PLOT.fields]).set_index(
            pd.Index(base[NUMBER], name="parcel")
        ),
        PLOT,
        TERRITORY,
        register=altered(before, others or {}),
        decided=decided or Decided(),
        findings=findings,
        asked=ReceiveOptions(),
        moves=lambda _rows, _found: None,
    )
    return set(findings.frame()["code"])


MINE, THEIRS = {(1, "name"): "甲"}, {(1, "name"): "乙"}
GONE = {(1, PARCEL): None}
END = Decided(end_removed=True)
CHOSEN = {("1", "name"): Side.FILE}

MERGES = {
    "merge_conflict": (
        lambda: found(MINE, THEIRS),
        lambda: found(MINE, {(1, "unit"): "110105", (2, "name"): "乙"}),
    ),
    "merge_parcel_gone": (lambda: found(MINE, GONE), lambda: found({(2, "name"): "甲"}, GONE)),
    "checkout_code_taken": (
        lambda: found({(1, "code"): "B", (2, PARCEL): None}),
        lambda: found({(1, "code"): "D"}),
    ),
    "checkout_removed": (lambda: found(GONE), lambda: found(GONE, GONE)),
    "checkout_removal_open": (
        lambda: found(GONE, THEIRS, decided=END),
        lambda: found(GONE, {(2, "name"): "乙"}, decided=END),
    ),
    "checkout_ended": (
        lambda: found(GONE, decided=END),
        lambda: found(GONE, THEIRS, decided=END),
    ),
    "checkout_row_copied": (lambda: found(again=[0]), lambda: found(MINE)),
    "resolution_stale": (
        lambda: found(MINE, THEIRS, decided=Decided(Choices(fields=CHOSEN), {("1", "name"): "0"})),
        lambda: found(MINE, THEIRS, decided=Decided(Choices(fields=CHOSEN))),
    ),
    "resolution_not_used": (
        lambda: found(MINE, decided=Decided(Choices(fields=CHOSEN))),
        lambda: found(MINE, THEIRS, decided=Decided(Choices(fields=CHOSEN))),
    ),
}
