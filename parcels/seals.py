"""Seals every change with a hash over all it wrote and over the hash of the change before.

The hash of a change is SHA-256 over the former hash, its number, and for each table how many rows
it wrote and SHA-256 over them, in the order of their keys. Rows that a change closes (a version
no longer believed, a mapping that ended) count to the change that closes them. So whatever is
edited, added or taken away afterwards by SQL no longer fits, and from there on neither does
anything, unless all that follows is hashed anew: against that helps an anchor kept elsewhere.

A table or column that comes later leaves the seals of the changes before it as they are, if it is
empty or NULL for them. Exports are no changes and have a chain of their own (`export_seals`): a
change is sealed with the last link of it, so that nothing before can be cut off unseen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import sqlalchemy as sa

from parcels import attributes, crs, export_seals, geopackage, plan_tables, tables
from parcels.export_seals import EXPORTS
from parcels.model import CORE_COLUMNS
from parcels.row_hashes import (
    START,
    Difference,
    Sums,
    Written,
    as_parts,
    as_text,
    chained,
    differences,
    line,
    settle,
)

_AT_ONCE: Final = 2_000
"""Keys looked at in one query: memory is that of so many rows."""

_DIGESTED: Final = 10_000
"""Versions whose digests are made at a time."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """How the rows of a table belong to changes.

    Attributes:
        table: The table.
        owner: SQL of the number of the change that wrote a row, which is called t.
        joins: SQL of what `owner` needs besides.
        closed: Column with the number of the change that closed a row; empty before.
        closing: Columns that closing fills, empty before.
        digested: Columns that `version.digest` covers. Embedded, the digest stands for them, which
            halves the time; `check` makes it again from them. A server keeps JSON in its own
            order, so that it cannot be made again there, and reads all of them itself.
    """

    table: sa.Table
    owner: str = "t.change_id"
    joins: str = ""
    closed: str | None = None
    closing: tuple[str, ...] = ()
    digested: frozenset[str] = frozenset()

    def opening(self, *, embedded: bool) -> list[sa.Column[Any]]:
        """Columns that are sealed when a row is written, and never change."""
        left_out = {self.closed, *self.closing, *(self.digested if embedded else ())}
        return [c for c in self.table.columns if c.name not in left_out]


NOT_SEALED: Final = frozenset({"seal", "published", "audit", *export_seals.TABLES})
"""The seals, what the views were made from, what was seen, and what was handed out, which has its
own chain."""

_EDITION: Final = "JOIN edition e ON e.id = t.edition_id"
_OWN: Final = {
    one.table.name: one
    for one in (
        Sealed(tables.change, owner="t.id"),
        Sealed(
            tables.version,
            owner="t.recorded_from",
            closed="recorded_to",
            digested=frozenset({*CORE_COLUMNS, "attributes"}),
        ),
        Sealed(tables.boundary, digested=frozenset({"geom"})),
        Sealed(tables.district, owner="e.change_id", joins=_EDITION),
        Sealed(tables.unit, owner="e.change_id", joins=_EDITION),
        # Written for a new boundary by the edition of the day, or for all boundaries by a new one,
        # or for one that came back.
        Sealed(
            tables.part,
            owner="coalesce(t.change_id, "
            "CASE WHEN b.change_id > e.change_id THEN b.change_id ELSE e.change_id END)",
            joins=f"{_EDITION} JOIN boundary b ON b.id = t.boundary_id",
        ),
        # Found when the newer of the two, which is the second, was written.
        Sealed(
            tables.overlap,
            owner="coalesce(t.change_id, b.change_id)",
            joins="JOIN boundary b ON b.id = t.boundary_b",
        ),
        Sealed(
            tables.site_proposal,
            closed="closed_in",
            closing=("decision", "decided_by", "decided_at", "reason"),
        ),
        Sealed(tables.site_member, owner="t.recorded_from", closed="recorded_to"),
        Sealed(tables.person, closed="closed_in"),
        Sealed(tables.account, closed="closed_in"),
        Sealed(tables.proposed, closed="decided_in", closing=("state", "reason")),
        Sealed(tables.sample, owner="t.recorded_from", closed="recorded_to"),
        Sealed(plan_tables.plan, owner="t.recorded_from", closed="recorded_to"),
        Sealed(plan_tables.plan_role, owner="t.recorded_from", closed="recorded_to"),
        Sealed(plan_tables.report, owner="t.recorded_from", closed="recorded_to"),
        Sealed(tables.mapping, closed="closed_in", closing=("closed_by", "closed_at")),
        Sealed(tables.accepted_issue, closed="closed_in"),
        Sealed(tables.evaluation_override, closed="closed_in"),
    )
}

SEALED: Final = tuple(
    _OWN.get(table.name, Sealed(table))
    for table in tables.metadata.sorted_tables
    if table.name not in NOT_SEALED
)


@dataclass(frozen=True, slots=True)
class Check:
    """What walking the chain found.

    Attributes:
        changes: How many changes there are.
        rows: How many rows were read.
        last: Number of the last change; 0 for an empty register.
        digest: Hash that the last change carries.
        misfits: By number, in order, the changes that do not fit; a number that is no change
            stands for rows that say they belong to it.
        hashes: The hash of each change.
        exports: What walking the chain of exports found.
    """

    changes: int
    rows: int
    last: int
    digest: str
    misfits: Mapping[int, Sequence[Difference]] = field(default_factory=dict)
    hashes: Mapping[int, str] = field(default_factory=dict)
    exports: export_seals.Check = field(default_factory=export_seals.Check)

    @property
    def fits(self) -> bool:
        """Whether all is as it was sealed."""
        return not self.misfits and not self.exports.misfits


def seal(connection: sa.Connection) -> None:
    """Seal every change that is not yet; called last in each writing transaction.

    Args:
        connection: The writing connection.
    """
    last, before = _last(connection)
    newest = connection.execute(sa.select(sa.func.max(tables.change.c.id))).scalar() or 0
    if newest <= last:
        return
    written = _written(connection, first=last + 1)
    exported = export_seals.head(connection)
    numbers = sa.select(tables.change.c.id).where(tables.change.c.id > last)
    for number in connection.execute(numbers.order_by(tables.change.c.id)).scalars().all():
        # A register of which nothing was handed out yet is sealed as it always was.
        beside = {EXPORTS: exported} if exported[0] else {}
        parts = as_text(written.get(number, {}) | beside)
        before = chained(before, number, parts)
        connection.execute(
            sa.insert(tables.seal).values(change_id=number, parts=parts, digest=before)
        )


def check(connection: sa.Connection) -> Check:
    """Walk the chain from the first change to the last, reading every row once.

    Args:
        connection: A connection that sees one state of the register.
    """
    written = _written(connection, first=1)
    rows = sum(count for kinds in written.values() for count, _ in kinds.values())
    seals = connection.execute(sa.select(tables.seal).order_by(tables.seal.c.change_id)).all()
    misfits: dict[int, list[Difference]] = {}
    exports = export_seals.check(connection, {number: digest for number, _, digest in seals})
    before, hashes = START, {}
    for number, text, digest in seals:
        found = written.pop(number, {})
        sealed = as_parts(text)
        if EXPORTS in sealed:
            found[EXPORTS] = exports.link(sealed[EXPORTS][0])
        wrong = differences(sealed, found)
        made = chained(before, number, as_text(found))
        if made != digest and not wrong:
            wrong = [Difference("seal", 1, 1, digest, made)]
        if wrong:
            misfits[number] = wrong
        before = hashes[number] = digest
    for number, found in written.items():
        misfits[number] = differences({}, found)
    for number, other in itertools.chain(_half_closed(connection), _undigested(connection)):
        misfits.setdefault(number, []).append(other)
    return Check(
        changes=len(seals),
        rows=rows,
        last=max(hashes, default=0),
        digest=before,
        misfits=dict(sorted(misfits.items())),
        hashes=hashes,
        exports=exports,
    )


def _last(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last sealed change."""
    query = sa.select(tables.seal.c.change_id, tables.seal.c.digest)
    found = connection.execute(query.order_by(tables.seal.c.change_id.desc()).limit(1)).first()
    return (0, START) if found is None else (int(found[0]), str(found[1]))


