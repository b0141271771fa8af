"""What models are watched by: small numbers of each answer, and what signing readers made of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "imaging_0007"
down_revision = "imaging_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "watched",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("study", sa.Text, sa.ForeignKey("study.uid"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("model", "version", "stage", "outcome", "sex")),
        sa.Column("flagged", sa.Boolean),
        sa.Column("score", sa.Float),
        sa.Column("looks", JSONB, nullable=False),
        sa.Column("age", sa.Integer),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.UniqueConstraint("study", "model", "version", name="watched_once"),
    )
    op.create_index("watched_model", "watched", ["model", "version", "id"])
    op.create_table(
        "reader_word",
        sa.Column("study", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("model", "version")),
        sa.Column("decision", sa.Text),
        sa.Column("withdrawn", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
