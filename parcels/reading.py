"""Reads the register at any moment of its two times, in bulk.

What comes back is a frame: a million rows are columns, never a million objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import attributes, crs, districts
from parcels.districts import Territory
from parcels.documents import SUFFIX, Documents
from parcels.errors import UnknownLayerError
from parcels.model import CORE_COLUMNS, Layer, Moment
from parcels.store import Query, Store
from parcels.tables import (
    NOT_SUPERSEDED,
    boundary,
    change,
    district,
    edition,
    overlap,
    part,
    unit,
    version,
)

SHOWN: Final = (*CORE_COLUMNS, "area_m2", "valid_from")
"""What every layer shows of a version, besides its own fields."""

VERSION: Final = "version"
"""The id of the version read; a frame has it where it is asked for by name."""

_NUMBERS: Final = frozenset({"declared_area_m2", "registered_lon", "registered_lat", "area_m2"})
_GROUPED: Final = ("district", "unit", "stage", "area_m2")
_DAYS: Final = ("valid_from", "valid_to")
_NAMED: Final = ("code", "name", "district", "unit")
_NAMED_AT_ONCE: Final = 500
_MM2_PER_M2: Final = 1e6
_NO_FRACTION: Final = float(2**52)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which parcels to read; None means all."""

    bbox: tuple[float, float, float, float] | None = None
    districts: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    stages: tuple[str, ...] | None = None
    codes: tuple[str, ...] | None = None
    parcels: tuple[int, ...] | None = None


