"""Exchanges, queues and bindings of the whole hub, made from `shared.events` and declared by every relay.

Sources: https://www.rabbitmq.com/docs/quorum-queues, https://www.rabbitmq.com/docs/ae
"""

from typing import Any

from kombu import Connection, Exchange, Queue, binding

from shared.events import (
    APART,
    DEAD_LETTERS_EXCHANGE,
    EVENTS_EXCHANGE,
    SUBSCRIPTIONS,
    UNROUTED,
    Event,
    Lane,
    dead_letters_of,
    queue_of,
    routing_key,
)

DELIVERY_LIMIT = 20
"""Deliveries of one message before the broker gives it up: the default of RabbitMQ 4."""

EVENTS = Exchange(EVENTS_EXCHANGE, "topic", durable=True, arguments={"alternate-exchange": UNROUTED})
UNROUTED_EXCHANGE = Exchange(UNROUTED, "fanout", durable=True)
DEAD_LETTERS = Exchange(DEAD_LETTERS_EXCHANGE, "direct", durable=True)

FIRST_WITH_A_DEFAULT_LIMIT = 4
"""From this RabbitMQ on a quorum queue has a delivery limit unless it is told not to."""


def work_queue(service: str, lane: Lane, heard: frozenset[Event]) -> Queue:
    """The queue in which a service hears events; what it gives up goes to the service's dead letters, at least once."""
    keys = [f"#.{lane}"] if heard == frozenset(Event) else [routing_key(event, lane) for event in sorted(heard)]
    return Queue(
        queue_of(service, lane, min(heard)),
        bindings=[binding(EVENTS, routing_key=key) for key in keys],
        durable=True,
        no_declare=True,  # Celery would bind it to an exchange of its own; `declare` is the only place
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_LETTERS_EXCHANGE,
            "x-dead-letter-routing-key": service,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def work_queues(service: str) -> list[Queue]:
    """A service's queues, one a lane, and as many for each work that is kept apart."""
    apart = list(APART.get(service, {}).values())
    together = SUBSCRIPTIONS[service].difference(*apart)
    return [work_queue(service, lane, heard) for heard in (together, *apart) for lane in Lane]


def declare(url: str) -> None:
    """Declare everything that any service needs, so that no event is published past a queue that is yet to come.

    Raises:
        kombu.exceptions.OperationalError: the broker cannot be reached.
    """
    with Connection(url, connect_timeout=5) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        declare_on(connection)


def declare_on(connection: Connection) -> None:
    """The same on a connection that is open; what is there already stays as it is."""
    channel = connection.default_channel
    endless = _no_limit(str(connection.connection.server_properties.get("version", "")))
    for exchange in (UNROUTED_EXCHANGE, DEAD_LETTERS, EVENTS):
        exchange(channel).declare()
    Queue(UNROUTED, UNROUTED_EXCHANGE, queue_arguments=endless, durable=True)(channel).declare()
    for service in sorted(SUBSCRIPTIONS):
        letters = Queue(dead_letters_of(service), DEAD_LETTERS, service, queue_arguments=endless, durable=True)
        letters(channel).declare()
        for queue in work_queues(service):
            _declare_work(queue(channel))
        _part(service, channel)


def _declare_work(queue: Queue) -> None:
    queue.queue_declare()
    for bound in queue.bindings:
        queue.bind_to(EVENTS_EXCHANGE, routing_key=bound.routing_key)


def _part(service: str, channel: Any) -> None:  # noqa: ANN401 (kombu's channel)
    """What is apart was once heard together: the broker keeps such a binding, and would send it twice."""
    for events in APART.get(service, {}).values():
        for event in events:
            for lane in Lane:
                channel.queue_unbind(queue_of(service, lane), EVENTS_EXCHANGE, routing_key(event, lane))


def _no_limit(version: str) -> dict[str, Any]:
    """Peeking at a limited queue of dead letters destroys them; older brokers have no limit and refuse a -1."""
    major = int(version.partition(".")[0] or 0)
    unlimited = {"x-delivery-limit": -1} if major >= FIRST_WITH_A_DEFAULT_LIMIT else {}
    return {"x-queue-type": "quorum", **unlimited}
