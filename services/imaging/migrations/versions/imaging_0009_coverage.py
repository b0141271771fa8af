"""Answers: how many images of the study were read, and how many not and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "imaging_0009"
down_revision = "imaging_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand; what was answered before says nothing of it."""
    op.add_column("analysis", sa.Column("coverage", ARRAY(sa.Integer)))
