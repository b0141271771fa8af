"""Celery's consumer, cured: a message that cannot be read is rejected, in silence, and so a dead letter.

Stock Celery acknowledges what it cannot decode (gone), dies of a body of the wrong shape (and so does the next
worker), prints bodies into the log, and declares 28 queues for delays that this hub keeps as rows.
Source: celery/worker/consumer/consumer.py of 5.7.0.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from celery.worker.consumer import consumer
from celery.worker.state import maybe_shutdown

from shared import topology
from shared.process import BEAT_SECONDS, beat
from shared.telemetry import log
from shared.worker.metrics import MESSAGES

FORBIDDEN_HEADERS = ("eta", "expires")
"""Celery would keep the one in its memory and acknowledge the other unheard."""


class Consumer(consumer.Consumer):
    """Takes in the hub's own messages, `[[bundle], {}, {}]` under the name of a registered task, and nothing else."""

    class Blueprint(consumer.Consumer.Blueprint):
        """Celery's steps without the delay queues."""

        default_steps: ClassVar = [
            step for step in consumer.Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        ]

    def connect(self) -> Any:  # noqa: ANN401 (kombu's connection)
        """Find every queue there, whichever process of the hub starts first."""
        connection = super().connect()
        topology.declare_on(connection)
        return connection

    def ensure_connected(self, conn: Any) -> Any:  # noqa: ANN401 (kombu's connection)
        """Try for as long as it takes: an outage is no reason to be restarted."""
        return conn.ensure_connection(
            self._away, None, interval_start=1, interval_step=1, interval_max=3, callback=self._waiting
        )

    def register_with_event_loop(self, hub: Any) -> None:  # noqa: ANN401 (kombu's event loop)
        """Beat from the very loop that takes messages, so that a loop that hangs is seen."""
        super().register_with_event_loop(hub)
        hub.call_repeatedly(BEAT_SECONDS, beat)

    def create_task_handler(self, promise: Any = consumer.promise) -> Callable[[Any], None]:  # noqa: ANN401 (vine's)
        """Look before Celery does."""
        take = super().create_task_handler(promise)

        def receive(message: Any) -> None:  # noqa: ANN401 (kombu's message)
            try:
                if _is_ours(message):
                    take(message)
                else:
                    self._refuse(message)
            except self.connection_errors:
                raise
            except Exception as error:  # noqa: BLE001 (the worker must outlive any message)
                self._refuse(message, type(error).__name__)

        return receive

    def on_decode_error(self, message: Any, exc: Exception) -> None:  # noqa: ANN401 (kombu's message)
        """Not JSON, not UTF-8, not a content type that is read here."""
        self._refuse(message, type(exc).__name__)

    def on_unknown_message(self, _: Any, message: Any) -> None:  # noqa: ANN401 (kombu's message)
        """No headers of a task."""
        self._refuse(message)

    def on_unknown_task(self, _: Any, message: Any, exc: Exception) -> None:  # noqa: ANN401 (kombu's message)
        """An event that this service does not hear."""
        self._refuse(message, type(exc).__name__)

    def on_invalid_task(self, _: Any, message: Any, exc: Exception) -> None:  # noqa: ANN401 (kombu's message)
        """Headers that Celery cannot use."""
        self._refuse(message, type(exc).__name__)

    def _refuse(self, message: Any, error: str = "WrongShape") -> None:  # noqa: ANN401 (kombu's message)
        message.reject_log_error(consumer.logger, self.connection_errors)
        MESSAGES.labels(self.app.main, "unreadable", "dead").inc()
        log.error("message_refused", error=error)

    def _away(self, error: Exception, seconds: float) -> None:
        log.warning("broker_away", error=type(error).__name__, again_in=seconds)

    def _waiting(self) -> None:
        beat()
        maybe_shutdown()


def _is_ours(message: Any) -> bool:  # noqa: ANN401 (kombu's message)
    if any((message.headers or {}).get(name) for name in FORBIDDEN_HEADERS):
        return False
    match message.payload:
        case [[dict()], dict() as named, dict() as embedded]:
            return not named and not any(embedded.values())
        case _:
            return False
