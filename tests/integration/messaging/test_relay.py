"""From the outbox to the broker: nothing lost, nothing in the way, whatever dies."""

from datetime import UTC, datetime, timedelta

import pytest
from hands import Post, Process, exists, order, until

from shared import db, topology
from shared.embedded import Stack
from shared.events import SUBSCRIPTIONS, dead_letters_of, queues_of

TOO_LARGE = 17 * 1024 * 1024
"""More than the broker takes (16 MiB)."""


def raw_row(post: Post, key: str, body: str) -> int:
    made = post.sql(
        "INSERT INTO outbox (exchange, routing_key, task, message_id, correlation, lane, body)"
        " VALUES ('', %s, 'imaging.study-completed', gen_random_uuid()::text, 'c', 'routine', %s) RETURNING id",
        key,
        body,
    )
    return int(made[0][0])


@pytest.mark.usefixtures("relay")
def test_every_queue_of_every_service_is_there_once_a_relay_is_up(post: Post) -> None:
    queues = [queue for service in SUBSCRIPTIONS for queue in queues_of(service)]

    for queue in [*queues, *map(dead_letters_of, SUBSCRIPTIONS), "hub.unrouted"]:
        assert exists(post, queue), queue


@pytest.mark.usefixtures("relay")
def test_rows_that_the_broker_refuses_keep_its_reason_and_stand_in_nobodys_way(post: Post) -> None:
    lost = raw_row(post, "no.such.queue", "[]")
    large = raw_row(post, "imaging.stat", "x" * TOO_LARGE)
    good = [order("store") for _ in range(20)]
    post.say(*good)

    until(lambda: len(post.sql("SELECT 1 FROM outbox WHERE published_at IS NOT NULL")) == len(good))
    errors = until(lambda: len(found := post.sql("SELECT id, error FROM outbox WHERE error <> ''")) == 2 and found)
    assert dict(errors)[lost] == "312 NO_ROUTE"
    assert dict(errors)[large].startswith("406 PRECONDITION_FAILED - message size")
    assert post.sql("SELECT count(*) FROM outbox WHERE due_at > now() + interval '1 minute'") == [(2,)]


@pytest.mark.usefixtures("relay")
def test_a_delayed_row_is_published_when_it_is_due_and_not_before(post: Post) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    later, now = order("store"), order("store")
    post.say(later, due_at=due)
    post.say(now)

    until(lambda: len(post.sql("SELECT 1 FROM outbox WHERE published_at IS NOT NULL")) == 1)
    assert post.sql("SELECT message_id FROM outbox WHERE published_at IS NULL") == [(later.id,)]
    until(post.all_published)
    assert post.sql("SELECT published_at >= %s FROM outbox WHERE message_id = %s", due, later.id) == [(True,)]


def test_a_relay_outlives_its_database(post: Post, relay: Process, hub_stack: Stack) -> None:
    hub_stack.kill_database()
    hub_stack.start_database()
    db.engine.cache_clear()
    message = order("store")
    post.say(message)

    until(post.all_published)
    assert relay.child.poll() is None


@pytest.mark.parametrize(
    ("event", "own"), [("results-due", "imaging.results.routine"), ("shadow-due", "imaging.shadow.routine")]
)
def test_what_an_older_hub_heard_together_comes_by_its_own_queue_alone(post: Post, event: str, own: str) -> None:
    with post.channel() as channel:
        channel.queue_bind("imaging.routine", "hub.events", f"imaging.{event}.routine")
        topology.declare(post.broker)
        channel.basic_publish("hub.events", f"imaging.{event}.routine", b"{}")
    assert len(until(lambda: post.take_all(own))) == 1
    assert not post.take_all("imaging.routine")
