"""Who may sign in, and what they did that is no change.

Revision: 0014, after 0013.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables and their indexes."""
    embedded = op.get_bind().dialect.name == "sqlite"
    instant: Any = sa.DATETIME() if embedded else sa.DateTime(timezone=True)
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("login", "name", "role")],
        sa.Column("unit", sa.Text),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("closed_in", sa.Integer, sa.ForeignKey("change.id")),
    )
    op.create_index("ix_account_login", "account", ["login"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("address", sa.Text),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
