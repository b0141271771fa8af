"""Hears the NOTIFY of a committed outbox row, so that nothing waits for the next poll.

Source: https://www.postgresql.org/docs/current/sql-notify.html
"""

import threading

import psycopg

from shared import settings
from shared.telemetry import log
from shared.wake import CHANNEL

PAUSE_SECONDS = 1.0


class Ear(threading.Thread):
    """A thread with a connection of its own that listens; while it is deaf the poll carries on."""

    def __init__(self, service: str, wake: threading.Event, stop: threading.Event) -> None:
        super().__init__(name="ear", daemon=True)
        self._address = settings.database_url(service).replace("+psycopg", "", 1)
        self._wake = wake
        self._stopping = stop

    def run(self) -> None:
        """Listen until told to stop; a lost connection is made again."""
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                log.warning("notify_away", error=type(error).__name__)
                self._stopping.wait(PAUSE_SECONDS)

    def _listen(self) -> None:
        with psycopg.connect(self._address, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._wake.set()
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=PAUSE_SECONDS, stop_after=1):
                    self._wake.set()
