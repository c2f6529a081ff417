"""Filters in CQL2 text, applied to whole columns.

The parser is pygeofilter's; what it reads is worked out on a parcels frame: comparisons, AND, OR,
NOT, LIKE, IN, BETWEEN, IS NULL and S_INTERSECTS. As in SQL, a comparison with what is not known
is not true, and neither is its contrary.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import geopandas as gpd
import lark
import pandas as pd
import shapely
import shapely.geometry
from pygeofilter import ast
from pygeofilter.parsers.cql2_text import parse

GEOMETRY: Final = "geometry"
LONGEST: Final = 2_000

_COMPARED: Final[Mapping[type, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        ast.Equal: operator.eq,
        ast.NotEqual: operator.ne,
        ast.LessThan: operator.lt,
        ast.LessEqual: operator.le,
        ast.GreaterThan: operator.gt,
        ast.GreaterEqual: operator.ge,
    }
)


class FilterError(ValueError):
    """A filter cannot be understood or asks for something that is not there."""


def read(text: str) -> ast.Node:
    """The filter of a text.

    Raises:
        FilterError: It is no CQL2 text, or too long.
    """
    if len(text) > LONGEST:
        raise FilterError(text[:40])
    try:
        return parse(text)
    except (lark.exceptions.LarkError, ValueError, RecursionError) as error:
        raise FilterError(str(error)) from error


def names(node: Any) -> set[str]:
    """The properties that a filter looks at."""
    if isinstance(node, ast.Attribute):
        return {node.name}
    found = set()
    if isinstance(node, ast.Node):
        for one in vars(node).values():
            for part in one if isinstance(one, list | tuple) else [one]:
                found |= names(part)
    return found


def passes(node: ast.Node, parcels: gpd.GeoDataFrame) -> pd.Series:
    """Which parcels pass: true, or not true.

    Args:
        node: What `read` gave.
        parcels: Frame in EPSG:4490 with the columns that `names` tells.

    Raises:
        FilterError: It compares what cannot be compared, or holds what is not supported.
    """
    try:
        found = _worked_out(node, parcels)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise FilterError(str(error)) from error
    if not isinstance(found, pd.Series) or not pd.api.types.is_bool_dtype(found.dtype):
        raise FilterError(type(node).__name__)
    return found.fillna(value=False).astype(bool)


def _worked_out(node: Any, parcels: gpd.GeoDataFrame) -> Any:
    if isinstance(node, ast.Attribute):
        return _column(node.name, parcels)
    if isinstance(node, ast.And | ast.Or):
        both = (_worked_out(one, parcels) for one in (node.lhs, node.rhs))
        return (operator.and_ if isinstance(node, ast.And) else operator.or_)(*both)
    if isinstance(node, ast.Not):
        return ~_worked_out(node.sub_node, parcels)
    if type(node) in _COMPARED:
        return _compared(node, parcels)
    return _predicate(node, parcels) if isinstance(node, ast.Node) else node


def _predicate(node: ast.Node, parcels: gpd.GeoDataFrame) -> pd.Series:
    if isinstance(node, ast.GeometryIntersects):
        shape = shapely.geometry.shape(node.rhs.geometry)
        return pd.Series(
            shapely.intersects(parcels.geometry.to_numpy(), shape), index=parcels.index
        ).astype("boolean")
    subject = _worked_out(node.lhs, parcels)
    if isinstance(node, ast.IsNull):
        found = subject.isna().astype("boolean")
    elif isinstance(node, ast.In):
        known = [_like_column(_worked_out(one, parcels), subject) for one in node.sub_nodes]
        found = subject.isin(known).astype("boolean").mask(subject.isna())
    elif isinstance(node, ast.Between):
        low, high = (
            _like_column(_worked_out(one, parcels), subject) for one in (node.low, node.high)
        )
        found = ((subject >= low) & (subject <= high)).astype("boolean").mask(subject.isna())
    elif isinstance(node, ast.Like):
        pattern = _pattern(node)
        found = subject.astype("str").str.fullmatch(pattern, case=not node.nocase)
        found = found.astype("boolean").mask(subject.isna())
    else:
        raise FilterError(type(node).__name__)
    return ~found if getattr(node, "not_", False) else found


def _compared(node: Any, parcels: gpd.GeoDataFrame) -> pd.Series:
    left, right = _worked_out(node.lhs, parcels), _worked_out(node.rhs, parcels)
    if not isinstance(left, pd.Series) and not isinstance(right, pd.Series):
        raise FilterError(type(node).__name__)
    if isinstance(left, pd.Series):
        right = _like_column(right, left)
    else:
        left = _like_column(left, right)
    unknown = pd.isna(left) | pd.isna(right)
    compared: pd.Series = _COMPARED[type(node)](left, right).astype("boolean").mask(unknown)
    return compared


def _column(name: str, parcels: gpd.GeoDataFrame) -> pd.Series:
    if name not in parcels.columns:
        raise FilterError(name)
    return parcels[name]


def _like_column(value: Any, column: pd.Series) -> Any:
    """A day as the column keeps days; anything else as it is."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype) and not isinstance(value, pd.Series):
        return pd.Timestamp(value)
    return value


def _pattern(node: ast.Like) -> str:
    """A regular expression for the pattern of LIKE, in which only % and _ are special."""
    signs = {"%": ".*", "_": "."}
    written = str(node.pattern)
    parts, escaped = [], False
    for sign in written:
        if sign == "\\" and not escaped:
            escaped = True
            continue
        parts.append(re.escape(sign) if escaped else signs.get(sign, re.escape(sign)))
        escaped = False
    return "(?s:" + "".join(parts) + ")"
