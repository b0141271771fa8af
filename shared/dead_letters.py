"""Dead letters: what a service could not take in, kept in its database until a human decides.

Source: https://www.enterpriseintegrationpatterns.com/patterns/messaging/DeadLetterChannel.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared import outbox
from shared.errors import Conflict, NotFound
from shared.fhir.message import Message

LETTERS = Table(
    "dead_letter",
    MetaData(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("queue", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("routing_key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("correlation", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("replay", Integer, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("replayed_at", DateTime(timezone=True)),
    Column("replayed_by", Text),
    UniqueConstraint("queue", "message_id", "replay", "attempt", "digest", name="dead_letter_once"),
)
OPEN = Index("dead_letter_open", LETTERS.c.received_at, postgresql_where=LETTERS.c.replayed_at.is_(None))


@dataclass(frozen=True)
class Letter:
    """A message that nobody could take in.

    Attributes:
        queue: where it was given up; `hub.unrouted` when no service hears its event.
        reason: the broker's: rejected, delivery_limit, unrouted.
        digest: SHA-256 of the body, in hex.
    """

    queue: str
    exchange: str
    routing_key: str
    reason: str
    task: str
    message_id: str
    correlation: str
    lane: str
    attempt: int
    replay: int
    content_type: str
    digest: str


@dataclass(frozen=True)
class Stored:
    """A letter as it lies in the database.

    Attributes:
        size: of the body, in bytes.
        body: patients' data; never printed unless it is asked for.
    """

    id: int
    letter: Letter
    size: int
    received_at: datetime
    replayed_at: datetime | None
    replayed_by: str | None
    body: bytes | None


def store(session: Session, letter: Letter, body: bytes) -> None:
    """Keep a letter; the same one again (the broker delivers at least once) changes nothing."""
    row = insert(LETTERS).values(**vars(letter), body=body)
    session.execute(row.on_conflict_do_nothing(constraint="dead_letter_once"))


def list_(session: Session, *, limit: int = 100, replayed: bool = False) -> list[Stored]:
    """The letters that wait for a decision (or, asked for, all), the newest first, without their bodies."""
    query = _columns().order_by(LETTERS.c.received_at.desc(), LETTERS.c.id.desc()).limit(limit)
    if not replayed:
        query = query.where(LETTERS.c.replayed_at.is_(None))
    return [_stored(row._mapping) for row in session.execute(query)]  # noqa: SLF001 (SQLAlchemy's public name)


def oldest(session: Session, limit: int, *, event: str | None = None) -> list[Stored]:
    """Those that wait longest for a decision, of one event or of all; without their bodies."""
    query = _columns().where(LETTERS.c.replayed_at.is_(None)).order_by(LETTERS.c.received_at, LETTERS.c.id).limit(limit)
    if event is not None:
        query = query.where(LETTERS.c.task == event)
    return [_stored(row._mapping) for row in session.execute(query)]  # noqa: SLF001 (SQLAlchemy's public name)


def show(session: Session, number: int, *, body: bool = False) -> Stored:
    """One letter; its body only when asked for, because that is patients' data.

    Raises:
        NotFound: there is no such letter.
    """
    query = _columns().where(LETTERS.c.id == number)
    row = session.execute(query.add_columns(LETTERS.c.body) if body else query).one_or_none()
    if row is None:
        raise NotFound(f"There is no dead letter {number}", fix="`hub dead-letters list` shows their numbers.")
    return _stored(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)


def replay(session: Session, number: int, who: str, audit: Message) -> None:
    """Give a letter back to the queue that gave it up, and say in the same transaction who did.

    Args:
        who: the person, as the audit knows them.
        audit: the service's `access-recorded` message about this.

    Raises:
        NotFound: there is no such letter.
        Conflict: it was replayed before, or its body is no text and would only come back.
    """
    taken = update(LETTERS).where(LETTERS.c.id == number, LETTERS.c.replayed_at.is_(None))
    row = session.execute(taken.values(replayed_at=func.now(), replayed_by=who).returning(*LETTERS.c)).one_or_none()
    if row is None:
        earlier = show(session, number)
        raise Conflict(f"Dead letter {number} was replayed at {earlier.replayed_at:%Y-%m-%d %H:%M} UTC")
    try:
        text = row.body.decode()
    except UnicodeDecodeError:
        raise Conflict(f"Dead letter {number} is not text; it can only be shown", fix="Ask its sender.") from None
    unrouted = row.reason == UNROUTED_REASON
    outbox.insert_row(
        session,
        exchange=row.exchange if unrouted else outbox.DEFAULT_EXCHANGE,
        routing_key=row.routing_key if unrouted else row.queue,
        task=row.task,
        message_id=row.message_id,
        correlation=row.correlation,
        lane=row.lane,
        replay=row.replay + 1,
        body=text,
    )
    outbox.add(session, audit)


UNROUTED_REASON = "unrouted"
"""Why a letter lies in results_sharing's table although no queue gave it up: no queue matched."""


def count_open(session: Session) -> int:
    """How many letters wait for a decision."""
    open_letters = select(func.count()).select_from(LETTERS).where(LETTERS.c.replayed_at.is_(None))
    return session.execute(open_letters).scalar_one()


def count_by_event(session: Session) -> dict[str, int]:
    """The same by the event that was not taken in, the most frequent first."""
    query = select(LETTERS.c.task, func.count().label("letters")).where(LETTERS.c.replayed_at.is_(None))
    rows = session.execute(
        query.group_by(LETTERS.c.task).order_by(func.count().desc(), LETTERS.c.task).limit(MOST_EVENTS)
    )
    return {row.task: row.letters for row in rows}


MOST_EVENTS = 200
"""Names of events that are counted apart: more than there are, since a name can be anything in a foreign letter."""


def _columns() -> Select[Any]:
    return select(*(c for c in LETTERS.c if c is not LETTERS.c.body), func.octet_length(LETTERS.c.body).label("size"))


def _stored(row: Any) -> Stored:  # noqa: ANN401 (a row's mapping)
    letter = Letter(**{name: row[name] for name in Letter.__dataclass_fields__})
    rest: Sequence[str] = ("id", "size", "received_at", "replayed_at", "replayed_by")
    return Stored(letter=letter, body=row.get("body"), **{name: row[name] for name in rest})
