"""The relay's connection to the broker: declared, kept open, opened again after every loss.

Source: https://pika.readthedocs.io/en/stable/examples/asynchronous_publisher_example.html
"""

import random
import threading
from collections.abc import Sequence
from typing import Protocol

import amqp.exceptions
import kombu.exceptions
import pika

from shared import topology
from shared.telemetry import log

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 3.0
"""Seconds between tries to connect; doubled each time, with jitter, so that relays do not come back in step. A broker
that is back must not wait for its relays: there are few of them, and a try costs it little."""


class Extension(Protocol):
    """Something that lives on channels of the line; both are called in the line's thread."""

    def opened(self, connection: pika.SelectConnection) -> None:
        """The line is up: open channels."""

    def lost(self) -> None:
        """The line is down: nothing sent on it will be answered."""


class Line(threading.Thread):
    """A thread that runs pika's event loop for its extensions until it is closed."""

    def __init__(self, url: str, extensions: Sequence[Extension]) -> None:
        super().__init__(name="line", daemon=True)
        self._url = url
        self._extensions = extensions
        self._closing = threading.Event()
        self._connection: pika.SelectConnection | None = None
        self._pause = SHORTEST_PAUSE

    def run(self) -> None:
        """Connect, serve, and connect again."""
        while not self._closing.is_set():
            try:
                topology.declare(self._url)
                self._serve()
            except (kombu.exceptions.OperationalError, *_BROKEN) as error:
                log.warning("broker_away", error=type(error).__name__)
            self._closing.wait(self._pause * random.uniform(0.5, 1))  # noqa: S311 (spreads the tries, keeps no secret)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def close(self) -> None:
        """End the thread; called from another one."""
        self._closing.set()
        if (connection := self._connection) is not None:
            connection.ioloop.add_callback_threadsafe(lambda: connection.is_open and connection.close())

    def _serve(self) -> None:
        parameters = pika.URLParameters(self._url)
        parameters.heartbeat = 20
        parameters.blocked_connection_timeout = 60
        connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._ended,
            on_close_callback=self._ended,
        )
        self._connection = connection
        try:
            connection.ioloop.start()
        finally:
            self._connection = None
            for extension in self._extensions:
                extension.lost()
            connection.ioloop.close()

    def _opened(self, connection: pika.SelectConnection) -> None:
        log.info("broker_reached")
        self._pause = SHORTEST_PAUSE
        for extension in self._extensions:
            extension.opened(connection)
        if self._closing.is_set():
            connection.close()

    def _ended(self, connection: pika.SelectConnection, error: BaseException) -> None:
        if not self._closing.is_set():
            log.warning("broker_away", error=type(error).__name__)
        connection.ioloop.stop()


_BROKEN = (OSError, pika.exceptions.AMQPError, amqp.exceptions.AMQPError)
