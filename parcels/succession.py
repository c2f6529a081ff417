"""Splits, merges and new surveys as changes of the register: parents end, children begin.

Nothing is deleted: the parents' versions end on the day of the act, the children's begin on it,
and a row of lineage binds each child to each parent it has land of. All of it belongs to one
change, so that undoing the change undoes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import sqlalchemy as sa

from parcels import crs, descent, lineage
from parcels.diff import Difference, difference
from parcels.errors import LineageNotPossibleError, UnknownParcelError
from parcels.findings import Findings
from parcels.lifecycle import Evidence
from parcels.lineage import Balance
from parcels.model import Layer
from parcels.recording import Act, Recorder
from parcels.register import Intake, Register
from parcels.review import Deed
from parcels.tables import lineage as links
from parcels.tables import parcel, remainder, version

Kind = Literal["split", "merge", "resurvey"]


@dataclass(frozen=True, slots=True)
class Succession:
    """An act on the register that was looked at and is not done yet.

    Attributes:
        kind: Which act.
        layer: Key of the layer.
        parents: Versions in force that end, as the register holds them.
        children: New parcels as a parcels frame, or versions in force of `registered` ones.
        registered: Whether the children are parcels of the register already.
        balance: Their land against each other.
        findings: What is wrong with it.
        left_out: Why the land that is left goes to no child; None where none is left on purpose.
    """

    kind: Kind
    layer: str
    parents: gpd.GeoDataFrame
    children: gpd.GeoDataFrame
    registered: bool
    balance: Balance
    findings: pd.DataFrame
    left_out: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing stands against it."""
        return not bool((self.findings["severity"] == "error").any())


def split(
    register: Register,
    layer: str,
    code: str,
    into: gpd.GeoDataFrame | Sequence[str],
    *,
    act: Act,
    left_out: str | None = None,
) -> Succession:
    """A split of a parcel, looked at.

    Args:
        register: The register.
        layer: Key of the layer.
        code: Of the parcel.
        into: The new parcels as a delivery has them, or codes of parcels of the register.
        act: `on` is the first day on which the parcel is no more.
        left_out: Why some of its land goes to no new parcel, e.g. given to a road; one new
            parcel is enough then.

    Raises:
        UnknownParcelError: There is no such parcel.
        LineageNotPossibleError: It is not in force the day before, known otherwise later, or has
            no surface; or land shall be left out and none is.
    """
    declared = register.layer(layer)
    parents = _in_force(register, declared, [code], act)
    return _looked_at(register, "split", declared, parents, into, act, left_out=left_out)


def merge(
    register: Register,
    layer: str,
    codes: Sequence[str],
    into: str,
    *,
    said: pd.DataFrame | None = None,
    act: Act,
) -> Succession:
    """A merge of parcels, looked at.

    Args:
        register: The register.
        layer: Key of the layer.
        codes: Of the parcels, two at least.
        into: Code of the parcel they become: a new one, that of one of them, or of a parcel of
            the register which is that land already.
        said: One row with what is said of the new parcel, fields by key; see `ingest.stated`.
        act: `on` is the first day on which the parcels are one.

    Raises:
        UnknownParcelError, LineageNotPossibleError: As for `split`.
    """
    declared = register.layer(layer)
    if len(set(codes)) < 2:
        raise LineageNotPossibleError(layer=layer, codes=list(codes), reason="one_parent")
    parents = _in_force(register, declared, list(dict.fromkeys(codes)), act)
    if into not in set(codes) and register.codes(layer, [into]):
        return _looked_at(register, "merge", declared, parents, [into], act)
    child = lineage.merged(parents, declared, into)
    if said is not None:
        for key in said.columns.intersection(child.columns).difference(
            ["code", "row", "geometry"]
        ):
            if said[key].notna().all():
                child[key] = said[key].to_numpy()
    lie = register.territory.split(child.geometry.to_numpy())
    child["district"] = register.territory.assign(lie, 1)["district"].to_numpy()
    return _looked_at(register, "merge", declared, parents, child, act)


