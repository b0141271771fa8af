"""One delivery of one message: heard, asked for again later, or given up; never just gone."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from celery.exceptions import Reject
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared import db, inbox, outbox
from shared.errors import HubError, InvalidResource, Unavailable
from shared.events import Event
from shared.fhir.message import Message
from shared.outbox import Delivery
from shared.telemetry import bound, log
from shared.worker.metrics import MESSAGES, SECONDS

Exhausted = Callable[[Session, Message], None]
"""What a service says, in a transaction, when the last retry of a message has failed."""


@dataclass(frozen=True)
class Subscription:
    """A service's function that hears an event, and what follows when a neighbour is down."""

    service: str
    event: Event
    handler: Callable[[Message], None]
    retries: tuple[timedelta, ...]
    exhausted: Exhausted | None


class Outcome(StrEnum):
    """What becomes of a delivery."""

    DONE = "done"
    RETRIED = "retried"
    DEAD = "dead"
    RETURNED = "returned"


def hear(
    subscription: Subscription, arguments: Sequence[Any], headers: Mapping[str, Any], *, patience: timedelta
) -> None:
    """Call the handler with the message, and let Celery acknowledge it only when it is done or stored for later.

    Args:
        arguments: of the Celery task: one FHIR message Bundle.
        headers: of the AMQP message: attempt and replay.
        patience: how long to wait for a database that is away.

    Raises:
        Reject: the message is a dead letter, or (requeue) the database stayed away.
    """
    deadline = time.monotonic() + patience.total_seconds()
    with SECONDS.labels(subscription.service, subscription.event).time():
        try:
            message, delivery = _read(subscription.event, arguments, headers)
            with bound(correlation=message.correlation, message=message.id, task=str(message.event)):
                outcome = _hear(subscription, message, delivery, deadline)
        except Exception as error:  # noqa: BLE001 (whatever it is, the message must not be lost)
            outcome = _give_up(subscription, error)
    MESSAGES.labels(subscription.service, subscription.event, outcome).inc()
    if outcome in {Outcome.DEAD, Outcome.RETURNED}:
        raise Reject(str(outcome), requeue=outcome is Outcome.RETURNED)


def _read(event: Event, arguments: Sequence[Any], headers: Mapping[str, Any]) -> tuple[Message, Delivery]:
    message = Message.from_fhir(arguments[0])
    if message.event is not event:
        raise InvalidResource("The message is about another event than its task", expression="MessageHeader.event")
    return message, Delivery(int(headers.get("attempt") or 0), int(headers.get("replay") or 0))


def _hear(subscription: Subscription, message: Message, delivery: Delivery, deadline: float) -> Outcome:
    try:
        subscription.handler(message)
    except Unavailable as error:
        log.warning("message_postponed", attempt=delivery.attempt, reason=error.message)
    except DBAPIError as error:
        if not db.is_contention(error):
            raise
        log.warning("message_postponed", attempt=delivery.attempt, sqlstate=db.sqlstate(error))
    else:
        return Outcome.DONE
    return _once_stored(subscription, message, delivery, deadline)


def _once_stored(subscription: Subscription, message: Message, delivery: Delivery, deadline: float) -> Outcome:
    """The database may be what is away: wait in place, then give the message back before the soft limit passes."""
    pause = 0.5
    while True:
        try:
            return _again(subscription, message, delivery)
        except Unavailable:
            if time.monotonic() + pause > deadline:
                log.warning("message_returned", attempt=delivery.attempt)
                return Outcome.RETURNED
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (spreads the tries, keeps no secret)
            pause = min(2 * pause, 5)


def _again(subscription: Subscription, message: Message, delivery: Delivery) -> Outcome:
    if delivery.attempt < len(subscription.retries):
        later = datetime.now(UTC) + subscription.retries[delivery.attempt]
        following = replace(delivery, attempt=delivery.attempt + 1)
        with db.transaction(subscription.service) as session:
            outbox.add_retry(session, subscription.service, message, following, due_at=later)
        return Outcome.RETRIED
    log.error("message_exhausted", attempt=delivery.attempt)
    if subscription.exhausted is not None:
        with db.transaction(subscription.service) as session:
            if inbox.claim(session, f"{message.id}/exhausted/{delivery.replay}"):
                subscription.exhausted(session, message)
    return Outcome.DEAD


def _give_up(subscription: Subscription, error: Exception) -> Outcome:
    """A foreign exception's text may quote a patient: its type and the place must do."""
    reason = error.message if isinstance(error, HubError) else None
    log.error(
        "message_failed",
        task=str(subscription.event),
        error=type(error).__name__,
        reason=reason,
        exc_info=None if reason else error,
    )
    return Outcome.DEAD
