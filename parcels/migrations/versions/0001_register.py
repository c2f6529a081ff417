"""The register: files, changes, parcels, boundaries, versions in two times, districts.

Revision: 0001, the first.
"""

from __future__ import annotations

from typing import Any

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EPSG = 4490


class _Blob(sa.types.UserDefinedType[bytes]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "GEOMETRY"


def upgrade() -> None:
    """Make the tables, their indexes and, embedded, their place in the GeoPackage."""
    embedded = op.get_bind().dialect.name == "sqlite"
    if not embedded:
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    _make_tables(embedded=embedded)
    _make_indexes()
    if embedded:
        for statement in _GEOPACKAGE.split(";\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)
    else:
        op.execute("CREATE INDEX ix_boundary_geom ON boundary USING gist (geom)")


def _make_tables(*, embedded: bool) -> None:
    geometry: Any = _Blob() if embedded else geoalchemy2.Geometry(srid=EPSG, spatial_index=False)
    instant: Any = sa.DATETIME() if embedded else sa.DateTime(timezone=True)
    json: Any = sa.Text() if embedded else postgresql.JSONB()
    size: Any = sa.Integer() if embedded else sa.BigInteger()
    text, whole, number, day, flag = sa.Text, sa.Integer, sa.Double, sa.Date, sa.Boolean

    def column(name: str, kind: Any, *more: Any, null: bool = True) -> sa.Column[Any]:
        return sa.Column(name, kind, *more, nullable=null)

    def own_id(*, counted: bool) -> sa.Column[Any]:
        return sa.Column("id", whole, primary_key=True, autoincrement=counted)

    def to(table: str) -> sa.ForeignKey:
        return sa.ForeignKey(f"{table}.id")

    op.create_table(
        "file",
        own_id(counted=True),
        column("name", text, null=False),
        column("sha256", text, null=False),
        column("size_bytes", size),
        column("received_at", instant, null=False),
    )
    op.create_table(
        "change",
        own_id(counted=False),
        column("kind", text, null=False),
        column("layer", text),
        column("effective_on", day, null=False),
        column("made_at", instant, null=False),
        column("made_by", text, null=False),
        column("reason", text),
        column("unit", text),
        column("file_id", whole, to("file")),
        column("undoes", whole, to("change")),
        column("details", json),
    )
    op.create_table(
        "parcel",
        own_id(counted=False),
        column("layer", text, null=False),
        column("change_id", whole, to("change"), null=False),
    )
    op.create_table(
        "boundary",
        own_id(counted=False),
        column("parcel_id", whole, to("parcel"), null=False),
        column("geom", geometry),
        column("change_id", whole, to("change"), null=False),
    )
    op.create_table(
        "version",
        own_id(counted=True),
        column("parcel_id", whole, to("parcel"), null=False),
        column("boundary_id", whole, to("boundary"), null=False),
        column("layer", text, null=False),
        *[column(name, text) for name in ("code", "name", "former_name", "address")],
        *[column(name, text) for name in ("district", "unit", "stage", "source_document")],
        *[column(name, number) for name in ("declared_area_m2", "registered_lon")],
        *[column(name, number) for name in ("registered_lat", "area_m2")],
        column("crosses", flag, null=False),
        column("attributes", json, null=False),
        column("digest", text, null=False),
        column("source_row", whole),
        column("valid_from", day, null=False),
        column("valid_to", day, null=False),
        column("recorded_from", whole, to("change"), null=False),
        column("recorded_to", whole, null=False),
        sa.CheckConstraint("valid_from < valid_to", name="true_for_a_while"),
        sa.CheckConstraint("recorded_from < recorded_to", name="known_for_a_while"),
    )
    op.create_table(
        "edition",
        own_id(counted=False),
        column("source", text, null=False),
        column("is_sample", flag, null=False),
        column("change_id", whole, to("change"), null=False),
    )
    op.create_table(
        "district",
        own_id(counted=False),
        column("edition_id", whole, to("edition"), null=False),
        *[column(name, text, null=False) for name in ("code", "name", "name_en", "aliases")],
        column("geom", geometry, null=False),
        sa.UniqueConstraint("edition_id", "code"),
    )
    op.create_table(
        "unit",
        own_id(counted=False),
        column("edition_id", whole, to("edition"), null=False),
        *[column(name, text, null=False) for name in ("code", "name", "name_en", "aliases")],
        column("district", text),
        sa.UniqueConstraint("edition_id", "code"),
    )
    op.create_table(
        "part",
        own_id(counted=True),
        column("edition_id", whole, to("edition"), null=False),
        column("boundary_id", whole, to("boundary"), null=False),
        column("district", text, null=False),
        column("area_m2", number, null=False),
        sa.UniqueConstraint("boundary_id", "edition_id", "district"),
    )
    op.create_table(
        "overlap",
        own_id(counted=True),
        column("layer", text, null=False),
        column("boundary_a", whole, to("boundary"), null=False),
        column("boundary_b", whole, to("boundary"), null=False),
        column("area_m2", number, null=False),
        sa.UniqueConstraint("boundary_a", "boundary_b"),
    )
    op.create_table(
        "published",
        sa.Column("layer", text, primary_key=True),
        column("digest", text, null=False),
    )


def _make_indexes() -> None:
    for table, column in (
        ("file", "sha256"),
        ("change", "layer"),
        ("change", "made_at"),
        ("boundary", "parcel_id"),
        ("version", "parcel_id"),
        ("version", "boundary_id"),
        ("version", "recorded_to"),
        ("overlap", "layer"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])
    op.create_index("ix_version_code", "version", ["layer", "code", "recorded_to"])
    op.create_index("ix_version_layer", "version", ["layer", "recorded_to"])
    op.create_index(
        "ix_version_coverage",
        "version",
        [
            *("layer", "district", "unit", "stage", "recorded_to", "valid_to"),
            *("recorded_from", "valid_from", "crosses", "area_m2"),
        ],
    )


# The triggers are those of the R-tree extension of OGC GeoPackage 1.3, annex F.3.
_GEOPACKAGE = """
INSERT INTO gpkg_contents(table_name,data_type,identifier,srs_id)
  VALUES ('boundary','features','boundary',4490), ('change','attributes','change',0);
INSERT INTO gpkg_geometry_columns VALUES ('boundary','geom','GEOMETRY',4490,0,0);
CREATE VIRTUAL TABLE rtree_boundary_geom USING rtree(id,minx,maxx,miny,maxy);
INSERT INTO gpkg_extensions VALUES ('boundary','geom','gpkg_rtree_index',
  'http://www.geopackage.org/spec120/#extension_rtree','write-only');
CREATE TRIGGER rtree_boundary_geom_insert AFTER INSERT ON boundary
  WHEN (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO rtree_boundary_geom VALUES (NEW.id,ST_MinX(NEW.geom),
  ST_MaxX(NEW.geom),ST_MinY(NEW.geom),ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_boundary_geom_update6 AFTER UPDATE OF geom ON boundary
  WHEN OLD.id=NEW.id AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO rtree_boundary_geom VALUES (NEW.id,ST_MinX(NEW.geom),
  ST_MaxX(NEW.geom),ST_MinY(NEW.geom),ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_boundary_geom_update2 AFTER UPDATE OF geom ON boundary
  WHEN OLD.id=NEW.id AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM rtree_boundary_geom WHERE id=OLD.id; END;
CREATE TRIGGER rtree_boundary_geom_update5 AFTER UPDATE ON boundary
  WHEN OLD.id!=NEW.id AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM rtree_boundary_geom WHERE id=OLD.id; INSERT OR REPLACE INTO
  rtree_boundary_geom VALUES (NEW.id,ST_MinX(NEW.geom),
  ST_MaxX(NEW.geom),ST_MinY(NEW.geom),ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_boundary_geom_update4 AFTER UPDATE ON boundary
  WHEN OLD.id!=NEW.id AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM rtree_boundary_geom WHERE id IN (OLD.id,NEW.id); END;
CREATE TRIGGER rtree_boundary_geom_delete AFTER DELETE ON boundary
  WHEN OLD.geom NOTNULL
  BEGIN DELETE FROM rtree_boundary_geom WHERE id=OLD.id; END;
"""
