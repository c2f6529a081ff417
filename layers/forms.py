"""What a file that declares layers may hold: its keys and units, and names it may not take."""

from __future__ import annotations

import re
from typing import Final

from layers.declaration import Entry, Form
from parcels.findings import Severity
from parcels.model import CORE_COLUMNS, Kind, Reviewed, Shape

UNITS: Final = frozenset(
    {"m2", "mu", "ha", "km2", "m3", "m", "t", "t/a", "mg/kg", "year", "degree"}
)
"""Units a field can be stored in."""

# What the register, parcels frames and GIS programs keep for columns of their own.
_KEPT_COLUMNS: Final = """
    area_m2 attributes boundary boundary_id crosses file fid geom geometry id layer ogc_fid parcel
    recorded_from recorded_to row rowid valid_from valid_to version
"""

# Tables of the register, beside which each layer becomes a view.
_KEPT_TABLES: Final = """
    accepted_issue alembic_version boundary change district edition evaluation_override
    evaluation_scheme evidence export_file export_log export_seal file freeze frozen_block
    frozen_figure lineage mapping overlap parcel part person plan plan_file plan_role proposed
    published reading remainder report sample seal site site_member site_proposal submission
    submission_step unit version spatial_ref_sys
"""

# Words that PostgreSQL 15 reserves, or SQLite 3.40 does not take as a name without quotes.
_SQL: Final = """
    add all alter analyse analyze and any array as asc asymmetric authorization autoincrement
    between binary both case cast check collate collation column commit concurrently constraint
    create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable delete desc distinct do drop else end escape
    except exists false fetch for foreign freeze from full grant group having if ilike in index
    initially inner insert intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not nothing notnull null offset on only or order outer overlaps placing
    primary references returning right select session_user set similar some symmetric table
    tablesample then to trailing transaction true union unique update user using values variadic
    verbose when where window with
"""

RESERVED_FIELDS: Final = frozenset(_KEPT_COLUMNS.split() + _SQL.split() + [*CORE_COLUMNS])
"""Keys that no field of a layer's own can have."""

NEVER_PUBLIC: Final = frozenset({"registered_lon", "registered_lat"})
"""Fields that would give away the place that a public export generalises."""

RESERVED_LAYERS: Final = frozenset(_KEPT_TABLES.split() + _SQL.split())
"""Keys that no layer can have."""

STORES_OWN: Final = re.compile("(gpkg|rtree|sqlite)(_.*)?")
"""Names that the stores keep for themselves."""

_LABEL: Final[Form] = {"zh": Entry("text", required=True), "en": Entry("text", required=True)}
_NOTE: Final = Entry("table", form=_LABEL)

CHOICE: Final[Form] = {
    "code": Entry("text", required=True),
    **_LABEL,
    "synonyms": Entry("texts"),
}
"""One value of a code list."""

FIELD: Final[Form] = {
    "key": Entry("text", required=True),
    **_LABEL,
    "kind": Entry("text", required=True, words=frozenset(Kind), refuse="kind_unknown"),
    "unit": Entry("text", words=UNITS, refuse="unit_unknown"),
    "aliases": Entry("texts"),
    "required": Entry("boolean"),
    "choices": Entry("tables", form=CHOICE),
    "pattern": Entry("text"),
    "min": Entry("number"),
    "max": Entry("number"),
    "sensitive": Entry("boolean"),
    "note": _NOTE,
}
"""One field."""

STAGE: Final[Form] = {
    "key": Entry("text", required=True),
    **_LABEL,
    "synonyms": Entry("texts"),
    "next": Entry("texts"),
    "derived": Entry("boolean"),
    "basis": Entry("text"),
    "admits": Entry("texts"),
    "documents": Entry("texts"),
    "reviewed": Entry("text", words=frozenset(Reviewed), refuse="reviewed_unknown"),
}
"""One stage of a life cycle."""

OVERRIDE: Final[Form] = {
    "zh": Entry("text"),
    "en": Entry("text"),
    "aliases": Entry("texts"),
    "pattern": Entry("text"),
    "required": Entry("boolean"),
    "note": _NOTE,
}
"""What a layer may say more about one of the core fields."""

LAYER: Final[Form] = {
    "key": Entry("text", required=True),
    "order": Entry("integer"),
    **_LABEL,
    "shape": Entry("text", required=True, words=frozenset(Shape), refuse="shape_unknown"),
    "boundary_required": Entry("boolean"),
    "lifecycle": Entry("text"),
    "lifecycle_stages": Entry("texts"),
    "stages": Entry("tables", form=STAGE),
    "measures": Entry("texts"),
    "rules": Entry("texts"),
    "gates": Entry("texts"),
    "milestones": Entry("texts"),
    "lineage": Entry(
        "table",
        form={
            "note": Entry("table", required=True, form=_LABEL),
            "inherits_stage": Entry("boolean"),
            "strictest_first": Entry("texts"),
            "carried": Entry("texts"),
        },
    ),
    "public": Entry("texts"),
    "note": _NOTE,
    "core": Entry("table", form={key: Entry("table", form=OVERRIDE) for key in CORE_COLUMNS}),
    "fields": Entry("tables", form=FIELD),
}
"""A layer's file."""

LIFECYCLE: Final[Form] = {**_LABEL, "stages": Entry("tables", required=True, form=STAGE)}
"""A life cycle that layers share."""


CORE_FIELDS: Final[Form] = {"fields": Entry("tables", required=True, form=FIELD)}
"""The file of the fields that all layers share."""

RULES: Final[Form] = {
    "rules": Entry(
        "tables",
        required=True,
        form={
            "key": Entry("text", required=True),
            **_LABEL,
            "basis": Entry("text"),
            "severity": Entry(
                "text", required=True, words=frozenset(Severity), refuse="severity_unknown"
            ),
            "subject": Entry("text"),
        },
    )
}
"""The file of the rules between layers."""


DOCUMENTS: Final[Form] = {
    "documents": Entry(
        "tables",
        required=True,
        form={"key": Entry("text", required=True), **_LABEL, "synonyms": Entry("texts")},
    )
}
"""The file of the documents that moves rest on."""

GATES: Final[Form] = {
    "gates": Entry(
        "tables",
        required=True,
        form={
            "key": Entry("text", required=True),
            **_LABEL,
            "basis": Entry("text", required=True),
            "stages": Entry("texts", required=True),
            "leaving": Entry("boolean"),
            "given": Entry("text"),
            "unless": Entry("texts"),
            "empty": Entry("text"),
            "none_of": Entry("text"),
            "codes": Entry("texts"),
            "known": Entry("texts"),
            "ordered": Entry("texts"),
            "differ": Entry("texts"),
            "act": Entry("text"),
            "since": Entry("day"),
            "question": _NOTE,
        },
    )
}
"""The file of the gates."""

MILESTONES: Final[Form] = {
    "milestones": Entry(
        "tables",
        required=True,
        form={
            "key": Entry("text", required=True),
            **_LABEL,
            "basis": Entry("text", required=True),
            "due": Entry("text"),
            "months": Entry("integers"),
            "months_after": Entry("integer"),
            "stages": Entry("texts"),
            "flag": Entry("text"),
            "done": Entry("text"),
            "question": _NOTE,
        },
    )
}
"""The file of the milestones."""
