"""A signed report with an accepted finding proposes a follow-up; staff decide; a program alone moves nobody."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import booked, named, offers, post, report, sent, staff
from fastapi.testclient import TestClient
from fhir.resources.R4B import get_fhir_model_class

from services.scheduling import booking, store, tasks
from services.scheduling.domain.appointment import Appointment, Patient, Status
from services.scheduling.fhir.requests import Wanted
from services.scheduling.fhir.resources import instant
from services.scheduling.panels import panels
from shared.errors import Forbidden, PreconditionFailed
from shared.events import Event, Lane
from shared.fhir.message import Message
from shared.security import Role

Sql = Callable[..., list[dict[str, Any]]]


def proposal() -> Appointment:
    with store.transaction() as session:
        (found,) = store.appointments.proposals(session)
    return found


def events(sql: Sql) -> list[str]:
    rows = sql("select task from outbox where task ~ 'follow-up|appointment' order by id")
    return [row["task"].removeprefix("scheduling.") for row in rows]


@pytest.mark.parametrize(("lane", "days"), [(Lane.STAT, 1), (Lane.URGENT, 7), (Lane.ROUTINE, 42)])
@pytest.mark.usefixtures("room")
def test_an_accepted_finding_proposes_a_follow_up_with_a_deadline_by_urgency(
    lane: Lane, days: int, patient: Patient, sql: Sql
) -> None:
    tasks.propose_follow_up(report(patient, lane))
    found = proposal()
    assert found.deadline == found.created_at + timedelta(days=days)
    assert bool(found.slots) is (lane is not Lane.ROUTINE)
    assert events(sql) == ["follow-up-proposed"]


@pytest.mark.usefixtures("room")
def test_the_operator_sees_a_proposal_that_staff_left_too_long(patient: Patient, sql: Sql) -> None:
    tasks.propose_follow_up(report(patient))
    [waiting] = panels()
    assert (dict(waiting.rows)["wait for staff"], list(waiting.problems)) == (1, [])
    sql("update appointment set deadline = now() - interval '1 minute'")
    [late] = panels()
    assert [problem.text for problem in late.problems] == ["follow-ups beyond their deadline: 1"]


@pytest.mark.usefixtures("room")
def test_a_report_without_an_accepted_finding_asks_for_nothing(patient: Patient, sql: Sql) -> None:
    tasks.propose_follow_up(report(patient, accepted=False))
    assert sql("select 1 from appointment") == []


@pytest.mark.usefixtures("room")
def test_the_same_report_proposes_once(patient: Patient, sql: Sql) -> None:
    message = report(patient)
    tasks.propose_follow_up(message)
    tasks.propose_follow_up(message)
    tasks.propose_follow_up(report(patient, case=message.resource("DiagnosticReport")["id"]))
    assert events(sql) == ["follow-up-proposed"]


def test_without_any_schedule_it_is_proposed_all_the_same(patient: Patient) -> None:
    tasks.propose_follow_up(report(patient))
    assert proposal().slots == ()


@pytest.mark.usefixtures("room")
def test_the_held_slot_of_a_proposal_goes_and_the_proposal_stays(patient: Patient, sql: Sql) -> None:
    tasks.propose_follow_up(report(patient))
    sql("update appointment set held_until = now() - interval '1 second'")
    (row,) = sql("select (body::jsonb #> '{0,0}') as bundle from outbox where task = 'scheduling.hold-ended'")
    tasks.release_hold(Message.from_fhir(row["bundle"]))
    assert (proposal().status, proposal().slots) == (Status.PROPOSED, ())
    assert events(sql) == ["follow-up-proposed", "follow-up-proposed"]


def asked_of_staff(sql: Sql) -> list[dict[str, Any]]:
    """Each Task that was said, oldest first."""
    rows = sql("select (body::jsonb #> '{0,0}') as bundle from outbox where task ~ 'follow-up|appointment' order by id")
    return [task for row in rows for task in Message.from_fhir(row["bundle"]).resources("Task")]


@pytest.mark.usefixtures("room")
def test_a_proposal_is_one_task_for_staff_that_ends_with_their_decision(patient: Patient, sql: Sql) -> None:
    """What they booked and cancel later was decided before."""
    tasks.propose_follow_up(report(patient))
    seen = proposal()
    made = booking.book(staff(), Wanted(number=seen.id), seen=seen.version)
    booking.cancel(staff(), made.id, "the child is well", seen=made.version)
    requested, done = asked_of_staff(sql)
    assert (requested["id"], requested["status"], done["status"]) == (done["id"], "requested", "completed")
    assert requested["focus"]["reference"] == f"urn:uuid:{seen.id}"
    assert requested["for"]["reference"] == f"urn:uuid:{patient.id}"
    assert seen.deadline
    assert requested["restriction"]["period"]["end"] == instant(seen.deadline)
    assert requested["priority"] == "stat"
    get_fhir_model_class("Task").model_validate(done)


@pytest.mark.usefixtures("room")
def test_a_refused_proposal_is_a_cancelled_task_and_an_appointment_of_nobodys_report_none(
    patient: Patient, sql: Sql, portal: TestClient
) -> None:
    booked(portal, offers(portal)[0]["id"], patient)
    assert asked_of_staff(sql) == []
    tasks.propose_follow_up(report(patient))
    booking.cancel(staff(), proposal().id, "not needed")
    assert [one["status"] for one in asked_of_staff(sql)] == ["requested", "cancelled"]


@pytest.mark.parametrize("role", [Role.SECRETARY, Role.CLINICIAN])
@pytest.mark.usefixtures("room")
def test_staff_confirm_a_proposal(role: Role, patient: Patient, sql: Sql) -> None:
    tasks.propose_follow_up(report(patient))
    made = booking.book(staff(role), Wanted(number=proposal().id), seen=proposal().version)
    assert made.status is Status.BOOKED
    assert events(sql) == ["follow-up-proposed", "appointment-booked"]


@pytest.mark.usefixtures("room", "sql")
def test_no_system_confirms_or_refuses_a_proposal(portal: TestClient, patient: Patient) -> None:
    tasks.propose_follow_up(report(patient))
    number = proposal().id
    assert post(portal, "$book", named(number)).status_code == 403
    assert post(portal, "$book", sent("cancelled", number)).status_code == 403
    assert proposal().status is Status.PROPOSED


@pytest.mark.usefixtures("room")
def test_a_radiologist_looks_and_does_not_decide(people: Callable[..., TestClient], patient: Patient) -> None:
    tasks.propose_follow_up(report(patient))
    browser = people(Role.RADIOLOGIST)
    page = browser.get("/appointments/day")
    assert "Doe, Jane" in page.text
    assert '<button class="primary">Confirm' not in page.text
    refused = browser.post(f"/appointments/{proposal().id}/book", data={"slot": proposal().slots[0], "version": 1})
    assert refused.status_code == 403
    with pytest.raises(Forbidden):
        booking.book(staff(Role.RADIOLOGIST), Wanted(number=proposal().id))


@pytest.mark.usefixtures("room")
def test_an_older_page_decides_nothing(patient: Patient) -> None:
    tasks.propose_follow_up(report(patient))
    seen = proposal()
    made = booking.book(staff(), Wanted(number=seen.id), seen=seen.version)
    with pytest.raises(PreconditionFailed):
        booking.cancel(staff(), made.id, "late", seen=seen.version)


@pytest.mark.parametrize("first", ["signed", "withdrawn"])
@pytest.mark.usefixtures("room")
def test_a_report_entered_in_error_asks_for_nothing_in_any_order(first: str, patient: Patient, sql: Sql) -> None:
    signed = report(patient)
    withdrawn = report(patient, status="entered-in-error", case=signed.resource("DiagnosticReport")["id"])
    steps = [(tasks.propose_follow_up, signed), (tasks.withdraw_follow_up, withdrawn)]
    for hear, message in steps if first == "signed" else steps[::-1]:
        hear(message)
    assert sql("select status from appointment") == [{"status": "cancelled"}]


@pytest.mark.usefixtures("room")
def test_the_days_page_confirms_moves_and_cancels(
    people: Callable[..., TestClient], patient: Patient, sql: Sql
) -> None:
    tasks.propose_follow_up(report(patient))
    browser = people(Role.SECRETARY)
    page = browser.get("/appointments/day")
    assert page.status_code == 200
    choices = re.findall(r'<option value="([0-9a-f-]{36})"', page.text)
    assert choices[0] == proposal().slots[0]
    number = proposal().id
    done = browser.post(f"/appointments/{number}/book", data={"slot": choices[1], "version": proposal().version})
    assert done.status_code == 303
    after = browser.get(done.headers["location"])
    assert "The appointment is booked." in after.text
    assert "Doe, Jane" in after.text
    version = re.findall(r'name="version" value="(\d+)"', after.text)[0]
    moved = browser.post(f"/appointments/{number}/book", data={"slot": choices[2], "version": version})
    assert moved.status_code == 303
    gone = browser.post(f"/appointments/{number}/cancel", data={"version": int(version) + 1, "reason": "better"})
    assert gone.status_code == 303
    assert events(sql) == ["follow-up-proposed", "appointment-booked", "appointment-booked", "appointment-cancelled"]


@pytest.mark.usefixtures("room")
def test_whose_data_a_page_shows_is_recorded_once_a_sitting(
    people: Callable[..., TestClient], patient: Patient, sql: Sql
) -> None:
    tasks.propose_follow_up(report(patient))
    browser = people(Role.CLINICIAN)
    browser.get("/appointments/day")
    browser.get("/appointments/day")
    rows = sql("select body from outbox where task = 'scheduling.access-recorded'")
    assert [f"Patient/{patient.id}" in row["body"] for row in rows] == [True]


@pytest.mark.usefixtures("room")
def test_a_patient_sees_their_own_appointments_and_no_others(
    people: Callable[..., TestClient], portal: TestClient, patient: Patient
) -> None:
    made = booked(portal, offers(portal)[0]["id"], patient)
    own, other = people(Role.PATIENT, patient.id), people(Role.PATIENT, "00000000-0000-4000-8000-000000000000")
    page = own.get("/appointments/mine?lang=fr")
    assert "Mes rendez-vous" in page.text
    assert f"/appointments/mine/{made['id']}.ics" in page.text
    assert own.get(f"/appointments/mine/{made['id']}.ics").text.startswith("BEGIN:VCALENDAR")
    assert other.get(f"/appointments/mine/{made['id']}.ics").status_code == 404
    assert own.get("/appointments/day").status_code == 403
    assert people(Role.SECRETARY).get("/appointments/mine").status_code == 403


def test_patients_are_known_by_the_newest_name_that_the_hospital_gave(sql: Sql) -> None:
    now = datetime.now(UTC)
    for name, at in (("New", now), ("Old", now - timedelta(days=1))):
        said = {
            "resourceType": "Patient",
            "id": "11111111-0000-4000-8000-000000000000",
            "meta": {"lastUpdated": at.isoformat()},
            "identifier": [{"system": "mrn", "value": "1"}],
            "name": [{"family": name}],
        }
        tasks.remember_patients(Message.build(Event.RESOURCE_CHANGED, Lane.ROUTINE, "c", [said]))
    assert sql("select name from patient") == [{"name": "New"}]
