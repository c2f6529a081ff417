"""Which column of a delivery is which field of the layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from parcels import words
from parcels.districts import Territory
from parcels.errors import MappingNotUsableError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind
from parcels.ingest.headings import field_names, heading_forms, unit_of, whole_form
from parcels.ingest.readings import zone_column
from parcels.ingest.suggestions import Offer, offers, unambiguous
from parcels.model import Confirmed, Layer
from parcels.words import Measure

# dBase cuts field names after this many bytes.
_DBF_NAME_BYTES: Final = 10
_CUT_ENCODINGS: Final = ("gb18030", "utf-8")
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
# What can be told from the boundary is not missing when its column is.
_DERIVED: Final = frozenset({"district", "unit"})


@dataclass(frozen=True, slots=True)
class Said:
    """What people say of the columns.

    Attributes:
        mapping: Field key by column name; "" leaves a column out on purpose.
        kept: What was confirmed at earlier deliveries of the same sender, by plain form.
        accept: Take offers that are unambiguous.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Confirmed] = field(default_factory=dict)
    accept: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """The columns understood.

    Attributes:
        columns: Column name by field key.
        measures: Unit of measure written in the heading, by field key.
        place: Columns east and north of a list, None if it has none.
        offers: Likely fields of columns under no known name, by column.
        accepted: Field key by column, of the offers taken because the user asked for it.
    """

    columns: Mapping[str, str]
    measures: Mapping[str, Measure]
    place: tuple[str, str] | None = None
    offers: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)


def match(
    arrived: Arrived,
    layer: Layer,
    *,
    findings: Findings,
    said: Said | None = None,
    territory: Territory | None = None,
) -> Matched:
    """Match columns to fields: by what people said, then key, label, aliases, cut off names.

    Of several columns for one field the one named first in the layer's declaration is taken and
    the others are reported as not used; two that are named alike are an error. A column without a
    single value counts as not delivered, so that an empty one never wipes what is known. A column
    under no known name is reported with its likely fields, and left out unless `said.accept`.

    Args:
        arrived: The delivery.
        layer: Whose fields are looked for.
        findings: Takes columns that come twice, those not used, offers, and mappings used again.
        said: What people say of the columns.
        territory: Districts and units, to recognise columns of them.

    Raises:
        MappingNotUsableError: The mapping names a column or field that is not there.
    """
    said = said or Said()
    _check(said.mapping, arrived, layer)
    stated = dict(said.mapping) | _again(arrived, layer, said, findings)
    taken: dict[str, str] = {key: column for column, key in stated.items() if key}
    lost = _take(_candidates(arrived, layer, stated), taken, findings)
    place = _place(arrived, taken)
    unused = _unused(arrived, {*taken.values(), *stated, *(place or ())})
    strange = [column for column in unused if column not in lost]
    free = {one.key for one in layer.fields} - set(taken)
    offered = offers(arrived, layer, columns=strange, free=free, territory=territory)
    accepted = unambiguous(offered) if said.accept else {}
    taken.update({offer.field: column for column, offer in accepted.items()})
    offered = _still_free(offered, taken)
    _report(unused, lost, taken, accepted, offered, layer=layer, findings=findings)
    measures = {key: unit for key, column in taken.items() if (unit := unit_of(column))}
    keys = {column: offer.field for column, offer in accepted.items()}
    return Matched(taken, measures, place, offered, keys)


def report_missing(
    matched: Matched, layer: Layer, *, findings: Findings, given: Collection[str] = ()
) -> None:
    """Report required fields that no column holds, the user did not state, nothing tells."""
    phrases = words.formats()["suggestions"]
    for one in layer.fields:
        held = one.key in matched.columns or one.key in given or one.key in _DERIVED
        if not one.required or held:
            continue
        likely = [
            column
            for column, made in matched.offers.items()
            if any(offer.field == one.key for offer in made)
        ]
        shown = ", ".join(_option(column, one.key) for column in likely)
        key = "candidates" if likely else "nothing"
        details = {
            "names": [one.label.zh, *one.aliases[:3]],
            "candidates": likely,
            **words.in_both(phrases, key, "likely", columns=shown),
        }
        findings.add("column_missing", field=one.key, details=details)


def _again(arrived: Arrived, layer: Layer, said: Said, findings: Findings) -> dict[str, str]:
    """Columns of the sender that a person confirmed before and nobody says otherwise of today."""
    labels = {one.key: one.label for one in layer.fields}
    phrases = words.formats()["suggestions"]
    stated = set(said.mapping.values())
    found: dict[str, str] = {}
    for column in arrived.columns:
        known = said.kept.get(whole_form(column))
        if known is None or column in said.mapping or known.field in stated - {""}:
            continue
        if (known.field and known.field not in labels) or arrived.frame[column].isna().all():
            continue
        found[column] = known.field
        stated.add(known.field)
        details = {"key": known.field, "by": known.by, "on": f"{known.at:%Y-%m-%d}"}
        if known.field:
            label = labels[known.field]
            for lang in ("zh", "en"):
                said_as = phrases["as_field"][lang].format(label=label.in_(lang))
                details[f"used_{lang}"] = said_as
        else:
            details |= words.in_both(phrases, "left_out", "used")
        findings.add("mapping_reused", field=column, details=details)
    return found


