"""The touched rows of a copy beside what was lent and what the register says now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, merging, validation
from parcels.ingest.copies import NEW, Touched
from parcels.ingest.delivery import Delivery
from parcels.ingest.differences import value
from parcels.merging import BOUNDARY, PARCEL, Choices, Comparison, Side
from parcels.model import Layer


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person says about a merge.

    Attributes:
        choices: Whose word counts in conflicts.
        marks: Of decisions made on paper, what was seen when they were made, by parcel and
            field; a conflict that has changed since is open again.
        end_removed: Parcels removed from the file are no longer true.
    """

    choices: Choices = field(default_factory=Choices)
    marks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    end_removed: bool = False


class Joined:
    """One merge: who is who, what each side changed, and what counts of it.

    Attributes:
        frame: The touched rows as the door left them.
        parcels: Number of the parcel of each; NEW for an added one.
        known: Positions of the rows of known parcels.
        file: Those rows by parcel; `base` and `now` beside them what was lent and what the
            register says.
        found: What either side changed.
        gone: Which of them the register has no longer.
        take: What counts of the edits.
        removed: Numbers of lent parcels that are not in the file; of those the register still
            has, `removal` tells whether they `changed` there and whether each `ends`.
        names: What each parcel may be called in decisions.
        stale: Decisions made on values that have changed since: parcel and field.
    """

    def __init__(
        self,
        delivery: Delivery,
        done: Touched,
        lent: gpd.GeoDataFrame,
        layer: Layer,
        register: gpd.GeoDataFrame,
        decided: Decided,
    ) -> None:
        self.frame = delivery.frame
        self.keys = [one.key for one in layer.fields if one.key in delivery.fields]
        self.layer, self.lent, self.register = layer, lent, register
        self.decided, self.end_removed = decided, decided.end_removed
        self.parcels = self._numbered(done)
        self.known = np.flatnonzero(self.parcels != NEW)
        ids = pd.Index(self.parcels[self.known], name="parcel")
        self.file = self.frame.iloc[self.known].set_index(ids)
        self.base, self.now = lent.reindex(ids), register.reindex(ids)
        self.removed = np.setdiff1d(done.removed, ids)
        self.names = self._names()
        found = merging.compare(self.base, self.file, self.now, self.keys)
        # What the door only put into its own form is no edit.
        typed = done.edited.reindex(index=ids, columns=found.edited.columns)
        edited = found.edited & typed.astype(object).where(typed.notna(), other=True).astype(bool)
        edited[BOUNDARY] &= ~shapely.is_missing(self.file.geometry.to_numpy())
        self.found = Comparison(edited, found.changed, found.conflicts & edited)
        self.gone = ~ids.isin(register.index) & ids.isin(lent.index)
        self.choices, self.stale = self._still_true(decided)
        self.take = self._taken()
        self.removal = self._removal()

    # -- who is who ---------------------------------------------------------------------------

    def _numbered(self, done: Touched) -> np.ndarray:
        """The number of each row's parcel: told, else by its code or boundary; NEW for none."""
        numbers: np.ndarray = done.parcels.loc[self.frame["row"]].to_numpy(np.int64).copy()
        new = numbers == NEW
        by_code = pd.Series(self.register.index, index=self.register["code"].to_numpy(object))
        by_code = by_code[by_code.index.notna() & ~by_code.index.duplicated()]
        at = by_code.reindex(self.frame["code"].to_numpy(object)).to_numpy(float, na_value=NEW)
        told = self.frame.get("parcel", pd.Series(pd.NA, index=self.frame.index, dtype="Int64"))
        place = np.where(at != NEW, at, told.to_numpy(float, na_value=NEW)).astype(np.int64)
        free = new & (place != NEW) & ~np.isin(place, numbers) & ~pd.Series(place).duplicated()
        return np.where(free, place, numbers)

    def _names(self) -> dict[int, list[str]]:
        """What each parcel may be called in decisions: its codes, and its number."""
        names: dict[int, list[str]] = {}
        for frame in (self.now, self.base, self.file):
            for parcel, code in frame["code"].dropna().items():
                names.setdefault(int(parcel), []).append(str(code))
        for parcel in (*self.file.index, *self.removed):
            codes = names.setdefault(int(parcel), [])
            if int(parcel) in self.lent.index and not pd.isna(self.lent.loc[parcel, "code"]):
                codes.append(str(self.lent.loc[parcel, "code"]))
            codes.append(str(parcel))
        return names

    # -- what counts --------------------------------------------------------------------------

    def _still_true(self, decided: Decided) -> tuple[Choices, list[tuple[int, str]]]:
        """The choices without those made on values that have changed since."""
        if not decided.marks:
            return decided.choices, []
        fields, stale = dict(decided.choices.fields), []
        for parcel, key in merging.listed(self.found.conflicts):
            name = (str(parcel), key)
            if name in decided.marks and decided.marks[name] != self._mark(parcel, key):
                fields.pop(name, None)
                stale.append((int(parcel), key))
        return replace(decided.choices, fields=fields), stale

    def _mark(self, parcel: int, key: str) -> str:
        place = self.file.index.get_loc(parcel)
        return merging.mark(value(self.file, place, key), value(self.now, place, key))

    def _taken(self) -> pd.DataFrame:
        take = merging.taken(self.found, self.choices, self.names)
        for place in np.flatnonzero(self.gone):
            parcel = int(self.file.index[place])
            revived = self.choices.of(self.names[parcel], PARCEL) is Side.FILE
            take.iloc[place] = self.found.edited.iloc[place] if revived else False
        return take

    def _removal(self) -> pd.DataFrame:
        """Of each parcel removed from the file whether it still is, was changed, and ends."""
        still = np.isin(self.removed, self.register.index)
        ids = pd.Index(self.removed[still], name="parcel")
        keys = [one.key for one in self.layer.fields if one.key in self.lent.columns]
        changed = merging.differs(self.register.loc[ids], self.lent.loc[ids], keys)
        touched = changed.to_numpy(bool).any(axis=1)
        sides = [self.choices.of(self.names[int(parcel)], PARCEL) for parcel in ids]
        ends = ~touched | np.array([side is Side.FILE for side in sides], bool)
        table = {"changed": touched, "ends": ends & self.end_removed, "side": sides}
        return pd.DataFrame(table, index=ids)

    def rows(self) -> gpd.GeoDataFrame:
        """The touched rows as deliveries: of known parcels only what counts of the edits."""
        whole = self.frame.drop(columns="ok")
        whole["parcel"] = pd.array(self.parcels, "Int64")
        whole.loc[self.parcels == NEW, "parcel"] = pd.NA
        revived = self.gone & self.take.to_numpy(bool).any(axis=1)
        part = self.known[~revived]
        take, file = self.take[~revived], self.file[~revived]
        erased = pd.Series("", index=file.index)
        for key in (one.key for one in self.layer.fields):
            counts = self.counts(key, take)
            kept = self.now["code"][~revived] if key == "code" else None
            column = whole[key].copy()
            column.iloc[part] = file[key].where(counts, kept).array
            whole[key] = column
            erased = erased.where(~(counts & file[key].isna()), erased + ";" + key)
        if (erased != "").any():
            column = pd.Series(pd.NA, index=whole.index, dtype="str")
            column.iloc[part] = erased.str.strip(";").where(erased != "").array
            whole[validation.ERASED] = column
        shapes = whole.geometry.to_numpy().copy()
        shapes[part[~take[BOUNDARY].to_numpy(bool)]] = None
        return whole.set_geometry(gpd.GeoSeries(shapes, index=whole.index, crs=crs.STORAGE))

    def counts(self, key: str, take: pd.DataFrame) -> pd.Series:
        """Of which parcels an edit of this field counts."""
        if key in take.columns:
            column: pd.Series = take[key]
            return column
        return pd.Series(np.zeros(len(take), bool), index=take.index)

    def as_known(self, rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Rows under the codes by which the register knows their parcels until they are stored."""
        code = self.register["code"].reindex(rows["parcel"].fillna(NEW).astype("int64"))
        return rows.assign(code=code.set_axis(rows.index).fillna(rows["code"]))

    def says_something(self) -> np.ndarray:
        """Which rows say anything new."""
        says: np.ndarray = self.parcels == NEW
        says[self.known] = self.take.to_numpy(bool).any(axis=1)
        return says

    def ends(self) -> np.ndarray:
        """Numbers of the parcels that are no longer true."""
        ends: np.ndarray = self.removal.index[self.removal["ends"]].to_numpy(np.int64)
        return ends
