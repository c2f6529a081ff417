"""Rows of tables as text, and counts and hashes over them, chained one to the one before.

A row is read as text in which a column that is NULL does not occur, so that a column that comes
later leaves the hashes made before it as they are, if it is NULL for their rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from parcels import tables

START: Final = "0" * 64
"""What the first change carries for the hash of the one before."""

Written: TypeAlias = dict[int, dict[str, tuple[int, str]]]
"""By change and kind of row: how many rows, and SHA-256 over them in hex."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What of one kind of row differs from its seal.

    Attributes:
        kind: A table, "TABLE closed" for rows closed, "version digest" for versions and boundaries
            that their digest does not fit, or "seal" for the hash itself.
        sealed_rows: How many there were.
        found_rows: How many there are.
        sealed_digest: SHA-256 over them then; "" where there were none.
        found_digest: SHA-256 over them now; "" where there are none.
    """

    kind: str
    sealed_rows: int
    found_rows: int
    sealed_digest: str
    found_digest: str


def chained(before: str, number: int, parts: str) -> str:
    """The hash of a link over the hash before it, its number and what it wrote."""
    return hashlib.sha256(f"{before}\n{number}\n{parts}".encode()).hexdigest()


def as_text(written: Mapping[str, tuple[int, str]]) -> str:
    """What was written, as it is kept."""
    return json.dumps(written, sort_keys=True, separators=(",", ":"))


def as_parts(text: str) -> dict[str, tuple[int, str]]:
    """What a seal says was written; nothing where its text is no longer what we write."""
    try:
        return {
            kind: (int(rows), str(digest)) for kind, (rows, digest) in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def differences(
    sealed: Mapping[str, tuple[int, str]], found: Mapping[str, tuple[int, str]]
) -> list[Difference]:
    """What differs between what was sealed and what is found."""
    none = (0, "")
    wrong = []
    for kind in sorted({*sealed, *found}):
        (was, was_digest), (now, now_digest) = sealed.get(kind, none), found.get(kind, none)
        if (was, was_digest) != (now, now_digest):
            wrong.append(Difference(kind, was, now, was_digest, now_digest))
    return wrong


class Sums:
    """Running counts and hashes by change and kind of row."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str], tuple[int, Any]] = {}

    def add(self, number: int, kind: str, rows: int, text: str) -> None:
        """Count rows of a kind that a link wrote, and hash their text."""
        count, running = self._sums.get((number, kind)) or (0, hashlib.sha256())
        running.update(text.encode("utf-8", "surrogatepass"))
        running.update(b"\n")
        self._sums[number, kind] = count + rows, running

    def done(self) -> Written:
        """What was counted and hashed, by link."""
        whole: Written = {}
        for (number, kind), (count, running) in self._sums.items():
            whole.setdefault(number, {})[kind] = count, running.hexdigest()
        return whole


def settle(connection: sa.Connection) -> None:
    """Have a server write days, instants and numbers as the text that was hashed."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET LOCAL DateStyle = 'ISO, YMD'")
        connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
        connection.exec_driver_sql("SET LOCAL extra_float_digits = 1")


def line(columns: Sequence[sa.Column[Any]], *, embedded: bool) -> str:
    """SQL of a row as text that no other row has; what is NULL is left out."""
    if not embedded:
        parts = [f"',{c.name}=' || quote_literal(t.\"{c.name}\"::text)" for c in columns]
        return f"concat({', '.join(parts)})"
    # What is never NULL is written in one go as JSON, three times as fast as piece by piece; JSON
    # takes no bytes, and rounds numbers.
    always = [c for c in columns if not (c.nullable or isinstance(c.type, _QUOTED))]
    written = ", ".join(f't."{column.name}"' for column in always)
    others = [
        _embedded(column) for column in columns if column.name not in {one.name for one in always}
    ]
    return " || ".join([f"json_array({written})", *others])


_QUOTED: Final = (sa.Double, sa.LargeBinary, tables.BoundaryType)


def _embedded(column: sa.Column[Any]) -> str:
    name = f't."{column.name}"'
    written = f"',{column.name}=' || {name}"
    if isinstance(column.type, sa.Text):
        # Concatenation keeps a zero byte and what follows; that ends with this many bytes.
        written = f"',{column.name}=' || length(CAST({name} AS BLOB)) || ':' || {name}"
    elif not isinstance(column.type, sa.Integer):
        written = f"',{column.name}=' || quote({name})"
    return f"CASE WHEN {name} IS NULL THEN '' ELSE {written} END"
