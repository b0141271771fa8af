"""The repository keeps the appointments that scheduling says, and finds them by patient, day and status."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hospital_said import found, patient, post

from services.gateway import tasks
from shared.fhir.message import Message

EVENTS = Path(__file__).parents[3] / "contracts" / "events"
EXAMPLES_PATIENT = "6f1c7a52-3b0e-4a0a-9d3e-0c5f8a2d1b10"


def said(event: str, patient_id: str) -> Message:
    text = (EVENTS / f"scheduling.{event}.example.json").read_text()
    return Message.from_fhir(json.loads(text.replace(EXAMPLES_PATIENT, patient_id)))


@pytest.fixture
def kim(hospital: TestClient) -> str:
    number: str = post(hospital, "/fhir/Patient", patient()).json()["id"]
    return number


def test_what_scheduling_says_is_read_and_found(hospital: TestClient, kim: str) -> None:
    for event in ("slots-changed", "follow-up-proposed", "appointment-booked"):
        tasks.keep(said(event, kim))
    (booked,) = found(hospital, f"Appointment?patient={kim}&status=booked&date=ge2026-11-25")
    assert booked["participant"][0]["actor"]["reference"] == f"Patient/{kim}"
    (slot,) = found(hospital, "Slot?status=busy&start=2026-11-25")
    assert booked["slot"][0]["reference"] == f"Slot/{slot['id']}"
    schedule = hospital.get(f"/fhir/{slot['schedule']['reference']}").json()
    assert schedule["actor"][0]["display"] == "Radiology, building B"


def test_what_was_said_earlier_and_comes_later_changes_nothing(hospital: TestClient, kim: str) -> None:
    for event in ("appointment-cancelled", "appointment-booked", "follow-up-proposed"):
        tasks.keep(said(event, kim))
    (only,) = found(hospital, f"Appointment?patient={kim}")
    assert only["status"] == "cancelled"


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("Task?patient=Patient/{kim}", 1),
        ("Task?subject={kim}&status=completed", 1),
        ("Task?status=requested", 0),
        ("Task?focus=Appointment/{appointment}", 1),
        ("Task?focus={appointment}&code=http://hl7.org/fhir/CodeSystem/task-code|approve", 1),
        ("Task?focus=Appointment/{kim}", 0),
        ("Task?code=fulfill", 0),
        ("Task?authored-on=ge2026-11-24&intent=order", 1),
        ("Task?authored-on=lt2026-11-01", 0),
        ("Appointment?actor=Patient/{kim}&service-type=follow-up", 1),
        ("Appointment?slot=Slot/{slot}&part-status=accepted", 1),
        ("Appointment?actor={appointment}", 0),
        ("Slot?schedule=Schedule/{schedule}&status=busy", 1),
        ("Slot?schedule={kim}", 0),
        ("Schedule?active=true&service-type=https://consilium.example/fhir/CodeSystem/service|follow-up", 1),
        ("Schedule?active=false", 0),
    ],
)
def test_tasks_appointments_and_slots_are_found_by_what_r4_searches_them_by(
    query: str, hits: int, hospital: TestClient, kim: str
) -> None:
    for event in ("slots-changed", "follow-up-proposed", "appointment-booked"):
        tasks.keep(said(event, kim))
    booked = said("appointment-booked", kim)
    slot = booked.resource("Slot")
    known = {
        "kim": kim,
        "appointment": booked.resource("Appointment")["id"],
        "slot": slot["id"],
        "schedule": slot["schedule"]["reference"].removeprefix("urn:uuid:"),
    }
    assert len(found(hospital, query.format(**known))) == hits


@pytest.mark.parametrize("kind", ["Appointment", "Slot", "Schedule", "Task"])
def test_appointments_are_made_at_their_own_door(kind: str, hospital: TestClient) -> None:
    answer: Any = post(hospital, f"/fhir/{kind}", {"resourceType": kind})
    assert answer.status_code == 405
