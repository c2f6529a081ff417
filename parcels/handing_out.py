"""Handing out: files are made apart, noted in the log, and only then put where they belong."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from parcels.errors import OutputNotWritableError
from parcels.export_log import Export
from parcels.model import SourceFile
from parcels.register import Register

_PIECE = 1 << 20


@contextmanager
def workshop(register: Register, folder: Path, names: tuple[str, ...] = ()) -> Iterator[Path]:
    """A folder beside the place where files shall be; it is gone afterwards.

    Args:
        register: Which must not be written over.
        folder: Where the files shall be; it must exist.
        names: Files that will be replaced there.

    Raises:
        OutputNotWritableError: There is no such folder, it cannot be written to, or a file would
            replace the register itself.
    """
    for name in names:
        if register.is_own_file(folder / name):
            raise OutputNotWritableError(file=str(folder / name), reason="over_the_register")
    try:
        with tempfile.TemporaryDirectory(prefix=".jingtu-", dir=folder) as made:
            yield Path(made)
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, str(error))
        raise OutputNotWritableError(file=str(folder), reason=reason) from error


def hand_over(
    register: Register,
    made: Path,
    folder: Path,
    note: Callable[[tuple[SourceFile, ...]], Export],
) -> tuple[tuple[SourceFile, ...], int]:
    """Note what was made, and then put it in its place: nothing leaves that the log does not know.

    Args:
        register: Keeps the log.
        made: The folder of `workshop`.
        folder: Where the files go; what is there under their names is replaced.
        note: The entry of the log for these files.

    Returns:
        The files, and the number of the export.

    Raises:
        StoreBusyError: The log cannot be written now; nothing was handed over.
    """
    paths = sorted(made.iterdir())
    files = tuple(SourceFile(one.name, sha256(one), one.stat().st_size) for one in paths)
    number = register.log_export(note(files))
    for one in paths:
        one.replace(folder / one.name)
    return files, number


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
