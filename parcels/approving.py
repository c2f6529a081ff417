"""Does what a reviewer approved, where it is an act and no delivery: splits, merges, undoings."""

from __future__ import annotations

import geopandas as gpd
import sqlalchemy as sa

from parcels import succession, undo
from parcels.errors import ChangeRestedOnError, LineageNotPossibleError
from parcels.model import Layer
from parcels.recording import Act
from parcels.register import Register
from parcels.review import Deed
from parcels.submissions import Standing


def do(
    register: Register,
    connection: sa.Connection,
    one: Standing,
    rows: gpd.GeoDataFrame,
    *,
    deed: Deed,
    act: Act,
) -> int:
    """Do it in a writing transaction; the number of its change.

    Args:
        register: The register.
        connection: The writing connection.
        one: The submission.
        rows: The new parcels.
        deed: What is done.
        act: Who approved it, when and why; its day is that of the submission.

    Raises:
        LineageNotPossibleError, UnknownParcelError: The register no longer allows it.
        ChangeNotUndoableError, ChangeRestedOnError: The same of a change to be taken back.
    """
    if deed.kind == "undo":
        return _take_back(register, connection, deed, act)
    made = succession.again(register, one.layer, deed, rows, act=act)
    return succession.record_in(register, connection, made, act, one.evidence)


def refuse_parts(deed: Deed, layer: Layer, out: list[str]) -> None:
    """Refuse to take single parcels out of an act that is one whole.

    Raises:
        LineageNotPossibleError: Some would be taken out.
    """
    if deed.is_whole and out:
        raise LineageNotPossibleError(layer=layer.key, codes=out[:5], reason="approved_whole")


def _take_back(register: Register, connection: sa.Connection, deed: Deed, act: Act) -> int:
    number = deed.change or 0
    later = undo.resting(register, connection, number, with_later=bool(deed.later))
    # The reviewer saw what was named then; what came to rest on it since is another matter.
    unseen = sorted(set(later) - set(deed.later))
    if unseen:
        raise ChangeRestedOnError(change=number, later=unseen)
    made = undo.undo_these(register, connection, [number, *later], act)
    return made[-1].change
