"""Transactional outbox: what a service says commits with what it did; the relay publishes it when it is due.

Source: https://microservices.io/patterns/data/transactional-outbox.html
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Row,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared import wake
from shared.events import EVENTS_EXCHANGE, Lane, queue_of, routing_key
from shared.fhir.message import Message

METADATA = MetaData()
"""The plumbing's tables in every service's database; a service's own tables have their own."""

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("exchange", Text, nullable=False),
    Column("routing_key", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("correlation", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    Column("replay", Integer, nullable=False, server_default="0"),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("body", Text, nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Column("error", Text),
    UniqueConstraint("message_id", "routing_key", "replay", "attempt", name="outbox_once"),
)
WAITING = Index("outbox_waiting", OUTBOX.c.due_at, OUTBOX.c.id, postgresql_where=OUTBOX.c.published_at.is_(None))
PUBLISHED = Index("outbox_published", OUTBOX.c.published_at, postgresql_where=OUTBOX.c.published_at.is_not(None))

_ADD = insert(OUTBOX).on_conflict_do_nothing(constraint="outbox_once")
"""Built once: building it for each row cost more than running it (measured)."""

DEFAULT_EXCHANGE = ""
"""AMQP's own: it routes to the queue of that name, so only to the service that asks."""

KEPT = timedelta(days=30)
"""How long a published row stays, for whoever wants to know what was said."""

REFUSED_FOR = timedelta(minutes=5)
"""When a row that the broker refused is tried again; until then it stands in nobody's way."""


@dataclass(frozen=True)
class Delivery:
    """Which delivery of a message this is.

    Attributes:
        attempt: counts the retries that a handler asked for.
        replay: counts the times that a human took it back from the dead letters.
    """

    attempt: int = 0
    replay: int = 0


def add(session: Session, message: Message, *, due_at: datetime | None = None) -> None:
    """Say an event once this transaction commits; from `due_at` on, or at once."""
    _insert(session, [_row(message)], due_at)


def add_all(session: Session, messages: Sequence[Message]) -> None:
    """Say several events at once, in this order."""
    _insert(session, [_row(message) for message in messages])


def add_retry(session: Session, service: str, message: Message, delivery: Delivery, *, due_at: datetime) -> None:
    """Hear a message again later: only this service, on the same lane, under the same id.

    Args:
        delivery: the delivery to come; a redelivery that asks for the same one again changes nothing.
    """
    way = {"exchange": DEFAULT_EXCHANGE, "routing_key": queue_of(service, message.lane, message.event)}
    _insert(session, [{**_row(message), **way, "attempt": delivery.attempt, "replay": delivery.replay}], due_at)


def insert_row(session: Session, **columns: str | int | Lane) -> None:
    """Add one row as it stands; the same message, way and delivery a second time is no second row."""
    _insert(session, [columns])


def _row(message: Message) -> dict[str, Any]:
    """An event on its way to all who hear it, for the first time."""
    return {
        "exchange": EVENTS_EXCHANGE,
        "routing_key": routing_key(message.event, message.lane),
        "task": str(message.event),
        "message_id": message.id,
        "correlation": message.correlation,
        "lane": str(message.lane),
        "attempt": 0,
        "replay": 0,
        "body": orjson.dumps([[message.bundle], {}, {}]).decode(),
    }


def _insert(session: Session, rows: Sequence[dict[str, Any]], due_at: datetime | None = None) -> None:
    if not rows:
        return
    when: dict[str, Any] = {} if due_at is None else {"due_at": due_at}
    session.connection().execute(_ADD, [{**row, **when} for row in rows])
    if due_at is None:
        wake.after_commit(session)


def waiting(session: Session, limit: int) -> Sequence[Row[Any]]:
    """The rows that are due, oldest first, locked for this transaction; those of another relay are passed over."""
    query = (
        select(OUTBOX)
        .where(OUTBOX.c.published_at.is_(None), OUTBOX.c.due_at <= func.now())
        .order_by(OUTBOX.c.due_at, OUTBOX.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.execute(query).all()


def mark_published(session: Session, ids: Collection[int]) -> None:
    """The broker has these rows, on disk."""
    if ids:
        session.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id == func.any(list(ids)))
            .values(published_at=func.clock_timestamp(), error=None)
        )


def mark_refused(session: Session, errors: dict[int, str]) -> None:
    """The broker does not take these rows; they keep its reason and come again later.

    Args:
        errors: row id → what the broker said (never contents).
    """
    later = datetime.now(UTC) + REFUSED_FOR
    for number, error in errors.items():
        session.execute(update(OUTBOX).where(OUTBOX.c.id == number).values(error=error, due_at=later))


@dataclass(frozen=True)
class Backlog:
    """What waits in the outbox: rows by why, and the age of the oldest that is due."""

    due: int
    delayed: int
    refused: int
    oldest_seconds: float


def backlog(session: Session) -> Backlog:
    """What waits, for the operator."""
    is_due = OUTBOX.c.due_at <= func.now()
    age = func.extract("epoch", func.now() - func.min(OUTBOX.c.due_at))
    query = select(
        func.count().filter(is_due),
        func.count().filter(~is_due, OUTBOX.c.error.is_(None)),
        func.count().filter(OUTBOX.c.error.is_not(None)),
        func.greatest(func.coalesce(age, 0), 0),
    ).where(OUTBOX.c.published_at.is_(None))
    due, delayed, refused, oldest = session.execute(query).one()
    return Backlog(due, delayed, refused, float(oldest))


def purge(session: Session) -> None:
    """Forget what was published longer ago than `KEPT`."""
    session.execute(delete(OUTBOX).where(OUTBOX.c.published_at < func.now() - KEPT))