class Reading:
    """The register of parcels behind one URL, to be read.

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
        self.store.publish(layers, core=SHOWN)

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
        return self._territory_known_at(NOT_SUPERSEDED)

    def territory_at(self, moment: Moment) -> Territory:
        """The districts and units in force as they were known then."""
        if moment.is_as_known_now:
            return self.territory
        with self.store.read() as connection:
            known = self._known(connection, moment)
        return self._territory_known_at(known)

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
            columns: Field keys to read, VERSION too; by default all of the layer's, with `area_m2`
                and `valid_from`.
            boundaries: False leaves the geometry column empty and reads much less.

        Returns:
            A parcels frame in EPSG:4490, indexed by parcel id, named "parcel".
        """
        return self._frame(layer, moment, where, columns, boundaries=boundaries)

    def pages(
        self,
        layer: str,
        moment: Moment,
        *,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
        rows_at_once: int = 20_000,
    ) -> Iterator[gpd.GeoDataFrame]:
        """What `frame` gives, some parcels at a time, all of one state of the register.

        Args:
            layer: Key of the layer.
            moment: The two times.
            where: Which parcels; all by default.
            columns: Field keys to read; by default all, with `area_m2` and `valid_from`.
            rows_at_once: How many parcels a page holds at most; ten times as many where the
                moment is of what was known before.

        Yields:
            Frames as `frame` gives them; at least one, which may be empty.
        """
        declared = self.layer(layer)
        core = [c for c in SHOWN if columns is None or c in columns]
        own = [f for f in declared.own_fields if columns is None or f.key in columns]
        wanted: list[Any] = [
            version.c.id.label("version"), version.c.parcel_id, *[version.c[c] for c in core]
        ]  # fmt: skip
        if own:
            wanted.append(sa.cast(version.c.attributes, sa.Text).label("attributes"))
        wanted.append(self.store.boundary_column(boundary.c.geom))
        query = self._frame_query(layer, moment, where or Filter(), wanted)
        with self.store.read() as connection:
            known, last, first = self._known(connection, moment), -1, True
            # What was known then is sorted anew for each page: no index is in that order.
            most = rows_at_once if moment.is_as_known_now else rows_at_once * 10
            while True:
                page = query.where(version.c.id > last).limit(most).params(known=known)
                rows = self.store.frame(connection, page)
                if len(rows) or first:
                    yield parcels_frame(rows, declared, core, own)
                if len(rows) < most:
                    return
                last, first = int(rows["version"].iloc[-1]), False

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
            `with_boundary` (counts) and `area_mm2`, each area rounded to whole mm2 first.
        """
        keys = [version.c.district, version.c.unit, version.c.stage]
        query = sa.select(
            *keys,
            sa.func.count().label("parcels"),
            sa.func.count(version.c.area_m2).label("with_boundary"),
            sa.func.coalesce(sa.func.sum(_whole_mm2(version.c.area_m2)), 0).label("area_mm2"),
        ).where(version.c.layer == layer, sa.not_(version.c.crosses))
        query = self._filtered(self._at(query, moment), where or Filter()).group_by(*keys)
        with self.store.read() as connection:
            known = self._known(connection, moment)
            rows = self.store.frame(connection, query.params(known=known))
        texts = rows[["district", "unit", "stage"]].astype("str")
        sums = rows[["parcels", "with_boundary", "area_mm2"]].astype("int64")
        return pd.concat([texts, sums], axis=1)

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
        latest = _edition_known_at(sa.bindparam("known", type_=sa.Integer)).scalar_subquery()
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
        frame = parcels_frame(rows, self.layer(layer), _GROUPED, ())
        return frame[frame.index.isin(np.union1d(pairs["a"], pairs["b"]))], pairs

    def versions(
        self, parcels: Sequence[int], moment: Moment, *, boundaries: bool = False
    ) -> gpd.GeoDataFrame:
        """The versions of some parcels, of whichever layer, at a moment.

        Args:
            parcels: Their numbers.
            moment: The two times.
            boundaries: Read their boundaries too.

        Returns:
            Indexed by parcel number: `version` (its number), `layer`, `code`, `name`, `district`,
            `unit`, and `digest`, the same for the same facts and boundary.
        """
        wanted: list[Any] = [version.c.parcel_id, version.c.id.label("version")]
        wanted += [version.c[c] for c in ("layer", *_NAMED, "digest")]
        query = sa.select(*wanted)
        if boundaries:
            shape = self.store.boundary_column(boundary.c.geom)
            query = query.add_columns(shape).select_from(version.join(boundary))
        query = self._at(query, moment)
        rows = []
        with self.store.read() as connection:
            known = self._known(connection, moment)
            for start in range(0, len(parcels), _NAMED_AT_ONCE):
                some = [int(one) for one in parcels[start : start + _NAMED_AT_ONCE]]
                page = query.where(version.c.parcel_id.in_(some)).params(known=known)
                rows.append(self.store.frame(connection, page))
        whole = pd.concat(rows, ignore_index=True) if rows else _no_versions()
        shapes = whole.pop("geom").to_numpy() if "geom" in whole else np.full(len(whole), None)
        texts = dict.fromkeys(("layer", *_NAMED, "digest"), "str")
        typed = whole.astype({"parcel_id": "int64", "version": "int64", **texts})
        indexed = typed.set_index(pd.Index(typed.pop("parcel_id"), name="parcel"))
        return gpd.GeoDataFrame(indexed, geometry=shapes, crs=crs.STORAGE)

    def known(self, connection: sa.Connection, moment: Moment) -> int:
        """The number of the last change that was known at a moment; above all numbers for now."""
        return self._known(connection, moment)

    # -- inside: reading ----------------------------------------------------------------------

    def _frame(
        self,
        layer: str,
        moment: Moment,
        where: Filter | None,
        columns: Sequence[str] | None,
        *,
        boundaries: bool = True,
        only: Sequence[sa.ColumnElement[bool]] = (),
    ) -> gpd.GeoDataFrame:
        declared = self.layer(layer)
        core = [c for c in SHOWN if columns is None or c in columns]
        own = [f for f in declared.own_fields if columns is None or f.key in columns]
        wanted: list[Any] = [version.c.parcel_id, *[version.c[c] for c in core]]
        if columns is not None and VERSION in columns:
            wanted.append(version.c.id.label(VERSION))
        if own:
            wanted.append(sa.cast(version.c.attributes, sa.Text).label("attributes"))
        if boundaries:
            wanted.append(self.store.boundary_column(boundary.c.geom))
        query = self._frame_query(layer, moment, where or Filter(), wanted).where(*only)
        with self.store.read() as connection:
            known = self._known(connection, moment)
            rows = self.store.frame(connection, query.params(known=known))
        frame = parcels_frame(rows, declared, core, own)
        return (
            frame if VERSION not in rows else frame.assign(**{VERSION: rows[VERSION].to_numpy()})
        )

    def _frame_query(
        self, layer: str, moment: Moment, where: Filter, wanted: Sequence[Any]
    ) -> Query:
        query = sa.select(*wanted).select_from(version.join(boundary))
        ended: sa.ColumnElement[int] = version.c.recorded_to
        if self.store.is_embedded and where.districts is not None and where.bbox is None:
            # SQLite's statistics, taken of a thousand rows, see no difference between the indexes,
            # and it chooses the one over the whole layer. The plus keeps it from that one; the
            # one by district holds both times too.
            ended = sa.literal_column("+version.recorded_to", sa.Integer)
        query = self._at(query.where(version.c.layer == layer), moment, ended=ended)
        return self._filtered(query, where).order_by(version.c.id)

    def _at(
        self,
        query: Query,
        moment: Moment,
        table: Any = version,
        *,
        ended: sa.ColumnElement[int] | None = None,
    ) -> Query:
        until = table.c.recorded_to if ended is None else ended
        if moment.is_as_known_now:
            query = query.where(until == NOT_SUPERSEDED)
        else:
            known = sa.bindparam("known", type_=sa.Integer)
            query = query.where(table.c.recorded_from <= known, until > known)
        return query.where(table.c.valid_from <= moment.on, table.c.valid_to > moment.on)

    def known_at(self, connection: sa.Connection, moment: Moment) -> int:
        """Number of the last change that counts at a moment; above every one for now."""
        return self._known(connection, moment)

    def _known(self, connection: sa.Connection, moment: Moment) -> int:
        return known_at(connection, moment)

    def asked(
        self, connection: sa.Connection, query: Query, moment: Moment, where: Filter | None = None
    ) -> Query:
        """A query of versions, for those of a moment that pass a filter without a box.

        Args:
            connection: That it will be asked on.
            query: Selects from `version`.
            moment: The two times.
            where: Which parcels; all by default.
        """
        known = self._known(connection, moment)
        return self._filtered(self._at(query, moment), where or Filter()).params(known=known)

    def _filtered(self, query: Query, where: Filter, table: Any = version) -> Query:
        for column, wanted in (
            (table.c.district, where.districts),
            (table.c.unit, where.units),
            (table.c.stage, where.stages),
            (table.c.code, where.codes),
            (table.c.parcel_id, where.parcels),
        ):
            if wanted is not None:
                query = query.where(column.in_(wanted))
        if where.bbox is not None:
            query = query.where(self.store.within(boundary.c.geom, where.bbox))
        return query

    def _territory_known_at(self, known: int) -> Territory:
        with self.store.read() as connection:
            number = connection.execute(_edition_known_at(known)).scalar()
            return districts.bundled() if number is None else self._territory(connection, number)

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


def known_at(connection: sa.Connection, moment: Moment) -> int:
    """The last change that counts for a moment; NOT_SUPERSEDED where all do."""
    if moment.is_as_known_now:
        return NOT_SUPERSEDED
    if moment.change is not None:
        return moment.change
    query = sa.select(sa.func.max(change.c.id)).where(change.c.made_at <= moment.known)
    return int(connection.execute(query).scalar() or 0)


def undoes(connection: sa.Connection, known: int = NOT_SUPERSEDED) -> dict[int, int]:
    """The change undone, by the number of each change up to `known` that undoes one."""
    query = sa.select(change.c.id, change.c.undoes).where(
        change.c.undoes.is_not(None), change.c.id <= known
    )
    return {int(row.id): int(row.undoes) for row in connection.execute(query)}


def _no_versions() -> pd.DataFrame:
    return pd.DataFrame({key: [] for key in ("parcel_id", "version", "layer", *_NAMED, "digest")})


def _edition_known_at(known: Any) -> Query:
    return sa.select(sa.func.max(edition.c.id)).where(edition.c.change_id <= known)


def _whole_mm2(area_m2: sa.ColumnElement[float]) -> sa.ColumnElement[int]:
    """What `crs.whole_mm2` gives, in SQL: beside 2 to the 52nd a float holds no fraction.

    So adding and taking away that number rounds to the nearest whole, halves to the even one, in
    either database. (SQLite's own round takes halves away from zero.)
    """
    area_mm2 = area_m2 * _MM2_PER_M2
    rounded = area_mm2 + _NO_FRACTION - _NO_FRACTION
    return sa.cast(sa.case((area_mm2 < _NO_FRACTION, rounded), else_=area_mm2), sa.BigInteger)


def parcels_frame(
    rows: pd.DataFrame, layer: Layer, core: Sequence[str], own: Sequence[Any]
) -> gpd.GeoDataFrame:
    """Rows as they came from the database as a parcels frame, indexed by parcel id.

    Args:
        rows: `parcel_id`, the core columns, `attributes` (JSON) and `geom` where they were read.
        layer: The layer.
        core: Which core columns.
        own: Which of the layer's own fields.
    """
    index = pd.Index(rows["parcel_id"].astype("int64"), name="parcel")
    columns = {name: as_column(rows[name], name) for name in core}
    if own:
        columns |= dict(attributes.decode(rows["attributes"].tolist(), own).items())
    order = [*[f.key for f in layer.fields], "area_m2", "valid_from"]
    data = {name: columns[name].to_numpy() for name in order if name in columns}
    typed = pd.DataFrame(data, index=index).astype({name: columns[name].dtype for name in data})
    shapes = rows["geom"].to_numpy() if "geom" in rows else np.full(len(rows), None)
    return gpd.GeoDataFrame(typed, geometry=shapes, crs=crs.STORAGE)


def as_column(column: pd.Series, name: str) -> pd.Series:
    """A column as it came from the database, in the type of a frame."""
    if name in _NUMBERS:
        return column.astype("float64")
    if name in _DAYS:
        return pd.Series(pd.array(np.array(column.tolist(), dtype="datetime64[s]")))
    return column.astype("str")
