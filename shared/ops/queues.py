"""What the broker says of a service's queues: asked passively, within seconds, or not at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kombu import Connection
from kombu.exceptions import OperationalError

from shared import broker, events
from shared.events import UNROUTED, dead_letters_of
from shared.ops.verdict import Queue
from shared.telemetry import log

PATIENCE_S: Final = 3
"""A page that waits longer is no page."""
UNROUTED_KEEPER: Final = "results_sharing"
"""Whose relay takes what no queue wanted."""


def queues_of(service: str) -> list[Queue]:
    """Those that a service should consume, not yet looked at."""
    lanes = [Queue(name, worker=True) for name in events.queues_of(service)]
    letters = [dead_letters_of(service), *([UNROUTED] if service == UNROUTED_KEEPER else [])]
    return [*lanes, *(Queue(name, worker=False) for name in letters)]


def ask(service: str, *, url: Callable[[], str] = broker.url) -> tuple[Queue, ...] | None:
    """Every queue with what waits and who consumes; None when the broker cannot be reached."""
    try:
        with connected(url()) as connection:
            return tuple(seen(connection, queue) for queue in queues_of(service))
    except (OperationalError, OSError) as error:
        log.warning("broker_not_reachable", error=type(error).__name__)
        return None


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that is tried once, and whose every answer comes within `PATIENCE_S`.

    Raises:
        OSError: there is nobody.
        kombu.exceptions.OperationalError: it says no.
    """
    options = {"read_timeout": PATIENCE_S, "write_timeout": PATIENCE_S}
    with Connection(url, connect_timeout=PATIENCE_S, transport_options=options) as connection:
        connection.connect()
        yield connection


def seen(connection: Connection, queue: Queue) -> Queue:
    """The queue as it is now; a passive declaration changes nothing."""
    try:
        with connection.channel() as channel:
            found = channel.queue_declare(queue.name, passive=True)
    except connection.channel_errors:
        return queue
    return Queue(queue.name, queue.worker, found.message_count, found.consumer_count)
