"""A delivery from the file to checked rows: read, matched, harmonised, located, checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, offsets, validation, words
from parcels.districts import Territory
from parcels.findings import Findings
from parcels.ingest import columns, headings, national, position, shifts, values
from parcels.ingest.arrived import Arrived, Progress, no_progress
from parcels.ingest.bounds import Limits, limits
from parcels.ingest.columns import Matched, Said
from parcels.ingest.containers import Item
from parcels.ingest.position import Stated
from parcels.ingest.reading import read
from parcels.matching import SameLand
from parcels.model import Confirmed, Layer, Shape, SourceFile
from parcels.placement import Placement
from parcels.validation import Asked

STEPS: Final = ("read", "columns", "values", "position", "check")
"""Keys of the steps that progress is told of."""

REPAIRS_BYTES: Final = 2_000_000
"""Room for boundaries before their repair in the record of a change: some thousands of them."""


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What the user says about a delivery.

    Attributes:
        crs: Overrides the CRS of the file; anything PROJ understands.
        swapped: The first coordinate is north.
        offset: "gcj02" or "bd09" to set coordinates right that come from such a map.
        control_points: File of points known in the sender's local system and in CGCS2000.
        encoding: Overrides the encoding of the file.
        part: Sheet or layer to read, or one of several deliveries in a ZIP or folder.
        mapping: Field key by column name; "" leaves a column out.
        kept: Mappings confirmed for the same sender before, by plain form of the column.
        accept_suggested: Take unambiguous offers for columns under no known name.
        district: What the sender says of every row without a district.
        unit: The same for the responsible unit.
        stage: The same for the stage.
        bounds: How much the delivery may take of this machine.
        repair: Repair boundaries where little changes by it; each repair is reported.
        same_land: What a row with a new code on the land of a known parcel is.
    """

    crs: str | None = None
    swapped: bool = False
    offset: str | None = None
    control_points: Path | None = None
    encoding: str | None = None
    part: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Confirmed] = field(default_factory=dict)
    accept_suggested: bool = False
    district: str | None = None
    unit: str | None = None
    stage: str | None = None
    bounds: Limits = field(default_factory=limits)
    repair: bool = False
    same_land: SameLand = SameLand.ASK


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was read and checked.

    Attributes:
        arrived: The file as it came, every row and column, for the rejects.
        frame: Parcels frame of all rows, with `file`, `row` and `ok` (no error concerns it).
        fields: Keys of the fields the file holds; the others must not be overwritten by it.
        findings: Everything found.
        placement: Where the boundaries of `frame` lie.
        accepted: Field key by column, of the offers taken because the user asked for it.
        place: What was done to the sender's coordinates, enough to do it again.
    """

    layer: Layer
    arrived: Arrived
    frame: gpd.GeoDataFrame
    fields: tuple[str, ...]
    findings: Findings
    placement: Placement
    accepted: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> SourceFile:
        """The file: name, SHA-256, size."""
        return self.arrived.source

    @property
    def ready(self) -> gpd.GeoDataFrame:
        """The rows without an error, as a parcels frame with index from 0."""
        return _without_errors(self.frame).reset_index(drop=True)

    @property
    def ready_count(self) -> int:
        """How many rows have no error."""
        return int(self.frame["ok"].sum())

    @property
    def ready_placement(self) -> Placement:
        """Where the boundaries of `ready` lie."""
        ok = self.frame["ok"]
        return self.placement if ok.all() else self.placement.of(np.flatnonzero(ok))

    @property
    def lost(self) -> set[int]:
        """Rows and lines with an error that are no row of the frame: nothing could be read."""
        return self.findings.rows_with_errors() - set(self.frame["row"].astype(int))


def repairs(delivery: Delivery) -> list[dict[str, Any]]:
    """What was repaired in the rows that are ready, for the record of the change.

    The file itself is the record of what was sent, and the change has its SHA-256. As files get
    lost, each repair also keeps what it was before: `before`, the row's WKB (hexadecimal) in the
    coordinates of the file, up to REPAIRS_BYTES for all rows together; the others have none.

    Returns:
        One entry per row: `row`, `code` and what the finding tells.
    """
    found = delivery.findings.of("boundary_repaired")
    shapes, room, told = delivery.arrived.frame.geometry, REPAIRS_BYTES, []
    ready = set(delivery.frame.loc[delivery.frame["ok"], "row"])
    for one in found[found["row"].isin(ready)].itertuples():
        entry = {"row": int(one.row), **json.loads(one.details)}
        if not pd.isna(one.number):
            entry["code"] = one.number
        before = shapely.to_wkb(shapes.loc[one.row], hex=True)
        if len(before) <= room:
            room -= len(before)
            entry["before"] = before
        told.append(entry)
    return told


def receive(  # noqa: PLR0913 - everything known of the delivery meets here
    path: Path | Item,
    layer: Layer,
    territory: Territory,
    *,
    options: ReceiveOptions | None = None,
    register: gpd.GeoDataFrame | None = None,
    moves: Callable[[gpd.GeoDataFrame, Findings], None] | None = None,
    progress: Progress = no_progress,
) -> Delivery:
    """Read and check one delivered file; nothing is stored.

    Args:
        path: The file; a ZIP or folder must hold one delivery. Of several, one as found by
            `containers.opened`.
        layer: What it is a delivery for.
        territory: Districts and units.
        options: What the user says of it.
        register: Parcels of this layer already known (columns parcel, code, name and geometry,
            EPSG:4490): rows are matched to them, a row for one of them may leave required
            columns out, and a common shift against them is found.
        moves: Finds what the life cycle does not allow of the rows that are sound otherwise.
        progress: Told of each of STEPS.

    Raises:
        FileNotReadableError, FormatNotKnownError: The file cannot be read.
        FileNotSafeError, FileTooLargeError: Reading it would harm this machine.
        PartNotChosenError: It holds several deliveries.
        CrsNotKnownError: It cannot be told where its coordinates are.
        MappingNotUsableError: `options.mapping` names what is not there.
    """
    asked = options or ReceiveOptions()
    findings = Findings(layer.key, path.name)
    progress("read", 0, 1)
    arrived = read(
        path,
        findings=findings,
        known=headings.headings(layer),
        encoding=asked.encoding,
        part=asked.part,
        surfaces=layer.shape is not Shape.POINT,
        bounds=asked.bounds,
    )
    if len(arrived.frame) == 0:
        findings.add("file_empty")
    return examine(
        arrived,
        layer,
        territory,
        findings=findings,
        asked=asked,
        register=register,
        moves=moves,
        progress=progress,
    )


def examine(  # noqa: PLR0913 - everything known of the delivery meets here
    arrived: Arrived,
    layer: Layer,
    territory: Territory,
    *,
    findings: Findings,
    asked: ReceiveOptions,
    register: gpd.GeoDataFrame | None = None,
    moves: Callable[[gpd.GeoDataFrame, Findings], None] | None = None,
    progress: Progress = no_progress,
) -> Delivery:
    """Check rows that have arrived; arguments and refusals are those of `receive`.

    `findings` takes everything found and knows the name of the file.
    """
    if asked.stage is None and arrived.package is not None:
        asked = replace(asked, stage=national.stage_of(arrived.package, layer, findings))
    count = len(arrived.frame)
    progress("columns", 0, count)
    said = Said(asked.mapping, asked.kept, asked.accept_suggested)
    matched = columns.match(arrived, layer, findings=findings, said=said, territory=territory)
    progress("values", 0, count)
    attributes = pd.DataFrame(arrived.frame.drop(columns="geometry"))
    fields = values.harmonise(attributes, matched, layer, findings=findings)
    if asked.stage is not None and any(one.key == "stage" for one in layer.fields):
        fields["stage"] = fields["stage"].fillna(asked.stage) if "stage" in fields else asked.stage
    if register is not None and len(register) and arrived.has_boundaries:
        # Boundaries may tell which parcels these are; rows they do not tell are reported.
        fields = fields if "code" in fields else fields.assign(code=_no_codes(fields))
    _report_missing(fields, matched, layer, register=register, findings=findings)
    progress("position", 0, count)
    fields, geometry, place = _located(
        arrived, fields, matched, layer, territory, asked, register=register, findings=findings
    )
    progress("check", 0, count)
    draft = gpd.GeoDataFrame(
        fields.assign(file=findings.file, row=arrived.frame.index.to_numpy()),
        geometry=geometry,
        crs=crs.STORAGE,
    )
    frame, lie = validation.check(
        draft,
        layer,
        territory,
        findings=findings,
        asked=Asked(asked.district, asked.unit, asked.repair, asked.same_land),
        register=register,
    )
    delivered = tuple(one.key for one in layer.fields if one.key in fields.columns)
    progress("check", count, count)
    checked = judged(frame, findings)
    if moves is not None and checked["ok"].any():
        moves(_without_errors(checked), findings)
        checked = judged(frame, findings)
    return Delivery(
        layer,
        arrived,
        checked,
        delivered,
        findings,
        placement=lie,
        accepted=matched.accepted,
        place=place,
    )


def _no_codes(fields: pd.DataFrame) -> pd.Series:
    return pd.Series(pd.NA, index=fields.index, dtype="str")


def judged(frame: gpd.GeoDataFrame, findings: Findings) -> gpd.GeoDataFrame:
    """The frame with `ok`: whether no error concerns a row."""
    if findings.file_has_error():
        return frame.assign(ok=False)
    return frame.assign(ok=~frame["row"].isin(findings.rows_with_errors()))


def _without_errors(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The rows that are `ok`; where all are, the columns of the frame itself, not copied."""
    ok = frame["ok"]
    return (frame if ok.all() else frame[ok]).drop(columns="ok")


