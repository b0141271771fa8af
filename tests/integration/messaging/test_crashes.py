"""A relay or a broker that dies in the middle; each test runs its own relay."""

import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hands import RELAY, WORKER, Post, Start, order, task_body, task_headers, until

from shared import db, outbox
from shared.embedded import Stack
from shared.embedded.machine import free_port

HEARD_BY_ALL = "results_sharing.routine"
"""A queue that nobody empties here, so what was published can be counted."""


def test_a_relay_killed_between_publish_and_commit_publishes_twice_and_the_effect_is_once(
    post: Post, start: Start
) -> None:
    message = order("store")
    post.sql("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS"
             " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END $$")  # fmt: skip
    post.sql("CREATE TRIGGER hold BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION hold()")
    with psycopg.connect(post.database) as barrier, start(*WORKER) as worker:
        barrier.execute("SELECT pg_advisory_xact_lock(42)")
        with start(*RELAY) as relay:
            post.say(message)
            until(lambda: post.effects(message.id) == 1)
            relay.child.kill()
            relay.child.wait()
        barrier.rollback()
        post.sql("DROP TRIGGER hold ON outbox")
        post.sql("DROP FUNCTION hold")
        with start(*RELAY):
            until(post.all_published)
            last = order("store")
            post.say(last)
            until(lambda: post.effects(last.id) == 1)
        assert worker.child.poll() is None

    copies = [properties.message_id for properties, _ in post.take_all(HEARD_BY_ALL)]
    assert copies.count(message.id) == 2
    assert post.effects(message.id) == 1


def test_a_broker_killed_while_messages_go_out_loses_none(post: Post, start: Start, hub_stack: Stack) -> None:
    messages = [order("store") for _ in range(1500)]
    post.say(*messages)
    with start(*RELAY) as relay:
        until(lambda: post.sql("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL")[0][0] > 0)
        hub_stack.kill_broker()
        hub_stack.start_broker()
        until(post.all_published)
        assert relay.child.poll() is None

    published = {properties.message_id for properties, _ in post.take_all(HEARD_BY_ALL)}
    assert published == {message.id for message in messages}


@pytest.mark.usefixtures("post")
def test_a_relay_says_what_waits_and_that_it_lives(start: Start, tmp_path: Path) -> None:
    heartbeat, port = tmp_path / "heartbeat", free_port()
    with db.transaction("imaging") as session:
        outbox.add(session, order("store"), due_at=datetime.now(UTC) + timedelta(hours=1))
    own = {"HUB_IMAGING_STORE_DIR": str(tmp_path), "HUB_IMAGING_ISSUERS": "{}"}  # its gauges ask for them
    with start(*RELAY, HUB_METRICS_PORT=str(port), HUB_HEARTBEAT_FILE=str(heartbeat), **own) as relay:
        until(heartbeat.exists)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            metrics = answer.read().decode()
        relay.child.terminate()
        assert relay.child.wait(20) == 0

    assert 'hub_outbox_delayed{service="imaging"} 1.0' in metrics
    assert 'hub_database_up{service="imaging"} 1.0' in metrics


def test_a_worker_counts_in_its_children_and_its_parent_answers(post: Post, start: Start, tmp_path: Path) -> None:
    heartbeat, port = tmp_path / "heartbeat", free_port()
    told = {"HUB_METRICS_PORT": str(port), "HUB_HEARTBEAT_FILE": str(heartbeat)}
    good, bad = order("store"), order("raise")
    with start(*WORKER, PROMETHEUS_MULTIPROC_DIR=str(tmp_path), **told):
        for message in (bad, good):
            post.put(task_body(message), headers=task_headers(), message_id=message.id)
        post.put(b"{", headers=task_headers())
        until(lambda: post.effects(good.id) == 1)
        metrics = until(lambda: (text := scrape(port)).count("hub_messages_total{") == 3 and text)

    assert heartbeat.exists()
    for event, outcome in [
        ("imaging.study-completed", "done"),
        ("imaging.study-completed", "dead"),
        ("unreadable", "dead"),
    ]:
        assert f'hub_messages_total{{event="{event}",outcome="{outcome}",service="imaging"}} 1.0' in metrics


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())
