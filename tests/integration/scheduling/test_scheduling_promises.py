"""What scheduling really says keeps the promises of `contracts/events`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import named, offers, post, report, sent, staff
from fastapi.testclient import TestClient
from fhir.resources.R4B import get_fhir_model_class
from jsonschema import Draft202012Validator

from services.scheduling import booking, store, tasks
from services.scheduling.domain.appointment import Patient
from services.scheduling.fhir.requests import Wanted
from shared.events import Lane

EVENTS = Path(__file__).parents[3] / "contracts" / "events"


@pytest.mark.usefixtures("room")
def test_every_event_keeps_its_schema_and_is_fhir(
    portal: TestClient, patient: Patient, sql: Callable[..., list[dict[str, Any]]]
) -> None:
    tasks.propose_follow_up(report(patient, Lane.STAT))
    tasks.propose_follow_up(report(patient, Lane.ROUTINE))
    with store.transaction() as session:
        urgent, _ = store.appointments.proposals(session)
    booking.book(staff(), Wanted(number=urgent.id))
    held = post(portal, "$hold", named(offers(portal)[0]["id"])).json()["entry"][0]["resource"]
    made = post(portal, "$book", named(held["id"], patient)).json()["entry"][0]["resource"]
    post(portal, "$book", sent("cancelled", made["id"], cancelationReason={"text": "better"}))
    said = sql("select task, (body::jsonb #> '{0,0}') as bundle from outbox")
    for one in said:
        schema = json.loads((EVENTS / f"{one['task']}.schema.json").read_text())
        Draft202012Validator(schema).validate(one["bundle"])
        get_fhir_model_class("Bundle").model_validate(one["bundle"])
    assert {one["task"].removeprefix("scheduling.") for one in said} == {
        "follow-up-proposed",
        "appointment-booked",
        "appointment-cancelled",
        "slots-changed",
        "hold-ended",
        "access-recorded",
    }
