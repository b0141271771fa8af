"""The registry of models, shadow answers, and what a choice among models needs to know of a picture."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "imaging_0003"
down_revision = "imaging_0002"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def upgrade() -> None:
    """Expand."""
    op.add_column("instance", sa.Column("photometric", sa.Text, nullable=False, server_default=""))
    op.add_column("instance", sa.Column("spacing", ARRAY(sa.Float), nullable=False, server_default="{}"))
    op.add_column("instance", sa.Column("test_subject", sa.Boolean, nullable=False, server_default="false"))
    op.add_column("analysis", sa.Column("scores", ARRAY(sa.Float)))
    op.add_column("analysis", sa.Column("measure", sa.Float))
    op.add_column("analysis", sa.Column("mask", sa.Text))
    op.create_table(
        "model",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("percent", sa.Integer, nullable=False, server_default="0"),
        _now("admitted_at"),
        sa.Column("admitted_by", sa.Text, nullable=False),
        _now("changed_at"),
    )
    op.create_table(
        "model_history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        *_texts("name", "version", "stage", "who", "why"),
        sa.Column("before", sa.Text),
        sa.Column("percent", sa.Integer, nullable=False),
        _now("at"),
        sa.ForeignKeyConstraint(["name", "version"], ["model.name", "model.version"]),
    )
    op.create_index("model_history_model", "model_history", ["name", "version", "id"])
    op.create_table(
        "shadow_answer",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("study", sa.Text, sa.ForeignKey("study.uid"), nullable=False),
        *_texts("model", "version", "digest", "outcome"),
        sa.Column("instance", sa.Text),
        *(sa.Column(name, sa.Float) for name in ("probability", "threshold", "measure")),
        sa.Column("scores", ARRAY(sa.Float)),
        _now("made_at"),
        sa.UniqueConstraint("study", "model", "version", name="shadow_answer_once"),
    )
