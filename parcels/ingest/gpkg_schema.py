"""Which tables of a sender's GeoPackage are plain tables.

A view, a virtual table or a computed column runs what its author wrote each time it is read: a
view of three lines never ends, a computed column of one line fills the memory. Triggers run on
writing only, and nothing here writes. The schema is read as text; none of it is run.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from parcels.errors import FileNotReadableError, FileNotSafeError

# Spatial indexes are virtual tables that every GeoPackage has.
_ANY: Final = re.IGNORECASE | re.DOTALL
_INDEX: Final = re.compile(r"^create\s+virtual\s+table\s+.+?\busing\s+rtree\s*\(", _ANY)
_VIRTUAL: Final = re.compile(r"^\s*create\s+virtual\b", re.IGNORECASE)
_COMPUTED: Final = re.compile(r"\bgenerated\s+always\b|\)\s*(?:stored|virtual)\b|\bas\s*\(", _ANY)
_OWN: Final = ("gpkg_", "sqlite_", "rtree_", "layer_styles")


def computed_tables(path: Path) -> frozenset[str]:
    """Names of the views, virtual and computed tables: what must not be read.

    Args:
        path: The GeoPackage; never the live register.

    Raises:
        FileNotReadableError: SQLite cannot read it.
        FileNotSafeError: The GeoPackage's own tables are computed, so that opening it runs them.
    """
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            rows = connection.execute(
                "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')"
            ).fetchall()
    except sqlite3.Error as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    computed = frozenset(
        str(name) for kind, name, sql in rows if kind == "view" or _is_computed(str(sql or ""))
    )
    for name in computed:
        if name.lower().startswith(_OWN):
            raise FileNotSafeError(file=path.name, reason="view_as_table", found=name)
    return computed


def _is_computed(sql: str) -> bool:
    if _VIRTUAL.match(sql):
        return not _INDEX.match(sql.strip())
    return bool(_COMPUTED.search(sql))
