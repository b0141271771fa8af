"""Sittings: four services had the table before the plumbing did, two of them with another name for its time."""

from alembic import op

revision = "plumbing_0002"
down_revision = "plumbing_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.execute(
        "CREATE TABLE IF NOT EXISTS sitting (session text NOT NULL, thing text NOT NULL, PRIMARY KEY (session, thing))"
    )
    op.execute("ALTER TABLE sitting ADD COLUMN IF NOT EXISTS at timestamptz NOT NULL DEFAULT now()")
    op.execute("CREATE INDEX sitting_at ON sitting (at)")
