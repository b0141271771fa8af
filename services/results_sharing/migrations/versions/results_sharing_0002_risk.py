"""What prediction says of patients, and which of it a signing reader had seen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "results_sharing_0002"
down_revision = "results_sharing_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "risk",
        sa.Column("patient", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", JSONB, nullable=False),
    )
    op.add_column("report", sa.Column("risks", JSONB, nullable=False, server_default="[]"))
