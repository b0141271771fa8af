"""The codes and references by which resources are found; what is stored already gets them when it is said again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "gateway_0003"
down_revision = "gateway_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand."""
    op.add_column("resource", sa.Column("words", ARRAY(sa.Text)))
    op.create_index(
        "resource_words",
        "resource",
        ["words"],
        postgresql_using="gin",
        postgresql_where=sa.text("words IS NOT NULL"),
    )
