"""Shapefiles as districts send them: GBK without .cpg, cut off names, broken records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import shapely

from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest import dbf, ogr
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.bounds import Limits
from parcels.ingest.encodings import (
    cleanly,
    decoded,
    fits,
    guess,
    known_codec,
    read_text,
    report_guess,
    unlikely,
)

_BYTES: Final = "ISO-8859-1"
# Encodings GDAL and Python name alike and read alike.
_GDAL: Final = {"utf-8": "UTF-8", "gb18030": "GB18030"}
_FAMILY: Final = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
_WESTERN: Final = "latin-1"
# Any bytes are text in these, and programs write them into the .cpg of whatever they do not know.
_FIT_ALL: Final = frozenset({"iso8859-1", "cp1252", "ascii"})
_NULL_SHAPE: Final = 0
# Old programs fill a text up with the byte that ends a file.
_END_OF_FILE: Final = 0x1A
_INDEX_HEAD: Final = 100
_PROJECTION_BYTES: Final = 4_096
_PROJECTION_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a table, and whether GDAL can be left to decode it."""

    name: str
    plain: bool


def read_shapefile(
    path: Path, *, findings: Findings, bounds: Limits, encoding: str | None = None
) -> Arrived:
    """A shapefile, or a dBase table alone, as it arrived; rows are record numbers from 1.

    Args:
        path: The .shp or .dbf file.
        findings: Takes what was guessed and what is damaged.
        bounds: How large it may be.
        encoding: As stated by the user; None to look at .cpg, the language byte and the bytes.

    Raises:
        FileNotReadableError: Nothing of it can be read.
        FileTooLargeError: It has more rows than the bounds allow, or they take more memory.
    """
    family = _family(path)
    table = _table(path, family)
    known = _encoding(table, stated=encoding, cpg=family.get(".cpg"), findings=findings)
    one, known = _read(path, known, expected=_expected(family, table), bounds=bounds)
    rows = one.numbers + 1
    damaged = one.spoiled | _unread_shapes(one, family)
    if table is not None:
        damaged |= one.numbers >= table.held
    attributes = one.table if known.plain else _decode(one.table, known.name)
    if table is not None and table.holds(_END_OF_FILE):
        attributes = _without_ends(attributes)
    damaged |= _holds_no_text(attributes)
    ogr.report_spoiled(replace(one, spoiled=damaged), rows, findings)
    missing = _expected(family, table) - len(rows)
    if missing > 0:
        findings.add("file_cut_off", details={"read": len(rows), "unread": missing})
    declared = ogr.crs_of(one.crs_name)
    return Arrived(
        Kind.TABLE if path.suffix.lower() == ".dbf" else Kind.SHAPEFILE,
        source_of(path, siblings=[p for p in family.values() if p != path]),
        framed(attributes, one.geometry, rows=rows),
        declared,
        encoding=known.name,
        crs_words=_projection(family.get(".prj")) if declared is None else "",
    )


def _read(
    path: Path, known: Encoding, *, expected: int, bounds: Limits
) -> tuple[ogr.Sweep, Encoding]:
    cause: Exception | None = None
    said = _GDAL[known.name] if known.plain else _BYTES
    try:
        if _size(path) > bounds.streamed_from_bytes:
            # Imported here because fiona brings a second GDAL: small files never pay for it.
            from parcels.ingest.streaming import stream  # noqa: PLC0415 - see above

            one = stream(path, bounds=bounds, encoding=said)
        else:
            one = ogr.sweep(path, encoding=said)
    except ogr.BROKEN as error:
        cause = error
    else:
        if len(one.table) >= expected:
            return one, known
    # Imported here because fiona brings a second GDAL: whole files never pay for it.
    from parcels.ingest.recovery import recover  # noqa: PLC0415 - see above

    try:
        had = recover(path)
    except Exception as error:
        raise FileNotReadableError(file=path.name, reason=str(cause or error)) from error
    spoiled = np.isin(had.numbers, had.damaged)
    one = ogr.Sweep(had.table, had.geometry, had.numbers, had.crs_wkt, spoiled)
    return one, Encoding(known.name, plain=False)


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in {path, *_family(path).values()})


def _family(path: Path) -> dict[str, Path]:
    return {
        one.suffix.lower(): one
        for one in sorted(path.parent.iterdir())
        if one.stem == path.stem and one.suffix.lower() in _FAMILY
    }


def _projection(place: Path | None) -> str:
    """The beginning of a .prj that is not understood; "" where nothing is in it."""
    if place is None:
        return ""
    with place.open("rb") as stream:
        said, _, _ = read_text(stream.read(_PROJECTION_BYTES))
    return " ".join(said.replace("\0", " ").split())[:_PROJECTION_SHOWN]


