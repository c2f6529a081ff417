"""MapInfo tables (TAB) and interchange files (MIF), whose head should say the encoding.

Chinese offices write `Charset "Neutral"` into tables full of GBK. GDAL takes Neutral for plain
bytes and gives up on them, so such a head is rewritten, in a copy, to say what the texts are in.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest import dbf
from parcels.ingest.arrived import Arrived, Kind, source_of
from parcels.ingest.bounds import Limits
from parcels.ingest.encodings import decoded, guess, known_codec, report_guess
from parcels.ingest.ogr import read_layered

_CHARSET: Final = re.compile(rb'(charset\s+)("?)([A-Za-z0-9_-]+)("?)', re.IGNORECASE)
_NEUTRAL: Final = b"neutral"
_FAMILY: Final = frozenset({".tab", ".dat", ".map", ".id", ".ind", ".mif", ".mid"})
_NAMES: Final = {
    "gb18030": b"WindowsSimpChinese",
    "big5": b"WindowsTradChinese",
    "cp932": b"WindowsJapanese",
    "utf-8": b"UTF-8",
    "latin-1": b"WindowsLatin1",
}
_CODECS: Final = {b"windowssimpchinese": "gb18030", b"utf-8": "utf-8"}
_SAMPLES: Final = 1 << 20


def read_mapinfo(
    path: Path, kind: Kind, *, findings: Findings, bounds: Limits, encoding: str | None = None
) -> Arrived:
    """A TAB or MIF file as it arrived, features numbered from 1.

    Args:
        path: The .tab or .mif, with its family beside it.
        kind: Which of the two.
        findings: Takes a guessed encoding and what is damaged.
        bounds: How large it may be.
        encoding: As stated by the user; None for what the head says, or a guess if it says
            "Neutral".

    Raises:
        FileNotReadableError: GDAL cannot read it, or has no word for the stated encoding.
    """
    family = [
        one
        for one in sorted(path.parent.iterdir())
        if one.stem.lower() == path.stem.lower() and one.suffix.lower() in _FAMILY
    ]
    if kind is Kind.MAPINFO_TEXT:
        family = [one for one in family if one.suffix.lower() in {".mif", ".mid"}]
    else:
        family = [one for one in family if one.suffix.lower() not in {".mif", ".mid"}]
    try:
        head = _head(path)
        name = _encoding(head, family, stated=encoding, findings=findings)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    with _saying(path, family, head, encoding=name) as readable:
        arrived = read_layered(readable, kind, findings=findings, bounds=bounds)
    unread = _promised(family) - len(arrived.frame)
    if unread > 0:
        details = {"read": len(arrived.frame), "unread": unread}
        findings.add("file_cut_off", details=details)
    source = source_of(path, siblings=[one for one in family if one != path])
    declared = _CODECS.get(_charset(head))
    return replace(arrived, source=source, encoding=name or declared, part=None)


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_SAMPLES)


def _charset(head: bytes) -> bytes:
    said = _CHARSET.search(head)
    return said[3].lower() if said else _NEUTRAL


def _encoding(
    head: bytes, family: list[Path], *, stated: str | None, findings: Findings
) -> str | None:
    """The encoding the head must be made to say; None where it says it itself."""
    if stated is not None:
        return known_codec(stated) or stated
    samples = _foreign(head, family)
    if _charset(head) != _NEUTRAL or not samples:
        return None
    name = guess(samples)
    # MapInfo has no word for the Japanese encoding of Unix: it never wrote such a file.
    name = name if name in _NAMES else "gb18030"
    sample = decoded(max(samples, key=len), name).strip()[:40]
    report_guess(findings, name, samples, sample=sample)
    return name


def _foreign(head: bytes, family: list[Path]) -> list[bytes]:
    texts = [line for line in head.splitlines() if not line.isascii()]
    for one in family:
        if one.suffix.lower() == ".mid":
            content = _head(one)
            # A long one may end within a character.
            whole = content.splitlines()[: -1 if len(content) == _SAMPLES else None]
            texts += [line for line in whole if not line.isascii()]
        if one.suffix.lower() == ".dat" and (table := dbf.open_table(one)) is not None:
            texts += table.foreign_texts()
    return texts


def _promised(family: list[Path]) -> int:
    """How many records the attributes are for: GDAL ends early on a broken map without a word."""
    for one in family:
        if one.suffix.lower() == ".mid":
            with one.open("rb") as stream:
                return sum(bool(line.strip()) for line in stream)
        if one.suffix.lower() == ".dat" and (table := dbf.open_table(one)) is not None:
            return table.declared - int(table.deleted().sum())
    return 0


@contextmanager
def _saying(
    path: Path, family: list[Path], head: bytes, *, encoding: str | None
) -> Iterator[Path]:
    """The file itself, or a copy whose head says this encoding."""
    if encoding is None:
        yield path
        return
    word = _NAMES.get(encoding)
    if word is None:
        raise FileNotReadableError(file=path.name, reason=encoding)
    if _CHARSET.search(head):
        said = _CHARSET.sub(lambda m: m[1] + m[2] + word + m[4], head)
    else:
        first, end, rest = head.partition(b"\n")
        said = first + end + b'Charset "' + word + b'"\n' + rest
    with tempfile.TemporaryDirectory(prefix="jingtu-") as folder:
        for one in family:
            place = Path(folder) / one.name
            if one != path:
                shutil.copyfile(one, place)
                continue
            with one.open("rb") as stream, place.open("wb") as out:
                out.write(said)
                stream.seek(len(head))
                shutil.copyfileobj(stream, out)
        yield Path(folder) / path.name
