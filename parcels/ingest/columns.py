"""Which column of a delivery is which field of the layer."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from parcels import words
from parcels.errors import MappingNotUsableError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind
from parcels.model import Field, Layer
from parcels.words import Measure

_AGAIN: Final = re.compile(r"#\d+$")
_BRACKET: Final = re.compile(r"^(.+?)[(\[【{](.*?)[)\]】}]$")
_SUFFIX: Final = re.compile(r"^(.+?)[_/:\-](.+)$")
# dBase cuts field names after this many bytes.
_DBF_NAME_BYTES: Final = 10
_CUT_ENCODINGS: Final = ("gb18030", "utf-8")
# What can be told from the boundary is not missing when its column is.
_DERIVED: Final = frozenset({"district", "unit"})


@dataclass(frozen=True, slots=True)
class Matched:
    """The columns understood.

    Attributes:
        columns: Column name by field key.
        measures: Unit of measure written in the heading, by field key.
        place: Columns east and north of a list, None if it has none.
    """

    columns: Mapping[str, str]
    measures: Mapping[str, Measure]
    place: tuple[str, str] | None = None


def heading_forms(heading: str) -> tuple[str, ...]:
    """The plain forms a heading may be known by: whole, then without unit and brackets."""
    whole = words.plain(_AGAIN.sub("", heading))
    shorter = _without_unit(whole)
    return (whole,) if shorter is None else (whole, shorter[0])


def headings(layer: Layer) -> frozenset[str]:
    """The plain forms of every heading a list for this layer may have."""
    lists = words.formats()["lists"]
    names = [name for field in layer.fields for name in _names(field)]
    return words.plain_set([*names, *lists["east"], *lists["north"]])


def match(
    arrived: Arrived,
    layer: Layer,
    *,
    findings: Findings,
    mapping: Mapping[str, str] | None = None,
) -> Matched:
    """Match columns to fields: by the user's mapping, then key, label, aliases, cut off names.

    Of several columns for one field the one named first in the layer's declaration is taken and
    the others are reported as not used; two that are named alike are an error. A column without a
    single value counts as not delivered, so that an empty one never wipes what is known.

    Args:
        arrived: The delivery.
        layer: Whose fields are looked for.
        findings: Takes columns that come twice and those not used.
        mapping: Field key by column name; "" leaves a column out on purpose.

    Raises:
        MappingNotUsableError: The mapping names a column or field that is not there.
    """
    stated = dict(mapping or {})
    _check(stated, arrived, layer)
    candidates = _candidates(arrived, layer, stated)
    taken: dict[str, str] = {key: column for column, key in stated.items() if key}
    lost: dict[str, str] = {}
    for key, found in candidates.items():
        if key in taken:
            lost.update(dict.fromkeys((column for _, column in found), key))
            continue
        found.sort(key=lambda pair: pair[0])
        alike = [column for rank, column in found if rank == found[0][0]]
        if len(alike) > 1:
            details = {"columns": alike, "taken": alike[0]}
            findings.add("column_twice", field=key, found=alike[1], details=details)
        taken[key] = found[0][1]
        lost.update({column: key for rank, column in found[1:] if column not in alike})
    place = _place(arrived, taken)
    used = {*taken.values(), *stated, *(place or ())}
    _report_unused(arrived, used, lost, taken, findings)
    measures = {key: unit for key, column in taken.items() if (unit := unit_of(column))}
    return Matched(taken, measures, place)


def report_missing(
    matched: Matched, layer: Layer, *, findings: Findings, given: Collection[str] = ()
) -> None:
    """Report required fields that no column holds, the user did not state, nothing tells."""
    for field in layer.fields:
        held = field.key in matched.columns or field.key in given or field.key in _DERIVED
        if field.required and not held:
            details = {"names": [field.label.zh, *field.aliases[:3]]}
            findings.add("column_missing", field=field.key, details=details)


def unit_of(heading: str) -> Measure | None:
    """The unit of measure in a heading, such as 面积(亩) or area_ha; None if there is none."""
    shorter = _without_unit(words.plain(_AGAIN.sub("", heading)))
    return None if shorter is None else words.measures().get(shorter[1])


def _without_unit(whole: str) -> tuple[str, str] | None:
    bracket = _BRACKET.match(whole)
    if bracket:
        return bracket.group(1), bracket.group(2)
    suffix = _SUFFIX.match(whole)
    if suffix and suffix.group(2) in words.measures():
        return suffix.group(1), suffix.group(2)
    return None


def _check(stated: Mapping[str, str], arrived: Arrived, layer: Layer) -> None:
    keys = {field.key for field in layer.fields}
    for column, key in stated.items():
        if column not in arrived.columns:
            raise MappingNotUsableError(column=column, field=key, known=arrived.columns)
        if key and key not in keys:
            raise MappingNotUsableError(column=column, field=key, known=sorted(keys))


def _candidates(
    arrived: Arrived, layer: Layer, stated: Collection[str]
) -> dict[str, list[tuple[int, str]]]:
    """For each field the columns that could be it, with the rank of the name they go by."""
    names = _ranked(layer)
    cut = _cut_names(layer) if arrived.kind in {Kind.SHAPEFILE, Kind.TABLE} else {}
    fixed = _fixed(arrived.kind)
    required = {field.key: field.required for field in layer.fields}
    found: dict[str, list[tuple[int, str]]] = {}
    for column in arrived.columns:
        if column in stated:
            continue
        known = fixed.get(column) or _known(column, names, cut)
        if known is None or known[1] not in required:
            continue
        # A column without a single value says nothing, unless there must be one.
        if required[known[1]] or not arrived.frame[column].isna().all():
            found.setdefault(known[1], []).append((known[0], column))
    return found


def _known(
    column: str, names: Mapping[str, tuple[int, str]], cut: Mapping[str, tuple[int, str]]
) -> tuple[int, str] | None:
    for form in heading_forms(column):
        if form in names:
            return names[form]
    return cut.get(words.plain(_AGAIN.sub("", column)))


def _names(field: Field) -> Iterable[str]:
    return (field.key, field.label.zh, field.label.en, *field.aliases)


def _ranked(layer: Layer) -> dict[str, tuple[int, str]]:
    ranked: dict[str, tuple[int, str]] = {}
    for field in layer.fields:
        for rank, name in enumerate(_names(field)):
            ranked.setdefault(words.plain(name), (rank, field.key))
    return ranked


def _cut_names(layer: Layer) -> dict[str, tuple[int, str]]:
    """Names as dBase cuts them, where that leaves only one field they can mean."""
    cut: dict[str, tuple[int, str]] = {}
    meant: dict[str, set[str]] = {}
    for field in layer.fields:
        for rank, name in enumerate(_names(field)):
            for encoding in _CUT_ENCODINGS:
                whole = name.encode(encoding)
                if len(whole) > _DBF_NAME_BYTES:
                    short = whole[:_DBF_NAME_BYTES].decode(encoding, "ignore")
                    form = words.plain(short)
                    meant.setdefault(form, set()).add(field.key)
                    cut.setdefault(form, (1000 + rank, field.key))
    return {form: known for form, known in cut.items() if len(meant[form]) == 1}


def _fixed(kind: Kind) -> dict[str, tuple[int, str]]:
    if kind is not Kind.BOUNDARY_POINTS:
        return {}
    fields = words.formats()["boundary_points"]["fields"]
    return {column: (0, key) for column, key in fields.items()}


def _place(arrived: Arrived, taken: Mapping[str, str]) -> tuple[str, str] | None:
    """Columns of a list that hold a place: the registered point, else by the format's words."""
    if "registered_lon" in taken and "registered_lat" in taken:
        return taken["registered_lon"], taken["registered_lat"]
    if arrived.kind not in {Kind.XLSX, Kind.CSV, Kind.TABLE}:
        return None
    lists = words.formats()["lists"]
    found = []
    for side in ("east", "north"):
        wanted = words.plain_set(lists[side])
        hits = [c for c in arrived.columns if wanted & set(heading_forms(c))]
        if not hits:
            return None
        found.append(hits[0])
    return found[0], found[1]


def _report_unused(
    arrived: Arrived,
    used: Collection[str],
    lost: Mapping[str, str],
    taken: Mapping[str, str],
    findings: Findings,
) -> None:
    report = words.formats()["report"]
    idle = {report["reason"], report["reason_ascii"]}
    routine = words.plain_set(words.formats()["lists"]["housekeeping"])
    if arrived.kind is Kind.BOUNDARY_POINTS:
        idle |= set(words.formats()["boundary_points"]["housekeeping"])
    for column in arrived.columns:
        if column in used or column in idle or words.plain(column) in routine:
            continue
        if arrived.frame[column].isna().all():
            continue
        taken_instead = taken.get(lost.get(column, ""), "")
        reason = "other" if taken_instead else "strange"
        phrases = words.formats()["not_used"]
        details = words.in_both(phrases, reason, "reason", taken=taken_instead)
        findings.add("column_not_used", field=column, details=details)