def _table(path: Path, family: dict[str, Path]) -> dbf.Table | None:
    place = family.get(".dbf")
    if place is None:
        return None
    try:
        return dbf.open_table(place)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error


def _encoding(
    table: dbf.Table | None, *, stated: str | None, cpg: Path | None, findings: Findings
) -> Encoding:
    samples = table.foreign_texts() if table is not None else []
    if stated is not None:
        return _settled(known_codec(stated) or stated, samples)
    declared = known_codec(cpg.read_text("latin-1")) if cpg is not None else None
    if declared is None and table is not None:
        declared = dbf.LANGUAGES.get(table.language)
    if not samples:
        return Encoding(declared if declared in _GDAL else "utf-8", plain=True)
    if declared is not None and _is_believed(declared, samples):
        return _settled(declared, samples)
    name = guess(samples)
    if declared in _FIT_ALL and name == _WESTERN:
        return _settled(str(declared), samples)
    sample = decoded(max(samples, key=len), name).strip()[:40]
    report_guess(findings, name, samples, declared=declared or "", sample=sample)
    return _settled(name, samples)


def _is_believed(declared: str, samples: list[bytes]) -> bool:
    if declared in _FIT_ALL or not fits(samples, declared):
        return False
    return not unlikely(samples, declared)


def _settled(name: str, samples: list[bytes]) -> Encoding:
    # Half a character at the end of a field stops GDAL, not us.
    return Encoding(name, plain=name in _GDAL and cleanly(samples, name))


def _decode(table: pd.DataFrame, encoding: str) -> pd.DataFrame:
    changed = {
        name: _decoded_column(table[name], encoding)
        for name in table.columns
        if pd.api.types.is_string_dtype(table[name]) or table[name].dtype == object
    }
    names = [_decoded_text(str(name), encoding) for name in table.columns]
    return table.assign(**changed).set_axis(names, axis=1)


def _without_ends(table: pd.DataFrame) -> pd.DataFrame:
    texts = [c for c in table.columns if pd.api.types.is_string_dtype(table[c])]
    changed = {c: table[c].str.rstrip(f"{chr(_END_OF_FILE)}\0 ").replace("", None) for c in texts}
    return table.assign(**changed)


def _holds_no_text(table: pd.DataFrame) -> np.ndarray:
    # What could not be decoded shows as U+FFFD: never let it pass for a value.
    lost = np.zeros(len(table), bool)
    for name in table.columns:
        if pd.api.types.is_string_dtype(table[name]):
            lost |= (
                table[name].str.contains("\ufffd", regex=False).fillna(value=False).to_numpy(bool)
            )
    return lost


def _decoded_column(column: pd.Series, encoding: str) -> pd.Series:
    codes, uniques = pd.factorize(column)
    texts = [_decoded_text(str(one), encoding) for one in uniques]
    whole = pd.array([*texts, None], dtype="str")
    return pd.Series(whole.take(codes), index=column.index)


def _decoded_text(latin: str, encoding: str) -> str:
    if latin.isascii():
        return latin
    try:
        return decoded(latin.encode("latin-1"), encoding)
    except UnicodeEncodeError:
        return latin


def _expected(family: dict[str, Path], table: dbf.Table | None) -> int:
    declared = 0
    if table is not None:
        declared = table.declared - int(table.deleted().sum())
    index = family.get(".shx")
    if index is None:
        return declared
    return max(declared, (index.stat().st_size - _INDEX_HEAD) // 8 - _deleted(table))


def _deleted(table: dbf.Table | None) -> int:
    return 0 if table is None else int(table.deleted().sum())


def _unread_shapes(one: ogr.Sweep, family: dict[str, Path]) -> np.ndarray:
    """Whether the file holds a shape for a record that came without one."""
    unread = np.zeros(len(one.table), bool)
    index, shapes = family.get(".shx"), family.get(".shp")
    if one.geometry is None or index is None or shapes is None:
        return unread
    bare = np.setdiff1d(np.flatnonzero(shapely.is_missing(one.geometry)), list(one.solid))
    if not len(bare):
        return unread
    content = index.read_bytes()[_INDEX_HEAD:]
    entries = np.frombuffer(content[: len(content) // 8 * 8], ">i4").reshape(-1, 2)
    bare = bare[one.numbers[bare] < len(entries)]
    starts = entries[one.numbers[bare], 0].astype("int64") * 2 + 8
    size = shapes.stat().st_size
    unread[bare] = True
    within = (starts >= _INDEX_HEAD) & (starts + 4 <= size)
    if within.any():
        body = np.memmap(shapes, "uint8", "r")
        places = starts[within, None] + np.arange(4)
        kinds = np.ascontiguousarray(body[places]).view("<i4")[:, 0]
        unread[bare[within]] = kinds != _NULL_SHAPE
    return unread
