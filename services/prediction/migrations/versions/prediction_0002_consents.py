"""What patients say to analysis by AI: plumbing_0003 makes the table now; databases name this revision still."""

revision = "prediction_0002"
down_revision = "prediction_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing."""
