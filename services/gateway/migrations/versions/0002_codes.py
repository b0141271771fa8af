"""One-time codes of patients, and sign-ins that began with one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "gateway_0002"
down_revision = "gateway_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "sign_in_code",
        sa.Column("holder", UUID(as_uuid=False), primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
    )
    op.create_index("sign_in_code_expired", "sign_in_code", ["expires_at"])
    op.add_column("sign_in", sa.Column("patient", UUID(as_uuid=False)))
    op.alter_column("sign_in", "account", nullable=True)
    op.create_check_constraint("sign_in_is_somebodys", "sign_in", "num_nonnulls(account, patient) = 1")