# -- reading rows -----------------------------------------------------------------------------


def _written(connection: sa.Connection, *, first: int) -> Written:
    """What the changes from `first` on wrote and closed."""
    settle(connection)
    sums = Sums()
    for one in SEALED:
        _add_opened(connection, one, sums, first=first)
        if one.closed is not None:
            _add_closed(connection, one, sums, first=first)
    return sums.done()


def _add_opened(connection: sa.Connection, one: Sealed, sums: Sums, *, first: int) -> None:
    run = connection.exec_driver_sql
    name = one.table.name
    embedded = connection.dialect.name == "sqlite"
    told = line(one.opening(embedded=embedded), embedded=embedded)
    highest = run(f'SELECT max(id) FROM "{name}"').scalar() or 0  # noqa: S608 - our own names
    if first > 1:
        lowest = _beginning(connection, one, highest, first=first)
    else:
        lowest = run(f'SELECT min(id) FROM "{name}"').scalar() or 0  # noqa: S608 - as above
    source = (
        f'FROM "{name}" t {one.joins} WHERE t.id >= %d AND t.id < %d AND {one.owner} >= {first}'
    )
    lines = f"SELECT {one.owner} AS number, {told} AS line {source} ORDER BY t.id"
    joined = "group_concat(line, char(10))"
    if not embedded:
        joined = "string_agg(line, chr(10) ORDER BY id)"
        lines = lines.replace(" AS line ", " AS line, t.id AS id ", 1)
    whole = f"SELECT min(number), max(number), count(*), {joined} FROM ({lines}) r"  # noqa: S608
    for start in range(lowest, highest + 1, _AT_ONCE):
        place = (start, start + _AT_ONCE)
        least, most, rows, text = run(whole % place).one()
        if rows and least == most:
            sums.add(least, name, rows, text)
        elif rows:
            for row in run(lines % place):
                sums.add(row.number, name, 1, row.line)


