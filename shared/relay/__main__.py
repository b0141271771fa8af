"""`python -m shared.relay <service>`: run the postman of a service until SIGTERM."""

import signal
import sys
import threading
import time

from prometheus_client import REGISTRY
from sqlalchemy.exc import DBAPIError

from shared import broker, db, inbox, outbox, sittings
from shared.errors import HubError, Unavailable
from shared.events import SUBSCRIPTIONS
from shared.process import BEAT_SECONDS, beat, serve_metrics
from shared.relay.ear import Ear
from shared.relay.gauges import Gauges
from shared.relay.letters import Letters
from shared.relay.line import Line
from shared.relay.postman import Bell, Postman
from shared.relay.wire import Wire
from shared.telemetry import configure, log

POSTMEN = 2
"""One loads and commits while the other waits for the broker; more only contend for the interpreter."""

PURGE_SECONDS = 3600.0


def main(service: str) -> int:
    """Start every thread and watch them; an outage ends none of them, a bug ends the process.

    Returns:
        0 after SIGTERM or SIGINT, 1 when a thread died.
    """
    configure(service, "relay")
    threading.excepthook = _log_death
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bell = Bell()
    wires = [Wire() for _ in range(POSTMEN)]
    letters = Letters(service, stop)
    line = Line(broker.url(), [*wires, letters])
    postmen = [
        Postman(service, wire, bell, bell.others if number else bell.first, stop) for number, wire in enumerate(wires)
    ]
    threads: list[threading.Thread] = [line, letters, Ear(service, bell.first, stop), *postmen]
    REGISTRY.register(Gauges(service))
    serve_metrics()
    for thread in threads:
        thread.start()
    log.info("relay_started")
    alive = _watch(service, threads, stop)
    stop.set()
    bell.ring_all()
    for postman in postmen:
        postman.join()
    line.close()
    line.join(BEAT_SECONDS)
    log.info("relay_stopped")
    return 0 if alive else 1


def _watch(service: str, threads: list[threading.Thread], stop: threading.Event) -> bool:
    purged = time.monotonic()
    while not stop.is_set():
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead:
            log.critical("thread_died", threads=dead)
            return False
        beat()
        stop.wait(BEAT_SECONDS)
        if time.monotonic() - purged > PURGE_SECONDS:
            _purge(service)
            purged = time.monotonic()
    return True


def _log_death(arguments: threading.ExceptHookArgs) -> None:
    """Python would print the exception's text, which may quote a patient."""
    error = arguments.exc_value
    log.critical("thread_failed", error=arguments.exc_type.__name__, exc_info=error)


def _purge(service: str) -> None:
    try:
        with db.transaction(service) as session:
            outbox.purge(session)
            inbox.purge(session)
            sittings.purge(session)
    except (Unavailable, DBAPIError) as error:
        log.warning("purge_away", error=type(error).__name__)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in SUBSCRIPTIONS:  # noqa: PLR2004 (the program and one service)
        sys.exit(f"Usage: python -m shared.relay {'|'.join(sorted(SUBSCRIPTIONS))}")
    try:
        sys.exit(main(sys.argv[1]))
    except HubError as problem:
        sys.exit(f"{problem.message}. {problem.fix or ''}")
