"""What the relay decides without a broker: batch sizes, blame, and how to read a letter of any shape."""

from types import SimpleNamespace
from typing import Any

import pytest
from pika import spec

from shared.events import SUBSCRIPTIONS, Event
from shared.outbox import OUTBOX
from shared.relay.letters import read_letter
from shared.relay.postman import FIRST_BATCH, HEAVY_BYTES, LARGEST_BATCH, blamed, next_limit
from shared.relay.wire import Verdict, properties_of
from shared.worker import Worker
from shared.worker.controller import NotReady, check


def rows(count: int, body: str = "[]") -> Any:
    return [SimpleNamespace(id=number, body=body) for number in range(count)]


@pytest.mark.parametrize(
    ("sent", "verdict", "limit"),
    [
        (rows(LARGEST_BATCH), Verdict(), LARGEST_BATCH),
        (rows(100), Verdict(), 200),
        (rows(100), Verdict(closed="406 too large"), 50),
        (rows(3), Verdict(closed="406 too large"), 1),
        (rows(1), Verdict(closed="406 too large"), 1),
        (rows(1), Verdict(), FIRST_BATCH),
        (rows(2, "x" * HEAVY_BYTES), Verdict(), 1),
    ],
)
def test_a_batch_is_halved_until_the_culprit_goes_alone_and_grows_again(
    sent: Any, verdict: Verdict, limit: int
) -> None:
    assert next_limit(sent, verdict) == limit


def test_of_a_closed_channel_only_a_row_that_went_alone_is_blamed() -> None:
    assert blamed(rows(2), Verdict(closed="406 too large")) == {}
    assert blamed(rows(1), Verdict(closed="406 too large")) == {0: "406 too large"}
    assert blamed(rows(2), Verdict(refused={1: "312 NO_ROUTE"})) == {1: "312 NO_ROUTE"}


def test_nothing_of_the_body_is_in_the_headers() -> None:
    columns: dict[str, Any] = dict.fromkeys(OUTBOX.columns.keys(), "said") | {"body": "a patient", "id": 7}
    properties = properties_of(SimpleNamespace(**columns))  # type: ignore[arg-type]  # a row's shape

    assert "a patient" not in repr(properties)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {"lane": 7, "attempt": "many", "replay": -1, "task": "a\0b"},
        {"x-death": []},
        {"x-death": [{"queue": "somebody.elses", "reason": "rejected"}]},
        {"attempt": 99999},
    ],
)
def test_a_letter_of_any_shape_can_be_stored_and_has_a_queue_to_go_back_to(headers: Any) -> None:
    method = spec.Basic.Deliver(exchange="", routing_key="imaging.dead-letters", delivery_tag=1)
    letter = read_letter("imaging", method, spec.BasicProperties(headers=headers), b"\xff")

    assert letter.queue == "imaging.routine"
    assert (letter.attempt, letter.replay) == (0, 0)
    assert "\0" not in letter.task
    assert letter.message_id.startswith("sha256:")


def test_a_worker_that_misses_a_handler_does_not_start() -> None:
    with pytest.raises(NotReady, match=r"gateway\.study-available"):
        check("imaging", {str(event) for event in SUBSCRIPTIONS["imaging"]} - {"gateway.study-available"})


def test_a_worker_that_hears_what_is_not_sent_to_it_does_not_start() -> None:
    with pytest.raises(NotReady, match=r"imaging\.study-held"):
        check("imaging", {str(event) for event in SUBSCRIPTIONS["imaging"]} | {"imaging.study-held"})


def test_an_event_has_one_handler_in_a_service() -> None:
    worker = Worker("imaging")
    worker.on(Event.STUDY_COMPLETED)

    with pytest.raises(ValueError, match="already"):
        worker.on(Event.STUDY_COMPLETED)
