"""Opening a delivery: which kind of file it is, and the reader for it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from parcels.errors import FileNotReadableError, FormatNotKnownError
from parcels.findings import Findings
from parcels.ingest import boundary_points, workbook
from parcels.ingest.arrived import Arrived, Kind
from parcels.ingest.encodings import read_text
from parcels.ingest.ogr import read_layered
from parcels.ingest.shapefile import read_shapefile

SUFFIXES: Final = (".shp", ".gpkg", ".geojson", ".kml", ".txt", ".xlsx", ".csv", ".dbf")
"""What can be read, by the usual end of its name."""

_HEAD_BYTES: Final = 1 << 16
_SHAPEFILE_MARK: Final = b"\x00\x00\x27\x0a"
_SQLITE_MARK: Final = b"SQLite format 3\x00"
_ZIP_MARK: Final = b"PK\x03\x04"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_WORKBOOKS: Final = frozenset({".xlsx", ".xlsm"})
_LISTS: Final = frozenset({".csv", ".tsv"})


def read(
    path: Path,
    *,
    findings: Findings,
    known: Collection[str] = (),
    encoding: str | None = None,
    part: str | None = None,
) -> Arrived:
    """A delivered file as it arrived.

    Args:
        path: A file; of a shapefile the .shp or .dbf.
        findings: Takes what was guessed, is damaged, or was not read.
        known: Plain forms of the headings a list may have (`headings.headings`).
        encoding: As stated by the user, for kinds that do not say it themselves.
        part: Sheet or layer to read, for kinds that hold several.

    Raises:
        FileNotReadableError: It cannot be opened, or is broken beyond reading.
        FormatNotKnownError: No reader takes this kind of file.
    """
    kind = kind_of(path)
    if kind in {Kind.SHAPEFILE, Kind.TABLE}:
        main = _main_file(path)
        return read_shapefile(main, findings=findings, encoding=encoding)
    if kind is Kind.BOUNDARY_POINTS:
        return boundary_points.read_boundary_points(path, findings=findings, encoding=encoding)
    if kind is Kind.XLSX:
        return workbook.read_xlsx(path, findings=findings, known=known, part=part)
    if kind is Kind.CSV:
        return workbook.read_csv(path, findings=findings, known=known, encoding=encoding)
    return read_layered(path, kind, findings=findings, part=part)


def kind_of(path: Path) -> Kind:
    """Which kind of file this is: by its first bytes, and by its name where these do not tell.

    Raises:
        FileNotReadableError: It is not there or may not be read.
        FormatNotKnownError: It is none of the kinds that can be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    suffix = path.suffix.lower()
    kind = _by_content(head.removeprefix(_UTF8_MARK), suffix) or _by_text(head, suffix)
    if kind is None:
        raise FormatNotKnownError(file=path.name, kinds=list(SUFFIXES))
    return kind


def _by_content(head: bytes, suffix: str) -> Kind | None:
    if head.startswith(_SQLITE_MARK):
        return Kind.GEOPACKAGE
    if head.startswith(_SHAPEFILE_MARK):
        return Kind.SHAPEFILE
    if head.startswith(_ZIP_MARK):
        return Kind.XLSX if suffix in _WORKBOOKS else None
    start = head.lstrip()
    if start.startswith(b"<") and b"<kml" in start.lower():
        return Kind.KML
    if start.startswith(b"{") and suffix in {".geojson", ".json"}:
        return Kind.GEOJSON
    return None


def _by_text(head: bytes, suffix: str) -> Kind | None:
    if suffix == ".dbf":
        return Kind.TABLE
    if suffix not in {".txt", *_LISTS}:
        return None
    # The piece may end in the middle of a character.
    text, _, _ = read_text(head)
    if boundary_points.looks_like(text):
        return Kind.BOUNDARY_POINTS
    return Kind.CSV if suffix in _LISTS else None


def _main_file(path: Path) -> Path:
    """The .shp of a .dbf, where there is one."""
    if path.suffix.lower() != ".dbf":
        return path
    shapes = (one for one in path.parent.iterdir() if one.stem == path.stem)
    return next((one for one in sorted(shapes) if one.suffix.lower() == ".shp"), path)
