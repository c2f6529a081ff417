"""The layer that a file declares, once nothing in the file is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from layers import forms, lifecycle_files
from layers.declaration import Declaration, nearest
from layers.lifecycle_files import Passage
from layers.toml_lines import Path
from parcels import words
from parcels.model import (
    CORE_COLUMNS,
    Choice,
    Field,
    Inheritance,
    Kind,
    Label,
    Layer,
    Reviewed,
    Shape,
    Stage,
)

_NUMERIC: Final = frozenset({Kind.INTEGER, Kind.NUMBER})
_LISTED: Final = frozenset({Kind.CODE, Kind.CODES})
_NOT_IN_NAMES: Final = re.compile(r"[\W_]+")

_NO_PASSAGE: Final = Passage()

Named = tuple[str, str, Path]
"""The key something goes by, one of its names, and where that name stands."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A life cycle that layers share."""

    label: Label
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What the file of a layer can refer to."""

    core: tuple[Field, ...]
    lifecycles: Mapping[str, Lifecycle]
    rules: frozenset[str]
    measures: frozenset[str]
    passage: Passage = _NO_PASSAGE


def read_core_fields(declaration: Declaration) -> tuple[Field, ...]:
    """The fields all layers share, in the order of CORE_COLUMNS; empty if something is wrong."""
    fields = declaration.form(forms.CORE_FIELDS).get("fields", [])
    _check_fields(declaration, fields)
    _check_clashes(declaration, "alias_twice", _names(fields, "fields", "aliases"), bare)
    declared = {field.get("key"): field for field in fields}
    for key in CORE_COLUMNS:
        if key not in declared:
            declaration.problem("missing_key", found=key)
    for position, field in enumerate(fields):
        if field.get("key") not in CORE_COLUMNS:
            at = ("fields", position)
            declaration.problem(
                "unknown_key", at=at, found=field.get("key"), expected=CORE_COLUMNS
            )
    if not declaration.is_sound:
        return ()
    return tuple(replace(_field(declared[key]), core=True) for key in CORE_COLUMNS)


def read_lifecycles(
    declaration: Declaration, documents: Mapping[str, Choice] | None = None
) -> dict[str, Lifecycle]:
    """The life cycles that layers share, by key; empty if something is wrong."""
    known = documents or {}
    read = {key: declaration.form(forms.LIFECYCLE, at=key) for key in declaration.table}
    for key, lifecycle in read.items():
        _check_stages(declaration, lifecycle.get("stages", []), (key, "stages"), known)
    if not declaration.is_sound:
        return {}
    return {
        key: Lifecycle(_label(lifecycle), tuple(_stage(s, known) for s in lifecycle["stages"]))
        for key, lifecycle in read.items()
    }


def read_layer(declaration: Declaration, shared: Shared) -> Layer | None:
    """The layer that a file declares; None if something in the file is wrong."""
    table = declaration.form(forms.LAYER)
    _check_identity(declaration, table)
    _check_references(declaration, table, shared)
    _check_core(declaration, table.get("core", {}))
    fields = table.get("fields", [])
    _check_fields(declaration, fields, reserved=forms.RESERVED_FIELDS)
    _check_clashes(declaration, "alias_twice", _all_names(table, shared), bare)
    _check_stages(declaration, table.get("stages", []), ("stages",), shared.passage.documents)
    _check_passage(declaration, table, shared)
    _check_public(declaration, table)
    return _layer(declaration, table, shared) if declaration.is_sound else None


def bare(name: str) -> str:
    """A column's name without width, case, spaces and punctuation: no two fields share one."""
    plain = words.plain(name)
    return _NOT_IN_NAMES.sub("", plain) or plain


def _check_identity(declaration: Declaration, table: Mapping[str, Any]) -> None:
    key = table.get("key")
    if key is None:
        return
    declaration.identifier(key, ("key",), reserved=forms.RESERVED_LAYERS)
    if forms.STORES_OWN.fullmatch(key):
        declaration.problem("key_reserved", at=("key",), found=key)
    if declaration.path.stem != key:
        declaration.problem("file_name_differs", at=("key",), found=key, expected=f"{key}.toml")


