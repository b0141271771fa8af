"""Each way in which Celery loses a message, and that here none is lost."""

import orjson
import pytest
from hands import CANARY, Post, Process, exists, order, task_body, task_headers, until

from shared.embedded import Stack

GOOD = order("store")

BAD_MESSAGES = {
    "no JSON": (b"{" + CANARY.encode(), {}),
    "no UTF-8": (b'["\xff\xfe ' + CANARY.encode() + b'"]', {}),
    "a number": (b"1", {}),
    "an object": (orjson.dumps({"args": [CANARY]}), {}),
    "arguments only": (orjson.dumps([[CANARY]]), {}),
    "an argument that is no Bundle": (orjson.dumps([[CANARY], {}, {}]), {}),
    "a resource that is no message": (orjson.dumps([[{"resourceType": CANARY}], {}, {}]), {}),
    "named arguments": (orjson.dumps([[{}], {CANARY: 1}, {}]), {}),
    "a callback": (orjson.dumps([[GOOD.bundle], {}, {"callbacks": [{"task": CANARY}]}]), {}),
    "an unknown task": (task_body(GOOD), {"headers": task_headers("imaging.unheard-of")}),
    "an event that is not its task": (task_body(GOOD), {"headers": task_headers("gateway.order-revoked")}),
    "another content type": (CANARY.encode(), {"content_type": "application/x-python-serialize"}),
    "no headers": (task_body(GOOD), {"headers": None}),
    "an ETA": (task_body(GOOD), {"headers": task_headers() | {"eta": "2099-01-01T00:00:00+00:00"}}),
    "an expiry": (task_body(GOOD), {"headers": task_headers() | {"expires": "2001-01-01T00:00:00+00:00"}}),
    "an attempt that is no number": (task_body(GOOD), {"headers": task_headers() | {"attempt": CANARY}}),
}


def test_bad_messages_all_become_dead_letters_and_the_worker_lives_on(
    post: Post, worker: Process, relay: Process
) -> None:
    numbers = {
        kind: post.put(body, **({"headers": task_headers()} | properties))
        for kind, (body, properties) in BAD_MESSAGES.items()
    }
    good = order("store")
    post.say(good)

    until(lambda: post.effects(good.id) == 1)
    for kind, number in numbers.items():
        letter = until(lambda number=number: post.letter(number))
        assert letter["reason"] == "rejected", kind
    assert worker.child.poll() is None
    assert CANARY not in worker.output() + relay.output()


@pytest.mark.parametrize("do", ["raise", "outlast the soft limit"])
def test_a_handler_that_fails_makes_a_dead_letter_and_its_text_stays_out_of_the_log(
    post: Post, worker: Process, relay: Process, do: str
) -> None:
    failing = order(do)
    post.say(failing)

    letter = until(lambda: post.letter(failing.id))
    assert letter["reason"] == "rejected"
    assert letter["queue"] == "imaging.routine"
    assert "message_failed" in worker.output()
    assert CANARY not in worker.output() + relay.output()


@pytest.mark.usefixtures("worker")
def test_the_same_message_three_times_has_one_effect(post: Post) -> None:
    message = order("store")
    for _ in range(3):
        post.put(task_body(message), headers=task_headers(), message_id=message.id)
    last = order("store")
    post.put(task_body(last), headers=task_headers(), message_id=last.id)

    until(lambda: post.effects(last.id) == 1)
    assert post.effects(message.id) == 1


@pytest.mark.usefixtures("worker", "relay")
def test_a_message_is_retried_as_rows_then_a_dead_letter_and_the_service_says_so(post: Post) -> None:
    message = order("find a neighbour down")
    post.say(message)

    letter = until(lambda: post.letter(message.id))
    assert (letter["reason"], letter["attempt"]) == ("rejected", 2)
    attempts = post.sql("SELECT attempt FROM outbox WHERE message_id = %s ORDER BY id", message.id)
    assert attempts == [(0,), (1,), (2,)]
    assert post.sql("SELECT task FROM outbox WHERE message_id != %s", message.id) == [("imaging.study-held",)]


@pytest.mark.usefixtures("worker", "relay")
def test_a_redelivery_does_not_fork_the_retries(post: Post) -> None:
    message = order("find a neighbour down")
    for _ in range(2):
        post.put(task_body(message), headers=task_headers(), message_id=message.id)

    until(lambda: post.letter(message.id))
    until(post.all_published)
    rows = post.sql("SELECT attempt FROM outbox WHERE message_id = %s ORDER BY attempt", message.id)
    assert rows == [(1,), (2,)]


@pytest.mark.usefixtures("relay")
def test_a_worker_waits_for_its_database_and_gives_the_message_back_in_time(
    post: Post, worker: Process, hub_stack: Stack
) -> None:
    until(lambda: "trial@" in worker.output() and "ready" in worker.output())
    message = order("store")
    hub_stack.kill_database()
    try:
        post.put(task_body(message), headers=task_headers(), message_id=message.id)
        until(lambda: "message_returned" in worker.output())
    finally:
        hub_stack.start_database()

    until(lambda: post.effects(message.id) == 1)


def test_no_queues_for_delays_are_declared(post: Post, worker: Process) -> None:
    until(lambda: "ready" in worker.output())

    assert exists(post, "imaging.stat")
    assert not exists(post, "celery_delayed_0")
    assert not exists(post, "celery_delayed_27")
