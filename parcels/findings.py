"""What can be found in a delivery, how bad it is, and the list that collects it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd


class Severity(StrEnum):
    """An error keeps its row out; a warning or an info does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


CODES: Final[Mapping[str, Severity]] = {
    # the file
    "file_refused": Severity.ERROR,
    "encoding_guessed": Severity.INFO,
    "encoding_doubtful": Severity.WARNING,
    "crs_assumed": Severity.INFO,
    "crs_missing": Severity.ERROR,
    "crs_doubtful": Severity.ERROR,
    "datum_assumed": Severity.INFO,
    "datum_shifted": Severity.INFO,
    "zone_from_column": Severity.INFO,
    "zones_by_easting": Severity.INFO,
    "control_points_used": Severity.INFO,
    "control_points_far": Severity.WARNING,
    "offset_suspected": Severity.ERROR,
    "offset_applied": Severity.INFO,
    "offset_contradicted": Severity.ERROR,
    "shift_unexplained": Severity.WARNING,
    "file_empty": Severity.WARNING,
    "file_cut_off": Severity.ERROR,
    "part_not_used": Severity.WARNING,
    "member_not_read": Severity.INFO,
    "record_damaged": Severity.ERROR,
    "line_not_understood": Severity.ERROR,
    "lines_without_parcel": Severity.ERROR,
    "point_count_differs": Severity.WARNING,
    # the national boundary package
    "package_code_differs": Severity.ERROR,
    "package_incomplete": Severity.WARNING,
    "package_misnamed": Severity.WARNING,
    "package_degrees": Severity.WARNING,
    "package_zone_differs": Severity.WARNING,
    "package_stage_taken": Severity.INFO,
    "corners_assumed": Severity.WARNING,
    "corners_contradict": Severity.ERROR,
    "corner_not_read": Severity.ERROR,
    "row_no_record": Severity.INFO,
    "cell_error": Severity.ERROR,
    "formula_without_result": Severity.ERROR,
    # columns
    "column_missing": Severity.ERROR,
    "column_twice": Severity.ERROR,
    "column_not_used": Severity.WARNING,
    "column_offered": Severity.WARNING,
    "column_accepted": Severity.INFO,
    "mapping_reused": Severity.INFO,
    # values
    "value_missing": Severity.ERROR,
    "value_not_understood": Severity.ERROR,
    "value_not_in_list": Severity.ERROR,
    "value_out_of_range": Severity.ERROR,
    "value_harmonised": Severity.INFO,
    "value_erased": Severity.INFO,
    "date_doubtful": Severity.ERROR,
    "stage_not_known": Severity.ERROR,
    # samples
    "lab_column_missing": Severity.ERROR,
    "lab_column_not_used": Severity.WARNING,
    "sample_contradicts": Severity.ERROR,
    "point_not_known": Severity.WARNING,
    "analyte_not_known": Severity.WARNING,
    "detection_limit_missing": Severity.WARNING,
    "sample_without_reading": Severity.WARNING,
    "reading_repeated": Severity.INFO,
    # reports on the plan
    "indicator_is_computed": Severity.ERROR,
    "report_by_measure": Severity.ERROR,
    "field_not_of_report": Severity.ERROR,
    "report_ahead": Severity.ERROR,
    "unit_of_value_needed": Severity.ERROR,
    "report_evidence_missing": Severity.ERROR,
    "evidence_file_missing": Severity.ERROR,
    "report_repeated": Severity.ERROR,
    "report_row_blank": Severity.INFO,
    "report_not_concerned": Severity.WARNING,
    # boundaries
    "boundary_missing": Severity.WARNING,
    "boundary_required": Severity.ERROR,
    "boundary_invalid": Severity.ERROR,
    "boundary_repaired": Severity.INFO,
    "repair_refused": Severity.WARNING,
    "boundary_wrong_shape": Severity.ERROR,
    "coordinate_not_finite": Severity.ERROR,
    "boundary_too_detailed": Severity.ERROR,
    "curves_straightened": Severity.INFO,
    "lines_closed": Severity.INFO,
    "dimension_dropped": Severity.INFO,
    "points_repeated": Severity.WARNING,
    "boundary_spike": Severity.WARNING,
    "tiny_hole": Severity.WARNING,
    "tiny_part": Severity.WARNING,
    "boundary_sliver": Severity.WARNING,
    "outside_city": Severity.ERROR,
    "registered_point_outside": Severity.WARNING,
    # district and unit
    "district_not_known": Severity.ERROR,
    "district_former": Severity.WARNING,
    "district_differs": Severity.ERROR,
    "district_border": Severity.WARNING,
    "district_missing": Severity.WARNING,
    "unit_not_known": Severity.ERROR,
    "unit_differs": Severity.WARNING,
    # against each other and the register
    "number_twice": Severity.ERROR,
    "boundary_twice": Severity.WARNING,
    "code_differs": Severity.ERROR,
    "code_changed": Severity.INFO,
    "parcel_ambiguous": Severity.ERROR,
    "recognised_by_boundary": Severity.INFO,
    "parcel_moved": Severity.WARNING,
    "overlap_registered": Severity.WARNING,
    "gap_registered": Severity.WARNING,
    "boundary_nearly_twice": Severity.WARNING,
    "overlap": Severity.WARNING,
    "gap": Severity.WARNING,
    "area_differs": Severity.WARNING,
    # copies that come back from editing
    "merge_conflict": Severity.ERROR,
    "merge_parcel_gone": Severity.ERROR,
    "checkout_code_taken": Severity.ERROR,
    "checkout_removed": Severity.WARNING,
    "checkout_removal_open": Severity.WARNING,
    "checkout_ended": Severity.INFO,
    "checkout_row_copied": Severity.INFO,
    "resolution_stale": Severity.WARNING,
    "resolution_not_used": Severity.WARNING,
    # moves
    "move_too_early": Severity.ERROR,
    "stage_erased": Severity.ERROR,
    "stage_not_allowed": Severity.ERROR,
    "stage_unusual": Severity.WARNING,
    "evidence_missing": Severity.ERROR,
    "evidence_kind_not_fitting": Severity.ERROR,
    "evidence_undated": Severity.ERROR,
    "evidence_without_issuer": Severity.ERROR,
    "evidence_without_reviewer": Severity.ERROR,
    "gate_not_met": Severity.ERROR,
    "gate_not_met_on_entry": Severity.WARNING,
    # splits and merges
    "lineage_left": Severity.ERROR,
    "lineage_left_out": Severity.INFO,
    "lineage_outside": Severity.ERROR,
    "lineage_twice": Severity.ERROR,
    "lineage_moved": Severity.ERROR,
    "lineage_apart": Severity.WARNING,
    "lineage_stage_asked": Severity.ERROR,
    "lineage_stage_differs": Severity.ERROR,
    "lineage_value_asked": Severity.ERROR,
    "lineage_value_differs": Severity.ERROR,
    # rules between layers: what stands in two layers is how things are, and keeps no row out
    "listed_site_planned_for_homes_or_public_use": Severity.WARNING,
    "construction_before_target": Severity.WARNING,
    "outside_declared_district": Severity.WARNING,
    "priority_plot_without_boundary": Severity.WARNING,
    "strict_control_without_measure": Severity.WARNING,
    "alert_on_listed_site": Severity.WARNING,
    "registers_disagree": Severity.WARNING,
    "registered_point_outside_boundary": Severity.WARNING,
    "declared_area_differs": Severity.WARNING,
}
"""Every finding code with its severity; the sentences are in maps/locale."""

