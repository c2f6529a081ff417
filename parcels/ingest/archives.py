"""ZIP files of senders: looked through before anything is unpacked, and unpacked within bounds.

GDAL never sees a ZIP. It would follow the names inside as they stand, take any size, and show a
name in GBK as the letters of an old American computer. Here every entry is judged by the list of
names at the end of the file, and what comes out is never more than that list says.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from parcels.errors import FileNotReadableError, FileNotSafeError, FileTooLargeError
from parcels.ingest.bounds import Limits
from parcels.ingest.encodings import guess

MARK: Final = b"PK\x03\x04"
"""How a ZIP begins that holds anything."""

EMPTY_MARK: Final = b"PK\x05\x06"
"""How a ZIP begins that holds nothing."""

_UTF8_FLAG: Final = 0x800
_LOCKED_FLAG: Final = 0x1
_OLD: Final = "cp437"
_UNICODE_PATH: Final = 0x7075
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCAL_HEAD: Final = 30
_NAME_BYTES: Final = 255
_CHUNK: Final = 1 << 20
_HEAD: Final = 1 << 16
_PROLOGUE: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_DOCTYPE: Final = b"<!doctype"
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError,
    RuntimeError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One file inside a ZIP; `name` is its path there with "/", restored from GBK if need be."""

    name: str
    info: zipfile.ZipInfo


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a ZIP. `encoding` is how the names were read if that was a guess."""

    entries: tuple[Entry, ...]
    encoding: str | None = None

    @property
    def size(self) -> int:
        """Bytes that come out in all, as the ZIP says and as is held to."""
        return sum(one.info.file_size for one in self.entries)


@dataclass(slots=True)
class Allowance:
    """What may still come out of one delivery, ZIPs inside ZIPs included."""

    limits: Limits
    file: str
    entries: int = 0
    unpacked: int = 0

    def count(self, entries: int) -> None:
        """Count files that were found.

        Raises:
            FileTooLargeError: They are too many together.
        """
        self.entries += entries
        _keep(self.file, "zip_entries", self.entries, self.limits.entries)

    def take(self, contents: Contents) -> None:
        """Count the entries of one more ZIP.

        Raises:
            FileTooLargeError: They are too many or too large together.
        """
        self.count(len(contents.entries))
        self.unpacked += contents.size
        _keep(self.file, "zip_size", self.unpacked, self.limits.unpacked_bytes)


@contextmanager
def opened(
    path: Path, limits: Limits, *, name: str | None = None
) -> Iterator[tuple[zipfile.ZipFile, Contents]]:
    """A ZIP that was looked through: no entry in it leads outside, overlaps or is locked.

    Args:
        path: The ZIP.
        limits: The bounds.
        name: What the user knows the file by.

    Raises:
        FileNotReadableError: It is no ZIP, is broken, or has a password.
        FileNotSafeError: It is made to do harm.
        FileTooLargeError: It holds more than the bounds allow.
    """
    shown = name or path.name
    try:
        _keep(shown, "zip_directory", _directory_size(path), limits.directory_bytes)
        with zipfile.ZipFile(path) as archive:
            yield archive, _contents(archive, shown, limits)
    except _BROKEN as error:
        if isinstance(error, OSError) and error.filename not in {None, str(path)}:
            raise
        said = error.strerror if isinstance(error, OSError) else None
        raise FileNotReadableError(file=shown, reason=said or str(error)) from error


def check_workbook(path: Path, limits: Limits) -> None:
    """Refuse a workbook that is a bomb, before the program that reads it opens it.

    Raises:
        FileNotReadableError, FileNotSafeError, FileTooLargeError: As `opened`; also for entities
            in its XML.
    """
    with opened(path, limits) as (archive, contents):
        _keep(path.name, "workbook_size", contents.size, limits.workbook_bytes)
        for one in contents.entries:
            if one.name.endswith((".xml", ".rels")):
                with archive.open(one.info) as stream:
                    check_xml(stream.read(_HEAD), path.name)


def check_xml(content: bytes, file: str) -> None:
    """Refuse XML that declares a document type: entities grow without end or read other files.

    Args:
        content: The file, or its beginning as far as the first element.
        file: What the user knows the file by.

    Raises:
        FileNotSafeError: It does. No kind of file taken here needs one.
    """
    # UTF-16 has a zero byte beside each letter.
    plain = content.replace(b"\0", b"").lstrip(b"\xff\xfe") if b"\0" in content[:8] else content
    prologue = _PROLOGUE.match(plain)
    start = prologue.end() if prologue else 0
    if plain[start : start + len(_DOCTYPE)].lower() == _DOCTYPE:
        raise FileNotSafeError(file=file, reason="xml_entities", found="<!DOCTYPE")


def unpack(archive: zipfile.ZipFile, entries: Iterable[Entry], folder: Path, *, file: str) -> None:
    """Write entries into a folder, no more of each than the ZIP says it holds.

    Raises:
        FileNotReadableError: An entry is broken.
        FileTooLargeError: The disk has no room for them.
    """
    wanted = list(entries)
    size = sum(one.info.file_size for one in wanted)
    _keep(file, "disk", size, shutil.disk_usage(folder).free // 2)
    for one in wanted:
        place = folder / one.name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # "x": two entries never become one file, whatever the disk takes for the same name.
            with archive.open(one.info) as stream, place.open("xb") as out:
                shutil.copyfileobj(stream, out, _CHUNK)
        except FileExistsError as error:
            raise FileNotSafeError(file=file, reason="zip_same_name", found=one.name) from error
        except _BROKEN as error:
            said = error.strerror if isinstance(error, OSError) else None
            reason = f"{one.name}: {said or error}"
            raise FileNotReadableError(file=file, reason=reason) from error


def _contents(archive: zipfile.ZipFile, file: str, limits: Limits) -> Contents:
    infos = archive.infolist()
    _keep(file, "zip_entries", len(infos), limits.entries)
    names, encoding = _names(infos)
    entries = []
    for info, written in zip(infos, names, strict=True):
        name = _safe(written, info, file)
        if info.flag_bits & _LOCKED_FLAG:
            raise FileNotReadableError(file=file, reason="zip_locked")
        if info.file_size >= limits.ratio_from_bytes:
            ratio = info.file_size // max(info.compress_size, 1)
            _keep(file, "zip_ratio", ratio, limits.ratio)
        if not written.endswith("/"):
            entries.append(Entry(name, info))
    _refuse_doubles([one.name for one in entries], file)
    _refuse_overlaps(infos, file)
    contents = Contents(tuple(entries), encoding)
    _keep(file, "zip_size", contents.size, limits.unpacked_bytes)
    return contents


def _names(infos: list[zipfile.ZipInfo]) -> tuple[list[str], str | None]:
    """The names as the sender saw them, and the encoding if it had to be guessed.

    A name without the flag for UTF-8 should be in code page 437, but is in whatever the sender's
    Windows uses: GBK in China; macOS writes UTF-8 and forgets the flag.
    """
    stated = [_stated_name(info) for info in infos]
    raw = [
        info.orig_filename.encode(_OLD)
        for info, name in zip(infos, stated, strict=True)
        if name is None
    ]
    encoding = guess(raw) if raw else None
    if encoding == "latin-1":
        encoding = None
    names = []
    for info, name in zip(infos, stated, strict=True):
        shown = info.orig_filename if name is None else name
        if name is None and encoding is not None:
            shown = shown.encode(_OLD).decode(encoding, errors="replace")
        names.append(unicodedata.normalize("NFC", shown.replace("\\", "/")))
    return names, encoding


def _stated_name(info: zipfile.ZipInfo) -> str | None:
    """The name where the ZIP says in what it is written; None where it leaves that open."""
    if info.flag_bits & _UTF8_FLAG or info.orig_filename.isascii():
        return info.orig_filename
    place, extra = 0, info.extra
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        body = extra[place + 4 : place + 4 + size]
        # Version, checksum of the other name, then the name in UTF-8.
        if kind == _UNICODE_PATH and len(body) > 5:
            raw = info.orig_filename.encode(_OLD, "replace")
            if zlib.crc32(raw) == int.from_bytes(body[1:5], "little"):
                return body[5:].decode("utf-8", "replace")
        place += 4 + size
    return None


def _safe(name: str, info: zipfile.ZipInfo, file: str) -> str:
    """The path of an entry, if it stays inside the folder it is unpacked into."""
    steps = [step for step in name.split("/") if step not in {"", "."}]
    outside = name.startswith("/") or ".." in steps or (len(name) > 1 and name[1] == ":")
    if outside or any(ord(c) < 32 for c in name) or (not steps and not name.endswith("/")):
        raise FileNotSafeError(file=file, reason="zip_path", found=name[:80])
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise FileNotSafeError(file=file, reason="zip_link", found=name[:80])
    if any(len(step.encode()) > _NAME_BYTES for step in steps):
        raise FileNotReadableError(file=file, reason="ENAMETOOLONG")
    return "/".join(steps)


def _refuse_doubles(names: list[str], file: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise FileNotSafeError(file=file, reason="zip_same_name", found=name)
        seen.add(name)


def _refuse_overlaps(infos: list[zipfile.ZipInfo], file: str) -> None:
    """One compressed piece claimed by many entries is how a small ZIP holds petabytes."""
    end = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        if info.header_offset < end:
            raise FileNotSafeError(file=file, reason="zip_overlap", found=info.filename[:80])
        end = info.header_offset + _LOCAL_HEAD + info.compress_size


def _directory_size(path: Path) -> int:
    """Bytes of the list of names, told by the end of the file; 0 where there is no such end."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        tail = _tail(stream, size, _END.size + 0xFFFF)
        place = tail.rfind(EMPTY_MARK)
        if place < 0 or place + _END.size > len(tail):
            return 0
        told = int(_END.unpack_from(tail, place)[5])
        place64 = tail.rfind(b"PK\x06\x06", 0, place)
        if place64 >= 0 and place64 + _END64.size <= len(tail):
            told = max(
                told if told != 0xFFFFFFFF else 0, int(_END64.unpack_from(tail, place64)[8])
            )
    return told


def _tail(stream: BinaryIO, size: int, length: int) -> bytes:
    stream.seek(max(size - length, 0))
    return stream.read(length)


def _keep(file: str, bound: str, found: int, limit: int) -> None:
    if found > limit:
        raise FileTooLargeError(file=file, reason=bound, found=found, limit=limit)
