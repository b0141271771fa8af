"""The door says no in a way that callers can act on, and never repeats what they sent."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest
from asking import FHIR, JSON, named, offers, post, sent, tomorrow
from fastapi.testclient import TestClient
from fhir.resources.R4B import get_fhir_model_class

from services.scheduling import commands
from services.scheduling.domain.appointment import Patient
from shared.errors import Conflict
from shared.security import Role

DAY = tomorrow().isoformat()


@pytest.mark.usefixtures("room")
def test_answers_are_valid_fhir(portal: TestClient, patient: Patient) -> None:
    held = post(portal, "$hold", named(offers(portal)[0]["id"])).json()
    done = post(portal, "$book", named(held["entry"][0]["resource"]["id"], patient)).json()
    found = portal.get(f"{FHIR}/$find", params={"start": DAY, "end": DAY}).json()
    for bundle in (held, done, found):
        get_fhir_model_class("Bundle").model_validate(bundle)
    read = portal.get(f"{FHIR}/{done['entry'][0]['resource']['id']}")
    assert read.json() == done["entry"][0]["resource"]
    assert read.headers["etag"] == 'W/"2"'


@pytest.mark.usefixtures("room")
def test_find_takes_a_parameters_resource_too(portal: TestClient) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "start", "valueDateTime": DAY}, {"name": "end", "valueDateTime": DAY}],
    }
    answer = post(portal, "$find", body)
    assert answer.json()["total"] == 20


@pytest.mark.parametrize(
    "query",
    [
        {"start": DAY},
        {"start": DAY, "end": "soon"},
        {"start": DAY, "end": "2020-01-01"},
        {"start": f"{DAY}T10:00:00", "end": DAY},
        {"start": DAY, "end": DAY, "practitioner": "Practitioner/1"},
        {"start": DAY, "end": DAY, "_count": "many"},
        {"start": DAY, "end": DAY, "visit-type": "http://snomed.info/sct|1"},
    ],
)
@pytest.mark.usefixtures("room")
def test_a_search_that_cannot_be_answered_as_meant_is_refused(query: dict[str, str], portal: TestClient) -> None:
    assert portal.get(f"{FHIR}/$find", params=query).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Parameters"},
        {"resourceType": "Patient", "name": [{"family": "SENTINEL"}]},
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "appointment-reference", "valueReference": {"reference": "Appointment/SENTINEL"}}],
        },
        {"resourceType": "Parameters", "parameter": [{"name": "SENTINEL", "valueThing": 1}]},
        sent("arrived", "SENTINEL"),
        sent("pending"),
        sent("pending", slots=("SENTINEL",)),
    ],
)
@pytest.mark.usefixtures("room")
def test_what_cannot_be_booked_is_refused_without_repeating_it(body: dict[str, Any], portal: TestClient) -> None:
    answer = post(portal, "$book", body)
    assert answer.status_code == 422
    assert "SENTINEL" not in answer.text


@pytest.mark.usefixtures("room")
def test_a_booking_says_for_whom(portal: TestClient) -> None:
    answer = post(portal, "$book", named(offers(portal)[0]["id"]))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Appointment.participant"]


def test_another_media_type_is_refused(portal: TestClient) -> None:
    assert (
        portal.post(f"{FHIR}/$book", content=b"<Parameters/>", headers={"Content-Type": "text/xml"}).status_code == 415
    )


@pytest.mark.usefixtures("room")
def test_an_unknown_slot_is_not_found(portal: TestClient, patient: Patient) -> None:
    answer = post(portal, "$book", named("00000000-0000-4000-8000-000000000000", patient))
    assert answer.status_code == 404


def test_people_of_other_roles_and_strangers_stay_outside(application: Any, people: Callable[..., TestClient]) -> None:
    assert people(Role.PRIVACY_OFFICER).get("/appointments/day").status_code == 403
    assert people(Role.RADIOLOGIST).post(f"{FHIR}/$hold", json=named("x"), headers=JSON).status_code == 403
    with TestClient(application, base_url="http://127.0.0.1:8080") as stranger:
        assert stranger.get(f"{FHIR}/$find", params={"start": DAY, "end": DAY}).status_code == 401


@pytest.mark.usefixtures("sql")
def test_an_operator_adds_a_schedule_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["schedules", "add", "Room 9", "--zone", "Europe/Paris", "--hours", "mon-fri 08:00-12:00"]
    assert run(*words) == 0
    with pytest.raises(Conflict):
        run(*words)
    assert run("schedules", "list") == 0
    assert "Room 9 (follow-up, Europe/Paris, Radiology): no slots yet" in capsys.readouterr().out


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers())
    told = parser.parse_args(words)
    status: int = told.run(told)
    return status
