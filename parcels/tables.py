"""The rows of the register and their one MetaData; no behaviour.

Two times stand on every version. `valid_from..valid_to` are days: when it was true in the world.
`recorded_from..recorded_to` are change numbers: which change made it known and which superseded
it. Change numbers grow in the order of commit, so a number is an instant (`change.made_at`) and a
person (`change.made_by`) at once. Nothing is overwritten: a row is inserted, and later closed by
setting `recorded_to`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import geoalchemy2
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from parcels import crs

NOT_SUPERSEDED: Final = 2_147_483_647
"""`recorded_to` of what the register still believes: above every change number."""

metadata: Final = sa.MetaData()


class BoundaryType(sa.types.TypeDecorator[bytes]):
    """WKB in Python; `geometry(Geometry,4490)` on PostGIS, a GeoPackage geometry blob embedded."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The column type of each database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(
                geoalchemy2.Geometry(srid=crs.STORAGE, spatial_index=False)
            )
        return dialect.type_descriptor(GeoPackageGeometry())


class GeoPackageGeometry(sa.types.UserDefinedType[bytes]):
    """The column type GDAL looks for in a GeoPackage."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """DDL name of the type."""
        return "GEOMETRY"


class Instant(sa.types.TypeDecorator[dt.datetime]):
    """A timezone-aware instant; ISO 8601 with Z in a GeoPackage, as its specification asks."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The column type of each database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(
                sqlite.DATETIME(  # type: ignore[no-untyped-call] # its constructor has no types
                    storage_format="%(year)04d-%(month)02d-%(day)02dT"
                    "%(hour)02d:%(minute)02d:%(second)02d.%(microsecond)06dZ",
                    regexp=r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z",
                )
            )
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> Any:
        """Store in UTC; a naive datetime is a mistake of ours, so it fails."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(value)
        in_utc = value.astimezone(dt.UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:
        """Always aware, always UTC."""
        if value is None:
            return None
        aware: dt.datetime = (
            value.replace(tzinfo=dt.UTC) if dialect.name == "sqlite" else value.astimezone(dt.UTC)
        )
        return aware


# JSON text as it is written; JSONB on PostgreSQL so that it can be queried there.
Json: Final = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

file = sa.Table(
    "file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, index=True),
    sa.Column("size_bytes", sa.Integer().with_variant(sa.BigInteger, "postgresql")),
    sa.Column("received_at", Instant, nullable=False),
    # No foreign key: a change names its file, so the file is written first.
    sa.Column("change_id", sa.Integer),
)

change = sa.Table(
    "change",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, index=True),
    sa.Column("effective_on", sa.Date, nullable=False),
    sa.Column("made_at", Instant, nullable=False, index=True),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("unit", sa.Text),
    sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
    sa.Column("undoes", sa.Integer, sa.ForeignKey("change.id")),
    sa.Column("details", Json),
)

parcel = sa.Table(
    "parcel",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

# A parcel without a known boundary has a row with a NULL geometry, so that views and bbox queries
# are plain joins, which the planners order by the spatial index.
boundary = sa.Table(
    "boundary",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parcel_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("geom", BoundaryType),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

version = sa.Table(
    "version",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parcel_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("boundary_id", sa.Integer, sa.ForeignKey("boundary.id"), nullable=False, index=True),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("former_name", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("district", sa.Text),
    sa.Column("unit", sa.Text),
    sa.Column("stage", sa.Text),
    sa.Column("source_document", sa.Text),
    sa.Column("declared_area_m2", sa.Double),
    sa.Column("registered_lon", sa.Double),
    sa.Column("registered_lat", sa.Double),
    sa.Column("area_m2", sa.Double),
    # Whether the boundary crosses a district's border or lies partly outside: part has its split.
    sa.Column("crosses", sa.Boolean, nullable=False),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("source_row", sa.Integer),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_to", sa.Date, nullable=False),
    sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False, index=True),
    # No foreign key: NOT_SUPERSEDED is no change.
    sa.Column("recorded_to", sa.Integer, nullable=False, index=True),
    sa.CheckConstraint("valid_from < valid_to", name="true_for_a_while"),
    sa.CheckConstraint("recorded_from < recorded_to", name="known_for_a_while"),
    sa.Index("ix_version_code", "layer", "code", "recorded_to"),
    sa.Index("ix_version_layer", "layer", "recorded_to"),
    # Everything a coverage table adds up, in the order it groups: read without touching a row.
    sa.Index(
        "ix_version_coverage",
        "layer",
        "district",
        "unit",
        "stage",
        "recorded_to",
        "valid_to",
        "recorded_from",
        "valid_from",
        "crosses",
        "area_m2",
    ),
)

edition = sa.Table(
    "edition",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("is_sample", sa.Boolean, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

district = sa.Table(
    "district",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("edition_id", sa.Integer, sa.ForeignKey("edition.id"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_en", sa.Text, nullable=False),
    sa.Column("aliases", sa.Text, nullable=False),
    sa.Column("geom", BoundaryType, nullable=False),
    sa.UniqueConstraint("edition_id", "code"),
)

unit = sa.Table(
    "unit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("edition_id", sa.Integer, sa.ForeignKey("edition.id"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("name_en", sa.Text, nullable=False),
    sa.Column("aliases", sa.Text, nullable=False),
    sa.Column("district", sa.Text),
    sa.UniqueConstraint("edition_id", "code"),
)

# Only boundaries that cross a border or lie partly outside have parts; all others lie wholly in
# the district of their version. `district` is '' for the part outside every district.
part = sa.Table(
    "part",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("edition_id", sa.Integer, sa.ForeignKey("edition.id"), nullable=False),
    sa.Column("boundary_id", sa.Integer, sa.ForeignKey("boundary.id"), nullable=False),
    sa.Column("district", sa.Text, nullable=False),
    sa.Column("area_m2", sa.Double, nullable=False),
    # The change that brought a boundary back after the edition; else NULL: the newer of the two.
    sa.Column("change_id", sa.Integer),
    sa.UniqueConstraint("boundary_id", "edition_id", "district"),
)

overlap = sa.Table(
    "overlap",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("layer", sa.Text, nullable=False, index=True),
    sa.Column("boundary_a", sa.Integer, sa.ForeignKey("boundary.id"), nullable=False),
    sa.Column("boundary_b", sa.Integer, sa.ForeignKey("boundary.id"), nullable=False),
    sa.Column("area_m2", sa.Double, nullable=False),
    # The change that brought one of them back; else NULL: that of the newer.
    sa.Column("change_id", sa.Integer),
    sa.UniqueConstraint("boundary_a", "boundary_b"),
)

# The document that each move from stage to stage rests on: one row for each parcel moved by a
# change. What is undone or superseded keeps its evidence, as its versions stay.
evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False, index=True),
    sa.Column("parcel_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("from_stage", sa.Text, nullable=False),
    sa.Column("to_stage", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("dated_on", sa.Date),
    sa.Column("issued_by", sa.Text),
    sa.Column("reviewed_by", sa.Text),
    sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
)

# Which column of a sender is which field, as a person confirmed it; `field` is "" for a column
# left out on purpose. In force while `closed_at` is NULL; `closed_in` is the change that ended it.
mapping = sa.Table(
    "mapping",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("column", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("confirmed_by", sa.Text, nullable=False),
    sa.Column("confirmed_at", Instant, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("closed_by", sa.Text),
    sa.Column("closed_at", Instant),
    sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
    sa.Index("ix_mapping_sender", "sender", "layer"),
)

# Who acts, made when they first do; unit and role are given with accounts. What changes is a new
# row, and `closed_in` the change that ended the old one.
person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("unit", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
)

# Who may sign in. What changes is a new row, and `closed_in` the change that ended the old one; a
# password is kept as the salted hash that the front desk made of it.
account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("login", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
)

# Who signed in, saw sensitive fields, or tried to and could not: no change of the register.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("address", sa.Text),
)

# A delivery or edit on its way into the register; where it stands, its last step tells.
submission = sa.Table(
    "submission",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

# Who, when, why and from which file are those of the step's change. `base` is the last change
# known when it was submitted.
submission_step = sa.Table(
    "submission_step",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "submission_id", sa.Integer, sa.ForeignKey("submission.id"), nullable=False, index=True
    ),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id"), nullable=False),
    sa.Column("base", sa.Integer, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

# A row that waits for a reviewer, as the door checked it; `state` and `reason` stay NULL until
# the change `decided_in`. It becomes a version only when it is accepted.
proposed = sa.Table(
    "proposed",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "submission_id", sa.Integer, sa.ForeignKey("submission.id"), nullable=False, index=True
    ),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("geom", BoundaryType),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("decided_in", sa.Integer, sa.ForeignKey("change.id")),
)

# What was taken where and when. A sample that is sent again and says something else closes the
# former; its readings go with it.
sample = sa.Table(
    "sample",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("point", sa.Text, nullable=False, index=True),
    sa.Column("medium", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("depth", sa.Text),
    sa.Column("sampled_on", sa.Date, nullable=False),
    sa.Column("lab", sa.Text),
    sa.Column("land", sa.Text),
    sa.Column("report", sa.Text),
    sa.Column("ph", sa.Double),
    sa.Column("source_row", sa.Integer),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    # No foreign key: NOT_SUPERSEDED is no change.
    sa.Column("recorded_to", sa.Integer, nullable=False),
    sa.Index("ix_sample_number", "number", "recorded_to"),
)

# `low` and `high` are the ends of a reading in the unit of the limits: `high` is NULL where
# nothing bounds it. `written` is what the laboratory wrote, in its `unit`.
reading = sa.Table(
    "reading",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sample_id", sa.Integer, sa.ForeignKey("sample.id"), nullable=False, index=True),
    sa.Column("analyte", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("written", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("low", sa.Double, nullable=False),
    sa.Column("high", sa.Double),
    sa.Column("detection_limit", sa.Double),
    sa.Column("method", sa.Text),
    sa.Column("source_row", sa.Integer),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

# What each change wrote, by kind of row, and the hash over that and over the hash before.
seal = sa.Table(
    "seal",
    metadata,
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), primary_key=True),
    sa.Column("parts", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)

# A site is the same land in several layers or deliveries. A proposal says on what evidence two
# parcels may be one; a person decides, and the decision closes it. A later decision on the same
# pair is a row of its own, and the last one of a pair stands.
site = sa.Table(
    "site",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

site_proposal = sa.Table(
    "site_proposal",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("parcel_a", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False),
    sa.Column("parcel_b", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False),
    *[
        sa.Column(name, sa.Double)
        for name in ("overlap_m2", "share_a", "share_b", "name_share", "address_share")
    ],
    sa.Column("same_code", sa.Boolean, nullable=False),
    sa.Column("grounds", sa.Text, nullable=False),
    sa.Column("decision", sa.Text),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
    sa.Index("ix_site_proposal_pair", "parcel_a", "parcel_b"),
)

# Who belongs to which site, and by which proposal; known for a while, as versions are.
site_member = sa.Table(
    "site_member",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("site_id", sa.Integer, sa.ForeignKey("site.id"), nullable=False),
    sa.Column("parcel_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("proposal_id", sa.Integer, sa.ForeignKey("site_proposal.id"), nullable=False),
    sa.Column("confirmed_by", sa.Text, nullable=False),
    sa.Column("confirmed_at", Instant, nullable=False),
    sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("recorded_to", sa.Integer, nullable=False, index=True),
)

# From which parcel each parcel came by a split or a merge, with both boundaries and what they have
# in common; a boundary surveyed anew has its parcel on both sides. A row counts as long as its
# change was not taken back, as for versions nothing is deleted.
lineage = sa.Table(
    "lineage",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False, index=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("child_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("parent_boundary_id", sa.Integer, sa.ForeignKey("boundary.id"), nullable=False),
    sa.Column("child_boundary_id", sa.Integer, sa.ForeignKey("boundary.id"), nullable=False),
    sa.Column("common_m2", sa.Double, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("dated_on", sa.Date),
    sa.Column("issued_by", sa.Text),
    sa.Column("reviewed_by", sa.Text),
    sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
)

# Land of a parcel that a split left out on purpose, and why: no child has it, and no layer.
remainder = sa.Table(
    "remainder",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False, index=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False, index=True),
    sa.Column("geom", BoundaryType, nullable=False),
    sa.Column("area_m2", sa.Double, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

# What was handed out: who took which parcels of which moment, when, and the files it made. Whoever
# holds classified geodata keeps a record of its use (测绘法, article 47).
export_log = sa.Table(
    "export_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False, index=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("true_on", sa.Date, nullable=False),
    sa.Column("known_at", Instant),
    sa.Column("chosen", sa.Text, nullable=False),
    sa.Column("parcels", sa.Integer, nullable=False),
    sa.Column("approval", sa.Text),
)

export_file = sa.Table(
    "export_file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("export_id", sa.Integer, sa.ForeignKey("export_log.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, index=True),
    sa.Column(
        "size_bytes", sa.Integer().with_variant(sa.BigInteger, "postgresql"), nullable=False
    ),
)

# A period whose figures are kept as they were: with what was true on which day, as known after
# which change, in which edition of the districts, by which declarations. Frozen again it is
# another edition, beside the former.
freeze = sa.Table(
    "freeze",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("edition", sa.Integer, nullable=False),
    sa.Column("true_on", sa.Date, nullable=False),
    sa.Column("known", sa.Integer, nullable=False),
    sa.Column("districts", sa.Integer),
    sa.Column("declarations", sa.Text, nullable=False),
    sa.Column("declarations_sha256", sa.Text, nullable=False),
    sa.UniqueConstraint("period", "edition"),
)

# Numbers that may be of any size, and exact fractions, are text. `terms` is JSON: amount by term.
frozen_figure = sa.Table(
    "frozen_figure",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("freeze_id", sa.Integer, sa.ForeignKey("freeze.id"), nullable=False, index=True),
    *[
        sa.Column(name, sa.Text, nullable=False)
        for name in ("indicator", "by", "place", "unit", "basis", "state", "terms")
    ],
    *[
        sa.Column(name, sa.Text)
        for name in (
            "numerator",
            "denominator",
            "value",
            "verdict",
            "written",
            "evidence",
            "person",
        )
    ],
    sa.Column("scale", sa.Integer, nullable=False),
    sa.Column("report", sa.Integer),
    sa.Column("reason", sa.Text),
)

# What the terms at one place are the sums of. Without a term it is the list of versions there with
# their amounts; with one, which lines of that list the term adds up. `blocks` tells the form, and
# `sha256` is over the plain numbers.
frozen_block = sa.Table(
    "frozen_block",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("freeze_id", sa.Integer, sa.ForeignKey("freeze.id"), nullable=False),
    *[sa.Column(name, sa.Text, nullable=False) for name in ("layer", "by", "place")],
    *[sa.Column(name, sa.Text) for name in ("indicator", "term")],
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("amount", sa.Integer().with_variant(sa.BigInteger, "postgresql"), nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Index("ix_frozen_block_place", "freeze_id", "by", "place"),
)

# Issues between parcels that a person accepted, as they were: `digest_a` and `digest_b` are those
# of the versions then. Who, when and why are those of the change; `closed_in` is the change that
# withdrew it or accepted the issue anew.
accepted_issue = sa.Table(
    "accepted_issue",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("issue", sa.Text, nullable=False, index=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("parcel_a", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False),
    sa.Column("parcel_b", sa.Integer, sa.ForeignKey("parcel.id")),
    sa.Column("version_a", sa.Integer, sa.ForeignKey("version.id"), nullable=False),
    sa.Column("version_b", sa.Integer, sa.ForeignKey("version.id")),
    sa.Column("digest_a", sa.Text, nullable=False),
    sa.Column("digest_b", sa.Text),
    sa.Column("until", sa.Date, nullable=False),
    sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
)

# How units are evaluated from a quarter on, as the text of the file that was loaded; the last one
# loaded for the latest quarter counts.
evaluation_scheme = sa.Table(
    "evaluation_scheme",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("quarter", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)

# Points that a person gave instead of those computed; who, when and why are those of the change.
evaluation_override = sa.Table(
    "evaluation_override",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("quarter", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("points", sa.Text, nullable=False),
    sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
)

# The hash over what each export wrote, over the hash before, and over that of the last change.
# No foreign key: where an export was taken away, its seal shall stand and tell.
export_seal = sa.Table(
    "export_seal",
    metadata,
    sa.Column("export_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parts", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)

# Which declaration each layer's view was made from.
published = sa.Table(
    "published",
    metadata,
    sa.Column("layer", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
)
