"""The door of the register: take a delivery in, read any moment back, in bulk.

Reading returns frames; writing is one transaction per change. Who and when come in as an `Act`,
so that the same call with the same arguments does the same thing on any day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import attributes, crs, districts, evidence, mappings, moves
from parcels.diff import difference
from parcels.districts import Territory
from parcels.documents import SUFFIX, Documents
from parcels.errors import MovesNotAllowedError, UnknownLayerError
from parcels.findings import Findings
from parcels.lifecycle import Evidence
from parcels.model import CORE_COLUMNS, Confirmed, Layer, Moment, SourceFile
from parcels.moves import Claim
from parcels.placement import Placement
from parcels.recording import Act, Recorder
from parcels.store import Query, Store
from parcels.tables import (
    NOT_SUPERSEDED,
    boundary,
    change,
    district,
    edition,
    file,
    overlap,
    part,
    unit,
    version,
)

STEPS: Final = ("store", "tidy", "commit")
"""Keys of the steps of `Register.take_all` that progress is told of."""

_NUMBERS: Final = frozenset({"declared_area_m2", "registered_lon", "registered_lat", "area_m2"})
_GROUPED: Final = ("district", "unit", "stage", "area_m2")
_NAMED_AT_MOST: Final = 500
"""How many codes a query names; a larger delivery reads the layer and picks."""
_DAYS: Final = ("valid_from", "valid_to")
_SHOWN: Final = (*CORE_COLUMNS, "area_m2", "valid_from")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a delivery did.

    Attributes:
        change: Number of the change; None when the register already said all of it.
        known_as: Number of the earlier change that took in the very same file; then nothing else
            was looked at.
    """

    change: int | None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    known_as: int | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """One delivery that passed the door.

    Attributes:
        parcels: A parcels frame in EPSG:4490, one row per code, with `row`.
        act: Who, when, why, from which file.
        placement: Of its boundaries in the districts in force, if worked out already.
        evidence: The document all its moves rest on; None where each row names its own.
        corrects: What the register believes was wrong; the life cycle does not bind.
    """

    parcels: gpd.GeoDataFrame
    act: Act
    placement: Placement | None = None
    evidence: Evidence | None = None
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Which parcels to read; None means all."""

    bbox: tuple[float, float, float, float] | None = None
    districts: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    stages: tuple[str, ...] | None = None


class Register:
    """The register of parcels behind one URL.

    Args:
        url: A file path for the embedded GeoPackage, or a PostGIS URL.
        layers: Every declared layer; each gets a typed view of its current parcels.
        create: Make the embedded file if it is not there.
        files: Folder of the documents that evidence rests on; beside the embedded file when None.

    Raises:
        StoreNotFoundError, StoreNotUsableError, StoreTooNewError, StoreBusyError: See `Store`.
    """

    def __init__(
        self,
        url: str,
        layers: Sequence[Layer],
        *,
        create: bool = True,
        files: Path | None = None,
    ) -> None:
        self._layers = {layer.key: layer for layer in layers}
        self.store = Store(url, create=create)
        own = self.store.path
        beside = own.with_name(own.name + SUFFIX) if own is not None else None
        self.documents = Documents(files or beside)
        self.store.publish(layers, core=_SHOWN)

    def __enter__(self) -> Self:
        """The register itself; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    @property
    def layers(self) -> list[Layer]:
        """Every declared layer."""
        return list(self._layers.values())

    def layer(self, key: str) -> Layer:
        """The declared layer of this key.

        Raises:
            UnknownLayerError: No layer has the key.
        """
        if key not in self._layers:
            raise UnknownLayerError(layer=key, known=sorted(self._layers))
        return self._layers[key]

    def is_own_file(self, path: Path) -> bool:
        """Whether a path is the embedded register itself, which GDAL must never open in here."""
        own = self.store.path
        return own is not None and own.exists() and path.exists() and own.samefile(path)

    # -- reading ------------------------------------------------------------------------------

    @cached_property
    def territory(self) -> Territory:
        """The districts and units in force: those loaded last, else the bundled sample."""
        with self.store.read() as connection:
            number = connection.execute(sa.select(sa.func.max(edition.c.id))).scalar()
            return districts.bundled() if number is None else self._territory(connection, number)

    def frame(
        self,
        layer: str,
        moment: Moment,
        *,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
        boundaries: bool = True,
    ) -> gpd.GeoDataFrame:
        """The parcels of a layer as they were on a day, as known at an instant.

        Args:
            layer: Key of the layer.
            moment: The two times.
            where: Which parcels; all by default.
            columns: Field keys to read; by default all, with `area_m2` and `valid_from`.
            boundaries: False leaves the geometry column empty and reads much less.

        Returns:
            A parcels frame in EPSG:4490, indexed by parcel id, named "parcel".
        """
        declared = self.layer(layer)
        core = [c for c in _SHOWN if columns is None or c in columns]
        own = [f for f in declared.own_fields if columns is None or f.key in columns]
        wanted: list[Any] = [version.c.parcel_id, *[version.c[c] for c in core]]
        if own:
            wanted.append(sa.cast(version.c.attributes, sa.Text).label("attributes"))
        if boundaries:
            wanted.append(self.store.boundary_column(boundary.c.geom))
        query = self._frame_query(layer, moment, where or Filter(), wanted)
        with self.store.read() as connection:
            known = self._known(connection, moment)
            rows = self.store.frame(connection, query.params(known=known))
        return self._parcels(rows, declared, core, own)

    def explain(self, layer: str, moment: Moment, *, where: Filter | None = None) -> list[str]:
        """How the database would answer `frame`: the steps of its plan, for tests and tuning."""
        query = self._frame_query(layer, moment, where or Filter(), [version.c.code])
        with self.store.read() as connection:
            known = self._known(connection, moment)
            return self.store.plan(connection, query.params(known=known))

    def groups(self, layer: str, moment: Moment, *, where: Filter | None = None) -> pd.DataFrame:
        """What coverage adds up, added up by the database.

        Returns:
            One row per district, unit and stage, over the parcels that lie wholly in their
            district: `district`, `unit`, `stage` (NA where unknown), `parcels`,
            `with_boundary` (counts) and `area_m2`.
        """
        keys = [version.c.district, version.c.unit, version.c.stage]
        query = sa.select(
            *keys,
            sa.func.count().label("parcels"),
            sa.func.count(version.c.area_m2).label("with_boundary"),
            sa.func.coalesce(sa.func.sum(version.c.area_m2), 0.0).label("area_m2"),
        ).where(version.c.layer == layer, sa.not_(version.c.crosses))
        query = self._filtered(self._at(query, moment), where or Filter()).group_by(*keys)
        with self.store.read() as connection:
            known = self._known(connection, moment)
            rows = self.store.frame(connection, query.params(known=known))
        texts = rows[["district", "unit", "stage"]].astype("str")
        counts = rows[["parcels", "with_boundary"]].astype("int64")
        return pd.concat([texts, counts, rows[["area_m2"]].astype("float64")], axis=1)

    def counts(self, moment: Moment) -> dict[str, int]:
        """How many parcels each layer holds; layers without any are left out."""
        query = sa.select(version.c.layer, sa.func.count()).group_by(version.c.layer)
        with self.store.read() as connection:
            known = self._known(connection, moment)
            rows = connection.execute(self._at(query, moment).params(known=known))
            return {layer: int(count) for layer, count in rows}

    def crossing(self, layer: str, moment: Moment, *, where: Filter | None = None) -> pd.DataFrame:
        """The kept split of parcels that cross a district's border or lie partly outside.

        Returns:
            One row per parcel and district: `parcel`, `district` ('' outside every district),
            `area_m2`, and the parcel's own `home` district, `unit` and `stage`.
        """
        latest = sa.select(sa.func.max(edition.c.id)).scalar_subquery()
        query = (
            sa.select(
                version.c.parcel_id.label("parcel"),
                part.c.district,
                part.c.area_m2,
                version.c.district.label("home"),
                version.c.unit,
                version.c.stage,
            )
            .select_from(version.join(part, part.c.boundary_id == version.c.boundary_id))
            .where(version.c.layer == layer, version.c.crosses, part.c.edition_id == latest)
        )
        query = self._filtered(self._at(query, moment), where or Filter())
        with self.store.read() as connection:
            known = self._known(connection, moment)
            rows = self.store.frame(connection, query.params(known=known))
        return rows.astype(
            {
                "parcel": "int64",
                "area_m2": "float64",
                **dict.fromkeys(("district", "home", "unit", "stage"), "str"),
            }
        )

    def overlapping(
        self, layer: str, moment: Moment, *, where: Filter | None = None
    ) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
        """The parcels that overlap another of their layer, and the pairs.

        Returns:
            A parcels frame (district, unit, stage, area_m2, geometry) and a frame of pairs `a`,
            `b` (parcel ids) with their common `area_m2`.
        """
        first, second = version.alias("first"), version.alias("second")
        query = sa.select(
            first.c.parcel_id.label("a"), second.c.parcel_id.label("b"), overlap.c.area_m2
        ).select_from(
            overlap.join(first, first.c.boundary_id == overlap.c.boundary_a).join(
                second, second.c.boundary_id == overlap.c.boundary_b
            )
        )
        query = query.where(overlap.c.layer == layer)
        for side in (first, second):
            query = self._filtered(self._at(query, moment, side), where or Filter(), side)
        with self.store.read() as connection:
            known = self._known(connection, moment)
            pairs = self.store.frame(connection, query.params(known=known)).astype(
                {"a": "int64", "b": "int64", "area_m2": "float64"}
            )
            involved = sa.union(
                sa.select(overlap.c.boundary_a).where(overlap.c.layer == layer),
                sa.select(overlap.c.boundary_b).where(overlap.c.layer == layer),
            )
            query = sa.select(
                version.c.parcel_id,
                *[version.c[c] for c in _GROUPED],
                self.store.boundary_column(boundary.c.geom),
            ).select_from(version.join(boundary))
            query = self._at(query.where(version.c.boundary_id.in_(involved)), moment)
            rows = self.store.frame(connection, query.params(known=known))
        frame = self._parcels(rows, self.layer(layer), _GROUPED, ())
        return frame[frame.index.isin(np.union1d(pairs["a"], pairs["b"]))], pairs

    def changes(self) -> pd.DataFrame:
        """Every change in order: number, kind, layer, days, person, reason, file."""
        query = (
            sa.select(
                change.c.id.label("change"),
                *[change.c[c] for c in ("kind", "layer", "effective_on", "made_at", "made_by")],
                *[change.c[c] for c in ("reason", "unit")],
                file.c.name.label("file"),
                file.c.sha256,
            )
            .select_from(change.outerjoin(file))
            .order_by(change.c.id)
        )
        with self.store.read() as connection:
            return self.store.frame(connection, query)

    def codes(self, layer: str, among: Sequence[str]) -> set[str]:
        """Those of some codes that parcels of a layer have, on whatever day."""
        query = sa.select(version.c.code).where(
            version.c.layer == layer, version.c.recorded_to == NOT_SUPERSEDED
        )
        if len(among) <= _NAMED_AT_MOST:
            query = query.where(version.c.code.in_(list(among)))
        with self.store.read() as connection:
            return {str(one) for one in connection.execute(query).scalars()} & set(among)

    def evidence(self, layer: str, codes: Sequence[str]) -> pd.DataFrame:
        """Every move of parcels of a layer, in the order of recording, with what it rests on.

        Returns:
            Columns `code`, `change`, `on`, `from_stage`, `to_stage`, `kind`, `number`,
            `dated_on`, `issued_by`, `reviewed_by`; `file`, `sha256`, `size_bytes` of the kept
            document; `delivery`, the delivered file; `made_by`, `made_at`.
        """
        query = evidence.of_parcels(self.layer(layer).key, list(codes))
        with self.store.read() as connection:
            return self.store.frame(connection, query)

    def refreshes(self, layer: str) -> pd.DataFrame:
        """On which days deliveries to a layer became true, for each unit they concern.

        Returns:
            Columns `unit` and `effective_on` (date).
        """
        query = (
            sa.select(version.c.unit, change.c.effective_on)
            .select_from(version.join(change, version.c.recorded_from == change.c.id))
            .where(
                version.c.layer == layer, change.c.kind == "import", version.c.unit.is_not(None)
            )
            .distinct()
        )
        with self.store.read() as connection:
            return self.store.frame(connection, query)

    def assess(
        self, layer: str, delivered: pd.DataFrame, claim: Claim, findings: Findings
    ) -> None:
        """Find what the life cycle does not allow of a delivery, before it is taken in.

        Args:
            layer: Key of the layer.
            delivered: One row per code, with `row`; fields by key.
            claim: Since when, and on what ground.
            findings: Takes what is wrong.
        """
        declared = self.layer(layer)
        wanted = {"stage", "erased", *moves.facts(declared)}
        if not wanted & set(delivered.columns[delivered.notna().any()]):
            return
        with self.store.read() as connection:
            held = self._standing(connection, declared, delivered["code"])
        moves.assess(delivered, held, declared, claim, findings)

    def mappings(self, *, closed: bool = False) -> pd.DataFrame:
        """Columns confirmed by people, by sender and layer; see `mappings.listed`."""
        return mappings.listed(self.store, closed=closed)

    def kept_mappings(self, sender: str | None, layer: str) -> dict[str, Confirmed]:
        """What was confirmed for a sender's deliveries of a layer, by plain form of the column."""
        known = mappings.sender_of(sender, self.territory)
        return mappings.kept(self.store, sender=known, layer=layer)

    # -- writing ------------------------------------------------------------------------------

    def take(
        self,
        layer: str,
        delivered: gpd.GeoDataFrame,
        act: Act,
        *,
        given: Evidence | None = None,
        corrects: bool = False,
    ) -> Outcome:
        """Take in the parcels of a delivery that passed the door, as one change, all or nothing.

        Args:
            layer: Key of the layer.
            delivered: A parcels frame in EPSG:4490, one row per code, with `row` (the row in the
                file).
            act: Who, when, why; a file already taken in for this layer changes nothing.
            given: The document all moves rest on; None where each row names its own.
            corrects: What the register believes was wrong; the life cycle does not bind.

        Returns:
            What it did.

        Raises:
            StoreBusyError: Another process is writing.
            MovesNotAllowedError: The life cycle does not allow a move; `assess` says why.
        """
        intake = Intake(delivered, act, evidence=given, corrects=corrects)
        return self.take_all(layer, [intake])[0]

    def advance(self, layer: str, moving: gpd.GeoDataFrame, act: Act, given: Evidence) -> Outcome:
        """Move parcels to another stage as one change, all or nothing.

        Args:
            layer: Key of the layer.
            moving: One row per code with `row`, the new `stage`, and facts that the move brings;
                all else is blank and stays.
            act: Who, when, why; `on` is the first day in the new stage.
            given: The document the moves rest on.

        Raises:
            StoreBusyError: Another process is writing.
            MovesNotAllowedError: The life cycle does not allow a move; `assess` says why.
        """
        declared = self.layer(layer)
        with self.store.write() as connection:
            intake = Intake(moving, act, evidence=given)
            return self._record(connection, declared, intake, kind="advance")

    def take_all(
        self,
        layer: str,
        deliveries: Sequence[Intake],
        *,
        progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
    ) -> list[Outcome]:
        """Take in several deliveries, a change each, in one transaction: all of them or none.

        Args:
            layer: Key of the layer.
            deliveries: What `take` takes, in order.
            progress: Told of each of STEPS; of "commit" when all is written and nothing kept yet.

        Raises:
            StoreBusyError: Another process is writing.
            MovesNotAllowedError: The life cycle does not allow a move; `assess` says why.
        """
        declared = self.layer(layer)
        with self.store.write() as connection:
            outcomes = []
            for done, intake in enumerate(deliveries):
                progress("store", done, len(deliveries))
                outcomes.append(self._take_one(connection, declared, intake))
            if any(outcome.change is not None for outcome in outcomes):
                progress("tidy", 0, 1)
                self.store.tidy(connection)
            progress("commit", 0, 1)
        return outcomes

    def _take_one(self, connection: sa.Connection, layer: Layer, intake: Intake) -> Outcome:
        delivered, act = intake.parcels, intake.act
        seen = self._change_of_file(connection, layer.key, act.file)
        if seen is not None:
            return Outcome(change=None, unchanged=len(delivered), known_as=seen)
        kind = "correct" if intake.corrects else "import"
        return self._record(connection, layer, intake, kind=kind)

    def _record(
        self, connection: sa.Connection, layer: Layer, intake: Intake, *, kind: str
    ) -> Outcome:
        delivered, act = intake.parcels, intake.act
        held = self._held_for(connection, layer, delivered)
        step = difference(delivered, held, layer, on=act.on)
        if step.rows.empty:
            return Outcome(change=None, unchanged=step.unchanged)
        moved = moves.moved(step.rows, held)
        self._refuse_moves(layer, intake, held)
        self._ensure_edition(connection, act)
        recorder = Recorder(self.store, connection, act)
        recorder.open(kind, layer=layer.key)
        mappings.keep(self.store, connection, act, layer=layer.key, change=recorder.number)
        recorder.write(layer, step, held, self.territory, lie=intake.placement)
        evidence.record(recorder, moved, intake.evidence)
        return Outcome(recorder.number, step.created, step.updated, step.unchanged)

    def _refuse_moves(self, layer: Layer, intake: Intake, held: gpd.GeoDataFrame) -> None:
        """Look again with the writing lock held: another may have moved a parcel since."""
        if held.empty:
            return
        delivered = intake.parcels
        claim = Claim(intake.act.on, intake.evidence, intake.corrects)
        judged = ["code", "source_document", "stage", "erased", *moves.facts(layer)]
        known = delivered.loc[
            delivered["code"].isin(held["code"]), delivered.columns.intersection(judged)
        ]
        findings = Findings(layer.key, "")
        numbered = pd.DataFrame(known).assign(row=range(1, len(known) + 1))
        moves.assess(numbered, held, layer, claim, findings)
        found = findings.frame()
        wrong = found.loc[found["severity"] == "error", "number"].drop_duplicates()
        if len(wrong):
            raise MovesNotAllowedError(
                layer=layer.key, count=len(wrong), numbers=wrong.head(5).tolist()
            )

    def forget_mapping(self, number: int, *, by: str, at: dt.datetime) -> bool:
        """Close a mapping in force; False if there is none of this number."""
        return mappings.forget(self.store, number, by=by, at=at)

    def load_territory(self, territory: Territory, act: Act, *, source: str) -> Outcome:
        """Replace districts and units; every believed version is split and assigned anew.

        A district's border is what the register knows, not an event in the world: versions keep
        the days on which they are true. A parcel whose unit was its district's own gets the unit
        of its new district; a unit stated otherwise stays.

        Args:
            territory: The new districts and units.
            act: Who, when, why.
            source: Where they come from, in words.
        """
        with self.store.write() as connection:
            recorder = Recorder(self.store, connection, act)
            recorder.open("districts")
            key = recorder.add_edition(territory, source=source)
            moved = sum(
                self._reassign(recorder, layer, territory, edition_id=key)
                for layer in self._layers.values()
            )
            self.store.tidy(connection)
        self.__dict__.pop("territory", None)
        return Outcome(recorder.number, updated=moved)

    def _ensure_edition(self, connection: sa.Connection, act: Act) -> None:
        if connection.execute(sa.select(sa.func.max(edition.c.id))).scalar() is not None:
            return
        first = Recorder(
            self.store, connection, Act(by=act.by, at=act.at, on=act.on, reason="bundled")
        )
        first.open("districts")
        first.add_edition(districts.bundled(), source="bundled")

    def _reassign(
        self, recorder: Recorder, layer: Layer, territory: Territory, *, edition_id: int
    ) -> int:
        """Split a layer's believed boundaries by new districts; how many parcels move."""
        held = self._held(recorder.connection, layer, None)
        if held.empty:
            return 0
        once = held.drop_duplicates("boundary")
        shapes = once.geometry.to_numpy()
        ids = once["boundary"].to_numpy(np.int64)
        split = territory.split(shapes)
        crosses = recorder.add_parts(ids, split, territory.districts.index, edition_id=edition_id)
        assigned = territory.assign(split, len(shapes))["district"].to_numpy()
        now = pd.DataFrame({"district": assigned, "crosses": crosses}, index=ids)
        now = now.reindex(held["boundary"]).reset_index(drop=True)
        # Without a boundary, or outside every district, the stated district stands.
        now["district"] = now["district"].astype("str").fillna(held["district"])
        own_unit = held["unit"].isna() | (held["unit"] == held["district"])
        now["unit"] = held["unit"].where(~own_unit, now["district"])
        moved = (now["district"].fillna("") != held["district"].fillna("")) | (
            now["crosses"].astype(bool) != held["crosses"]
        )
        if not moved.any():
            return 0
        recorder.close_versions(held.loc[moved, "version"].to_numpy(np.int64))
        recorder.add_versions(layer, held.assign(**now)[moved])
        return int(held.loc[moved, "parcel"].nunique())

    # -- inside: reading ----------------------------------------------------------------------

    def _frame_query(
        self, layer: str, moment: Moment, where: Filter, wanted: Sequence[Any]
    ) -> Query:
        query = sa.select(*wanted).select_from(version.join(boundary))
        query = self._at(query.where(version.c.layer == layer), moment)
        return self._filtered(query, where).order_by(version.c.id)

    def _at(self, query: Query, moment: Moment, table: Any = version) -> Query:
        if moment.known is None:
            query = query.where(table.c.recorded_to == NOT_SUPERSEDED)
        else:
            known = sa.bindparam("known", type_=sa.Integer)
            query = query.where(table.c.recorded_from <= known, table.c.recorded_to > known)
        return query.where(table.c.valid_from <= moment.on, table.c.valid_to > moment.on)

    def _known(self, connection: sa.Connection, moment: Moment) -> int:
        if moment.known is None:
            return NOT_SUPERSEDED
        query = sa.select(sa.func.max(change.c.id)).where(change.c.made_at <= moment.known)
        return int(connection.execute(query).scalar() or 0)

    def _filtered(self, query: Query, where: Filter, table: Any = version) -> Query:
        for column, wanted in (
            (table.c.district, where.districts),
            (table.c.unit, where.units),
            (table.c.stage, where.stages),
        ):
            if wanted is not None:
                query = query.where(column.in_(wanted))
        if where.bbox is not None:
            query = query.where(self.store.within(boundary.c.geom, where.bbox))
        return query

    def _parcels(
        self, rows: pd.DataFrame, layer: Layer, core: Sequence[str], own: Sequence[Any]
    ) -> gpd.GeoDataFrame:
        index = pd.Index(rows["parcel_id"].astype("int64"), name="parcel")
        columns = {name: _column(rows[name], name) for name in core}
        if own:
            columns |= dict(attributes.decode(rows["attributes"].tolist(), own).items())
        order = [*[f.key for f in layer.fields], "area_m2", "valid_from"]
        data = {name: columns[name].to_numpy() for name in order if name in columns}
        typed = pd.DataFrame(data, index=index).astype(
            {name: columns[name].dtype for name in data}
        )
        shapes = rows["geom"].to_numpy() if "geom" in rows else np.full(len(rows), None)
        return gpd.GeoDataFrame(typed, geometry=shapes, crs=crs.STORAGE)

    def _territory(self, connection: sa.Connection, number: int) -> Territory:
        names = ("code", "name", "name_en", "aliases")
        areas = self.store.frame(
            connection,
            sa.select(*[district.c[n] for n in names], self.store.boundary_column(district.c.geom))
            .where(district.c.edition_id == number)
            .order_by(district.c.id),
        )
        bodies = self.store.frame(
            connection,
            sa.select(*[unit.c[n] for n in names], unit.c.district)
            .where(unit.c.edition_id == number)
            .order_by(unit.c.id),
        )
        sample = sa.select(edition.c.is_sample).where(edition.c.id == number)
        shapes = areas.pop("geom").to_numpy()
        return Territory(
            districts=gpd.GeoDataFrame(
                areas.astype("str").set_index("code"), geometry=shapes, crs=crs.STORAGE
            ),
            units=bodies.astype("str").set_index("code"),
            is_sample=bool(connection.execute(sample).scalar()),
        )

    def _change_of_file(
        self, connection: sa.Connection, layer: str, source: SourceFile | None
    ) -> int | None:
        if source is None:
            return None
        query = (
            sa.select(sa.func.max(change.c.id))
            .select_from(change.join(file))
            .where(file.c.sha256 == source.sha256, change.c.layer == layer)
        )
        found = connection.execute(query).scalar()
        return None if found is None else int(found)

    def _standing(self, connection: sa.Connection, layer: Layer, codes: pd.Series) -> pd.DataFrame:
        """The believed versions of the parcels with these codes: only what moves are judged by."""
        codes = codes.dropna()
        wanted = [f for f in layer.own_fields if f.key in moves.facts(layer)]
        query = sa.select(*[version.c[name] for name in moves.HELD]).where(
            version.c.layer == layer.key, version.c.recorded_to == NOT_SUPERSEDED
        )
        if wanted:
            query = query.add_columns(sa.cast(version.c.attributes, sa.Text).label("attributes"))
        if len(codes) <= _NAMED_AT_MOST:
            query = query.where(version.c.code.in_(codes.tolist()))
        rows = self.store.frame(connection, query)
        rows = rows[rows["code"].isin(codes)].reset_index(drop=True)
        held = pd.DataFrame({name: _column(rows[name], name) for name in moves.HELD})
        if not wanted:
            return held
        return pd.concat([held, attributes.decode(rows["attributes"].tolist(), wanted)], axis=1)

    def _held_for(
        self, connection: sa.Connection, layer: Layer, delivered: gpd.GeoDataFrame
    ) -> gpd.GeoDataFrame:
        """The believed versions, at any day, of the parcels that delivered rows may be."""
        codes = delivered["code"].dropna()
        named = self._held(connection, layer, codes)
        told = delivered["parcel"].dropna() if "parcel" in delivered else codes.iloc[:0]
        unknown = delivered["code"].isna() & ~delivered.index.isin(told.index)
        ids = told.to_numpy(np.int64)
        if unknown.any():
            near = self._parcels_about(connection, layer, delivered.geometry[unknown])
            ids = np.union1d(ids, near)
        if not len(ids):
            return named
        few = version.c.parcel_id.in_(ids.tolist()) if len(ids) <= _NAMED_AT_MOST else None
        others = self._held(connection, layer, None, chosen=few)
        others = others[others["parcel"].isin(ids)]
        both = [one for one in (named, others) if len(one)]
        return pd.concat(both or [named]).drop_duplicates("version", ignore_index=True)

    def _parcels_about(
        self, connection: sa.Connection, layer: Layer, shapes: gpd.GeoSeries
    ) -> np.ndarray:
        """Ids of the parcels that rows without a code may be: near them, or without a boundary."""
        about = sa.and_(version.c.code.is_(None), boundary.c.geom.is_(None))
        west, south, east, north = shapes.total_bounds.tolist()
        if not np.isnan(west):
            about = sa.or_(about, self.store.within(boundary.c.geom, (west, south, east, north)))
        query = sa.select(version.c.parcel_id).distinct().select_from(version.join(boundary))
        query = query.where(
            version.c.layer == layer.key, version.c.recorded_to == NOT_SUPERSEDED, about
        )
        found: np.ndarray = np.array(connection.execute(query).scalars().all(), np.int64)
        return found

    def _held(
        self,
        connection: sa.Connection,
        layer: Layer,
        codes: pd.Series | None,
        *,
        chosen: Any = None,
    ) -> gpd.GeoDataFrame:
        """The believed versions, at any day, of the parcels with these codes (None: of all).

        `chosen` is a further condition.
        """
        query = (
            sa.select(
                version.c.id.label("version"),
                version.c.parcel_id,
                version.c.boundary_id,
                version.c.crosses,
                version.c.source_row,
                version.c.valid_to,
                *[version.c[c] for c in _SHOWN],
                sa.cast(version.c.attributes, sa.Text).label("attributes"),
                self.store.boundary_column(boundary.c.geom),
            )
            .select_from(version.join(boundary))
            .where(version.c.layer == layer.key, version.c.recorded_to == NOT_SUPERSEDED)
        )
        if chosen is not None:
            query = query.where(chosen)
        if codes is not None and len(codes) <= _NAMED_AT_MOST:
            # A parcel that had another code on other days is the same one.
            same = version.alias("same")
            ids = sa.select(same.c.parcel_id).where(
                same.c.layer == layer.key,
                same.c.recorded_to == NOT_SUPERSEDED,
                same.c.code.in_(codes.tolist()),
            )
            query = query.where(version.c.parcel_id.in_(ids))
        rows = self.store.frame(connection, query)
        if codes is not None:
            theirs = rows.loc[rows["code"].isin(codes), "parcel_id"]
            rows = rows[rows["parcel_id"].isin(theirs)].reset_index(drop=True)
        held = self._parcels(rows, layer, _SHOWN, layer.own_fields).reset_index()
        held["version"] = rows["version"].astype("int64")
        held["boundary"] = rows["boundary_id"].astype("int64")
        held["crosses"] = rows["crosses"].astype(bool)
        held["row"] = rows["source_row"].astype("Int64")
        held["valid_to"] = _column(rows["valid_to"], "valid_to")
        return held


def _column(column: pd.Series, name: str) -> pd.Series:
    if name in _NUMBERS:
        return column.astype("float64")
    if name in _DAYS:
        return pd.Series(pd.array(np.array(column.tolist(), dtype="datetime64[s]")))
    return column.astype("str")
