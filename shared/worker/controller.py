"""A worker's parent process: what must hold before it starts, its logs, its metrics, its children."""

import logging
import os
from pathlib import Path
from typing import Any

from celery import signals
from celery.app import log as celery_log
from celery.apps import worker
from prometheus_client import multiprocess

from shared import db, migrate
from shared.errors import HubError, Unavailable
from shared.events import SUBSCRIPTIONS
from shared.process import be_nice_as_a_session, beat, exposure, serve_metrics
from shared.telemetry import configure, log


class NotReady(HubError):
    """The worker must not start like this."""


class Logging(celery_log.Logging):
    """The hub's JSON logs instead of Celery's."""

    def setup_logging_subsystem(self, *_: Any, **__: Any) -> bool:  # noqa: ANN401 (Celery's arguments)
        """Say that it is taken care of.

        Celery's own line on a task that failed quotes the exception; `message_failed` says it without.
        """
        configure(self.app.main, "worker")
        logging.getLogger("celery.app.trace").setLevel(logging.CRITICAL)
        return True


class Controller(worker.Worker):
    """Celery's worker, which checks first and prints no banner."""

    def on_before_init(self, **kwargs: Any) -> None:  # noqa: ANN401 (Celery's arguments)
        """Start only with a handler for every event heard, and on a database that has what the code needs."""
        super().on_before_init(**kwargs)
        try:
            check(self.app.main, {name for name in self.app.tasks if not name.startswith("celery.")})
        except HubError as error:
            raise SystemExit(f"{error.message}. {error.fix or ''}") from None
        be_nice_as_a_session()
        serve_metrics()
        beat()

    def emit_banner(self) -> None:
        """One line of JSON is enough."""
        log.info("worker_started", concurrency=self.concurrency)


def check(service: str, registered: set[str]) -> None:
    """Whether this worker may start.

    Raises:
        NotReady: it would lose or refuse messages.
    """
    heard = {str(event) for event in SUBSCRIPTIONS[service]}
    if registered != heard:
        differing = ", ".join(sorted(registered ^ heard))
        raise NotReady(f"Handlers and subscriptions of {service} differ: {differing}", fix="See shared/events.py.")
    if exposure().metrics_port is not None and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        raise NotReady("PROMETHEUS_MULTIPROC_DIR is not set", fix="Name an empty folder: children count there.")
    try:
        current = migrate.is_current(service)
    except Unavailable:
        return
    if not current:
        raise NotReady(f"The database of {service} is older than this code", fix=f"Run `hub migrate {service}` first.")


@signals.worker_init.connect
def _forget_dead_processes(**_: Any) -> None:  # noqa: ANN401 (Celery's arguments)
    """What an earlier parent's children counted must not be counted again."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(folder).glob("*.db") if folder else ():
        if file.stem.rpartition("_")[2] != str(os.getpid()):
            file.unlink()


@signals.worker_process_init.connect
def _start_child(**_: Any) -> None:  # noqa: ANN401 (Celery's arguments)
    """A child shares neither the parent's connections nor its port."""
    db.engine.cache_clear()
    if (inherited := serve_metrics()) is not None:
        inherited.close()


@signals.worker_process_shutdown.connect
def _end_child(pid: int, **_: Any) -> None:  # noqa: ANN401 (Celery's arguments)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]  # untyped in the library
