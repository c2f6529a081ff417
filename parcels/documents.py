"""The files that evidence rests on, kept by their SHA-256 in a folder beside the register.

A file lies at `ab/cdef...`, the first two digits of its digest and the rest. It is there whole or
not at all, is never written over, and is checked against its digest whenever it is read.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from parcels.errors import (
    DocumentDamagedError,
    DocumentFolderNeededError,
    DocumentNotFoundError,
    FileNotReadableError,
    OutputNotWritableError,
)
from parcels.model import SourceFile

SUFFIX: Final = ".files"
"""What the folder of an embedded register adds to the name of its file."""

_CHUNK: Final = 1 << 20


class Documents:
    """The folder of documents of one register.

    Args:
        folder: Where they lie; None where none is named, so that none can be kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def keep(self, path: Path) -> SourceFile:
        """Copy a file in; the same bytes are kept once, under whatever names they come.

        Raises:
            FileNotReadableError: It is not there, or not an ordinary file.
            DocumentFolderNeededError: No folder is named.
            DocumentDamagedError: Other bytes lie where it belongs.
            OutputNotWritableError: The folder cannot be written.
        """
        folder = self._folder()
        if not path.is_file():
            reason = "EISDIR" if path.is_dir() else "ENOENT"
            raise FileNotReadableError(file=str(path), reason=reason)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".jingtu-", dir=folder) as beside:
                copy = Path(beside) / "file"
                source = _copied(path, copy)
                self._place(copy, source.sha256)
        except OSError as error:
            reason = errno.errorcode.get(error.errno or 0, str(error))
            raise OutputNotWritableError(file=str(folder), reason=reason) from error
        return source

    def read(self, sha256: str) -> Path:
        """Where the file of a digest lies, its bytes checked.

        Raises:
            DocumentFolderNeededError: No folder is named.
            DocumentNotFoundError: It is not there.
            DocumentDamagedError: Its bytes are others.
        """
        path = self._path(sha256)
        if not path.is_file():
            raise DocumentNotFoundError(sha256=sha256, file=str(path))
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256:
            raise DocumentDamagedError(sha256=sha256, file=str(path))
        return path

    def _folder(self) -> Path:
        if self.folder is None:
            raise DocumentFolderNeededError(setting="JINGTU_FILES")
        return self.folder

    def _path(self, sha256: str) -> Path:
        return self._folder() / sha256[:2] / sha256[2:]

    def _place(self, copy: Path, sha256: str) -> None:
        """Give a whole copy its place, unless its bytes are there already."""
        target = self._path(sha256)
        if target.exists():
            self.read(sha256)
            return
        target.parent.mkdir(exist_ok=True)
        # Renaming is whole or not at all; should another have been quicker, the bytes are equal.
        copy.replace(target)
        _settle(target.parent)


def _copied(path: Path, copy: Path) -> SourceFile:
    digest, size = hashlib.sha256(), 0
    try:
        source = path.open("rb")
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, str(error))
        raise FileNotReadableError(file=str(path), reason=reason) from error
    with source, copy.open("wb") as sink:
        while piece := source.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
            sink.write(piece)
        sink.flush()
        os.fsync(sink.fileno())
    copy.chmod(0o444)
    return SourceFile(path.name, digest.hexdigest(), size)


def _settle(folder: Path) -> None:
    """Make a new name in a folder last through a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
