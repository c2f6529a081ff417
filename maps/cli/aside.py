"""Where the rows that were kept out are written."""

from __future__ import annotations

import itertools
from pathlib import Path

from parcels.errors import OutputNotWritableError
from parcels.ingest.arrived import Arrived
from parcels.ingest.rejects import suffix_of


def place(arrived: Arrived, asked: Path | None, *, several: bool) -> Path:
    """Where rejects go; a file that is there may hold somebody's mending and is never replaced.

    Args:
        arrived: The file they are from.
        asked: File or folder named by the user.
        several: Whether other files have rejects too.

    Raises:
        OutputNotWritableError: The file named by the user is there.
    """
    if asked is not None and not several and not asked.is_dir():
        if asked.exists():
            raise OutputNotWritableError(file=str(asked), reason="EEXIST")
        return asked
    folder = asked or Path.cwd()
    stem, suffix = Path(arrived.source.name).stem, suffix_of(arrived)
    marks = ("" if number == 1 else f"-{number}" for number in itertools.count(1))
    names = (f"{stem}.rejects{mark}{suffix}" for mark in marks)
    return next(path for path in (folder / name for name in names) if not path.exists())
