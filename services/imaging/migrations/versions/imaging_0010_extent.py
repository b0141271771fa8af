"""Answers about a volume: how many slices were read and marked, how long what is marked is, and its millilitres."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "imaging_0010"
down_revision = "imaging_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand; answers about pictures have none."""
    op.add_column("analysis", sa.Column("extent", JSONB))