def _check_references(declaration: Declaration, table: Mapping[str, Any], shared: Shared) -> None:
    lifecycle = table.get("lifecycle")
    if lifecycle is not None and lifecycle not in shared.lifecycles:
        declaration.problem(
            "lifecycle_unknown",
            at=("lifecycle",),
            found=lifecycle,
            expected=nearest(lifecycle, shared.lifecycles),
        )
    if lifecycle is not None and "stages" in table:
        declaration.problem("stages_twice", at=("stages",), found=lifecycle)
    if lifecycle is None and not table.get("stages"):
        declaration.problem("stages_missing", at=("stages",))
    if lifecycle is None and "lifecycle_stages" in table:
        declaration.problem("lifecycle_stages_not_used", at=("lifecycle_stages",))
    for key, known in (
        ("measures", shared.measures),
        ("rules", shared.rules),
        ("gates", frozenset(shared.passage.gates)),
        ("milestones", frozenset(shared.passage.milestones)),
        ("lifecycle_stages", _stage_keys(lifecycle, shared)),
    ):
        _check_known(declaration, table.get(key, []), (key,), known)


def _stage_keys(lifecycle: str | None, shared: Shared) -> frozenset[str] | None:
    if lifecycle is None or lifecycle not in shared.lifecycles:
        return None
    return frozenset(stage.key for stage in shared.lifecycles[lifecycle].stages)


_UNKNOWN: Final = {
    "measures": "measure_unknown",
    "rules": "rule_unknown",
    "gates": "gate_unknown",
    "milestones": "milestone_unknown",
    "admits": "document_unknown",
    "documents": "document_unknown",
    "lifecycle_stages": "stage_unknown",
    "next": "stage_unknown",
    "strictest_first": "stage_unknown",
}


def _check_known(
    declaration: Declaration,
    named: Sequence[str | None],
    at: Path,
    known: frozenset[str] | None,
) -> None:
    """Every name is known; `known` is None where that cannot be told."""
    if known is None:
        return
    for position, name in enumerate(named):
        if name is not None and name not in known:
            code = _UNKNOWN[str(at[-1])]
            declaration.problem(
                code, at=(*at, position), found=name, expected=nearest(name, known)
            )


def _check_core(declaration: Declaration, overrides: Mapping[str, Mapping[str, Any]]) -> None:
    for key, override in overrides.items():
        for one, other in (("zh", "en"), ("en", "zh")):
            if one in override and other not in override:
                declaration.problem("missing_key", at=("core", key), found=other)
        _check_pattern(declaration, override, ("core", key))


def _check_fields(
    declaration: Declaration,
    fields: Sequence[Mapping[str, Any]],
    *,
    reserved: frozenset[str] = frozenset(),
) -> None:
    _check_keys(declaration, fields, ("fields",), reserved)
    for position, field in enumerate(fields):
        at = ("fields", position)
        _check_pattern(declaration, field, at)
        _check_bounds(declaration, field, at)
        _check_use(declaration, field, at)
        _check_choices(declaration, field.get("choices", []), (*at, "choices"))


def _check_keys(
    declaration: Declaration,
    entries: Sequence[Mapping[str, Any]],
    at: Path,
    reserved: frozenset[str] = frozenset(),
) -> None:
    seen: set[str] = set()
    for position, entry in enumerate(entries):
        key = entry.get("key")
        if key is None:
            continue
        place = (*at, position, "key")
        declaration.identifier(key, place, reserved)
        if key in seen:
            declaration.problem("key_twice", at=place, found=key)
        seen.add(key)


def _check_pattern(declaration: Declaration, field: Mapping[str, Any], at: Path) -> None:
    try:
        re.compile(field.get("pattern", ""))
    except re.error as error:
        place = (*at, "pattern")
        declaration.problem("pattern_wrong", at=place, found=field["pattern"], expected=str(error))


def _check_bounds(declaration: Declaration, field: Mapping[str, Any], at: Path) -> None:
    low, high = field.get("min"), field.get("max")
    if low is not None and high is not None and low > high:
        declaration.problem("bounds_reversed", at=(*at, "max"), found=high, expected=f"{low}")


def _check_use(declaration: Declaration, field: Mapping[str, Any], at: Path) -> None:
    """What is declared must mean something for the kind of field."""
    kind = field.get("kind")
    if kind is None:
        return
    for key, kinds in _USED_BY.items():
        if key in field and kind not in kinds:
            declaration.problem("not_for_kind", at=(*at, key), found=key, expected=kind)
    if kind in _LISTED and not field.get("choices"):
        declaration.problem("choices_missing", at=at, found=kind)


_USED_BY: Final = {
    "choices": _LISTED,
    "min": _NUMERIC,
    "max": _NUMERIC,
    "unit": _NUMERIC,
    "pattern": frozenset({Kind.TEXT}),
}


