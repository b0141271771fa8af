"""Consents: imaging and prediction had the table before the plumbing did, and keep what is in it."""

import sqlalchemy as sa
from alembic import op

revision = "plumbing_0003"
down_revision = "plumbing_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "consent",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("denies", sa.Boolean, nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True)),
        sa.Column("ends", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
    op.create_index("consent_patient", "consent", ["patient"], if_not_exists=True)