def _beginning(connection: sa.Connection, one: Sealed, highest: int, *, first: int) -> int:
    """A key at or below the first that a change from `first` on wrote.

    Only one transaction writes at a time, so later changes have higher keys, and halving finds
    the border without reading rows again that were just written.
    """
    known, found = 0, highest + 1
    next_row = (
        f'SELECT t.id, {one.owner} FROM "{one.table.name}" t {one.joins} '  # noqa: S608 - our own names
        "WHERE t.id > %d ORDER BY t.id LIMIT 1"
    )
    while found - known > 1:
        middle = (known + found) // 2
        row = connection.exec_driver_sql(next_row % (middle - 1)).first()
        if row is None or row[1] >= first:
            found = middle
        else:
            known = int(row[0])
    return found


def _add_closed(connection: sa.Connection, one: Sealed, sums: Sums, *, first: int) -> None:
    closed = one.table.c[one.closed or ""]
    columns = [one.table.c.id, *(one.table.c[name] for name in one.closing)]
    told = line(columns, embedded=connection.dialect.name == "sqlite")
    query = (
        f'SELECT t."{closed.name}", {told} FROM "{one.table.name}" t '  # noqa: S608 - our own names
        f'WHERE t."{closed.name}" >= {first} AND t."{closed.name}" < {tables.NOT_SUPERSEDED} '
        f'ORDER BY t."{closed.name}", t.id'
    )
    found = connection.execute(sa.text(query).execution_options(yield_per=_AT_ONCE))
    for rows in found.partitions():
        for number, text in rows:
            sums.add(number, f"{one.table.name} closed", 1, text)


def _half_closed(connection: sa.Connection) -> Iterator[tuple[int, Difference]]:
    """Rows in which something stands that only closing fills, and that no change closed."""
    for one in SEALED:
        if not one.closing:
            continue
        filled = sa.or_(*[one.table.c[name].is_not(None) for name in one.closing])
        query = sa.select(one.table.c.change_id, sa.func.count()).where(
            one.table.c[one.closed or ""].is_(None), filled
        )
        for number, rows in connection.execute(query.group_by(one.table.c.change_id)):
            yield number, Difference(f"{one.table.name} closed", 0, rows, "", "")


def _undigested(connection: sa.Connection) -> Iterator[tuple[int, Difference]]:
    """Embedded, the versions whose digest is not that of what they and their boundary say."""
    if connection.dialect.name != "sqlite":
        return
    names = ", ".join(f'v."{name}"' for name in (*CORE_COLUMNS, "attributes", "digest"))
    source = "FROM version v JOIN boundary b ON b.id = v.boundary_id"
    whole = f"SELECT v.recorded_from, b.geom, {names} {source} WHERE v.id >= ? AND v.id < ?"
    highest = connection.exec_driver_sql("SELECT max(id) FROM version").scalar() or 0
    wrong: dict[int, int] = {}
    for start in range(0, highest + 1, _DIGESTED):
        rows = connection.exec_driver_sql(whole, (start, start + _DIGESTED)).all()
        if not rows:
            continue
        numbers, shapes, *core, texts, kept = zip(*rows, strict=True)
        said = dict(zip(CORE_COLUMNS, map(list, core), strict=True))
        frame = gpd.GeoDataFrame(
            pd.DataFrame(said), geometry=geopackage.from_blobs(shapes), crs=crs.STORAGE
        )
        made = attributes.digests(frame, texts)
        for number, one, other in zip(numbers, made, kept, strict=True):
            if one != other:
                wrong[number] = wrong.get(number, 0) + 1
    for number, count in wrong.items():
        yield number, Difference("version digest", count, count, "", "")