def _check_choices(
    declaration: Declaration, choices: Sequence[Mapping[str, Any]], at: Path
) -> None:
    for position, choice in enumerate(choices):
        code = choice.get("code", "")
        if ";" in code:
            declaration.problem("code_with_semicolon", at=(*at, position, "code"), found=code)
    named = _names([{**c, "key": c.get("code")} for c in choices], *at, "synonyms")
    _check_clashes(declaration, "synonym_twice", named, words.plain)


def _check_passage(declaration: Declaration, table: Mapping[str, Any], shared: Shared) -> None:
    """A layer has the fields that its gates and milestones look at."""
    held = {*CORE_COLUMNS, *(one.get("key") for one in table.get("fields", []))}
    for key, known in (
        ("gates", shared.passage.gates),
        ("milestones", shared.passage.milestones),
    ):
        for position, name in enumerate(table.get(key, [])):
            rule = known.get(name)
            for lost in lifecycle_files.missing_fields(rule, held) if rule else ():
                declaration.problem("field_missing", at=(key, position), found=name, expected=lost)
    lineage = table.get("lineage", {})
    for position, name in enumerate(lineage.get("carried", [])):
        if name is not None and name not in held:
            at = ("lineage", "carried", position)
            declaration.problem("field_missing", at=at, found="lineage", expected=name)
    stages = table.get("lifecycle_stages") or _stage_keys(table.get("lifecycle"), shared)
    if "stages" in table:
        stages = [one["key"] for one in table["stages"] if "key" in one]
    named = lineage.get("strictest_first", [])
    possible = None if stages is None else frozenset(key for key in stages if key is not None)
    _check_known(declaration, named, ("lineage", "strictest_first"), possible)


def _check_public(declaration: Declaration, table: Mapping[str, Any]) -> None:
    """What may be published is a field of the layer, and neither sensitive nor a place."""
    own = {one.get("key"): one for one in table.get("fields", [])}
    for position, name in enumerate(table.get("public", [])):
        at = ("public", position)
        if name is None:
            continue
        if name not in own and name not in CORE_COLUMNS:
            declaration.problem("field_missing", at=at, found="public", expected=name)
        elif name in forms.NEVER_PUBLIC or own.get(name, {}).get("sensitive", False):
            declaration.problem("not_for_public", at=at, found=name)


def _check_stages(
    declaration: Declaration,
    stages: Sequence[Mapping[str, Any]],
    at: Path,
    documents: Mapping[str, Choice],
) -> None:
    _check_keys(declaration, stages, at)
    keys = frozenset(stage["key"] for stage in stages if "key" in stage)
    for position, stage in enumerate(stages):
        _check_known(declaration, stage.get("next", []), (*at, position, "next"), keys)
        for key in ("admits", "documents"):
            named = stage.get(key, [])
            _check_known(declaration, named, (*at, position, key), frozenset(documents))
    _check_clashes(declaration, "synonym_twice", _names(stages, *at, "synonyms"), words.plain)


def _check_clashes(
    declaration: Declaration, code: str, named: Iterable[Named], normal: Callable[[str], str]
) -> None:
    """No two may have a name in common; the later one is the problem."""
    owners: dict[str, str] = {}
    for owner, name, at in named:
        first = owners.setdefault(normal(name), owner)
        if first != owner:
            declaration.problem(code, at=at, found=name, expected=first)


def _names(entries: Sequence[Mapping[str, Any]], *at: str | int) -> Iterator[Named]:
    """Every name of each entry; the last of `at` is the key of its other names."""
    *home, others = at
    for position, entry in enumerate(entries):
        owner = entry.get("key") or str(position)
        yield from _names_of(owner, entry, (*home, position), others=str(others))


def _names_of(owner: str, entry: Mapping[str, Any], at: Path, *, others: str) -> Iterator[Named]:
    for key in ("key", "zh", "en"):
        if entry.get(key) is not None:
            yield owner, entry[key], (*at, key)
    for place, name in enumerate(entry.get(others, [])):
        if name is not None:
            yield owner, name, (*at, others, place)


def _all_names(table: Mapping[str, Any], shared: Shared) -> Iterator[Named]:
    """Names of the core fields as shared, what the layer adds to them, and its own fields'."""
    for field in shared.core:
        for name in (field.key, field.label.zh, field.label.en, *field.aliases):
            yield field.key, name, ()
    lifecycle = shared.lifecycles.get(table.get("lifecycle", ""))
    if lifecycle is not None:
        yield "stage", lifecycle.label.zh, ("lifecycle",)
        yield "stage", lifecycle.label.en, ("lifecycle",)
    for key, override in table.get("core", {}).items():
        yield from _names_of(key, override, ("core", key), others="aliases")
    yield from _names(table.get("fields", []), "fields", "aliases")


