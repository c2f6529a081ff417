"""Which kind of file a delivery is: by its first bytes, or by its name if these do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from parcels.errors import FileNotReadableError, FormatNotKnownError
from parcels.ingest import boundary_points
from parcels.ingest.arrived import Kind
from parcels.ingest.encodings import read_text

SUFFIXES: Final = (
    ".shp", ".gpkg", ".gdb", ".fgb", ".parquet", ".geojson", ".kml", ".kmz", ".dxf", ".tab",
    ".mif", ".txt", ".xlsx", ".xlsm", ".csv", ".tsv", ".dbf",
)  # fmt: skip
"""What can be read, by the usual end of its name."""

_HEAD_BYTES: Final = 1 << 16
_MARKS: Final = (
    (b"SQLite format 3\x00", Kind.GEOPACKAGE),
    (b"\x00\x00\x27\x0a", Kind.SHAPEFILE),
    (b"fgb\x03fgb", Kind.FLATGEOBUF),
    (b"PAR1", Kind.PARQUET),
)
_OLE_MARK: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WORKBOOKS: Final = frozenset({".xlsx", ".xlsm", ".xls", ".et"})
_ZIP_MARK: Final = b"PK\x03\x04"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_IN_ZIP: Final = {".xlsx": Kind.XLSX, ".xlsm": Kind.XLSX, ".kmz": Kind.KMZ, ".kml": Kind.KMZ}
# How files of text begin, told only with their names; any KML but in UTF-16 is told above.
_BEGINNINGS: Final[Mapping[str, tuple[tuple[bytes, ...], Kind]]] = {
    ".geojson": ((b"{",), Kind.GEOJSON),
    ".json": ((b"{",), Kind.GEOJSON),
    ".kml": ((b"<", b"\xff\xfe<", b"\xfe\xff\0<"), Kind.KML),
    ".dxf": ((b"0", b"999"), Kind.DXF),
    ".tab": ((b"!table",), Kind.MAPINFO),
    ".mif": ((b"version",), Kind.MAPINFO_TEXT),
}
_LISTS: Final = frozenset({".csv", ".tsv"})


def kind_of(path: Path) -> Kind:
    """Which kind of file this is.

    Raises:
        FileNotReadableError: It is not there, may not be read, or holds nothing at all.
        FormatNotKnownError: It is none of the kinds that can be read.
    """
    if path.is_dir() and is_geodatabase(path):
        return Kind.FILE_GDB
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    suffix = path.suffix.lower()
    kind = _by_content(head.removeprefix(_UTF8_MARK), suffix) or _by_text(head, suffix)
    if kind is None and not head:
        # As a copy that broke off leaves it: whatever it was meant to be, nothing is in it.
        raise FileNotReadableError(file=path.name, reason="no_bytes")
    if kind is None:
        raise FormatNotKnownError(file=path.name, kinds=[*SUFFIXES, ".zip"])
    return kind


def is_geodatabase(path: Path) -> bool:
    """Whether this folder is a FileGDB, by its catalogue of tables."""
    return (path / "a00000001.gdbtable").is_file()


def _by_content(head: bytes, suffix: str) -> Kind | None:
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if head.startswith(_OLE_MARK) and suffix in _WORKBOOKS:
        # An old or a locked one, which its reader refuses by that reason.
        return Kind.XLSX
    if head.startswith(_ZIP_MARK):
        return _IN_ZIP.get(suffix)
    start = head.lstrip().lower()
    if start.startswith(b"<") and b"<kml" in start:
        return Kind.KML
    known = _BEGINNINGS.get(suffix)
    return known[1] if known is not None and start.startswith(known[0]) else None


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
