"""Studies, instances, analyses, quarantine and revoked orders."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "imaging_0001"
down_revision = None
branch_labels = ("imaging",)
depends_on = None


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def _study() -> sa.Column[str]:
    return sa.Column("study", sa.Text, sa.ForeignKey("study.uid"), nullable=False)


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "study",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False, server_default="receiving"),
        sa.Column("hold", sa.Text),
        sa.Column("lane", sa.Text, nullable=False, server_default="routine"),
        sa.Column("version", sa.Integer),
        sa.Column("expected", sa.Integer),
        sa.Column("orders", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("announced_study", JSONB),
        sa.Column("announced_patient", JSONB),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_instance_at", sa.DateTime(timezone=True)),
        sa.Column("look_at", sa.DateTime(timezone=True)),
    )
    op.create_index("study_orders", "study", ["orders"], postgresql_using="gin")
    op.create_index("study_state", "study", ["state"])
    op.create_table(
        "instance",
        sa.Column("uid", sa.Text, primary_key=True),
        *_texts("series"),
        _study(),
        *_texts("sop_class", "transfer_syntax", "digest"),
        sa.Column("size", sa.BigInteger, nullable=False),
        *_texts("patient_id", "issuer", "modality", "body_part", "view", "image_type"),
        sa.Column("number", sa.Integer),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("rows", "columns", "frames")),
        *_texts("study_date", "birth_date"),
        sa.Column("has_pixels", sa.Boolean, nullable=False),
        sa.Column("hub_made", sa.Boolean, nullable=False),
        _now("stored_at"),
    )
    op.create_index("instance_study", "instance", ["study", "series"])
    op.create_table(
        "analysis",
        sa.Column("id", sa.Text, primary_key=True),
        _study(),
        *_texts("model", "version", "digest", "outcome"),
        *_texts("instance", "heat_map", nullable=True),
        sa.Column("probability", sa.Float),
        sa.Column("threshold", sa.Float),
        _now("made_at"),
        sa.UniqueConstraint("study", "model", "version", name="analysis_once"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        *_texts("digest"),
        sa.Column("size", sa.BigInteger, nullable=False),
        *_texts("reason"),
        _now("received_at"),
        sa.UniqueConstraint("digest", "reason", name="quarantine_once"),
    )
    op.create_table("revoked_order", sa.Column("key", sa.Text, primary_key=True), _now("revoked_at"))