def resurvey(
    register: Register, layer: str, code: str, boundary: shapely.Geometry, *, act: Act
) -> Succession:
    """A new survey of a parcel's boundary, looked at; the parcel stays the same one.

    Raises:
        UnknownParcelError, LineageNotPossibleError: As for `split`.
    """
    declared = register.layer(layer)
    parents = _in_force(register, declared, [code], act)
    child = parents.set_geometry([boundary], crs=parents.crs).assign(row=1)
    findings = Findings(layer, "")
    old, new = parents.geometry.to_numpy(), child.geometry.to_numpy()
    lineage.report_survey(old[0], new[0], findings)
    found = lineage.balance(old, new)
    return Succession(
        kind="resurvey",
        layer=layer,
        parents=parents,
        children=child,
        registered=False,
        balance=found,
        findings=findings.frame(),
    )


def record(register: Register, made: Succession, act: Act, given: Evidence | None = None) -> int:
    """Do what was looked at, as one change, all or nothing; returns the number of the change.

    Raises:
        LineageNotPossibleError: It is not sound, or the register has changed since.
        StoreBusyError: Another process is writing.
    """
    with register.store.write() as connection:
        return record_in(register, connection, made, act, given)


def record_in(
    register: Register,
    connection: sa.Connection,
    made: Succession,
    act: Act,
    given: Evidence | None = None,
) -> int:
    """What `record` does, as part of a writing transaction."""
    layer = register.layer(made.layer)
    refuse_unsound(made)
    _refuse_changed(register, connection, layer, made)
    if not made.registered and made.kind != "resurvey":
        _refuse_taken(register, connection, layer, made.parents, made.children, act)
    held = register.held(connection, layer, made.parents["code"])
    step = _step(made, held, layer, act)
    recorder = Recorder(register.store, connection, act)
    recorder.open(made.kind, layer=layer.key)
    recorder.write(layer, step, held, register.territory)
    _add_links(recorder, made, given)
    if made.left_out is not None:
        _add_remainder(recorder, made, made.left_out)
    return recorder.number


def refuse_unsound(made: Succession) -> None:
    """Refuse an act that something stands against.

    Raises:
        LineageNotPossibleError: Something does.
    """
    if not made.is_sound:
        codes = made.parents["code"].tolist()
        raise LineageNotPossibleError(layer=made.layer, codes=codes, reason="not_sound")


def asked(made: Succession, act: Act, given: Evidence | None = None) -> Intake:
    """An act as it is submitted to a reviewer: its new parcels are the rows that wait.

    Raises:
        LineageNotPossibleError: It is not sound.
    """
    refuse_unsound(made)
    children = made.children
    deed = Deed(
        kind=made.kind,
        parents=tuple(made.parents["code"]),
        into=tuple(children["code"]) if made.registered else (),
        left_out=made.left_out,
    )
    # Which parcels of the register they are, `into` says.
    rows = children.iloc[:0] if made.registered else children
    return Intake(rows.drop(columns="parcel", errors="ignore"), act, evidence=given, deed=deed)


def again(
    register: Register, layer: str, deed: Deed, rows: gpd.GeoDataFrame, *, act: Act
) -> Succession:
    """An act that waited for a reviewer, looked at in the register as it is now.

    Args:
        register: The register.
        layer: Key of the layer.
        deed: The act, as `asked` gave it.
        rows: Its rows.
        act: The act; its day is that on which the act is true.

    Raises:
        UnknownParcelError, LineageNotPossibleError: As for `split`.
    """
    if deed.kind == "resurvey":
        return resurvey(register, layer, deed.parents[0], rows.geometry.iloc[0], act=act)
    declared = register.layer(layer)
    parents = _in_force(register, declared, list(deed.parents), act)
    kind: Kind = "split" if deed.kind == "split" else "merge"
    return _looked_at(
        register, kind, declared, parents, deed.into or rows, act, left_out=deed.left_out
    )


def _step(made: Succession, held: gpd.GeoDataFrame, layer: Layer, act: Act) -> Difference:
    """What an act changes in the layer."""
    if made.kind == "resurvey":
        step = difference(_unsaid(made.children, layer), held, layer, on=act.on)
        if step.rows.empty:
            codes = made.parents["code"].tolist()
            raise LineageNotPossibleError(layer=layer.key, codes=codes, reason="same_boundary")
        return step
    new = made.children.iloc[:0] if made.registered else made.children
    # Compared with nothing every row is a new parcel, whatever code it takes over.
    step = difference(new, held.iloc[:0], layer, on=act.on)
    return replace(step, superseded=made.parents["version"].to_numpy(np.int64))


