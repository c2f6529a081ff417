"""The rows of action plans and of what units report on them; no behaviour."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from parcels.tables import metadata

LOAD: Final = "plan"
ASSIGN: Final = "plan_role"
REPORT: Final = "report"
WITHDRAW: Final = "report_withdrawn"
KINDS: Final = frozenset({LOAD, ASSIGN, REPORT, WITHDRAW})
"""Kinds of change that load a plan, say who does what, report, and take a report back."""

# A plan as it was loaded; the files it was read from are its content. Loading the plan of a year
# again closes the former.
plan = sa.Table(
    "plan",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    # No foreign key: NOT_SUPERSEDED is no change.
    sa.Column("recorded_to", sa.Integer, nullable=False),
)

plan_file = sa.Table(
    "plan_file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("plan_id", sa.Integer, sa.ForeignKey("plan.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
)

# Who a person says does what for a measure, in place of the cell of the plan, which stays as it
# is. `bodies` is JSON, a list of names.
plan_role = sa.Table(
    "plan_role",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("measure", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("bodies", sa.Text, nullable=False),
    sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("recorded_to", sa.Integer, nullable=False),
)

# What a unit reports: how far a measure is on a day (`year`, `subject` its number, `deadline`,
# `state`), or the value of an indicator for a period (`subject` its key, `period`, `written`,
# `amount`). `amount` is the exact number in `amount_unit`. A report that says otherwise of the
# same closes the former.
report = sa.Table(
    "report",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("year", sa.Integer),
    sa.Column("deadline", sa.Text),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("period", sa.Text),
    sa.Column("true_on", sa.Date, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("written", sa.Text),
    sa.Column("amount", sa.Text),
    sa.Column("amount_unit", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("dated_on", sa.Date),
    sa.Column("issued_by", sa.Text),
    sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
    sa.Column("source_row", sa.Integer),
    sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    sa.Column("recorded_to", sa.Integer, nullable=False),
    sa.Index("ix_report_subject", "subject", "unit", "recorded_to"),
)
