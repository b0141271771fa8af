"""A channel with publisher confirms: rows go out without waiting, answers come back by delivery tag.

Source: https://www.rabbitmq.com/docs/confirms
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any

import pika
from pika import spec
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from sqlalchemy import Row

ANSWER_SECONDS = 30.0
"""How long the broker may take to confirm a batch; after that the channel is given up and the rows go again."""

PERSISTENT = 2


@dataclass
class Verdict:
    """What the broker said of a batch.

    Attributes:
        published: ids of rows that it has on disk.
        refused: row id → its reason (returned, or not taken).
        closed: why it closed the channel in the middle, if it did; rows named in neither list may be the reason.
    """

    published: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    closed: str | None = None


@dataclass
class Batch:
    """Rows on their way.

    Attributes:
        in_air: delivery tag → row id, of what is not answered yet.
    """

    rows: Sequence[Row[Any]]
    verdict: Verdict = field(default_factory=Verdict)
    in_air: dict[int, int] = field(default_factory=dict)
    answered: threading.Event = field(default_factory=threading.Event)


class Wire:
    """One channel for one publishing thread; a batch at a time, so tags in the air are of one batch."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._connection: pika.SelectConnection | None = None
        self._channel: Channel | None = None
        self._tag = 0
        self._batch = Batch(())

    def wait_ready(self, seconds: float) -> bool:
        """Whether there is a channel to publish on."""
        return self._ready.wait(seconds)

    def publish(self, rows: Sequence[Row[Any]]) -> Verdict:
        """Send outbox rows and wait for all answers, or for the end of the channel."""
        batch = Batch(rows)
        with self._lock:
            if self._connection is None:
                return batch.verdict
            self._batch = batch
            self._connection.ioloop.add_callback_threadsafe(partial(self._send, batch))
        if not batch.answered.wait(ANSWER_SECONDS):
            self._give_up()
        return batch.verdict

    def opened(self, connection: pika.SelectConnection) -> None:
        """See `Extension`."""
        with self._lock:
            self._connection = connection
        connection.channel(on_open_callback=self._channel_opened)

    def lost(self) -> None:
        """See `Extension`."""
        self._ready.clear()
        with self._lock:
            self._connection = None
            self._channel = None
            self._batch.answered.set()

    def _channel_opened(self, channel: Channel) -> None:
        self._channel = channel
        self._tag = 0
        channel.add_on_return_callback(self._returned)
        channel.add_on_close_callback(self._channel_closed)
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._ready.set())

    def _send(self, batch: Batch) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            batch.answered.set()
            return
        for row in batch.rows:
            try:
                channel.basic_publish(row.exchange, row.routing_key, row.body, properties_of(row), mandatory=True)
            except (AMQPError, TypeError, ValueError) as error:  # not encodable; nothing of it was sent
                batch.verdict.refused[row.id] = type(error).__name__
            else:
                self._tag += 1
                batch.in_air[self._tag] = row.id
        if not batch.in_air:
            batch.answered.set()

    def _confirmed(self, frame: Any) -> None:  # noqa: ANN401 (pika's frame)
        method: spec.Basic.Ack | spec.Basic.Nack = frame.method
        batch = self._batch
        tags = [method.delivery_tag]
        if method.multiple:
            tags = list(takewhile(lambda tag: tag <= method.delivery_tag, batch.in_air))
        for tag in tags:
            row = batch.in_air.pop(tag)
            if isinstance(method, spec.Basic.Nack):
                batch.verdict.refused[row] = "the broker did not take it (basic.nack)"
            elif row not in batch.verdict.refused:
                batch.verdict.published.append(row)
        if not batch.in_air:
            batch.answered.set()

    def _returned(self, _: Channel, method: spec.Basic.Return, properties: spec.BasicProperties, __: bytes) -> None:
        row = int((properties.headers or {})["outbox"])
        self._batch.verdict.refused[row] = f"{method.reply_code} {method.reply_text}"

    def _channel_closed(self, channel: Channel, reason: Exception) -> None:
        self._ready.clear()
        self._channel = None
        if isinstance(reason, ChannelClosedByBroker):
            self._batch.verdict.closed = f"{reason.reply_code} {reason.reply_text}"
        self._batch.answered.set()
        if channel.connection.is_open:
            channel.connection.channel(on_open_callback=self._channel_opened)

    def _give_up(self) -> None:
        self._ready.clear()
        with self._lock:
            if self._connection is not None and (channel := self._channel) is not None:
                self._connection.ioloop.add_callback_threadsafe(lambda: channel.is_open and channel.close())


def properties_of(row: Row[Any]) -> spec.BasicProperties:
    """A Celery task message (protocol 2) that quotes nothing of its body.

    Source: https://docs.celeryq.dev/en/stable/internals/protocol.html
    """
    return spec.BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=PERSISTENT,
        message_id=row.message_id,
        correlation_id=row.correlation,
        headers={
            "task": row.task,
            "id": row.message_id,
            "lang": "py",
            "argsrepr": "[FHIR message]",
            "kwargsrepr": "{}",
            "lane": row.lane,
            "attempt": row.attempt,
            "replay": row.replay,
            "outbox": row.id,
        },
    )
