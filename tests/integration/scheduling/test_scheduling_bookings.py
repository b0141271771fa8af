"""Find, hold, book, move and cancel on a real PostgreSQL, alone and all at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from asking import booked, named, offers, post, sent, staff, tomorrow
from fastapi.testclient import TestClient

from services.scheduling import booking, store, tasks
from services.scheduling.domain.appointment import Patient, Status
from services.scheduling.domain.calendar import Schedule
from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.fhir.requests import Wanted
from shared.fhir.message import Message

Sql = Callable[..., list[dict[str, Any]]]
CLIENTS = 50


@pytest.fixture
def guarded() -> Callable[[], float]:
    """How often the database had to refuse what the row locks should have."""

    def counted() -> float:
        return sum(sample.value for sample in store.GUARDED.collect()[0].samples if sample.name.endswith("_total"))

    before = counted()
    return lambda: counted() - before


def said(sql: Sql, event: str) -> list[Message]:
    rows = sql(
        "select (body::jsonb #> '{0,0}') as bundle from outbox where task = %s order by id", f"scheduling.{event}"
    )
    return [Message.from_fhir(row["bundle"]) for row in rows]


def test_find_offers_the_earliest_free_time_and_books_nothing(portal: TestClient, room: Schedule, sql: Sql) -> None:
    found = offers(portal, count=3)
    assert [one["status"] for one in found] == ["proposed"] * 3
    assert found == sorted(found, key=lambda one: one["start"])
    assert sql("select 1 from appointment") == []
    assert sql("select opened_until from schedule where id = %s", room.id) == [{"opened_until": tomorrow()}]


def test_what_is_found_is_booked_said_and_audited(
    portal: TestClient, room: Schedule, patient: Patient, sql: Sql
) -> None:
    made = booked(portal, offers(portal)[0]["id"], patient)
    assert made["status"] == "booked"
    (message,) = said(sql, "appointment-booked")
    assert message.resource("Slot")["status"] == "busy"
    assert message.resource("Schedule")["id"] == room.id
    (audit,) = {one["detail"]: one for one in _audits(sql)}.values()
    assert audit == {"detail": "booked an appointment", "patient": f"Patient/{patient.id}"}


def _audits(sql: Sql) -> list[dict[str, Any]]:
    events = (message.resource("AuditEvent") for message in said(sql, "access-recorded"))
    return [
        {"detail": one["outcomeDesc"], "patient": one["entity"][0]["what"]["reference"]}
        for one in events
        if one["action"] != "R"
    ]


@pytest.mark.usefixtures("room")
def test_a_slot_that_is_taken_is_refused_in_the_words_of_ihe(portal: TestClient, patient: Patient) -> None:
    slot = offers(portal)[0]["id"]
    booked(portal, slot, patient)
    answer = post(portal, "$book", named(slot, patient))
    assert answer.status_code == 409
    assert {(issue["severity"], issue["code"]) for issue in answer.json()["issue"]} == {
        ("error", "conflict"),
        ("fatal", "not-found"),
    }
    assert slot not in {one["id"] for one in offers(portal)}


def test_fifty_bookings_of_one_slot_give_one_appointment_and_no_other_error(
    room: Schedule, patient: Patient, sql: Sql, guarded: Callable[[], float]
) -> None:
    slot = _slots(room, 1)[0]
    start = threading.Barrier(CLIENTS)

    def attempt(number: int) -> str:
        start.wait()
        try:
            booking.book(staff(), Wanted(number=slot, patient=patient.id))
        except SlotTaken:
            return "taken"
        return f"booked {number}"

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = list(pool.map(attempt, range(CLIENTS)))
    assert sorted(outcome.split()[0] for outcome in outcomes) == ["booked", *["taken"] * (CLIENTS - 1)]
    assert sql("select count(*) as n from appointment where status = 'booked'") == [{"n": 1}]
    assert len(said(sql, "appointment-booked")) == 1
    assert guarded() == 0


def test_fifty_bookings_of_slots_in_opposite_orders_never_deadlock(
    room: Schedule, patient: Patient, sql: Sql, guarded: Callable[[], float]
) -> None:
    slots = _slots(room, 6)
    start = threading.Barrier(CLIENTS)

    def attempt(number: int) -> bool:
        pair = (slots[number % 5], slots[number % 5 + 1])
        start.wait()
        try:
            booking.book(staff(), Wanted(slots=pair if number % 2 else pair[::-1], patient=patient.id))
        except SlotTaken:
            return False
        return True

    with ThreadPoolExecutor(CLIENTS) as pool:
        won = sum(pool.map(attempt, range(CLIENTS)))
    overlapping = sql(
        "select 1 from appointment a join appointment b on a.id < b.id and a.during && b.during"
        " where a.status = 'booked' and b.status = 'booked'"
    )
    assert won in {2, 3}
    assert overlapping == []
    assert guarded() == 0


def test_the_exclusion_constraint_is_the_last_guard(room: Schedule, patient: Patient, sql: Sql) -> None:
    made = booking.book(staff(), Wanted(number=_slots(room, 1)[0], patient=patient.id))
    with pytest.raises(psycopg.errors.ExclusionViolation):
        sql(
            "insert into appointment"
            " (id, status, zone, correlation, lane, version, created_at, updated_at,"
            " schedule_id, slots, during)"
            " select 'x', 'booked', zone, '', lane, 1, now(), now(), schedule_id, slots, during"
            " from appointment where id = %s",
            made.id,
        )


@pytest.mark.parametrize("sqlstate", ["23P01", "40P01"])
@pytest.mark.usefixtures("sql")
def test_what_the_database_refuses_is_a_taken_slot(sqlstate: str) -> None:
    with pytest.raises(SlotTaken), store.transaction() as session:
        session.connection().exec_driver_sql(f"do $$ begin raise exception 'x' using errcode = '{sqlstate}'; end $$")


@pytest.mark.usefixtures("room")
def test_a_hold_keeps_the_slot_from_others_and_is_booked_by_its_holder(portal: TestClient, patient: Patient) -> None:
    slot = offers(portal)[0]["id"]
    held = post(portal, "$hold", named(slot)).json()["entry"][0]["resource"]
    assert held["status"] == "pending"
    with pytest.raises(SlotTaken):
        booking.book(staff(), Wanted(number=held["id"], patient=patient.id))
    with pytest.raises(SlotTaken):
        booking.hold(staff(), Wanted(number=slot))
    assert booked(portal, held["id"], patient)["slot"] == [{"reference": f"Slot/{slot}"}]


def test_a_hold_ends_by_itself_when_its_row_is_due(room: Schedule, sql: Sql) -> None:
    slot = _slots(room, 1)[0]
    held = booking.hold(staff(), Wanted(number=slot))
    (due,) = sql("select due_at from outbox where task = 'scheduling.hold-ended'")
    assert due["due_at"] == held.held_until
    (message,) = said(sql, "hold-ended")
    _let_time_pass(sql)
    tasks.release_hold(message)
    assert sql("select status from appointment") == [{"status": "cancelled"}]
    assert [one.resource("Slot")["status"] for one in said(sql, "slots-changed")][-1] == "free"


def test_a_hold_that_is_over_is_free_although_its_row_was_never_heard(
    room: Schedule, patient: Patient, sql: Sql
) -> None:
    slot = _slots(room, 1)[0]
    held = booking.hold(staff(), Wanted(number=slot))
    _let_time_pass(sql)
    made = booking.book(staff(), Wanted(number=slot, patient=patient.id))
    assert made.status is Status.BOOKED
    assert sql("select status from appointment where id = %s", held.id) == [{"status": "cancelled"}]


def test_the_end_of_a_hold_that_was_booked_changes_nothing(room: Schedule, patient: Patient, sql: Sql) -> None:
    held = booking.hold(staff(), Wanted(number=_slots(room, 1)[0]))
    booking.book(staff(), Wanted(number=held.id, patient=patient.id))
    (message,) = said(sql, "hold-ended")
    tasks.release_hold(message)
    assert sql("select status from appointment") == [{"status": "booked"}]


@pytest.mark.usefixtures("room")
def test_cancelling_frees_the_slot_and_is_done_once(portal: TestClient, patient: Patient, sql: Sql) -> None:
    slot = offers(portal)[0]["id"]
    made = booked(portal, slot, patient)
    for _ in range(2):
        answer = post(portal, "$book", sent("cancelled", made["id"], cancelationReason={"text": "better"}))
        assert answer.json()["entry"][0]["resource"]["status"] == "cancelled", answer.text
    (message,) = said(sql, "appointment-cancelled")
    assert message.resource("Slot")["status"] == "free"
    assert booked(portal, slot, patient)["id"] != made["id"]


@pytest.mark.usefixtures("room")
def test_a_move_takes_the_new_slot_and_frees_the_old_one_in_one_step(
    portal: TestClient, patient: Patient, sql: Sql
) -> None:
    first, second = (one["id"] for one in offers(portal, count=2))
    made = booked(portal, first, patient)
    moved = post(portal, "$book", sent("booked", made["id"], (second,))).json()["entry"][0]["resource"]
    assert moved["id"] == made["id"]
    assert moved["slot"] == [{"reference": f"Slot/{second}"}]
    states = {slot["id"]: slot["status"] for slot in said(sql, "appointment-booked")[-1].resources("Slot")}
    assert states == {first: "free", second: "busy"}


def test_a_move_to_a_taken_slot_leaves_everything_as_it_was(room: Schedule, patient: Patient, sql: Sql) -> None:
    first, second = _slots(room, 2)
    made = booking.book(staff(), Wanted(number=first, patient=patient.id))
    booking.book(staff(), Wanted(number=second, patient=patient.id))
    with pytest.raises(SlotTaken):
        booking.book(staff(), Wanted(number=made.id, slots=(second,)))
    assert sql("select slots from appointment where id = %s", made.id) == [{"slots": [first]}]


def test_two_that_swap_their_slots_at_once_never_deadlock(
    room: Schedule, patient: Patient, sql: Sql, guarded: Callable[[], float]
) -> None:
    first, second, third = _slots(room, 3)
    one = booking.book(staff(), Wanted(number=first, patient=patient.id))
    other = booking.book(staff(), Wanted(number=second, patient=patient.id))
    start = threading.Barrier(20)

    def move(number: int) -> None:
        start.wait()
        for target in ((third, first, second), (second, third, first))[number % 2]:
            try:
                booking.book(staff(), Wanted(number=(one, other)[number % 2].id, slots=(target,)))
            except SlotTaken:
                continue

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(move, range(20)))
    taken = sql("select slots[1] as slot from appointment where status = 'booked'")
    assert len({row["slot"] for row in taken}) == 2
    assert guarded() == 0


@pytest.mark.usefixtures("room")
def test_the_same_booking_again_is_the_same_answer(portal: TestClient, patient: Patient, sql: Sql) -> None:
    held = post(portal, "$hold", named(offers(portal)[0]["id"])).json()["entry"][0]["resource"]
    assert booked(portal, held["id"], patient) == booked(portal, held["id"], patient)
    assert len(said(sql, "appointment-booked")) == 1


def test_slots_that_begin_while_days_are_opened_twice_are_made_once(room: Schedule, sql: Sql) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    start = threading.Barrier(8)

    def look(_: int) -> None:
        start.wait()
        booking.open_days([room], until)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    assert sql("select count(*) = count(distinct during) as once from slot") == [{"once": True}]


def _slots(room: Schedule, count: int) -> list[str]:
    """Free ones that follow each other: of a morning, since the room is closed for the last 20 minutes of a day."""
    booking.open_days([room], datetime.now(UTC) + timedelta(days=3))
    day_after = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=2)
    with store.transaction() as session:
        span = booking.looking.Span(day_after, day_after + timedelta(hours=12))
        return [slot.id for slot in store.free_slots(session, [room.id], span, count)]


def _let_time_pass(sql: Sql) -> None:
    """A hold that was made in the past: what its time does to it, without waiting for it."""
    sql("update appointment set held_until = now() - interval '1 second' where held_until is not null")
