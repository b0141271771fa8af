"""DIMSE: storage commitments to answer, priors to fetch, and when the arrival of a study was last said."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "imaging_0004"
down_revision = "imaging_0003"
branch_labels = None
depends_on = None


def _due() -> list[sa.Column[Any]]:
    now = sa.text("now()")
    return [
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
    ]


def upgrade() -> None:
    """Expand."""
    op.add_column("study", sa.Column("prior", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("study", sa.Column("said", sa.Integer, nullable=False, server_default="0"))
    op.add_column("study", sa.Column("said_at", sa.DateTime(timezone=True)))
    op.add_column("study", sa.Column("say_at", sa.DateTime(timezone=True)))
    op.create_table(
        "commitment",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("transaction", sa.Text, nullable=False),
        sa.Column("instances", JSONB, nullable=False),
        *_due(),
        sa.UniqueConstraint("peer", "transaction", name="commitment_once"),
    )
    op.create_table(
        "retrieval",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("patient_id", sa.Text, nullable=False),
        *_due(),
        sa.UniqueConstraint("study", name="retrieval_once"),
    )
    for table in ("commitment", "retrieval"):
        op.create_index(f"{table}_due", table, ["due_at"], postgresql_where=sa.text("ended_at IS NULL"))
