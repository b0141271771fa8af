"""Idempotent consumer: the broker delivers at least once, the inbox makes it once.

Source: https://microservices.io/patterns/communication-style/idempotent-consumer.html
"""

from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

KEPT = timedelta(days=30)
"""How long an id is known: longer than any copy of its message can still be on its way."""

INBOX = Table(
    "inbox",
    MetaData(),
    Column("message_id", Text, primary_key=True),
    Column("claimed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
CLAIMED = Index("inbox_claimed", INBOX.c.claimed_at)

_CLAIM = insert(INBOX).on_conflict_do_nothing().returning(INBOX.c.message_id)
"""Built once: every message of every service runs it."""


def claim(session: Session, message_id: str) -> bool:
    """Whether this transaction is the one that acts on the message; False when another has committed it.

    Two deliveries at the same time: the second waits for the first to commit or roll back.
    """
    return session.execute(_CLAIM, {"message_id": message_id}).scalar_one_or_none() is not None


def heard(session: Session, within: timedelta) -> tuple[int, datetime | None]:
    """How many messages were acted on lately, and when the last one was."""
    lately = select(func.count()).select_from(INBOX).where(INBOX.c.claimed_at > func.now() - within)
    last = select(func.max(INBOX.c.claimed_at))
    return session.execute(lately).scalar_one(), session.execute(last).scalar_one()


def purge(session: Session) -> None:
    """Forget ids that are older than any message that can still come."""
    session.execute(delete(INBOX).where(INBOX.c.claimed_at < func.now() - KEPT))
