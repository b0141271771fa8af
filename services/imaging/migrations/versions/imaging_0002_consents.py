"""What patients say to analysis by AI: plumbing_0003 makes the table now; databases name this revision still."""

revision = "imaging_0002"
down_revision = "imaging_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing."""