def _layer(declaration: Declaration, table: Mapping[str, Any], shared: Shared) -> Layer:
    lifecycle = shared.lifecycles.get(table.get("lifecycle", ""))
    overrides = table.get("core", {})
    core = tuple(_overridden(f, overrides.get(f.key, {}), lifecycle) for f in shared.core)
    return Layer(
        key=table["key"],
        label=_label(table),
        shape=Shape(table["shape"]),
        fields=core + tuple(_field(field) for field in table.get("fields", [])),
        stages=_stages(table, lifecycle, shared.passage.documents),
        stage_label=core[CORE_COLUMNS.index("stage")].label,
        boundary_required=table.get("boundary_required", False),
        measures=tuple(table.get("measures", ())),
        rules=tuple(table.get("rules", ())),
        gates=tuple(shared.passage.gates[key] for key in table.get("gates", ())),
        milestones=tuple(shared.passage.milestones[k] for k in table.get("milestones", ())),
        inheritance=_inheritance(table.get("lineage")),
        public=tuple(table.get("public", ())),
        note=_note(table),
        source=str(declaration.path),
    )


def _stages(
    table: Mapping[str, Any], lifecycle: Lifecycle | None, documents: Mapping[str, Choice]
) -> tuple[Stage, ...]:
    if lifecycle is None:
        return tuple(_stage(stage, documents) for stage in table["stages"])
    kept = table.get("lifecycle_stages", [stage.key for stage in lifecycle.stages])
    return tuple(
        replace(stage, next=tuple(key for key in stage.next if key in kept))
        for stage in lifecycle.stages
        if stage.key in kept
    )


def _inheritance(table: Mapping[str, Any] | None) -> Inheritance | None:
    if table is None:
        return None
    return Inheritance(
        note=_label(table["note"]),
        inherits_stage=table.get("inherits_stage", False),
        strictest_first=tuple(table.get("strictest_first", ())),
        carried=tuple(table.get("carried", ())),
    )


def _overridden(field: Field, override: Mapping[str, Any], lifecycle: Lifecycle | None) -> Field:
    """The core field as a layer has it; labels it does not use stay accepted as column names."""
    shared = lifecycle.label if lifecycle and field.key == "stage" else field.label
    label = _label(override) if "zh" in override else shared
    former = [one for one in (shared, field.label) if one != label]
    names = [*override.get("aliases", ()), *(n for one in former for n in (one.zh, one.en))]
    return replace(
        field,
        label=label,
        aliases=tuple(dict.fromkeys([*names, *field.aliases])),
        pattern=override.get("pattern", field.pattern),
        required=override.get("required", field.required),
        note=_note(override) or field.note,
    )


def _field(table: Mapping[str, Any]) -> Field:
    return Field(
        key=table["key"],
        label=_label(table),
        kind=Kind(table["kind"]),
        aliases=tuple(table.get("aliases", ())),
        unit=table.get("unit"),
        required=table.get("required", False),
        choices=tuple(_choice(choice) for choice in table.get("choices", ())),
        pattern=table.get("pattern"),
        minimum=table.get("min"),
        maximum=table.get("max"),
        sensitive=table.get("sensitive", False),
        note=_note(table),
    )


def _choice(table: Mapping[str, Any]) -> Choice:
    return Choice(table["code"], _label(table), tuple(table.get("synonyms", ())))


def _stage(table: Mapping[str, Any], documents: Mapping[str, Choice]) -> Stage:
    return Stage(
        key=table["key"],
        label=_label(table),
        synonyms=tuple(table.get("synonyms", ())),
        next=tuple(table.get("next", ())),
        derived=table.get("derived", False),
        basis=table.get("basis"),
        admits=tuple(documents[key] for key in table.get("admits", ())),
        documents=tuple(documents[key] for key in table.get("documents", ())),
        reviewed=Reviewed(table.get("reviewed", Reviewed.NEVER)),
    )


def _label(table: Mapping[str, Any]) -> Label:
    return Label(table["zh"], table["en"])


def _note(table: Mapping[str, Any]) -> Label | None:
    return _label(table["note"]) if "note" in table else None
