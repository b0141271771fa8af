"""The Celery application of a service: its handlers, and the settings without which Celery loses messages.

Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

from celery import Celery, Task

from shared import broker, topology
from shared.events import Event, Lane, queue_of
from shared.worker.delivery import Exhausted, Subscription, hear

RETRIES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""How long a message waits before each retry when a neighbour is down; after the last it is a dead letter."""

LIMIT = timedelta(minutes=10)
"""How long a handler may take; well below the 30 minutes after which RabbitMQ takes a message back."""

GRACE = timedelta(seconds=30)
"""From the soft limit, which a handler can see, to the hard one, which kills its process."""

LOADING_SECONDS = 60
"""How long a new child may take to load its weights; Celery's own 4 s led to an endless respawn."""

Handler = TypeVar("Handler", bound=Callable[..., None])


class Application(Celery):
    """Celery's application with this hub's parent process and logs."""

    log_cls = "shared.worker.controller:Logging"

    @cached_property
    def Worker(self) -> Any:  # noqa: ANN401, N802 (Celery's name for its class)
        """What `celery worker` starts."""
        return self.subclass_with_self("shared.worker.controller:Controller", name="Worker")


class Worker:
    """The handlers of one service and the Celery application (`app`) that calls them.

    Args:
        service: whose queues it consumes.
        limit: how long a handler may take before its message is a dead letter.
    """

    def __init__(self, service: str, *, limit: timedelta = LIMIT) -> None:
        self.service = service
        self.limit = limit
        self.app = Application(service, set_as_current=False)
        self.app.add_defaults(self._config)
        self._heard: set[Event] = set()

    def on(
        self, event: Event, *, retries: Sequence[timedelta] = RETRIES, exhausted: Exhausted | None = None
    ) -> Callable[[Handler], Handler]:
        """Let a function hear an event; it stays the plain function that it was.

        Raising `Unavailable` in it brings the message back after the next of `retries`; anything else that it
        raises makes the message a dead letter.

        Args:
            exhausted: called in a transaction of its own after the last retry, to say what that means.

        Raises:
            ValueError: another function hears this event already.
        """
        if event in self._heard:
            raise ValueError(f"{self.service} has a handler for {event} already")
        self._heard.add(event)

        def register(handler: Handler) -> Handler:
            self._register(Subscription(self.service, event, handler, tuple(retries), exhausted))
            return handler

        return register

    def takes(self, event: Event) -> bool:
        """Whether this process consumes a queue in which the event is heard."""
        return any(queue_of(self.service, lane, event) in self.app.amqp.queues.consume_from for lane in Lane)

    def _register(self, subscription: Subscription) -> None:
        patience = self.limit * 0.8

        def task(bound: Task, *args: Any, **_: Any) -> None:  # noqa: ANN401 (a body can hold anything)
            hear(subscription, args, bound.request.headers or {}, patience=patience)

        self.app.task(task, bind=True, name=str(subscription.event), typing=False, shared=False)

    def _config(self) -> dict[str, Any]:
        return {
            "broker_url": broker.url(),
            "broker_connection_retry_on_startup": True,
            "broker_connection_max_retries": None,
            "broker_heartbeat": 20,
            "accept_content": ["json"],
            "task_queues": topology.work_queues(self.service),
            "task_default_queue": queue_of(self.service, Lane.ROUTINE),
            "task_create_missing_queues": False,
            "task_acks_late": True,
            "task_acks_on_failure_or_timeout": False,
            "task_reject_on_worker_lost": True,
            "task_ignore_result": True,
            "task_soft_time_limit": self.limit.total_seconds(),
            "task_time_limit": (self.limit + GRACE).total_seconds(),
            "worker_prefetch_multiplier": 1,
            "worker_pool": "prefork",
            "worker_proc_alive_timeout": LOADING_SECONDS,
            "worker_consumer": "shared.worker.consumer:Consumer",
            "worker_enable_remote_control": False,
            "worker_send_task_events": False,
            "worker_hijack_root_logger": False,
            "worker_redirect_stdouts": False,
            "worker_cancel_long_running_tasks_on_connection_loss": False,
        }
