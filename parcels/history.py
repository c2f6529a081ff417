"""What became of a parcel: every version it ever had, and what each changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import comparison
from parcels.model import Layer
from parcels.reading import SHOWN, Reading, as_column, parcels_frame, undoes
from parcels.tables import NOT_SUPERSEDED, boundary, change, file, version
from parcels.undoing import taken_back

CREATED: Final = "created"
CHANGED: Final = "changed"
SHORTENED: Final = "shortened"
RESTORED: Final = "restored"

_OF_CHANGE: Final = ("kind", "made_at", "made_by", "reason", "effective_on", "undoes")


def versions(register: Reading, layer: Layer, codes: Sequence[str]) -> gpd.GeoDataFrame:
    """Every version of the parcels that have or had one of these codes, oldest knowledge first.

    Args:
        register: The register.
        layer: The layer.
        codes: Codes, on whatever day and whenever known.

    Returns:
        A parcels frame indexed from 0 with `version`, `parcel`, `boundary` (ids), `valid_from`
        and `valid_to` (days), `recorded_from` and `recorded_to` (numbers of changes), `known_from`
        and `known_to` (instants; None while believed), `row`; of the change that made it known
        `kind`, `made_by`, `made_at`, `reason`, `effective_on`, `undoes`, `file`, `sha256`; and
        `undone_by`, the number of the change by which that was taken back, if it was.
    """
    theirs = sa.select(version.c.parcel_id).where(
        version.c.layer == layer.key, version.c.code.in_(list(codes))
    )
    ended = change.alias("ended")
    query = (
        sa.select(
            version.c.id.label("version"),
            version.c.parcel_id,
            version.c.boundary_id,
            *[version.c[name] for name in SHOWN],
            version.c.valid_to,
            version.c.recorded_from,
            version.c.recorded_to,
            version.c.source_row,
            sa.cast(version.c.attributes, sa.Text).label("attributes"),
            register.store.boundary_column(boundary.c.geom),
            *[change.c[name] for name in _OF_CHANGE],
            file.c.name.label("file"),
            file.c.sha256,
            ended.c.made_at.label("known_to"),
        )
        .select_from(
            version.join(boundary, version.c.boundary_id == boundary.c.id)
            .join(change, version.c.recorded_from == change.c.id)
            .outerjoin(file, change.c.file_id == file.c.id)
            .outerjoin(ended, version.c.recorded_to == ended.c.id)
        )
        .where(version.c.parcel_id.in_(theirs))
        .order_by(version.c.parcel_id, version.c.recorded_from, version.c.valid_from)
    )
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
        undoing = undoes(connection)
    found = parcels_frame(rows, layer, SHOWN, layer.own_fields).reset_index()
    gone = taken_back(undoing)
    by = {undone: number for number, undone in undoing.items() if number not in gone}
    whole = ("version", "recorded_from", "recorded_to")
    return found.assign(
        boundary=rows["boundary_id"].astype("int64"),
        valid_to=as_column(rows["valid_to"], "valid_to"),
        known_from=rows["made_at"],
        row=rows["source_row"].astype("Int64"),
        undone_by=rows["recorded_from"].map(by).astype("Int64"),
        **{name: rows[name].astype("int64") for name in whole},
        **{name: rows[name] for name in (*_OF_CHANGE, "file", "sha256", "known_to")},
    )


def steps(found: gpd.GeoDataFrame, layer: Layer) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What each version changed against the one before.

    The one before is what was believed of the first day of the version until its change; where
    nothing was, what was in force until that day; where nothing was either, there is none.

    Args:
        found: As `versions` gives it.
        layer: The layer.

    Returns:
        A frame on the same index with `step` (CREATED, CHANGED, SHORTENED: only the days are
        others, RESTORED: by an undoing), `before` (label of the version before, <NA> for none),
        `moved`, `gained_m2`, `lost_m2`, `gained`, `lost` as `comparison.land_changes` gives them;
        and the fields that changed: `parcel` (label of the version), `field`, `before`, `after`.
    """
    before = np.array([_before(found, place) for place in range(len(found))], np.int64)
    has = np.flatnonzero(before >= 0)
    after = found.iloc[has]
    was = found.iloc[before[has]].set_axis(after.index)
    fields = comparison.field_changes(was, after, layer)
    land = comparison.land_changes(was.geometry.to_numpy(), after.geometry.to_numpy())
    land.index = after.index
    told = land.reindex(found.index)
    changed = found.index.isin(fields["parcel"]) | told["moved"].eq(other=True)
    step = np.select(
        [found["kind"] == "undo", before < 0, changed], [RESTORED, CREATED, CHANGED], SHORTENED
    )
    labels = pd.array(np.where(before >= 0, found.index.to_numpy()[before], -1), "Int64")
    labels[before < 0] = pd.NA
    return told.assign(step=step, before=labels), fields


def _before(found: gpd.GeoDataFrame, place: int) -> int:
    """Position of the version before the one at a position; -1 for none."""
    own = found.iloc[place]
    same = (found["parcel"] == own["parcel"]).to_numpy(bool)
    covers = (found["valid_from"] <= own["valid_from"]) & (found["valid_to"] > own["valid_from"])
    replaced = np.flatnonzero(same & covers & (found["recorded_to"] == own["recorded_from"]))
    if len(replaced):
        return int(replaced[0])
    believed = (found["recorded_from"] <= own["recorded_from"]) & (
        found["recorded_to"] > own["recorded_from"]
    )
    ended = np.flatnonzero(same & believed & (found["valid_to"] == own["valid_from"]))
    return int(ended[0]) if len(ended) else -1


def is_believed(found: pd.DataFrame) -> pd.Series:
    """Whether the register still believes each version."""
    return found["recorded_to"] == NOT_SUPERSEDED
