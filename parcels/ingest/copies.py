"""What a copy lent by `jingtu checkout` remembers, and which of its rows were touched since."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from parcels import crs, merging
from parcels.errors import (
    CheckoutNotUsableError,
    FileNotReadableError,
    FileNotSafeError,
)
from parcels.exchange.checkout import ABOUT, FORM, NUMBER, ROWS, Base, identity
from parcels.findings import Findings
from parcels.ingest import gpkg_schema
from parcels.ingest.bounds import Limits
from parcels.ingest.parquet import read_parquet
from parcels.model import Kind, Layer

NEW: Final = -1
"""Number of a parcel the register does not have."""

_SUFFIX: Final = ".gpkg"
_HEAD: Final = b"SQLite format 3\x00"
_NUMERIC: Final = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN})


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """What was done to the rows of a copy, before anything is understood of it.

    Attributes:
        parcels: Number of the parcel of each row of the file, by row; NEW for an added one.
        edited: Boolean frame by parcel, a column per field and `merging.BOUNDARY`: what is
            written otherwise than it was lent.
        rows: Rows that were edited or added, ascending.
        removed: Numbers of parcels that were lent and are not in the file.
    """

    parcels: pd.Series
    edited: pd.DataFrame
    rows: np.ndarray
    removed: np.ndarray


def base_of(path: Path) -> Base | None:
    """What a file is a copy of; None for a file that is none.

    Raises:
        CheckoutNotUsableError: It says so but cannot be understood.
    """
    if path.suffix.lower() != _SUFFIX or not path.is_file() or not _is_sqlite(path):
        return None
    try:
        if {ABOUT, ROWS} & gpkg_schema.computed_tables(path):
            return None
        with closing(_opened(path)) as connection:
            found = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)",
                (ABOUT, ROWS),
            ).fetchone()
            if found[0] != 2:
                return None
            told = dict(
                connection.execute(f"SELECT key, said FROM {ABOUT} LIMIT 100")  # noqa: S608 - ours
            )
    except (sqlite3.Error, FileNotReadableError, FileNotSafeError):
        # Whatever else is wrong with the file is for its reader to say.
        return None
    try:
        return _base({key: json.loads(said) for key, said in told.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise CheckoutNotUsableError(file=path.name, reason="base_damaged") from error


def base_rows(path: Path, base: Base, layer: Layer, bounds: Limits) -> gpd.GeoDataFrame:
    """The rows as they were lent, indexed by the number of the parcel.

    Raises:
        CheckoutNotUsableError: They are not those that were written.
        FileTooLargeError: They are more than the bounds allow.
    """
    with closing(_opened(path)) as connection:
        parts = connection.execute(f"SELECT rows FROM {ROWS} ORDER BY part")  # noqa: S608 - ours
        packed = b"".join(bytes(part) for (part,) in parts)
    if hashlib.sha256(packed).hexdigest() != base.sha256:
        raise CheckoutNotUsableError(file=path.name, reason="base_damaged")
    with tempfile.TemporaryDirectory(prefix="jingtu-") as folder:
        written = Path(folder) / path.name
        written.write_bytes(packed)
        frame = read_parquet(written, findings=Findings(layer.key, ""), bounds=bounds).frame
    keys = [field.key for field in layer.fields if field.key in frame.columns]
    number = pd.Index(frame[NUMBER].to_numpy(np.int64), name="parcel")
    typed = as_written(frame, layer, keys).set_index(number)
    return gpd.GeoDataFrame(typed, geometry="geometry", crs=crs.STORAGE)


def check(base: Base, layer: Layer, changes: pd.DataFrame, *, file: str) -> None:
    """Refuse a copy that is not one of this layer of this register.

    Args:
        base: What the copy remembers.
        layer: The layer it is taken for.
        changes: `Register.changes`.
        file: Name of the copy.

    Raises:
        CheckoutNotUsableError: It is a copy of something else.
    """
    if base.layer != layer.key:
        raise CheckoutNotUsableError(file=file, reason="other_layer")
    if base.change and base.change not in set(changes["change"]):
        raise CheckoutNotUsableError(file=file, reason="other_register")
    if identity(changes, base.change) != base.register:
        raise CheckoutNotUsableError(file=file, reason="other_register")


def touched(
    frame: gpd.GeoDataFrame, rows: gpd.GeoDataFrame, layer: Layer, findings: Findings
) -> Touched:
    """Which rows of a copy were edited, added and removed.

    A row is known by its number, else by its code. Of several with one number the one with the
    code it had counts, else the first; the others are additions, as copies of a parcel in a GIS.

    Args:
        frame: The file as it arrived, indexed by row.
        rows: As it was lent, indexed by parcel.
        layer: The layer of both.
        findings: Told of rows that share a number.
    """
    keys = [field.key for field in layer.fields if field.key in frame.columns]
    written = as_written(frame, layer, keys)
    parcels = _parcels(frame, written, rows, findings)
    known = parcels[parcels != NEW]
    mine = written.loc[known.index].set_index(pd.Index(known.to_numpy(), name="parcel"))
    theirs = rows.loc[mine.index]
    if frame.geometry.notna().any():
        edited = merging.differs(mine, theirs, keys)
    else:
        # Without any boundary it came back as a list: that takes none away.
        edited = merging.differs(mine.set_geometry(theirs.geometry), theirs, keys)
    for field in layer.fields:
        if field.key in keys and field.kind in _NUMERIC | {Kind.DATE}:
            said = frame.loc[known.index, field.key].notna().to_numpy(bool)
            # Words where a number belongs are for the door to judge.
            edited[field.key] |= said & mine[field.key].isna().to_numpy(bool)
    changed = edited.to_numpy(bool).any(axis=1)
    added = parcels.index[parcels == NEW]
    return Touched(
        parcels=parcels,
        edited=edited[changed],
        rows=np.sort(np.concatenate([known.index[changed], added]).astype(np.int64)),
        removed=rows.index.difference(pd.Index(known)).to_numpy(np.int64),
    )


def as_written(frame: pd.DataFrame, layer: Layer, keys: Sequence[str]) -> gpd.GeoDataFrame:
    """Columns of a copy in the types of a parcels frame; what does not fit one is blank."""
    kinds = {field.key: field.kind for field in layer.fields}
    columns = {key: _typed(frame[key], kinds[key]) for key in keys}
    typed = pd.DataFrame(columns, index=frame.index)
    return gpd.GeoDataFrame(typed, geometry=frame.geometry.to_numpy(), crs=crs.STORAGE)


def _typed(column: pd.Series, kind: Kind) -> pd.Series:
    if kind in _NUMERIC:
        return column.astype("float64") if _is_number(column) else _parsed(column)
    if kind is Kind.DATE:
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            return column.dt.tz_localize(None).astype("datetime64[s]")
        days = pd.to_datetime(column.astype("str"), format="ISO8601", errors="coerce")
        return days.astype("datetime64[s]")
    return column.astype("str")


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))


def _parsed(column: pd.Series) -> pd.Series:
    numbers: pd.Series = pd.to_numeric(column, errors="coerce").astype("float64")
    return numbers


def _parcels(
    frame: gpd.GeoDataFrame,
    written: gpd.GeoDataFrame,
    rows: gpd.GeoDataFrame,
    findings: Findings,
) -> pd.Series:
    numbers = pd.Series(np.full(len(frame), NEW, np.int64), index=frame.index)
    if NUMBER in frame.columns:
        said = pd.to_numeric(frame[NUMBER], errors="coerce").astype("Float64")
        numbers = said.where(said.isin(rows.index), NEW).astype("int64")
    if "code" not in written.columns:
        return numbers
    code = written["code"]
    was = rows["code"].reindex(numbers).set_axis(frame.index)
    # Which of several is the parcel itself: the one that still has its code.
    order = (code != was).fillna(value=True).to_numpy(bool).argsort(kind="stable")
    twice = (numbers != NEW) & numbers.iloc[order].duplicated().reindex(numbers.index)
    if twice.any():
        copied = numbers.index[twice].to_numpy(np.int64)
        findings.add("checkout_row_copied", rows=copied, numbers=code[twice])
        numbers = numbers.mask(twice, NEW)
    free = rows.index.difference(pd.Index(numbers))
    by_code = rows.loc[free, "code"].dropna().drop_duplicates(keep=False)
    at = pd.Index(by_code).get_indexer(pd.Index(code))
    lone = ~code.duplicated(keep=False).to_numpy(bool) & ~twice.to_numpy(bool)
    found = (numbers == NEW).to_numpy(bool) & (at >= 0) & lone
    numbers[found] = by_code.index.to_numpy(np.int64)[at[found]]
    return numbers


def _base(told: dict[str, Any]) -> Base:
    if told["form"] != FORM:
        raise ValueError(told["form"])
    districts = told["districts"]
    return Base(
        register=str(told["register"]),
        layer=str(told["layer"]),
        districts=None if districts is None else tuple(str(code) for code in districts),
        change=int(told["change"]),
        on=dt.date.fromisoformat(told["on"]),
        at=dt.datetime.fromisoformat(told["at"]),
        by=str(told["by"]),
        sha256=str(told["sha256"]),
    )


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_HEAD)) == _HEAD
    except OSError:
        return False


def _opened(path: Path) -> sqlite3.Connection:
    """The file, read only and without locks: another copy of SQLite may have it open in here."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