def _report_missing(
    fields: pd.DataFrame,
    matched: Matched,
    layer: Layer,
    *,
    register: gpd.GeoDataFrame | None,
    findings: Findings,
) -> None:
    """Required columns matter only for parcels the register does not have."""
    if not len(fields):
        return
    if register is not None and "code" in fields and fields["code"].isin(register["code"]).all():
        return
    columns.report_missing(matched, layer, findings=findings, given=set(fields.columns))


def _bounds(territory: Territory) -> tuple[float, float, float, float]:
    west, south, east, north = territory.districts.total_bounds
    return float(west), float(south), float(east), float(north)


def _located(  # noqa: PLR0913 - everything known of the delivery meets here
    arrived: Arrived,
    fields: pd.DataFrame,
    matched: Matched,
    layer: Layer,
    territory: Territory,
    asked: ReceiveOptions,
    *,
    register: gpd.GeoDataFrame | None,
    findings: Findings,
) -> tuple[pd.DataFrame, np.ndarray, Mapping[str, Any]]:
    """Boundaries in EPSG:4490, and how they were brought there.

    Of a list, points made of the columns that hold a place.
    """
    stated = Stated(asked.crs, asked.swapped, asked.offset, asked.control_points)
    listed = not arrived.has_boundaries and matched.place is not None
    shapes = _checkable(arrived, asked.bounds.vertices, findings)
    if listed and matched.place is not None:
        shapes = _listed_points(arrived, matched.place, findings)
    located = position.locate(
        arrived, shapes, bounds=_bounds(territory), findings=findings, stated=stated
    )
    geometry = shifts.settle(
        located,
        codes=fields.get("code"),
        districts=_named_districts(fields, territory, asked),
        register=register,
        territory=territory,
        offset=asked.offset,
        findings=findings,
    )
    used = dict(located.used)
    if asked.offset is not None and used:
        used["offset"] = {"system": asked.offset, "formula": offsets.FORMULA[asked.offset]}
    if not listed:
        return fields, geometry, used
    keys = {one.key for one in layer.fields}
    if {"registered_lon", "registered_lat"} <= keys:
        fields = fields.assign(
            registered_lon=shapely.get_x(geometry), registered_lat=shapely.get_y(geometry)
        )
    if layer.shape is Shape.POLYGON:
        geometry = np.full(len(geometry), None, object)
    return fields, geometry, used