def _in_force(
    register: Register, layer: Layer, codes: Sequence[str], act: Act
) -> gpd.GeoDataFrame:
    """The versions that an act ends, in the order of the codes."""
    unknown = sorted(set(codes) - register.codes(layer.key, codes))
    if unknown:
        raise UnknownParcelError(layer=layer.key, codes=unknown[:5], count=len(unknown))
    with register.store.read() as connection:
        held = register.held(connection, layer, pd.Series(list(codes)))
    day = np.datetime64(act.on, "s")
    there = held[(held["valid_from"] <= day) & (held["valid_to"] > day)]
    there = there[there["code"].isin(codes)].drop_duplicates("code").set_index("code", drop=False)
    gone = [code for code in codes if code not in there.index]
    if gone:
        raise LineageNotPossibleError(layer=layer.key, codes=gone[:5], reason="not_in_force")
    parents = there.loc[list(codes)].reset_index(drop=True)
    later = held[held["valid_from"] > day]
    for reason, wrong in (
        ("begins_later", parents["valid_from"] >= day),
        ("known_later", parents["parcel"].isin(later["parcel"])),
        ("no_surface", ~_is_surface(parents)),
    ):
        if wrong.any():
            named = parents.loc[wrong.to_numpy(bool), "code"].tolist()[:5]
            raise LineageNotPossibleError(layer=layer.key, codes=named, reason=reason)
    return parents


def _is_surface(frame: gpd.GeoDataFrame) -> pd.Series:
    return pd.Series(shapely.get_dimensions(frame.geometry.to_numpy()) == 2, index=frame.index)


def _looked_at(  # noqa: PLR0913 - an act has so many sides
    register: Register,
    kind: Kind,
    layer: Layer,
    parents: gpd.GeoDataFrame,
    into: gpd.GeoDataFrame | Sequence[str],
    act: Act,
    *,
    left_out: str | None = None,
) -> Succession:
    findings = Findings(layer.key, "")
    new = into if isinstance(into, gpd.GeoDataFrame) else None
    children = new if new is not None else _registered(register, layer, parents, into, act)
    registered = new is None
    codes = children["code"].tolist()
    if kind == "split" and len(codes) < (2 if left_out is None else 1):
        raise LineageNotPossibleError(layer=layer.key, codes=codes, reason="one_child")
    if not _is_surface(children).all():
        raise LineageNotPossibleError(layer=layer.key, codes=codes, reason="no_surface")
    if not registered:
        with register.store.read() as connection:
            _refuse_taken(register, connection, layer, parents, children, act)
    filled = lineage.inherit(parents, children, layer, findings, registered=registered)
    found = lineage.balance(parents.geometry.to_numpy(), children.geometry.to_numpy())
    allowed = lineage.tolerance().of(found.parents_m2)
    if left_out is not None and crs.area_m2(found.left) <= allowed:
        raise LineageNotPossibleError(layer=layer.key, codes=codes, reason="nothing_left_out")
    lineage.report_balance(found, findings, left_out=left_out)
    if kind == "merge" and not registered:
        lineage.report_apart(children, findings)
    kept = children if registered else gpd.GeoDataFrame(filled, geometry="geometry")
    return Succession(
        kind, layer.key, parents, kept, registered, found, findings.frame(), left_out
    )


def _registered(
    register: Register, layer: Layer, parents: gpd.GeoDataFrame, codes: Any, act: Act
) -> gpd.GeoDataFrame:
    """Parcels of the register that are the children already."""
    wanted = list(dict.fromkeys(codes))
    unknown = sorted(set(wanted) - register.codes(layer.key, wanted))
    if unknown:
        raise UnknownParcelError(layer=layer.key, codes=unknown[:5], count=len(unknown))
    with register.store.read() as connection:
        held = register.held(connection, layer, pd.Series(wanted))
        known = descent.believed(connection)
    day = np.datetime64(act.on, "s")
    there = held[(held["valid_from"] <= day) & (held["valid_to"] > day)]
    there = there[there["code"].isin(wanted)].drop_duplicates("code").reset_index(drop=True)
    gone = [code for code in wanted if code not in set(there["code"])]
    if gone:
        raise LineageNotPossibleError(layer=layer.key, codes=gone[:5], reason="not_in_force")
    before = lineage.ancestors(known, parents["parcel"]) | set(parents["parcel"])
    circular = there.loc[there["parcel"].isin(before), "code"].tolist()
    if circular:
        raise LineageNotPossibleError(layer=layer.key, codes=circular[:5], reason="own_ancestor")
    return there.assign(row=np.arange(1, len(there) + 1))


