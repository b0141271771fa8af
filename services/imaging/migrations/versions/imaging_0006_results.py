"""DICOM objects of answers: where on the picture, and how far they are on their way to the archive."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "imaging_0006"
down_revision = "imaging_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.add_column("analysis", sa.Column("region", ARRAY(sa.Float)))
    op.add_column("analysis", sa.Column("frame", sa.Integer, nullable=False, server_default="1"))
    op.create_table(
        "result",
        sa.Column("study", sa.Text, sa.ForeignKey("study.uid"), primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("model", "version")),
        sa.Column("instances", ARRAY(sa.Text), nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        *(sa.Column(name, sa.Text) for name in ("problem", "lease")),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("stored_at", sa.DateTime(timezone=True)),
    )
    op.create_index("result_state", "result", ["state"])
