"""Text that GDAL parses whole, GeoJSON and KML: bounded, and in UTF-8 in a file of its own."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from parcels.errors import FileNotReadableError, FileTooLargeError
from parcels.findings import Findings
from parcels.ingest import archives
from parcels.ingest.arrived import Kind
from parcels.ingest.bounds import Limits
from parcels.ingest.encodings import first_foreign, pieces, read_text, report_guess

_PARSED: Final = frozenset({Kind.GEOJSON, Kind.KML})
_PROLOGUE: Final = re.compile(r"<\?xml.*?\?>", re.DOTALL)


def as_utf8(
    path: Path, kind: Kind, findings: Findings, bounds: Limits
) -> tuple[Path | bytes, str | None]:
    """The file, or its text in UTF-8, as which GDAL takes it; and the encoding, where one counts.

    Args:
        path: The file.
        kind: Any; only GeoJSON and KML are looked into.
        findings: Told of a guess.
        bounds: How large it may be.

    Raises:
        FileNotReadableError, FileNotSafeError, FileTooLargeError: It may not be parsed.
    """
    if kind not in _PARSED:
        return path, None
    check_parsed(path, bounds)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    if kind is Kind.KML:
        archives.check_xml(content, path.name)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        text, name, guessed = read_text(content)
        if guessed:
            report_guess(findings, name, pieces(content), sample=first_foreign(text))
        if kind is Kind.KML:
            text = _PROLOGUE.sub('<?xml version="1.0" encoding="UTF-8"?>', text, count=1)
        return text.encode(), name
    return path, "utf-8"


def check_parsed(path: Path, bounds: Limits) -> None:
    """Refuse a file too large for a kind that GDAL parses whole.

    Raises:
        FileTooLargeError: It is.
        FileNotReadableError: It is not there.
    """
    _check_size(path, bounds.parsed_bytes)


def check_text(path: Path, bounds: Limits) -> None:
    """Refuse a list or file of boundary points too large to stand in memory.

    Raises:
        FileTooLargeError: It is.
        FileNotReadableError: It is not there.
    """
    _check_size(path, bounds.text_bytes)


def _check_size(path: Path, limit: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    if size > limit:
        raise FileTooLargeError(file=path.name, reason="parsed_size", found=size, limit=limit)


@contextmanager
def as_file(content: Path | bytes, name: str) -> Iterator[Path]:
    """A file that GDAL opens: a layer without a name is called as its file is, at each opening."""
    if isinstance(content, Path):
        yield content
        return
    with tempfile.TemporaryDirectory(prefix="jingtu-") as folder:
        place = Path(folder) / name
        place.write_bytes(content)
        yield place