def _refuse_taken(
    register: Register,
    connection: sa.Connection,
    layer: Layer,
    parents: gpd.GeoDataFrame,
    children: pd.DataFrame,
    act: Act,
) -> None:
    """New parcels cannot have the code of another that is believed from the day on."""
    codes = children["code"]
    if codes.isna().any() or codes.duplicated().any():
        named = codes[codes.duplicated()].tolist()[:5]
        raise LineageNotPossibleError(layer=layer.key, codes=named, reason="codes_unclear")
    held = register.held(connection, layer, codes)
    day = np.datetime64(act.on, "s")
    others = held[(held["valid_to"] > day) & ~held["parcel"].isin(parents["parcel"])]
    taken = sorted(set(others["code"]) & set(codes))
    if taken:
        raise LineageNotPossibleError(layer=layer.key, codes=taken[:5], reason="code_taken")


def _refuse_changed(
    register: Register, connection: sa.Connection, layer: Layer, made: Succession
) -> None:
    """Look again with the writing lock held: another may have changed a parcel since."""
    for side in [made.parents, *([made.children] if made.registered else [])]:
        held = register.held(connection, layer, side["code"])
        lost = side.loc[~side["version"].isin(held["version"]), "code"].tolist()
        if lost:
            raise LineageNotPossibleError(layer=layer.key, codes=lost[:5], reason="changed_since")


def _unsaid(children: gpd.GeoDataFrame, layer: Layer) -> gpd.GeoDataFrame:
    """Rows of which nothing but the code and the boundary is said."""
    blank = children.iloc[:0].reindex(range(len(children)))[[f.key for f in layer.fields]]
    said = blank.assign(code=children["code"].to_numpy(), row=children["row"].to_numpy())
    return gpd.GeoDataFrame(said, geometry=children.geometry.to_numpy(), crs=children.crs)


def _add_links(recorder: Recorder, made: Succession, given: Evidence | None) -> None:
    """Bind each child to each parent that it has land of."""
    children = made.children
    if not made.registered:
        children = _written(recorder, made)
    pairs = made.balance.common
    parent = made.parents.iloc[pairs["parent"]]
    child = children.iloc[pairs["child"]]
    start = recorder.store.next_id(recorder.connection, links)
    columns: dict[str, Any] = {
        "id": list(range(start, start + len(pairs))),
        "change_id": [recorder.number] * len(pairs),
        "parent_id": parent["parcel"].tolist(),
        "child_id": child["parcel"].tolist(),
        "parent_boundary_id": parent["boundary"].tolist(),
        "child_boundary_id": child["boundary"].tolist(),
        "common_m2": pairs["area_m2"].tolist(),
    }
    if given is not None:
        said = {
            "kind": given.kind,
            "number": given.number,
            "dated_on": given.dated_on.isoformat() if given.dated_on else None,
            "issued_by": given.issued_by,
            "reviewed_by": given.reviewed_by,
            "file_id": recorder.add_file(given.file) if given.file is not None else None,
        }
        columns |= {key: [value] * len(pairs) for key, value in said.items()}
    recorder.store.insert(recorder.connection, links, columns)


def _add_remainder(recorder: Recorder, made: Succession, reason: str) -> None:
    """Keep the land that goes to no child, with the reason."""
    columns = {
        "id": [recorder.store.next_id(recorder.connection, remainder)],
        "change_id": [recorder.number],
        "parent_id": made.parents["parcel"].tolist()[:1],
        "geom": np.array([made.balance.left], dtype=object),
        "area_m2": [float(crs.area_m2(made.balance.left))],
        "reason": [reason],
    }
    recorder.store.insert(recorder.connection, remainder, columns)


def _written(recorder: Recorder, made: Succession) -> pd.DataFrame:
    """`parcel` and `boundary` of the children just written, in their order."""
    query = sa.select(
        version.c.code,
        version.c.parcel_id.label("parcel"),
        version.c.boundary_id.label("boundary"),
    ).where(version.c.recorded_from == recorder.number, version.c.valid_from == recorder.act.on)
    if made.kind != "resurvey":
        born = sa.select(parcel.c.id).where(parcel.c.change_id == recorder.number)
        query = query.where(version.c.parcel_id.in_(born))
    rows = recorder.store.frame(recorder.connection, query).set_index("code")
    return rows.loc[made.children["code"]].astype("int64").reset_index()
