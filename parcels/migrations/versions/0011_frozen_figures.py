"""Frozen periods: their figures, and the versions of parcels these are the sums of.

Revision: 0011, after 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""

    def whole(name: str, to: str | None = None, *, null: bool = False) -> sa.Column[int]:
        keys = [sa.ForeignKey(f"{to}.id")] if to else []
        return sa.Column(name, sa.Integer, *keys, nullable=null)

    def text(*names: str, null: bool = False) -> list[sa.Column[str]]:
        return [sa.Column(name, sa.Text, nullable=null) for name in names]

    def key() -> sa.Column[int]:
        return sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)

    op.create_table(
        "freeze",
        key(),
        whole("change_id", "change"),
        *text("period"),
        whole("edition"),
        sa.Column("true_on", sa.Date, nullable=False),
        whole("known"),
        whole("districts", null=True),
        *text("declarations", "declarations_sha256"),
        sa.UniqueConstraint("period", "edition"),
    )
    op.create_table(
        "frozen_figure",
        key(),
        whole("change_id", "change"),
        whole("freeze_id", "freeze"),
        *text("indicator", "by", "place", "unit", "basis", "state", "terms"),
        *text("numerator", "denominator", "value", "verdict", null=True),
        *text("written", "evidence", "person", null=True),
        whole("scale"),
        whole("report", null=True),
        *text("reason", null=True),
    )
    op.create_index("ix_frozen_figure_freeze_id", "frozen_figure", ["freeze_id"])
    amount = sa.Integer().with_variant(sa.BigInteger, "postgresql")
    op.create_table(
        "frozen_block",
        key(),
        whole("change_id", "change"),
        whole("freeze_id", "freeze"),
        *text("layer", "by", "place"),
        *text("indicator", "term", null=True),
        whole("rows"),
        sa.Column("amount", amount, nullable=False),
        *text("sha256"),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_frozen_block_place", "frozen_block", ["freeze_id", "by", "place"])
