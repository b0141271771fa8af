"""Outbox, inbox and dead letters."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "plumbing_0001"
down_revision = None
branch_labels = ("plumbing",)
depends_on = None


def _now() -> sa.TextClause:
    return sa.text("now()")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    default = None if nullable else _now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    """Expand."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        *_texts("exchange", "routing_key", "task", "message_id", "correlation", "lane"),
        sa.Column("attempt", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("replay", sa.Integer, nullable=False, server_default="0"),
        _instant("due_at"),
        *_texts("body"),
        _instant("published_at", nullable=True),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("message_id", "routing_key", "replay", "attempt", name="outbox_once"),
    )
    op.create_index("outbox_waiting", "outbox", ["due_at", "id"], postgresql_where=sa.text("published_at IS NULL"))
    op.create_index(
        "outbox_published", "outbox", ["published_at"], postgresql_where=sa.text("published_at IS NOT NULL")
    )
    op.create_table("inbox", sa.Column("message_id", sa.Text, primary_key=True), _instant("claimed_at"))
    op.create_index("inbox_claimed", "inbox", ["claimed_at"])
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        *_texts("queue", "exchange", "routing_key", "reason", "task", "message_id", "correlation", "lane"),
        sa.Column("attempt", sa.SmallInteger, nullable=False),
        sa.Column("replay", sa.Integer, nullable=False),
        *_texts("content_type", "digest"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _instant("received_at"),
        _instant("replayed_at", nullable=True),
        sa.Column("replayed_by", sa.Text),
        sa.UniqueConstraint("queue", "message_id", "replay", "attempt", "digest", name="dead_letter_once"),
    )
    op.create_index("dead_letter_open", "dead_letter", ["received_at"], postgresql_where=sa.text("replayed_at IS NULL"))
