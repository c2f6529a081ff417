"""Issues that were accepted, schemes of evaluation, and points that people gave.

Revision: 0012, after 0011.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their index."""

    def names(column: str, of: str, *, nullable: bool = False) -> sa.Column[Any]:
        return sa.Column(column, sa.Integer, sa.ForeignKey(f"{of}.id"), nullable=nullable)

    def words(*columns: str) -> list[sa.Column[Any]]:
        return [sa.Column(column, sa.Text, nullable=False) for column in columns]

    def own(of: str) -> list[sa.Column[Any]]:
        key: sa.Column[Any] = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
        return [key, names("change_id", of)]

    op.create_table(
        "accepted_issue",
        *own("change"),
        *words("issue", "rule"),
        names("parcel_a", "parcel"),
        names("parcel_b", "parcel", nullable=True),
        names("version_a", "version"),
        names("version_b", "version", nullable=True),
        *words("digest_a"),
        sa.Column("digest_b", sa.Text),
        sa.Column("until", sa.Date, nullable=False),
        names("closed_in", "change", nullable=True),
    )
    op.create_index("ix_accepted_issue_issue", "accepted_issue", ["issue"])
    op.create_table("evaluation_scheme", *own("change"), *words("quarter", "content"))
    op.create_table(
        "evaluation_override",
        *own("change"),
        *words("quarter", "unit", "item", "points"),
        names("closed_in", "change", nullable=True),
    )
