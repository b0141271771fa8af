"""The loop from the outbox to the broker: take what is due, send it, mark it, commit; the batch is the unit."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from shared import db, outbox
from shared.errors import Unavailable
from shared.relay.wire import Verdict, Wire
from shared.telemetry import log

LARGEST_BATCH = 300
"""Confirms in the air at a time; more gains nothing (measured), and a crash repeats up to this many."""

FIRST_BATCH = 32

HEAVY_BYTES = 8 * 1024 * 1024
"""A batch that weighs more makes the next one smaller, or large bodies would fill the memory."""

POLL_SECONDS = 1.0
"""How late a delayed row, or one whose NOTIFY was lost, can be."""


@dataclass
class Bell:
    """Wakes postmen: the first at every NOTIFY, all of them when there is more than one can carry."""

    first: threading.Event = field(default_factory=threading.Event)
    others: threading.Event = field(default_factory=threading.Event)

    def ring_all(self) -> None:
        """There is a full load."""
        self.first.set()
        self.others.set()


class Postman(threading.Thread):
    """One publishing thread; while it waits for the broker another one loads and commits."""

    def __init__(self, service: str, wire: Wire, bell: Bell, wake: threading.Event, stop: threading.Event) -> None:
        super().__init__(name="postman", daemon=True)
        self._service = service
        self._wire = wire
        self._bell = bell
        self._wake = wake
        self._stopping = stop
        self._limit = FIRST_BATCH

    def run(self) -> None:
        """Carry until told to stop; an outage is waited for."""
        while not self._stopping.is_set():
            if not self._wire.wait_ready(POLL_SECONDS):
                continue
            self._wake.clear()
            try:
                full = self._carry()
            except (Unavailable, DBAPIError) as error:
                log.warning("outbox_away", error=type(error).__name__)
                self._stopping.wait(POLL_SECONDS)
                continue
            if full:
                self._bell.ring_all()
            else:
                self._wake.wait(POLL_SECONDS)

    def _carry(self) -> bool:
        limit = self._limit
        with db.transaction(self._service) as session:
            rows = outbox.waiting(session, limit)
            if not rows:
                return False
            verdict = self._wire.publish(rows)
            refused = blamed(rows, verdict)
            outbox.mark_published(session, verdict.published)
            outbox.mark_refused(session, refused)
        if refused:
            log.error("messages_refused", rows=sorted(refused))
        self._limit = next_limit(rows, verdict)
        return len(rows) == limit


def blamed(rows: Sequence[Row[Any]], verdict: Verdict) -> dict[int, str]:
    """The rows that the broker does not take; of a closed channel, the row is known once it went alone."""
    if verdict.closed is not None and len(rows) == 1:
        return {rows[0].id: verdict.closed}
    return verdict.refused


def next_limit(rows: Sequence[Row[Any]], verdict: Verdict) -> int:
    """Half as many after a closed channel (until the culprit goes alone) or a heavy batch, else twice as many."""
    if verdict.closed is not None or sum(len(row.body) for row in rows) > HEAVY_BYTES:
        return max(1, len(rows) // 2)
    return min(2 * len(rows), LARGEST_BATCH) if len(rows) > 1 else FIRST_BATCH
