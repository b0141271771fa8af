"""The service's dead letters, from their queue into its table: stored, committed, then acknowledged."""

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import pika
from pika import spec
from pika.channel import Channel
from sqlalchemy.exc import DBAPIError

from shared import db, dead_letters
from shared.dead_letters import UNROUTED_REASON, Letter
from shared.errors import Unavailable
from shared.events import EVENTS_EXCHANGE, UNROUTED, Lane, dead_letters_of, queue_of, queues_of
from shared.telemetry import log

PREFETCH = 50
PAUSE_SECONDS = 1.0
KEEPER_OF_THE_UNROUTED = "results_sharing"
"""The service whose table also takes events that no queue wanted."""

LARGEST_COUNT = 32767
"""Of a PostgreSQL smallint; a header that says more is not ours."""


@dataclass(frozen=True)
class Arrival:
    """A dead letter as pika hands it over, and the channel that waits for its acknowledgement."""

    channel: Channel
    tag: int
    letter: Letter
    body: bytes


class Letters(threading.Thread):
    """Takes letters from the line's thread and stores them in its own, because PostgreSQL may be slow."""

    def __init__(self, service: str, stop: threading.Event) -> None:
        super().__init__(name="letters", daemon=True)
        self._service = service
        self._stopping = stop
        self._arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._queues = [dead_letters_of(service), *([UNROUTED] if service == KEEPER_OF_THE_UNROUTED else [])]

    def opened(self, connection: pika.SelectConnection) -> None:
        """See `Extension`."""
        connection.channel(on_open_callback=self._consume)

    def lost(self) -> None:
        """See `Extension`: the broker delivers again what was not acknowledged, and storing twice changes nothing."""

    def run(self) -> None:
        """Store what arrives, at least once."""
        while not self._stopping.is_set():
            try:
                batch = [self._arrived.get(timeout=PAUSE_SECONDS)]
            except queue.Empty:
                continue
            while len(batch) < PREFETCH and not self._arrived.empty():
                batch.append(self._arrived.get())
            self._store(batch)

    def _consume(self, channel: Channel) -> None:
        channel.basic_qos(prefetch_count=PREFETCH)
        for name in self._queues:
            channel.basic_consume(name, on_message_callback=self._arrive)

    def _arrive(
        self, channel: Channel, method: spec.Basic.Deliver, properties: spec.BasicProperties, body: bytes
    ) -> None:
        letter = read_letter(self._service, method, properties, body)
        self._arrived.put(Arrival(channel, method.delivery_tag, letter, body))

    def _store(self, batch: Sequence[Arrival]) -> None:
        while not self._stopping.is_set():
            try:
                with db.transaction(self._service) as session:
                    for arrival in batch:
                        dead_letters.store(session, arrival.letter, arrival.body)
            except (Unavailable, DBAPIError) as error:
                log.warning("dead_letters_away", error=type(error).__name__)
                self._stopping.wait(PAUSE_SECONDS)
                continue
            log.error("dead_letters_stored", letters=len(batch), reasons=sorted({a.letter.reason for a in batch}))
            for arrival in batch:
                loop = arrival.channel.connection.ioloop
                loop.add_callback_threadsafe(partial(_acknowledge, arrival.channel, arrival.tag))
            return


def _acknowledge(channel: Channel, tag: int) -> None:
    if channel.is_open:
        channel.basic_ack(tag)


def read_letter(service: str, method: spec.Basic.Deliver, properties: spec.BasicProperties, body: bytes) -> Letter:
    """What is known of a message that may be of any shape; nothing in it can keep it from being stored."""
    headers: Mapping[str, Any] = properties.headers or {}
    digest = sha256(body).hexdigest()
    lane = _lane(headers.get("lane"))
    death: Mapping[str, Any] = next(iter(headers.get("x-death") or []), {})
    own = queues_of(service)
    unrouted = not death and method.exchange == EVENTS_EXCHANGE
    given_up_by = str(death.get("queue"))
    keys = death.get("routing-keys") or [method.routing_key]
    return Letter(
        queue=UNROUTED if unrouted else given_up_by if given_up_by in own else queue_of(service, lane),
        exchange=_text(death.get("exchange", method.exchange)),
        routing_key=_text(keys[0]),
        reason=UNROUTED_REASON if unrouted else _text(death.get("reason", "unknown")),
        task=_text(headers.get("task", "")),
        message_id=_text(properties.message_id or f"sha256:{digest}"),
        correlation=_text(properties.correlation_id or ""),
        lane=lane,
        attempt=_count(headers.get("attempt")),
        replay=_count(headers.get("replay")),
        content_type=_text(properties.content_type or ""),
        digest=digest,
    )


def _lane(value: object) -> Lane:
    return Lane(value) if isinstance(value, str) and value in set(Lane) else Lane.ROUTINE


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= LARGEST_COUNT else 0


def _text(value: object) -> str:
    """PostgreSQL's text holds everything but NUL."""
    return str(value).replace("\0", "")