ERRORS: Final = frozenset(code for code, severity in CODES.items() if severity is Severity.ERROR)
"""The codes that keep a row out."""

COLUMNS: Final = (
    "severity",
    "code",
    "layer",
    "file",
    "row",
    "number",
    "field",
    "found",
    "lon",
    "lat",
    "details",
)
"""Columns of a report.

`row` is the row as the file's own program counts it (<NA> for the file as a whole), `number` the
parcel's code, `found` the value as it arrived, `lon`/`lat` a place in EPSG:4490 degrees, and
`details` a JSON object with what the sentence needs.
"""

_TYPES: Final = {
    "severity": "str",
    "code": "str",
    "layer": "str",
    "file": "str",
    "row": "Int64",
    "number": "str",
    "field": "str",
    "found": "str",
    "lon": "float64",
    "lat": "float64",
    "details": "str",
}


class Findings:
    """The findings of one delivery, collected in columns.

    Args:
        layer: Key of the layer the delivery is for.
        file: Name of the file.
    """

    def __init__(self, layer: str, file: str) -> None:
        self.layer = layer
        self.file = file
        # Each part holds findings of one code about one field: asking about them needs no copy.
        self._parts: list[pd.DataFrame] = []

    def add(  # noqa: PLR0913 - one argument per column of the report
        self,
        code: str,
        *,
        rows: Sequence[int] | np.ndarray | pd.Series | None = None,
        numbers: Sequence[Any] | np.ndarray | pd.Series | None = None,
        field: str | None = None,
        found: Sequence[Any] | np.ndarray | pd.Series | str | None = None,
        at: np.ndarray | None = None,
        details: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Add one finding per row in `rows`, or one for the whole file when `rows` is None.

        Args:
            code: A key of CODES; KeyError otherwise.
            rows: Row numbers in the file; an empty sequence adds nothing.
            numbers: Parcel codes aligned with `rows`.
            field: Key of the field concerned, or the column name as it arrived.
            found: The value(s) as they arrived, aligned with `rows`.
            at: Array (n, 2) of lon, lat in EPSG:4490 degrees, aligned with `rows`.
            details: What the sentence needs: one mapping for all, or one per row.
        """
        severity = CODES[code]
        count = 1 if rows is None else len(rows)
        if count == 0:
            return
        place = np.full((count, 2), np.nan) if at is None else np.asarray(at, float)
        part = pd.DataFrame(
            {
                "severity": severity.value,
                "code": code,
                "layer": self.layer,
                "file": self.file,
                "row": pd.array([pd.NA] if rows is None else np.asarray(rows), "Int64"),
                "number": _texts(numbers, count),
                "field": field,
                "found": _texts(found, count),
                "lon": place[:, 0],
                "lat": place[:, 1],
                "details": _details(details, count),
            }
        )
        self._parts.append(part.astype(_TYPES))

    def merge(self, other: Findings) -> None:
        """Take over the findings of another collector."""
        self._parts.extend(other._parts)

    def frame(self) -> pd.DataFrame:
        """All findings: errors first, then by row; columns are COLUMNS."""
        if not self._parts:
            return _empty()
        whole = pd.concat(self._parts, ignore_index=True)
        rank = whole["severity"].map({s.value: i for i, s in enumerate(Severity)})
        order = whole.assign(_rank=rank).sort_values(
            ["_rank", "row"], kind="stable", na_position="first"
        )
        return order.drop(columns="_rank").reset_index(drop=True)[list(COLUMNS)]

    def rows_of(self, codes: Collection[str], *, field: str | None = None) -> np.ndarray:
        """Row numbers with a finding of one of these codes, once each, ascending.

        Args:
            codes: Keys of CODES.
            field: Only findings about this field.
        """
        rows = [
            part["row"].dropna().to_numpy("int64")
            for part in self._parts
            if part["code"].iloc[0] in codes and (field is None or part["field"].iloc[0] == field)
        ]
        return np.unique(np.concatenate(rows)) if rows else np.empty(0, "int64")

    def of(self, code: str) -> pd.DataFrame:
        """The findings of one code, in the order they were found."""
        parts = [part for part in self._parts if part["code"].iloc[0] == code]
        return pd.concat(parts, ignore_index=True) if parts else _empty()

    def has(self, code: str) -> bool:
        """Whether there is a finding of this code."""
        return any(part["code"].iloc[0] == code for part in self._parts)

    def rows_with_errors(self) -> set[int]:
        """Row numbers that hold at least one error."""
        return set(self.rows_of(ERRORS).tolist())

    def file_has_error(self) -> bool:
        """Whether an error concerns the file as a whole, so that no row of it can be taken."""
        return any(
            part["code"].iloc[0] in ERRORS and bool(part["row"].isna().any())
            for part in self._parts
        )


def _empty() -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(dtype=_TYPES[c]) for c in COLUMNS})


def _texts(found: Any, count: int) -> list[str | None]:
    if found is None:
        return [None] * count
    if isinstance(found, str):
        return [found] * count
    return [None if pd.isna(one) else str(one) for one in found]


def _details(details: Any, count: int) -> list[str]:
    if details is None:
        return ["{}"] * count
    if isinstance(details, Mapping):
        return [_json(details)] * count
    return [_json(one) for one in details]


def _json(details: Mapping[str, Any]) -> str:
    return json.dumps(dict(details), ensure_ascii=False, default=str)
