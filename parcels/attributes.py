"""A layer's own fields as JSON text and back, whole columns at a time."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import shapely

from parcels.model import CORE_COLUMNS, Field, Kind

_ESCAPED: Final = r'["\\\x00-\x1f]'
"""What JSON writes with a backslash (RFC 8259, section 7)."""

_NUMERIC: Final = frozenset({"declared_area_m2", "registered_lon", "registered_lat"})

_ARROW: Final = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.CODE: pa.string(),
    Kind.CODES: pa.string(),
}


def encode(frame: pd.DataFrame, fields: Sequence[Field]) -> list[str]:
    """JSON objects of the fields that are known, one text per row, keys in field order.

    Args:
        frame: Has a column for each field it knows; a missing column is unknown throughout.
        fields: The layer's own fields.
    """
    members = [_members(frame[f.key], f) for f in fields if f.key in frame.columns]
    if not members:
        return ["{}"] * len(frame)
    # The empty text in front keeps rows in which nothing is known: the join drops all-null rows.
    front = pa.repeat("", len(frame))
    joined = pc.binary_join_element_wise(front, *members, ",", null_handling="skip")
    bodies = pc.binary_replace_slice(joined.cast(pa.binary()), 0, 1, b"").cast(pa.string())
    whole: list[str] = pc.binary_join_element_wise("{", bodies, "}", "").to_pylist()
    return whole


def decode(texts: Sequence[str], fields: Sequence[Field]) -> pd.DataFrame:
    """The fields of JSON objects as typed columns.

    Args:
        texts: One JSON object per row.
        fields: Which fields to read; a row without the key gets NA.

    Returns:
        Columns by field key: text as str, integer as Int64, number as float64, boolean as
        boolean, date as datetime64[s].
    """
    if not fields:
        return pd.DataFrame(index=range(len(texts)))
    if not len(texts):
        table = pa.schema([(f.key, _ARROW[f.kind]) for f in fields]).empty_table()
    else:
        table = pyarrow.json.read_json(
            io.BytesIO("\n".join(texts).encode()),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(f.key, _ARROW[f.kind]) for f in fields]),
                unexpected_field_behavior="ignore",
            ),
        )
    return pd.DataFrame({f.key: _typed(table.column(f.key), f.kind) for f in fields})


def digests(frame: gpd.GeoDataFrame, attributes: Sequence[str]) -> list[str]:
    """BLAKE2b digest (128 bit, hex) of everything a row says: core fields, attributes, boundary.

    Args:
        frame: Parcels with the core columns and a geometry in EPSG:4490.
        attributes: The JSON texts of `encode`, aligned.
    """
    core = [_plain_text(frame[key], key) for key in CORE_COLUMNS]
    texts = pc.binary_join_element_wise(*core, pa.array(attributes, pa.string()), "\x1f")
    shapes = shapely.to_wkb(frame.geometry.to_numpy(), byte_order=1)
    return [
        hashlib.blake2b(text.encode() + (shape or b""), digest_size=16).hexdigest()
        for text, shape in zip(texts.to_pylist(), shapes, strict=True)
    ]


def _plain_text(column: pd.Series, key: str) -> Any:
    kind = pa.float64() if key in _NUMERIC else pa.string()
    return pc.fill_null(pa.array(column, kind, from_pandas=True).cast(pa.string()), "\x00")


def _members(column: pd.Series, field: Field) -> Any:
    return pc.binary_join_element_wise(f"{json.dumps(field.key)}:", _encoded(column, field), "")


def _encoded(column: pd.Series, field: Field) -> Any:
    if field.kind is Kind.BOOLEAN:
        return pa.array(column.astype("boolean"), pa.bool_()).cast(pa.string())
    if field.kind is Kind.INTEGER:
        return pa.array(column.astype("Int64"), pa.int64()).cast(pa.string())
    if field.kind is Kind.NUMBER:
        numbers = pa.array(column.astype("float64"), pa.float64(), from_pandas=True)
        return pc.if_else(pc.is_finite(numbers), numbers, None).cast(pa.string())
    return _quoted(_day_texts(column) if field.kind is Kind.DATE else column)


def _day_texts(column: pd.Series) -> pd.Series:
    days = pd.Series(pd.to_datetime(column).astype("datetime64[s]"), index=column.index)
    return pd.Series(np.datetime_as_string(days, unit="D"), index=column.index).where(days.notna())


def _quoted(column: pd.Series) -> Any:
    texts = pa.array(column, pa.string(), from_pandas=True)
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    odd = pc.fill_null(pc.match_substring_regex(texts, _ESCAPED), fill_value=False)
    if not pc.any(odd).as_py():
        return quoted
    # Few values need escapes.
    escaped = [json.dumps(text, ensure_ascii=False) for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(quoted, odd, pa.array(escaped, pa.string()))


def _typed(column: Any, kind: Kind) -> pd.Series:
    if kind is Kind.INTEGER:
        return column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    if kind is Kind.BOOLEAN:
        return column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    if kind is Kind.NUMBER:
        return column.to_pandas().astype("float64")
    texts = column.to_pandas().astype("str")
    if kind is Kind.DATE:
        return pd.Series(pd.to_datetime(texts, format="%Y-%m-%d").astype("datetime64[s]"))
    return texts
