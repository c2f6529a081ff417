"""Which way a submission may go, who may approve it, and what it would change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs
from parcels.diff import Difference
from parcels.errors import OwnSubmissionError, StepNotAllowedError
from parcels.model import CORE_COLUMNS, Layer


class State(StrEnum):
    """Where a submission stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


class RowState(StrEnum):
    """What became of one proposed row; none of these while it waits."""

    ACCEPTED = "accepted"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


NEXT: Final[dict[State, frozenset[State]]] = {
    State.DRAFT: frozenset({State.SUBMITTED, State.WITHDRAWN}),
    # Approved with some parcels taken out, it is returned: those may be sent again.
    State.SUBMITTED: frozenset({State.APPROVED, State.RETURNED, State.WITHDRAWN}),
    State.RETURNED: frozenset({State.SUBMITTED, State.WITHDRAWN}),
    State.APPROVED: frozenset(),
    State.WITHDRAWN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """An act other than a delivery, as it waits for a reviewer.

    Attributes:
        kind: "advance", "split", "merge", "resurvey" or "undo".
        parents: Codes of the parcels that it ends or surveys anew.
        into: Codes of the parcels of the register that they become; none where its rows are new.
        change: Number of the change that it takes back.
        later: Numbers of the changes that are taken back with it.
        left_out: Why land of a parcel split goes to no new one.
    """

    kind: str
    parents: tuple[str, ...] = ()
    into: tuple[str, ...] = ()
    change: int | None = None
    later: tuple[int, ...] = ()
    left_out: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is done as a whole or not at all, single parcels never."""
        return self.kind != "advance"


def step(number: int, state: State, to: State) -> State:
    """The state after a step.

    Raises:
        StepNotAllowedError: No such step leads there.
    """
    if to not in NEXT[state]:
        raise StepNotAllowedError(submission=number, state=state.value, to=to.value)
    return to


def refuse_own(number: int, *, sent_by: str, by: str, own: bool) -> None:
    """Refuse that a person approves what they submitted, unless `own` allows it.

    Raises:
        OwnSubmissionError: The person is the one who submitted it.
    """
    if by == sent_by and not own:
        raise OwnSubmissionError(submission=number, person=by)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a submission would change in the register as it is.

    Attributes:
        lines: One per change of a field, boundary or new parcel: `row`, `code`, `name`, `what`
            ("added", "field", "boundary"), `field`, `before`, `after` (texts), `gained_m2`,
            `lost_m2` (float), `changed_since` (bool), and the proposed boundary, EPSG:4490.
        shapes: One per proposed row that changes anything: `row`, `code`, `name`,
            `changed_since`, `before` and `after` (boundaries, None where not known).
        unchanged: How many rows say what the register says.
    """

    lines: gpd.GeoDataFrame
    shapes: pd.DataFrame
    unchanged: int


COLUMNS: Final = (
    *("row", "code", "name", "what", "field", "before", "after"),
    *("gained_m2", "lost_m2", "changed_since"),
)


def compared(
    change: Difference, held: gpd.GeoDataFrame, layer: Layer, *, touched: np.ndarray
) -> Compared:
    """What a difference changes, field by field and in area.

    Args:
        change: The proposed rows against the register.
        held: What it was compared with: `version`, the fields, a geometry.
        layer: The layer.
        touched: Ids of the parcels that changed since the rows were submitted.
    """
    rows = change.rows.reset_index(drop=True)
    base = held.set_index("version").reindex(rows["base"].fillna(-1).astype("int64"))
    base = base.reset_index(drop=True)
    is_new = rows["base"].isna().to_numpy(bool)
    after, before = rows.geometry.to_numpy(), np.array(base.geometry.to_numpy(), object)
    known = pd.DataFrame(
        {
            "row": rows["row"] if "row" in rows else rows["position"] + 1,
            "code": rows["code"],
            "name": rows["name"],
            "changed_since": rows["parcel"].isin(touched).to_numpy(bool),
        }
    )
    parts = [known[is_new].assign(what="added")]
    keys = [*CORE_COLUMNS, *(f.key for f in layer.own_fields)]
    for key in keys:
        was, now = _texts(base[key]), _texts(rows[key])
        differs = ~is_new & (was.fillna("\0") != now.fillna("\0")).to_numpy(bool)
        parts.append(
            known[differs].assign(what="field", field=key, before=was[differs], after=now[differs])
        )
    moved = ~is_new & ~rows["same_boundary"].to_numpy(bool)
    parts.append(_boundary_lines(known[moved], before[moved], after[moved]))
    lines = pd.concat([one for one in parts if len(one)] or parts).reindex(columns=COLUMNS)
    lines = lines.sort_values("row", kind="stable")
    shapes = known.assign(before=before, after=after)
    return Compared(
        gpd.GeoDataFrame(
            lines.reset_index(drop=True), geometry=after[lines.index], crs=crs.STORAGE
        ),
        shapes,
        change.unchanged,
    )


def _boundary_lines(known: pd.DataFrame, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    was, now = (shapely.make_valid(shapely.force_2d(one)) for one in (before, after))
    empty = shapely.from_wkt("POLYGON EMPTY")
    was = np.where(shapely.is_missing(was), empty, was)
    now = np.where(shapely.is_missing(now), empty, now)
    return known.assign(
        what="boundary",
        field="boundary",
        before=[f"{area:.1f}" for area in crs.area_m2(was)],
        after=[f"{area:.1f}" for area in crs.area_m2(now)],
        gained_m2=crs.area_m2(shapely.difference(now, was)),
        lost_m2=crs.area_m2(shapely.difference(was, now)),
    )


def _texts(column: pd.Series) -> pd.Series:
    """Values as text; days without an hour; NA where not known."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.dt.strftime("%Y-%m-%d").astype("str")
    return column.astype(object).where(column.notna(), None).astype("str")
