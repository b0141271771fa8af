"""Delivery to a real HTTP server that is slow, dead, picky or hangs up: nothing lost, nothing old on top of new."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hospital import Hospital
from pydantic import HttpUrl, SecretStr
from story import reader
from telling import hear, only_case, said

from services.results_sharing import ehr, reading
from services.results_sharing.domain.state import State, state
from services.results_sharing.store import transaction
from services.results_sharing.tasks import delivery
from shared.errors import InvalidResource, Unavailable
from shared.events import Event
from shared.fhir.message import Message

ROSA = reader("rosa")


def texts(hospital: Hospital) -> list[str]:
    return [body["status"] for body in hospital.received]


def test_a_signed_report_reaches_the_hospital_and_the_case_is_delivered(
    report: Message, hospital: Hospital, sql: Any
) -> None:
    hear(report)
    assert texts(hospital) == ["final"]
    assert "id" not in hospital.received[0]
    assert "urn:uuid" not in str(hospital.received[0])
    assert state(only_case()) is State.DELIVERED
    assert len(said(sql, Event.REPORT_DELIVERED)) == 1
    assert len(said(sql, Event.CASE_CLOSED)) == 1


def test_the_same_message_three_times_is_one_delivery(report: Message, hospital: Hospital, sql: Any) -> None:
    hear(report, report, report)
    assert hospital.requests == 1
    assert len(said(sql, Event.REPORT_DELIVERED)) == 1


@pytest.mark.parametrize("status", [500, 503, 429, 408, 409, 401])
def test_a_refusal_that_can_pass_is_tried_again(report: Message, hospital: Hospital, status: int) -> None:
    hospital.behaviours = [lambda: status]
    with pytest.raises(Unavailable):
        hear(report)
    assert state(only_case()) is State.RUNNING
    assert only_case().delivery.problem == f"The hospital's server answered {status}"
    hear(report)
    assert state(only_case()) is State.DELIVERED


@pytest.mark.parametrize("status", [400, 403, 404, 412, 422, 301])
def test_a_refusal_for_good_is_not_tried_again_and_shows(
    report: Message, hospital: Hospital, sql: Any, status: int
) -> None:
    hospital.behaviours = [lambda: status]
    with pytest.raises(InvalidResource) as refused:
        hear(report)
    assert "Clear" not in str(refused.value)
    assert state(only_case()) is State.DEAD_LETTERED
    assert len(said(sql, Event.DELIVERY_FAILED)) == 1
    assert reading.open_worklist(ROSA).finished[0].words == "signed, delivery failed"


def test_after_the_cause_is_gone_a_replay_delivers(report: Message, hospital: Hospital) -> None:
    hospital.behaviours = [lambda: 422]
    with pytest.raises(InvalidResource):
        hear(report)
    hear(report)
    assert state(only_case()) is State.DELIVERED


def test_when_the_last_retry_failed_the_case_shows_it(report: Message, hospital: Hospital, sql: Any) -> None:
    hospital.behaviours = [lambda: 503]
    with pytest.raises(Unavailable):
        hear(report)
    with transaction() as session:
        delivery.given_up(session, report)
    assert state(only_case()) is State.DEAD_LETTERED
    assert len(said(sql, Event.DELIVERY_FAILED)) == 1


def test_the_retries_last_for_a_day() -> None:
    assert delivery.RETRIES[:5] == tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600))
    assert timedelta(days=1) < sum(delivery.RETRIES, timedelta()) < timedelta(hours=27)


def test_a_server_that_stored_and_hung_up_gets_the_same_again(report: Message, hospital: Hospital) -> None:
    hospital.behaviours = [lambda: 0]
    with pytest.raises(Unavailable):
        hear(report)
    hear(report)
    assert hospital.received[0] == hospital.received[1]
    assert len(hospital.reports) == 1


def test_a_late_retry_never_overwrites_an_addendum(report: Message, hospital: Hospital, sql: Any) -> None:
    hospital.behaviours = [lambda: 503]
    with pytest.raises(Unavailable):
        hear(report)
    reading.amend(ROSA, only_case().id, "Small nodule.", seen=1)
    hear(*said(sql, Event.REPORT_AMENDED))
    hear(report)
    assert texts(hospital) == ["amended"]


def test_an_addendum_signed_while_the_report_travels_goes_out_after_it(
    report: Message, hospital: Hospital, sql: Any
) -> None:
    def amend_meanwhile() -> int:
        reading.amend(ROSA, only_case().id, "Small nodule.", seen=1)
        return 201

    hospital.behaviours = [amend_meanwhile]
    hear(report)
    assert texts(hospital) == ["final", "amended"]
    assert state(only_case()) is State.DELIVERED
    (delivered,) = said(sql, Event.REPORT_DELIVERED)
    assert delivered.resource("DiagnosticReport")["status"] == "amended"


def test_one_report_has_one_sender_at_a_time(report: Message, hospital: Hospital) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait() -> int:
        inside.set()
        assert go_on.wait(10)
        return 200

    hospital.behaviours = [wait]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hear, report)
        assert inside.wait(10)
        with pytest.raises(Unavailable, match="Another worker"):
            hear(report)
        go_on.set()
        first.result()
    assert hospital.requests == 1


def test_the_lease_of_a_dead_sender_ends(report: Message, hospital: Hospital, sql: Any) -> None:
    class Killed(BaseException):
        pass

    def die(*_: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        delivery.deliver_signed(report, send=die)
    with pytest.raises(Unavailable, match="Another worker"):
        hear(report)
    sql("UPDATE cases SET facts = jsonb_set(facts, '{delivery,lease_until}', '\"2026-01-01T00:00:00Z\"')")
    hear(report)
    assert texts(hospital) == ["final"]


def test_a_sender_that_lost_its_lease_makes_the_current_version_go_out_again(
    report: Message, hospital: Hospital, sql: Any
) -> None:
    def stall(case_id: str, canonical: str) -> None:
        sql("UPDATE cases SET facts = jsonb_set(facts, '{delivery,lease_until}', '\"2026-01-01T00:00:00Z\"')")
        reading.amend(ROSA, case_id, "Small nodule.", seen=1)
        hear(*said(sql, Event.REPORT_AMENDED))
        ehr.send_report(case_id, canonical, HttpUrl(hospital.url), None)

    sends: list[Callable[[str, str], None]] = [stall]

    def send(case_id: str, canonical: str) -> None:
        chosen = sends.pop() if sends else lambda *now: ehr.send_report(*now, HttpUrl(hospital.url), None)
        chosen(case_id, canonical)

    delivery.deliver_signed(report, send=send)
    assert texts(hospital) == ["amended", "final", "amended"]
    assert [body["status"] for body in hospital.reports.values()] == ["amended"]
    assert state(only_case()) is State.DELIVERED


def test_no_transaction_is_open_while_the_hospital_answers(report: Message, hospital: Hospital, sql: Any) -> None:
    open_ones: list[Any] = []

    def look() -> int:
        open_ones.extend(
            sql(
                "SELECT state FROM pg_stat_activity WHERE application_name = 'hub-results_sharing' "
                "AND (state = 'idle in transaction' OR state = 'active')"
            )
        )
        return 200

    hospital.behaviours = [look]
    hear(report)
    assert open_ones == []


def test_a_silent_server_is_given_up_in_time(hospital: Hospital) -> None:
    go_on = threading.Event()
    hospital.behaviours = [lambda: 200 if go_on.wait(10) else 500]
    with pytest.raises(Unavailable, match="did not answer"):
        ehr.send_report("c", "{}", HttpUrl(hospital.url), None, step=timedelta(seconds=0.2))
    go_on.set()


def test_a_hospital_that_hangs_is_left_alone_three_times_as_long_as_it_kept_the_worker_waiting(
    hospital: Hospital,
) -> None:
    """Or its reports would keep the results of other studies waiting: the same worker takes them in."""
    times = iter([0.0, 0.0, 10.0, 10.0, 39.9, 40.1])
    patience = ehr.Patience(clock=lambda: next(times))
    hospital.behaviours = [lambda: 504]
    for kept_waiting in ("answered 504", "a moment ago"):
        with pytest.raises(Unavailable, match=kept_waiting):
            ehr.send_report("c", "{}", HttpUrl(hospital.url), None, patience=patience)
    assert hospital.requests == 1
    ehr.send_report("c", "{}", HttpUrl(hospital.url), None, patience=patience)
    assert hospital.requests == 2


def test_a_server_that_drips_its_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        over = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 ")
                while not over.wait(0.05):
                    connection.sendall(b"2")

        pool.submit(drip)
        started = time.monotonic()
        url = HttpUrl(f"http://127.0.0.1:{server.getsockname()[1]}/fhir")
        with pytest.raises(Unavailable):
            ehr.send_report("c", "{}", url, None, total=timedelta(seconds=0.5))
        over.set()
        assert time.monotonic() - started < 5


def test_a_dead_server_is_unavailable_and_the_error_tells_no_address(hospital: Hospital) -> None:
    with pytest.raises(Unavailable) as dead:
        ehr.send_report("secret-case", "{}", HttpUrl("http://127.0.0.1:9/fhir"), None)
    assert "secret-case" not in str(dead.value)
    assert hospital.requests == 0


def test_a_token_is_sent_where_the_hospital_asks_for_one(hospital: Hospital) -> None:
    ehr.send_report("c", "{}", HttpUrl(hospital.url), SecretStr("t0ken"))
    assert hospital.authorizations == ["Bearer t0ken"]
