"""Seals every handing out with a hash over its rows, the hash before, and the change before.

Exports are acts too, though no changes: whoever edits, adds or takes away a row of their log by
SQL breaks this chain. Each link carries the hash of the last change made before it, and each
change that of the last export, so that neither can be made anew without the other. A last export
taken away with its own link shows as soon as a change was made since, or an anchor names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from parcels import tables
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
from parcels.tables import export_file, export_log, export_seal

TABLES: Final = ("export_log", "export_file", "export_seal")
"""The tables of this chain."""

EXPORTS: Final = "exports"
"""Under which name a change is sealed with the last export before it."""

_AFTER: Final = "change_before"
_OWNER: Final = {export_log: "id", export_file: "export_id"}


@dataclass(frozen=True, slots=True)
class Check:
    """What walking the chain of exports found.

    Attributes:
        count: How many exports there are.
        last: Number of the last one; 0 where there is none.
        digest: Hash that it carries.
        misfits: By number, in order, the exports that do not fit.
        hashes: The hash of each export.
    """

    count: int = 0
    last: int = 0
    digest: str = ""
    misfits: Mapping[int, Sequence[Difference]] = field(default_factory=dict)
    hashes: Mapping[int, str] = field(default_factory=dict)

    def link(self, number: int) -> tuple[int, str]:
        """Number and hash of an export; of the last before it where it is no more."""
        there = [one for one in self.hashes if one <= number]
        return (max(there), self.hashes[max(there)]) if there else (0, "")


def head(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last sealed export; 0 and "" where there is none."""
    query = sa.select(export_seal.c.export_id, export_seal.c.digest)
    found = connection.execute(query.order_by(export_seal.c.export_id.desc()).limit(1)).first()
    return (0, "") if found is None else (int(found[0]), str(found[1]))


def seal(connection: sa.Connection) -> None:
    """Seal the exports that are not yet, in the transaction that notes them.

    Args:
        connection: The writing connection.
    """
    last, before = head(connection)
    after, digest = _last_change(connection)
    for number, found in _written(connection, first=last + 1).items():
        parts = as_text(found | {_AFTER: (after, digest)})
        before = chained(before or START, number, parts)
        row = {"export_id": number, "parts": parts, "digest": before}
        connection.execute(sa.insert(export_seal).values(row))


def seal_former(connection: sa.Connection) -> None:
    """Seal what was handed out before there were seals of it."""
    if head(connection)[0] == 0:
        seal(connection)


def check(connection: sa.Connection, changes: Mapping[int, str]) -> Check:
    """Walk the chain from the first export to the last.

    Args:
        connection: A connection that sees one state of the register.
        changes: The hash that each change carries.
    """
    written = _written(connection, first=0)
    count = sum(1 for kinds in written.values() if "export_log" in kinds)
    seals = connection.execute(sa.select(export_seal).order_by(export_seal.c.export_id)).all()
    misfits: dict[int, Sequence[Difference]] = {}
    before, hashes = START, {}
    for number, text, digest in seals:
        sealed, found = as_parts(text), written.pop(number, {})
        if _AFTER in sealed:
            after = sealed[_AFTER][0]
            found[_AFTER] = (after, changes.get(after, ""))
        wrong = differences(sealed, found)
        made = chained(before, number, as_text(found))
        if made != digest and not wrong:
            wrong = [Difference("export_seal", 1, 1, digest, made)]
        if wrong:
            misfits[number] = wrong
        before = hashes[number] = digest
    for number, found in written.items():
        misfits[number] = differences({}, found)
    last = max(hashes, default=0)
    return Check(count, last, hashes.get(last, ""), dict(sorted(misfits.items())), hashes)


def _last_change(connection: sa.Connection) -> tuple[int, str]:
    query = sa.select(tables.seal.c.change_id, tables.seal.c.digest)
    found = connection.execute(query.order_by(tables.seal.c.change_id.desc()).limit(1)).first()
    return (0, "") if found is None else (int(found[0]), str(found[1]))


def _written(connection: sa.Connection, *, first: int) -> Written:
    """What the exports from a number on wrote, in order."""
    settle(connection)
    sums = Sums()
    for table, owner in _OWNER.items():
        told = line(list(table.columns), embedded=connection.dialect.name == "sqlite")
        query = (
            f'SELECT t."{owner}" AS number, {told} AS line FROM "{table.name}" t '  # noqa: S608 - our own names
            f'WHERE t."{owner}" >= {first} ORDER BY t.id'
        )
        for row in connection.exec_driver_sql(query):
            sums.add(row.number, table.name, 1, row.line)
    return dict(sorted(sums.done().items()))
