"""What prediction says is read and searched by FHIR, by those who may see what nobody has signed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hospital_said import found, patient, post

from services.gateway import tasks
from services.gateway.fhir.signed import SAID_AT
from shared.events import Event, Lane
from shared.fhir.message import Message
from shared.security import Role

EXAMPLES = Path(__file__).parents[3] / "contracts" / "events"
CASE = "c0a5e000-0000-4000-8000-000000000001"
OF_EXAMPLE = "5b0f8a52-2a4e-4f7e-9a39-0c6d1f6f0001"


def heard(event: Event, patient_id: str, **changes: Any) -> dict[str, Any]:
    """Let the gateway hear the event's example about a patient; the resource that it is about comes back."""
    text = (EXAMPLES / f"{event}.example.json").read_text().replace(OF_EXAMPLE, patient_id)
    bundle = json.loads(text)
    if "timestamp" in changes:
        bundle["timestamp"] = changes["timestamp"]
        bundle["entry"][0]["resource"]["id"] = bundle["id"] = changes["number"]
        bundle["entry"][0]["fullUrl"] = f"urn:uuid:{changes['number']}"
    message = Message.from_fhir(bundle)
    tasks.keep(message)
    return message.focus[0]


@pytest.fixture
def kim(hospital: TestClient) -> str:
    number: str = post(hospital, "/fhir/Patient", patient()).json()["id"]
    return number


def test_a_risk_is_found_by_patient_and_date_and_names_what_it_used(
    people: Callable[[Role], TestClient], kim: str
) -> None:
    risk = heard(Event.RISK_ESTIMATED, kim)
    ada = people(Role.CLINICIAN)
    (stored,) = found(ada, f"RiskAssessment?patient={kim}&date=ge2026-01-01")
    assert stored["id"] == risk["id"]
    assert stored["subject"]["reference"] == f"Patient/{kim}"
    assert stored["performer"]["reference"].startswith("Device/")
    assert found(ada, f"RiskAssessment?patient={kim}&date=lt2026-01-01") == []
    assert ada.get(f"/fhir/RiskAssessment/{risk['id']}").json()["status"] == "preliminary"


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("Flag?date=ge2026-01-01", 1),
        ("Flag?date=lt2020-01-01", 0),
        ("Flag?author={author}", 1),
        ("RiskAssessment?performer={performer}", 1),
        ("RiskAssessment?method=score2", 1),
        ("RiskAssessment?method=qrisk", 0),
    ],
)
def test_risks_and_flags_are_found_by_who_said_them_and_when(
    query: str, hits: int, people: Callable[[Role], TestClient], kim: str
) -> None:
    ada = people(Role.CLINICIAN)
    numbers = [heard(event, kim)["id"] for event in (Event.RISK_ESTIMATED, Event.FLAG_RAISED)]
    risk = ada.get(f"/fhir/RiskAssessment/{numbers[0]}").json()
    flag = ada.get(f"/fhir/Flag/{numbers[1]}").json()
    named = {"performer": risk["performer"]["reference"], "author": flag["author"]["reference"]}
    assert len(found(ada, query.format(**named))) == hits


def test_what_nobody_has_signed_does_not_exist_for_a_system_without_the_scope(
    systems: Callable[..., TestClient], kim: str
) -> None:
    risk, flag = heard(Event.RISK_ESTIMATED, kim), heard(Event.FLAG_RAISED, kim)
    without = systems("other", "system/*.rs")
    seeing = systems("seeing", "system/*.rs hub/preliminary.r")
    for one in (risk, flag):
        path = f"/fhir/{one['resourceType']}"
        assert without.get(f"{path}/{one['id']}").status_code == 404
        assert found(without, one["resourceType"]) == []
        assert seeing.get(f"{path}/{one['id']}").status_code == 200


def test_a_lowered_flag_is_a_new_version_and_the_older_word_never_comes_back(
    people: Callable[[Role], TestClient], kim: str
) -> None:
    raised = heard(Event.FLAG_RAISED, kim)
    heard(Event.FLAG_LOWERED, kim)
    late = "5b0f8a52-2a4e-4f7e-9a39-0c6d1f6f0999"
    heard(Event.FLAG_RAISED, kim, timestamp="2026-06-01T10:00:00.000+00:00", number=late)
    flag = people(Role.RADIOLOGIST).get(f"/fhir/Flag/{raised['id']}").json()
    assert (flag["status"], flag["meta"]["versionId"]) == ("inactive", "2")


def test_the_capability_statement_promises_both_for_reading_only(hospital: TestClient) -> None:
    rest = hospital.get("/fhir/metadata").json()["rest"][0]["resource"]
    offered = {one["type"]: {what["code"] for what in one["interaction"]} for one in rest}
    assert offered["RiskAssessment"] == offered["Flag"] == {"read", "search-type"}


def report_signed(patient_id: str, at: str, *, status: str = "final") -> Message:
    """A named human's report, whose signer saw the example's risk as it was said at a time."""
    number = str(uuid4())
    report = {
        "resourceType": "DiagnosticReport",
        "id": CASE,
        "status": status,
        "code": {"text": "Chest"},
        "subject": {"reference": f"urn:uuid:{patient_id}"},
    }
    risk = json.loads((EXAMPLES / f"{Event.RISK_ESTIMATED}.example.json").read_text())["entry"][1]["resource"]
    what = {"type": "RiskAssessment", "reference": f"urn:uuid:{risk['id']}"}
    said_at = {"url": SAID_AT, "valueInstant": at}
    provenance = {
        "resourceType": "Provenance",
        "id": str(uuid4()),
        "target": [{"reference": f"urn:uuid:{CASE}"}],
        "recorded": at,
        "agent": [{"who": {"display": "Dr Ada"}}],
        "entity": [{"role": "source", "what": what | {"extension": [said_at]}}],
    }
    return Message.build(Event.REPORT_SIGNED, Lane.ROUTINE, number, [report, provenance])


def said_at_of_example() -> str:
    timestamp: str = json.loads((EXAMPLES / f"{Event.RISK_ESTIMATED}.example.json").read_text())["timestamp"]
    return timestamp


def test_a_risk_that_was_signed_is_final_and_stays_whatever_is_said_later(
    systems: Callable[..., TestClient], kim: str
) -> None:
    """The living one gets new versions; whoever may not see what is preliminary sees what is signed."""
    living = heard(Event.RISK_ESTIMATED, kim)
    tasks.keep(report_signed(kim, said_at_of_example()))
    later = "5b0f8a52-2a4e-4f7e-9a39-0c6d1f6f0999"
    heard(Event.RISK_ESTIMATED, kim, timestamp="2030-01-01T00:00:00.000+00:00", number=later)
    without = systems("other", "system/*.rs")
    (signed,) = found(without, f"RiskAssessment?patient={kim}")
    assert (signed["status"], signed["id"] == living["id"]) == ("final", False)
    assert signed["prediction"] == living["prediction"]
    assert signed["parent"]["reference"] == f"DiagnosticReport/{CASE}"
    tasks.keep(report_signed(kim, said_at_of_example(), status="entered-in-error"))
    assert found(without, f"RiskAssessment?patient={kim}")[0]["status"] == "entered-in-error"


def test_a_risk_that_changed_since_the_signer_saw_it_is_not_called_signed(
    systems: Callable[..., TestClient], kim: str
) -> None:
    heard(Event.RISK_ESTIMATED, kim)
    tasks.keep(report_signed(kim, "2020-01-01T00:00:00.000+00:00"))
    assert found(systems("other", "system/*.rs"), f"RiskAssessment?patient={kim}") == []
