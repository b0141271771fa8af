"""`python -m services.imaging.listener`: take DICOM associations until SIGTERM."""

import signal
import sys
import threading
from typing import Final

from services.imaging import dimse, files
from services.imaging.listener.errands import Errands
from services.imaging.listener.server import Server
from services.imaging.settings import settings
from services.imaging.together import Together
from shared.errors import HubError
from shared.process import BEAT_SECONDS, beat, serve_metrics
from shared.telemetry import configure, log

LAST_MESSAGE_S: Final = 20.0
"""How long a sender in the middle of an instance may take to end it when the process is asked to stop."""


def main() -> int:
    """Start every thread and watch them; an outage ends none of them, a bug ends the process.

    Returns:
        0 after SIGTERM or SIGINT, 1 when a thread died.
    """
    configure("imaging", "dimse")
    threading.excepthook = _log_death
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    chosen = settings()
    errands = Errands(chosen)
    server = Server(chosen, dimse.server_context(chosen), record=Together(settings).ask, asked=errands.ring)
    serve_metrics()
    threads: list[threading.Thread] = [errands, server]
    for thread in threads:
        thread.start()
    log.info("spool_swept", files=files.sweep(chosen.store_dir))
    log.info("listener_started", title=chosen.ae_title, port=chosen.dimse_port, senders=len(chosen.dimse_senders))
    dead: list[str] = []
    while not stop.is_set() and not dead:
        beat()
        stop.wait(BEAT_SECONDS)
        dead = [thread.name for thread in threads if not thread.is_alive()]
    if dead:
        log.critical("thread_died", threads=dead)
    server.close(LAST_MESSAGE_S)
    errands.stop()
    log.info("listener_stopped")
    return 1 if dead else 0


def _log_death(arguments: threading.ExceptHookArgs) -> None:
    """Python would print the exception's text, which may quote a patient."""
    log.critical("thread_failed", error=arguments.exc_type.__name__, exc_info=arguments.exc_value)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HubError as problem:
        sys.exit(f"{problem.message}. {problem.fix or ''}")