def _take(
    candidates: Mapping[str, list[tuple[int, str]]], taken: dict[str, str], findings: Findings
) -> dict[str, str]:
    """Fill `taken` with the best column of each field; the others, by column."""
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
        lost.update({column: key for _, column in found[1:]})
    return lost


def _still_free(
    offered: Mapping[str, tuple[Offer, ...]], taken: Mapping[str, str]
) -> dict[str, tuple[Offer, ...]]:
    left = {
        column: tuple(one for one in made if one.field not in taken)
        for column, made in offered.items()
        if column not in taken.values()
    }
    return {column: made for column, made in left.items() if made}


def _option(column: str, key: str) -> str:
    return str(words.formats()["suggestions"]["option"].format(column=column, field=key))


def _check(stated: Mapping[str, str], arrived: Arrived, layer: Layer) -> None:
    keys = {one.key for one in layer.fields}
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
    required = {one.key: one.required for one in layer.fields}
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
    # A character cut in two arrives as a sign that it could not be read.
    return cut.get(whole_form(column).rstrip(_UNREADABLE))


def _ranked(layer: Layer) -> dict[str, tuple[int, str]]:
    ranked: dict[str, tuple[int, str]] = {}
    for one in layer.fields:
        for rank, name in enumerate(field_names(one)):
            ranked.setdefault(words.plain(name), (rank, one.key))
    return ranked


def _cut_names(layer: Layer) -> dict[str, tuple[int, str]]:
    """Names as dBase cuts them, where that leaves only one field they can mean."""
    cut: dict[str, tuple[int, str]] = {}
    meant: dict[str, set[str]] = {}
    for one in layer.fields:
        for rank, name in enumerate(field_names(one)):
            for encoding in _CUT_ENCODINGS:
                whole = name.encode(encoding)
                if len(whole) > _DBF_NAME_BYTES:
                    short = whole[:_DBF_NAME_BYTES].decode(encoding, "ignore")
                    form = words.plain(short)
                    meant.setdefault(form, set()).add(one.key)
                    cut.setdefault(form, (1000 + rank, one.key))
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


def _unused(arrived: Arrived, used: Collection[str]) -> list[str]:
    """Columns with values that nothing was made of, without those that are never of use."""
    report = words.formats()["report"]
    idle = {report["reason"], report["reason_ascii"], *arrived.idle}
    routine = words.plain_set(words.formats()["lists"]["housekeeping"])
    idle.add(zone_column(arrived.frame) or "")
    if arrived.kind is Kind.BOUNDARY_POINTS:
        idle |= set(words.formats()["boundary_points"]["housekeeping"])
    return [
        column
        for column in arrived.columns
        if column not in used
        and column not in idle
        and words.plain(column) not in routine
        and not arrived.frame[column].isna().all()
    ]


def _report(  # noqa: PLR0913 - everything that can become of a column meets here
    unused: Collection[str],
    lost: Mapping[str, str],
    taken: Mapping[str, str],
    accepted: Mapping[str, Offer],
    offered: Mapping[str, tuple[Offer, ...]],
    *,
    layer: Layer,
    findings: Findings,
) -> None:
    for column in unused:
        if column in accepted:
            details = _described((accepted[column],), layer)
            findings.add("column_accepted", field=column, details=details)
        elif column in offered:
            details = _described(offered[column], layer)
            findings.add("column_offered", field=column, details=details)
        else:
            taken_instead = taken.get(lost.get(column, ""), "")
            reason = "other" if taken_instead else "strange"
            phrases = words.formats()["not_used"]
            details = words.in_both(phrases, reason, "reason", taken=taken_instead)
            findings.add("column_not_used", field=column, details=details)


def _described(made: tuple[Offer, ...], layer: Layer) -> dict[str, Any]:
    phrase = words.formats()["suggestions"]["offer"]
    details: dict[str, Any] = {
        "fields": [one.field for one in made],
        "options": [_option(one.column, one.field) for one in made],
    }
    for lang in ("zh", "en"):
        details[f"offers_{lang}"] = [
            phrase[lang].format(
                label=layer.field(one.field).label.in_(lang),
                field=one.field,
                percent=round(100 * one.likeness),
            )
            for one in made
        ]
    return details