def _named_districts(
    fields: pd.DataFrame, territory: Territory, asked: ReceiveOptions
) -> pd.Series | None:
    """District codes that the rows name, or the sender names for all."""
    if "district" in fields:
        return territory.district_codes(fields["district"])
    if asked.district is None:
        return None
    return territory.district_codes(pd.Series(asked.district, index=fields.index))


def _checkable(arrived: Arrived, limit: int, findings: Findings) -> np.ndarray:
    """The boundaries without those of so many corners that checking them would take for ever."""
    geometry = np.asarray(arrived.frame.geometry.to_numpy(), object)
    corners = shapely.get_num_coordinates(geometry)
    huge = corners > limit
    if not huge.any():
        return geometry
    findings.add(
        "boundary_too_detailed",
        rows=arrived.frame.index.to_numpy("int64")[huge],
        details=[{"vertices": int(count), "limit": limit} for count in corners[huge]],
    )
    left = geometry.copy()
    left[huge] = None
    return left


def _listed_points(arrived: Arrived, place: tuple[str, str], findings: Findings) -> np.ndarray:
    east = values.numbers_of(arrived.frame[place[0]])
    north = values.numbers_of(arrived.frame[place[1]])
    whole = (east.notna() & north.notna()).to_numpy(bool)
    rows = arrived.frame.index.to_numpy("int64")
    half = (east.notna() ^ north.notna()).to_numpy(bool)
    details = words.in_both(words.values()["expected"], "place", "expected")
    found = arrived.frame[place[0]].astype("str") + ", " + arrived.frame[place[1]].astype("str")
    findings.add(
        "value_not_understood",
        rows=rows[half],
        field=" / ".join(place),
        found=found[half],
        details=details,
    )
    points = np.full(len(rows), None, object)
    points[whole] = shapely.points(east[whole].to_numpy(float), north[whole].to_numpy(float))
    return points
