"""What the messaging tests hold in their hands: messages, the queues and tables, running processes."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pika
import psycopg
from pika import spec
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from shared import db, outbox
from shared.events import Event, Lane, queues_of
from shared.fhir.message import Message

CANARY = "Testpatient-Zyx"
"""Stands in every message's contents; nothing that an operator sees may show it."""


def order(do: str, *, lane: Lane = Lane.ROUTINE) -> Message:
    """A message whose handler does what it says."""
    focus = {"resourceType": "ImagingStudy", "do": do, "secret": CANARY}
    return Message.build(Event.STUDY_COMPLETED, lane, "case-1", [focus])


def until(condition: Callable[[], Any], *, seconds: float = 25) -> Any:
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return seen


@dataclass
class Post:
    """The imaging service's database and the broker, as a test sees them."""

    broker: str
    database: str

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel on a connection of its own."""
        with pika.BlockingConnection(pika.URLParameters(self.broker)) as connection:
            yield connection.channel()

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def say(self, *messages: Message, **options: Any) -> None:
        """Put messages into the outbox."""
        with db.transaction("imaging") as session:
            for message in messages:
                outbox.add(session, message, **options)

    def put(self, body: bytes, *, queue: str = "imaging.routine", **properties: Any) -> str:
        """Put bytes straight into a queue; returns the message id."""
        number = f"raw-{time.monotonic_ns()}"
        made = {"content_type": "application/json", "content_encoding": "utf-8", "message_id": number}
        with self.channel() as channel:
            channel.basic_publish("", queue, body, spec.BasicProperties(**(made | properties)), mandatory=True)
        return number

    def take_all(self, queue: str) -> list[tuple[spec.BasicProperties, bytes]]:
        """Empty a queue."""
        taken = []
        with self.channel() as channel:
            while (found := channel.basic_get(queue, auto_ack=True))[0] is not None:
                taken.append((found[1], found[2]))
        return taken

    def give_back(self, queue: str, times: int) -> None:
        """Take a message and return it, as a consumer that fails, or a human who peeks, does."""
        with self.channel() as channel:
            for _ in range(times):
                method = until(lambda: channel.basic_get(queue)[0])
                channel.basic_nack(method.delivery_tag, requeue=True)

    def effects(self, message_id: str) -> int:
        """How often the handler of `trial_tasks` acted on a message."""
        return int(self.sql("SELECT count(*) FROM effect WHERE message_id = %s", message_id)[0][0])

    def letter(self, message_id: str) -> dict[str, Any] | None:
        """The newest dead letter of a message, if there is one."""
        query = "SELECT reason, attempt, replay, queue, id FROM dead_letter WHERE message_id = %s ORDER BY id DESC"
        rows = self.sql(query, message_id)
        return dict(zip(("reason", "attempt", "replay", "queue", "id"), rows[0], strict=True)) if rows else None

    def all_published(self) -> bool:
        """Whether the outbox has nothing left to send."""
        return self.sql("SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0] == 0


@dataclass
class Process:
    """A running process of the hub and what it printed."""

    child: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """All that the process printed."""
        return self.log.read_text()


Start = Callable[..., AbstractContextManager[Process]]
"""Starts a command in a context, at whose end it is stopped."""


RELAY = ("-m", "shared.relay", "imaging")
WORKER = (
    "-m", "celery", "-A", "trial_tasks", "worker", "-Q", ",".join(queues_of("imaging")),
    "-P", "prefork", "--concurrency", "1", "-n", "trial@%h", "--without-gossip", "--without-mingle",
)  # fmt: skip


def task_headers(task: str = Event.STUDY_COMPLETED) -> dict[str, Any]:
    return {"task": str(task), "id": "trial", "lang": "py", "lane": "routine"}


def task_body(message: Message) -> bytes:
    return orjson.dumps([[message.bundle], {}, {}])


def exists(post: Post, queue: str) -> bool:
    with post.channel() as channel:
        try:
            channel.queue_declare(queue, passive=True)
        except ChannelClosedByBroker:
            return False
    return True
