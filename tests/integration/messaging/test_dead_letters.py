"""Dead letters: kept until a human decides, and heard again when told so."""

from collections.abc import Callable

import pytest
from hands import CANARY, Post, Start, order, task_body, task_headers, until

from shared import db, dead_letters
from shared.errors import Conflict, NotFound
from shared.events import Event, Lane
from shared.fhir.message import Message

AUDIT = {"resourceType": "AuditEvent"}


def audit() -> Message:
    return Message.build(Event.IMAGING_ACCESS_RECORDED, Lane.ROUTINE, "case-1", [AUDIT])


@pytest.mark.usefixtures("worker", "relay")
def test_a_letter_is_replayed_and_its_retries_are_not_taken_for_those_of_the_first_time(post: Post) -> None:
    message = order("fail until mended")
    post.say(message)
    letter = until(lambda: post.letter(message.id))
    said = audit()
    with db.transaction("imaging") as session:
        dead_letters.replay(session, letter["id"], "ada", said)

    again = until(lambda: (found := post.letter(message.id)) and found["replay"] == 1 and found)
    assert again["attempt"] == 2
    post.sql("INSERT INTO mended VALUES (true)")
    with db.transaction("imaging") as session:
        dead_letters.replay(session, again["id"], "ada", audit())
    until(lambda: post.effects(message.id) == 1)
    assert post.sql("SELECT count(*) FROM outbox WHERE message_id = %s", said.id) == [(1,)]
    assert post.sql("SELECT replayed_by FROM dead_letter") == [("ada",), ("ada",)]


@pytest.mark.usefixtures("worker", "relay")
def test_a_letter_is_listed_and_shown_without_its_body_unless_asked_and_replayed_only_once(post: Post) -> None:
    number = post.put(b'{"name": "' + CANARY.encode() + b'"}', headers=task_headers())
    until(lambda: post.letter(number))

    with db.transaction("imaging") as session:
        [listed] = dead_letters.list_(session)
        assert CANARY not in repr(listed) + repr(dead_letters.show(session, listed.id))
        assert CANARY.encode() in (dead_letters.show(session, listed.id, body=True).body or b"")
        dead_letters.replay(session, listed.id, "ada", audit())
        with pytest.raises(Conflict, match="was replayed"):
            dead_letters.replay(session, listed.id, "ada", audit())
        assert dead_letters.list_(session) == []
        with pytest.raises(NotFound):
            dead_letters.show(session, listed.id + 1000)


@pytest.mark.usefixtures("relay")
def test_a_letter_that_is_no_text_is_kept_and_cannot_be_replayed(post: Post) -> None:
    number = post.put(b"\xff\xfe", queue="imaging.dead-letters")
    letter = until(lambda: post.letter(number))

    with pytest.raises(Conflict, match="not text"), db.transaction("imaging") as session:
        dead_letters.replay(session, letter["id"], "ada", audit())
    assert post.sql("SELECT replayed_at FROM dead_letter WHERE id = %s", letter["id"]) == [(None,)]


def test_peeking_at_a_queue_of_dead_letters_destroys_none(post: Post) -> None:
    number = post.put(task_body(order("store")), queue="gateway.dead-letters")

    post.give_back("gateway.dead-letters", 25)
    assert [properties.message_id for properties, _ in post.take_all("gateway.dead-letters")] == [number]


def test_an_event_that_no_queue_wants_ends_in_the_table_of_results_sharing(
    post: Post, start: Start, database: Callable[[str], str]
) -> None:
    with post.channel() as channel:
        channel.basic_publish("hub.events", "imaging.study-completed.no-lane", task_body(order("store")))
    database("results_sharing")

    with start("-m", "shared.relay", "results_sharing"):
        letters = until(lambda: _stored("results_sharing"))
    assert [(stored.letter.reason, stored.letter.queue) for stored in letters] == [("unrouted", "hub.unrouted")]
    assert letters[0].letter.routing_key == "imaging.study-completed.no-lane"


def _stored(service: str) -> list[dead_letters.Stored]:
    with db.transaction(service) as session:
        return dead_letters.list_(session)
