"""Proposals that parcels are one site, the decisions on them, and the sites they make.

Revision: 0008, after 0007.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    embedded = op.get_bind().dialect.name == "sqlite"
    instant: Any = sa.DATETIME() if embedded else sa.DateTime(timezone=True)

    def names(column: str, of: str, *, nullable: bool = False) -> sa.Column[Any]:
        return sa.Column(column, sa.Integer, sa.ForeignKey(f"{of}.id"), nullable=nullable)

    op.create_table(
        "site",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        names("change_id", "change"),
    )
    op.create_table(
        "site_proposal",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        names("change_id", "change"),
        names("parcel_a", "parcel"),
        names("parcel_b", "parcel"),
        *[
            sa.Column(name, sa.Double)
            for name in ("overlap_m2", "share_a", "share_b", "name_share", "address_share")
        ],
        sa.Column("same_code", sa.Boolean, nullable=False),
        sa.Column("grounds", sa.Text, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", instant),
        sa.Column("reason", sa.Text),
        names("closed_in", "change", nullable=True),
    )
    op.create_index("ix_site_proposal_pair", "site_proposal", ["parcel_a", "parcel_b"])
    op.create_table(
        "site_member",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        names("site_id", "site"),
        names("parcel_id", "parcel"),
        names("proposal_id", "site_proposal"),
        sa.Column("confirmed_by", sa.Text, nullable=False),
        sa.Column("confirmed_at", instant, nullable=False),
        names("recorded_from", "change"),
        # No foreign key: what is still believed has a number above every change.
        sa.Column("recorded_to", sa.Integer, nullable=False),
    )
    op.create_index("ix_site_member_parcel_id", "site_member", ["parcel_id"])
    op.create_index("ix_site_member_recorded_to", "site_member", ["recorded_to"])
