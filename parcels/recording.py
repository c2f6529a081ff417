"""Writes what a change is made of: its row, parcels, boundaries with their split, versions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import sqlalchemy as sa

from parcels import attributes, topology
from parcels.diff import Difference
from parcels.districts import Split, Territory
from parcels.model import CORE_COLUMNS, Layer, SourceFile
from parcels.placement import Placement, placed
from parcels.store import ROWS_AT_ONCE, Store
from parcels.tables import (
    NOT_SUPERSEDED,
    boundary,
    change,
    district,
    edition,
    file,
    overlap,
    parcel,
    part,
    unit,
    version,
)


@dataclass(frozen=True, slots=True)
class Act:
    """Who changes the register, when, why, and from which file.

    Attributes:
        by: The person.
        at: The instant, timezone-aware.
        on: First day on which what is said is true in the world.
        unit: Code of the unit that sent it.
        details: Choices made on the way in, e.g. the CRS; kept with the change.
        sender: Who sends such files, as `mappings.sender_of` gives it; None keeps no mapping.
        confirmed: Field key by column, as a person confirmed it; kept for the sender.
    """

    by: str
    at: dt.datetime
    on: dt.date
    reason: str | None = None
    unit: str | None = None
    file: SourceFile | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    sender: str | None = None
    confirmed: Mapping[str, str] = field(default_factory=dict)


class Recorder:
    """One change being written into one transaction.

    Args:
        store: The store the transaction belongs to.
        connection: The writing connection.
        act: Who, when, why.
    """

    def __init__(self, store: Store, connection: sa.Connection, act: Act) -> None:
        self.store = store
        self.connection = connection
        self.act = act
        self.number = 0

    def open(self, kind: str, *, layer: str | None = None, undoes: int | None = None) -> int:
        """Write the change's own row; everything written next belongs to it.

        Args:
            kind: What was done, e.g. "import".
            layer: Key of the layer it concerns.
            undoes: Number of the change that it undoes.

        Returns:
            The number of the change.
        """
        act = self.act
        self.number = self.store.next_id(self.connection, change)
        self.connection.execute(
            sa.insert(change).values(
                id=self.number,
                kind=kind,
                layer=layer,
                effective_on=act.on,
                made_at=self._after_the_last(act.at),
                made_by=act.by,
                reason=act.reason,
                unit=act.unit,
                file_id=None if act.file is None else self.add_file(act.file),
                undoes=undoes,
                details=self._json(act.details),
            )
        )
        return self.number

    def add_edition(self, territory: Territory, *, source: str) -> int:
        """Store districts and units; returns the edition's id."""
        key = self.store.next_id(self.connection, edition)
        self.connection.execute(
            sa.insert(edition).values(
                id=key, source=source, is_sample=territory.is_sample, change_id=self.number
            )
        )
        areas, bodies = territory.districts, territory.units
        for table, rows, extra in (
            (district, areas, {"geom": areas.geometry.to_numpy()}),
            (unit, bodies, {"district": plain(bodies["district"])}),
        ):
            start = self.store.next_id(self.connection, table)
            columns: dict[str, Any] = {
                "id": list(range(start, start + len(rows))),
                "edition_id": [key] * len(rows),
                "code": rows.index.tolist(),
                **{name: rows[name].fillna("").tolist() for name in ("name", "name_en")},
                "aliases": rows["aliases"].fillna("").tolist(),
                **extra,
            }
            self.store.insert(self.connection, table, columns)
        return key

    def write(
        self,
        layer: Layer,
        step: Difference,
        held: gpd.GeoDataFrame,
        territory: Territory,
        *,
        lie: Placement | None = None,
    ) -> None:
        """Write the versions of a difference, with boundaries, split and overlaps.

        Args:
            layer: The layer.
            step: What changes.
            held: The believed versions it was compared with: `version`, `boundary`, `area_m2`,
                `crosses`.
            territory: Districts in force.
            lie: The placement of the delivered boundaries in them, where it is known already.
        """
        # Neighbours on the map become neighbours in the file, which bbox reads live on.
        order = along_hilbert(step.rows.geometry)
        rows = step.rows[["parcel", "base", "same_boundary", "position"]].iloc[order]
        parcels = self._parcel_ids(rows["parcel"], layer)
        kept = held.set_index("version")[["boundary", "area_m2", "crosses"]]
        base = kept.reindex(rows["base"].fillna(0).astype("int64"))
        boundaries = base["boundary"].fillna(0).to_numpy(np.int64, copy=True)
        areas = base["area_m2"].to_numpy(np.float64, copy=True)
        crosses = base["crosses"].eq(other=True).to_numpy(bool, copy=True)
        self._supersede(step.superseded)
        new = ~rows["same_boundary"].to_numpy(bool)
        shapes = step.rows.geometry.to_numpy()[order[new]]
        if len(shapes):
            mine = placed(shapes, territory) if lie is None else lie.of(rows["position"][new])
            areas[new] = mine.area_m2
            boundaries[new], crosses[new] = self._add_boundaries(
                layer, parcels[new], shapes, mine, codes=territory.districts.index
            )
        told = {"parcel": parcels, "boundary": boundaries, "area_m2": areas, "crosses": crosses}
        for some in _batches(len(order)):
            batch = step.rows.iloc[order[some]].assign(
                **{name: column[some] for name, column in told.items()},
                valid_from=pd.Timestamp(self.act.on),
            )
            self._add_some(layer, batch)

    def add_versions(self, layer: Layer, rows: gpd.GeoDataFrame) -> None:
        """Write versions as they stand.

        Args:
            layer: The layer.
            rows: Parcels frame with `parcel`, `boundary`, `crosses`, `valid_from`, `valid_to`,
                and `row`, the row in the source file.
        """
        for some in _batches(len(rows)):
            self._add_some(layer, rows.iloc[some])

    def _add_some(self, layer: Layer, rows: gpd.GeoDataFrame) -> None:
        """Write so many versions that their texts, digests and values fit into memory."""
        count = len(rows)
        texts = attributes.encode(rows, layer.own_fields)
        columns: dict[str, Any] = {
            "parcel_id": rows["parcel"].tolist(),
            "boundary_id": rows["boundary"].tolist(),
            "layer": [layer.key] * count,
            **{name: plain(rows[name]) for name in (*CORE_COLUMNS, "area_m2")},
            "crosses": rows["crosses"].tolist(),
            "attributes": texts,
            "digest": attributes.digests(rows, texts),
            "source_row": plain(rows["row"]) if "row" in rows else [None] * count,
            "valid_from": rows["valid_from"].dt.strftime("%Y-%m-%d").tolist(),
            "valid_to": rows["valid_to"].dt.strftime("%Y-%m-%d").tolist(),
            "recorded_from": [self.number] * count,
            "recorded_to": [NOT_SUPERSEDED] * count,
        }
        self.store.insert(self.connection, version, columns)

    def close_versions(self, ids: np.ndarray) -> Any:
        """Stop believing these versions; returns the condition that finds them again."""
        noted = self.store.note_ids(self.connection, ids)
        theirs = version.c.id.in_(sa.select(noted.c.id))
        self.connection.execute(sa.update(version).where(theirs).values(recorded_to=self.number))
        return theirs

    def end(self, parcels: Sequence[int]) -> None:
        """Parcels are no longer true from the day of the act on; what was true before stays."""
        if not parcels:
            return
        noted = self.store.note_ids(self.connection, np.array(parcels, np.int64))
        query = sa.select(version.c.id).where(
            version.c.parcel_id.in_(sa.select(noted.c.id)),
            version.c.recorded_to == NOT_SUPERSEDED,
            version.c.valid_to > self.act.on,
        )
        believed = np.array(self.connection.execute(query).scalars().all(), np.int64)
        self._supersede(believed)

    def add_parts(
        self,
        ids: np.ndarray,
        split: Split,
        codes: pd.Index,
        *,
        edition_id: int,
        kept: np.ndarray | None = None,
    ) -> np.ndarray:
        """Store the split of the boundaries that cross a border; returns which do (bool).

        Args:
            ids: Boundary ids.
            split: How the districts cut them, aligned with `ids`.
            codes: Codes of the districts.
            edition_id: Which edition they are.
            kept: Ids of boundaries whose split by this edition is stored already.
        """
        pieces = np.bincount(split.parcel, minlength=len(ids))
        outside = split.outside_m2 > 0
        crosses = np.asarray((pieces > 1) | outside, dtype=bool)
        inside = crosses[split.parcel]
        places = np.concatenate([split.parcel[inside], np.flatnonzero(outside)])
        named = np.append(codes.to_numpy(object)[split.district[inside]], [""] * outside.sum())
        areas = np.append(split.area_m2[inside], split.outside_m2[outside])
        new = np.isin(ids[places], [] if kept is None else kept, invert=True)
        columns: dict[str, Any] = {
            "edition_id": [edition_id] * int(new.sum()),
            "boundary_id": ids[places][new].tolist(),
            "district": named[new].tolist(),
            "area_m2": areas[new].tolist(),
        }
        if kept is not None:
            columns["change_id"] = [self.number] * int(new.sum())
        self.store.insert(self.connection, part, columns)
        return crosses

    def _after_the_last(self, at: dt.datetime) -> dt.datetime:
        """The instant of a new change: change numbers and instants must grow together."""
        last: dt.datetime | None = self.connection.execute(
            sa.select(sa.func.max(change.c.made_at))
        ).scalar()
        if last is None or at > last:
            return at
        return last + dt.timedelta(microseconds=1)

    def add_file(self, source: SourceFile) -> int:
        """Note a file; returns the id of its row."""
        # Not the database's own number: that would skip those of changes that came to nothing.
        key = self.store.next_id(self.connection, file)
        self.connection.execute(
            sa.insert(file).values(
                id=key,
                name=source.name,
                sha256=source.sha256,
                size_bytes=source.size_bytes,
                received_at=self.act.at,
                change_id=self.number,
            )
        )
        return key

    def _json(self, details: Mapping[str, Any]) -> Any:
        whole = dict(details)
        return json.dumps(whole, ensure_ascii=False) if self.store.is_embedded else whole

    def _parcel_ids(self, known: pd.Series, layer: Layer) -> np.ndarray:
        ids: np.ndarray = known.to_numpy(np.int64, na_value=0, copy=True)
        new = ids == 0
        count = int(new.sum())
        start = self.store.next_id(self.connection, parcel)
        ids[new] = np.arange(start, start + count)
        columns = {
            "id": ids[new].tolist(),
            "layer": [layer.key] * count,
            "change_id": [self.number] * count,
        }
        self.store.insert(self.connection, parcel, columns)
        return ids

    def _supersede(self, ids: np.ndarray) -> None:
        """Stop believing versions; what was true before the act is written again, ending there."""
        if not len(ids):
            return
        theirs = self.close_versions(ids)
        kept = [c for c in version.columns if c.name not in {"id", "recorded_from", "recorded_to"}]
        on = self.act.on
        shortened = sa.select(
            *[sa.literal(on, sa.Date) if c.name == "valid_to" else c for c in kept],
            sa.literal(self.number),
            sa.literal(NOT_SUPERSEDED),
        ).where(theirs, version.c.valid_from < on)
        names = [*[c.name for c in kept], "recorded_from", "recorded_to"]
        self.connection.execute(sa.insert(version).from_select(names, shortened))

    def _add_boundaries(
        self,
        layer: Layer,
        parcels: np.ndarray,
        shapes: np.ndarray,
        lie: Placement,
        *,
        codes: pd.Index,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Store boundaries with split and overlaps; their ids, and which cross a border."""
        start = self.store.next_id(self.connection, boundary)
        ids = np.arange(start, start + len(shapes))
        columns = {
            "id": ids.tolist(),
            "parcel_id": parcels.tolist(),
            "geom": shapes,
            "change_id": [self.number] * len(ids),
        }
        self.store.insert(self.connection, boundary, columns)
        latest = self.connection.execute(sa.select(sa.func.max(edition.c.id))).scalar_one()
        crosses = self.add_parts(ids, lie.split, codes, edition_id=latest)
        self._add_overlaps(layer, ids, parcels, shapes, among=lie.overlaps)
        return ids, crosses

    def _add_overlaps(
        self,
        layer: Layer,
        ids: np.ndarray,
        parcels: np.ndarray,
        shapes: np.ndarray,
        *,
        among: pd.DataFrame,
    ) -> None:
        """Store the overlaps of new boundaries among each other and with those believed."""
        found = [(ids[among["a"]], ids[among["b"]], among["area_m2"].to_numpy(np.float64))]
        near = self.neighbours(layer, shapes, boundary.c.id < int(ids[0]))
        if len(near):
            found.append(_overlaps_with(near, ids, parcels, shapes))
        first, second, areas = (np.concatenate(side) for side in zip(*found, strict=True))
        self._insert_overlaps(layer, first, second, areas)

    def add_overlaps_with(
        self,
        layer: Layer,
        near: pd.DataFrame,
        ids: np.ndarray,
        parcels: np.ndarray,
        shapes: np.ndarray,
    ) -> None:
        """Store the overlaps of known boundaries with others, where they are not stored yet.

        Args:
            layer: Their layer.
            near: Other boundaries: `id`, `parcel_id`, `geom`.
            ids: Ids of the boundaries; `parcels` and `shapes` are aligned.
            parcels: Ids of their parcels.
            shapes: The boundaries, EPSG:4490.
        """
        first, second, areas = _overlaps_with(near, ids, parcels, shapes)
        low, high = np.minimum(first, second), np.maximum(first, second)
        noted = self.store.note_ids(self.connection, np.unique(low))
        query = sa.select(overlap.c.boundary_a, overlap.c.boundary_b).where(
            overlap.c.boundary_a.in_(sa.select(noted.c.id))
        )
        known = {(int(a), int(b)) for a, b in self.connection.execute(query)}
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        new = np.array([pair not in known for pair in pairs], dtype=bool)
        self._insert_overlaps(layer, low[new], high[new], areas[new], found_in=self.number)

    def _insert_overlaps(
        self,
        layer: Layer,
        first: np.ndarray,
        second: np.ndarray,
        areas: np.ndarray,
        *,
        found_in: int | None = None,
    ) -> None:
        columns = {
            "layer": [layer.key] * len(areas),
            "boundary_a": np.minimum(first, second).tolist(),
            "boundary_b": np.maximum(first, second).tolist(),
            "area_m2": areas.tolist(),
            "change_id": [found_in] * len(areas),
        }
        self.store.insert(self.connection, overlap, columns)

    def neighbours(
        self, layer: Layer, shapes: np.ndarray, which: sa.ColumnElement[bool]
    ) -> pd.DataFrame:
        """Boundaries of the layer still believed, in the box of others: `id`, `parcel_id`, `geom`.

        Args:
            layer: The layer.
            shapes: The others.
            which: A further condition on `boundary` or `version`.
        """
        box = shapely.total_bounds(shapes)
        if np.isnan(box).any():
            return pd.DataFrame({"id": [], "geom": []})
        west, south, east, north = box.tolist()
        query = (
            sa.select(
                boundary.c.id, boundary.c.parcel_id, self.store.boundary_column(boundary.c.geom)
            )
            .select_from(boundary.join(version, version.c.boundary_id == boundary.c.id))
            .where(
                version.c.layer == layer.key,
                version.c.recorded_to == NOT_SUPERSEDED,
                which,
                self.store.within(boundary.c.geom, (west, south, east, north)),
            )
        )
        return self.store.frame(self.connection, query).drop_duplicates("id")


def _overlaps_with(
    near: pd.DataFrame, ids: np.ndarray, parcels: np.ndarray, shapes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of the boundaries of each overlap of one among `near` with one of `ids`, and its m2."""
    across = topology.overlaps_between(shapes, near["geom"].to_numpy())
    new, old = across["a"].to_numpy(np.int64), across["b"].to_numpy(np.int64)
    # A parcel's new boundary lies over its own old one; that is no overlap.
    other = parcels[new] != near["parcel_id"].to_numpy(np.int64)[old]
    theirs = near["id"].to_numpy(np.int64)[old[other]]
    return theirs, ids[new[other]], across["area_m2"].to_numpy(np.float64)[other]


def _batches(count: int) -> list[slice]:
    return [slice(at, at + ROWS_AT_ONCE) for at in range(0, count, ROWS_AT_ONCE)]


def plain(column: pd.Series) -> list[Any]:
    """Python values with None for unknown, as drivers take them."""
    whole: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return whole


def along_hilbert(shapes: gpd.GeoSeries) -> np.ndarray:
    """Positions of boundaries in the order of a Hilbert curve; unknown ones last."""
    known = (shapes.notna() & ~shapes.is_empty).to_numpy()
    rank = np.full(len(shapes), np.iinfo(np.int64).max)
    if known.any():
        rank[known] = shapes[known].hilbert_distance().to_numpy(np.int64)
    return np.argsort(rank, kind="stable")
