"""A patient's Consent to analysis by AI: taken in where all of it is honoured, refused where it is not, and said on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hospital_said import MRN, found, identifier, message, order, patient, post, put, said, send, study
from sqlalchemy import select

from services.gateway import store
from shared import outbox
from shared.security import Role

EXAMPLE = Path(__file__).parents[3] / "contracts" / "fhir" / "Consent-example-denied.json"
LOINC = "http://loinc.org"


def consent(**changes: Any) -> dict[str, Any]:
    """The contract's example: SYN-1 denies."""
    return json.loads(EXAMPLE.read_text()) | changes


@pytest.fixture
def kim(hospital: TestClient) -> str:
    number: str = post(hospital, "/fhir/Patient", patient()).json()["id"]
    return number


def test_a_consent_is_kept_said_at_once_on_the_fastest_lane_and_withdrawn(hospital: TestClient, kim: str) -> None:
    created = post(hospital, "/fhir/Consent", consent())
    assert created.status_code == 201, created.text
    kept = created.json()
    assert kept["patient"]["reference"] == f"Patient/{kim}"
    lifted = put(hospital, f"/fhir/Consent/{kept['id']}", {**kept, "status": "inactive"}, If_Match='W/"1"')
    assert lifted.json()["meta"]["versionId"] == "2"
    told = said()[1:]
    assert [(one["event"], one["lane"], one["types"]) for one in told] == [
        ("gateway.resource-changed", "stat", ["Consent"])
    ] * 2
    assert [one["resources"][0]["status"] for one in told] == ["active", "inactive"]
    assert told[0]["resources"][0]["patient"]["reference"] == f"urn:uuid:{kim}"


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("", 1),
        ("patient=Patient/{kim}&status=active", 1),
        ("status=inactive", 0),
        ("date=2026-11-24", 1),
        ("date=lt2026-11-24", 0),
        (f"category={LOINC}|59284-0", 1),
        ("category=59284-0", 1),
        ("category=http://snomed.info/sct|59284-0", 0),
        ("scope=patient-privacy,treatment", 1),
        ("scope=research", 0),
        ("purpose=TREATDS", 1),
        ("identifier=https://st-luke.example/consent|C-0001", 1),
    ],
)
def test_a_consent_is_found_by_what_r4_searches_it_by(query: str, hits: int, hospital: TestClient, kim: str) -> None:
    assert post(hospital, "/fhir/Consent", consent()).status_code == 201
    assert len(found(hospital, f"Consent?{query.format(kim=kim)}")) == hits


def provision(**changes: Any) -> dict[str, Any]:
    return {"provision": consent()["provision"] | changes}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"status": "in-force"}, "Consent.status"),
        ({"scope": {"coding": [{"code": "patient-privacy"}]}}, "Consent.scope"),
        ({"scope": {"text": "research"}}, "Consent.scope"),
        ({"category": [{"text": "AI"}]}, "Consent.category"),
        ({"policyRule": None}, "Consent"),
        ({"patient": None}, "Consent.patient"),
        ({"dateTime": "2026-11"}, "Consent.dateTime"),
        ({"dateTime": None}, "Consent.dateTime"),
        ({"provision": None}, "Consent.provision"),
        (provision(type="maybe"), "Consent.provision.type"),
        (provision(purpose=[]), "Consent.provision.purpose"),
        (provision(purpose=[{"code": "TREATDS"}]), "Consent.provision.purpose"),
        (provision(action=[{"text": "collect"}]), "Consent.provision"),
        (provision(provision=[{"type": "permit"}]), "Consent.provision"),
        (provision(period={"end": "2027"}), "Consent.provision.period.end"),
    ],
)
@pytest.mark.usefixtures("kim")
def test_a_consent_that_would_not_be_honoured_is_refused_and_says_what_would_be(
    changes: dict[str, Any], place: str, hospital: TestClient
) -> None:
    sent = {name: value for name, value in consent(**changes).items() if value is not None}
    answer = post(hospital, "/fhir/Consent", sent)
    assert answer.status_code == 422
    issues = answer.json()["issue"]
    assert place in {expression for issue in issues for expression in issue["expression"]}
    assert all(issue["diagnostics"] for issue in issues)
    assert found(hospital, "Consent") == []


def test_a_consent_of_nobody_known_is_refused_until_the_patient_comes_along(hospital: TestClient) -> None:
    assert post(hospital, "/fhir/Consent", consent()).status_code == 422
    together = message("gateway.study-available", study(), patient(), order(), consent())
    assert send(hospital, together).status_code == 200
    assert len(found(hospital, "Consent")) == 1


@pytest.mark.usefixtures("kim")
def test_whatever_a_model_may_be_asked_about_travels_with_the_patients_consents(hospital: TestClient) -> None:
    """So that nobody is analysed because the word about the Consent is slower."""
    post(hospital, "/fhir/Consent", consent())
    send(hospital, message("gateway.study-available", study(), order()))
    value = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Creatinine"},
        "subject": {"identifier": identifier(MRN, "SYN-1")},
    }
    post(hospital, "/fhir/Observation", value)
    *_, placed, available, changed = said()
    assert {one["event"] for one in (placed, available, changed)} == {
        "gateway.order-placed",
        "gateway.study-available",
        "gateway.resource-changed",
    }
    assert all("Consent" in one["types"] for one in (placed, available, changed))
    assert len(changed["bundle"]["entry"][0]["resource"]["focus"]) == 1


@pytest.mark.usefixtures("kim")
def test_a_consent_is_said_once_more_when_its_period_begins_and_when_it_ends(hospital: TestClient) -> None:
    today = datetime.now(UTC).date()
    begins, ends = (today + timedelta(days=days) for days in (2, 4))
    period = {"start": begins.isoformat(), "end": ends.isoformat()}
    assert post(hospital, "/fhir/Consent", consent(**provision(period=period))).status_code == 201
    with store.transaction() as session:
        due = session.execute(
            select(outbox.OUTBOX.c.due_at).where(outbox.OUTBOX.c.due_at > datetime.now(UTC))
        ).scalars()
        assert [one.astimezone(UTC).date() for one in due] == [begins, ends + timedelta(days=1)]


def test_who_reads_consents_is_audited_and_who_may_not_is_refused(
    hospital: TestClient, kim: str, people: Callable[[Role], TestClient], systems: Callable[..., TestClient]
) -> None:
    number = post(hospital, "/fhir/Consent", consent()).json()["id"]
    assert people(Role.CLINICIAN).get(f"/fhir/Consent/{number}").status_code == 200
    read = said(access=True)[-1]["resources"][0]
    assert read["entity"][0]["what"]["reference"] == f"Patient/{kim}"
    assert systems("other", "system/Patient.rs").get(f"/fhir/Consent/{number}").status_code == 403
