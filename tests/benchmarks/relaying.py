"""Messages a second that a relay carries from outbox to broker, beside bare pipelined publishing by pika."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson
import pika
import psycopg
from pika import spec
from servers import address

from shared.embedded import Hub
from shared.events import EVENTS_EXCHANGE, Event, Lane, routing_key

EVENT = Event.DELIVERY_FAILED
"""An event with one hearer, so that each message is one message in a queue."""

SIZE = 4096
WINDOW = 300
"""Confirms in the air, as many as the relay has."""


def relayed_per_second(hub: Hub, count: int) -> float:
    """Fill the outbox of results_sharing, start its relay, and time the messages that it publishes."""
    url = address(hub, "results_sharing")
    key = routing_key(EVENT, Lane.ROUTINE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE outbox DISABLE TRIGGER USER")
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY outbox (exchange, routing_key, task, message_id, correlation, lane, body) FROM STDIN"
            ) as copy,
        ):
            for _ in range(count):
                copy.write_row((EVENTS_EXCHANGE, key, str(EVENT), str(uuid4()), "bench", "routine", _body()))
        connection.execute("ALTER TABLE outbox ENABLE TRIGGER USER")
        connection.execute("ANALYZE outbox")
        hub.supervisor.start_again("results_sharing-relay")
        while (left := _waiting(connection)) == count:
            time.sleep(0.005)
        started, carried_from = time.perf_counter(), left
        while _waiting(connection):
            time.sleep(0.01)
        seconds = time.perf_counter() - started
        connection.execute("DELETE FROM outbox WHERE correlation = 'bench'")
    hub.supervisor.stop("results_sharing-relay")
    return carried_from / seconds


def bare_per_second(hub: Hub, count: int) -> float:
    """Publish the same messages with nothing but pika's asynchronous connection and pipelined confirms."""
    return _Bare(hub.environment["HUB_BROKER_URL"], [_body()] * count).run()


def _body() -> str:
    focus = {"resourceType": "DiagnosticReport", "text": "x" * (SIZE - 80)}
    return orjson.dumps([[focus], {}, {}]).decode()


def _waiting(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM outbox WHERE published_at IS NULL AND correlation = 'bench'"
    ).fetchone()
    return int(row[0]) if row else 0


class _Bare:
    def __init__(self, url: str, bodies: Sequence[str]) -> None:
        self._bodies = bodies
        self._sent = self._confirmed = 0
        self._started = self._ended = 0.0
        self._connection = pika.SelectConnection(
            pika.URLParameters(url), on_open_callback=lambda line: line.channel(on_open_callback=self._opened)
        )

    def run(self) -> float:
        self._connection.ioloop.start()
        return len(self._bodies) / (self._ended - self._started)

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._answered, callback=self._begin)

    def _begin(self, _: Any) -> None:
        self._started = time.perf_counter()
        self._fill()

    def _fill(self) -> None:
        while self._sent < len(self._bodies) and self._sent - self._confirmed < WINDOW:
            properties = spec.BasicProperties(
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                message_id=str(self._sent),
                headers={"task": str(EVENT), "id": str(self._sent)},
            )
            key = routing_key(EVENT, Lane.ROUTINE)
            self._channel.basic_publish(EVENTS_EXCHANGE, key, self._bodies[self._sent], properties, mandatory=True)
            self._sent += 1

    def _answered(self, frame: Any) -> None:
        self._confirmed = frame.method.delivery_tag if frame.method.multiple else self._confirmed + 1
        if self._confirmed >= len(self._bodies):
            self._ended = time.perf_counter()
            self._connection.close()
            self._connection.ioloop.stop()
        else:
            self._fill()
