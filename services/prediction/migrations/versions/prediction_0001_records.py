"""Persons, inputs, and what was said of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "prediction_0001"
down_revision = None
branch_labels = ("prediction",)
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "person",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
    )
    op.create_table(
        "input",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True)),
        sa.Column("counts", sa.Boolean, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
    )
    op.create_index("input_patient", "input", ["patient", "taken_at"], postgresql_where=sa.text("counts"))
    op.create_table(
        "saying",
        sa.Column("patient", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
