"""Resources are created, read, changed and found by those who may, with versions; the rest is refused plainly."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from hospital_said import FHIR_JSON, MRN, found, identifier, message, order, patient, post, put, said, send, study

from services.gateway import store, tasks
from services.gateway.domain.repository import TYPES
from shared import sittings
from shared.events import Event, Lane
from shared.fhir.codes import AI_ASSERTED, REPORT_SYSTEM
from shared.fhir.message import Message
from shared.security import Role


@pytest.fixture
def kim(hospital: TestClient) -> dict[str, Any]:
    created: dict[str, Any] = post(hospital, "/fhir/Patient", patient()).json()
    return created


def preliminary(patient_id: str) -> Message:
    subject = {"reference": f"urn:uuid:{patient_id}", "identifier": identifier(MRN, "SYN-1")}
    report = {
        "resourceType": "DiagnosticReport",
        "meta": {"security": [AI_ASSERTED]},
        "identifier": [{"system": REPORT_SYSTEM, "value": "ai-1"}],
        "status": "preliminary",
        "code": {"text": "Chest"},
        "subject": subject,
        "effectiveDateTime": "2026-11-02T12:00:00Z",
    }
    return Message.build(Event.ANALYSIS_COMPLETED, Lane.ROUTINE, "c", [report])


def test_a_created_resource_says_where_it_is_and_which_version(hospital: TestClient) -> None:
    answer = post(hospital, "/fhir/Patient", patient())
    number = answer.json()["id"]
    assert answer.status_code == 201
    assert answer.headers["location"] == f"http://127.0.0.1:8080/fhir/Patient/{number}"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.json()["meta"]["versionId"] == "1"
    read = hospital.get(f"/fhir/Patient/{number}")
    assert (read.content, read.headers["etag"]) == (answer.content, 'W/"1"')
    assert read.headers["last-modified"].endswith("GMT")
    assert read.headers["cache-control"] == "no-store"


def test_a_version_that_the_caller_has_is_not_sent_again(hospital: TestClient, kim: dict[str, Any]) -> None:
    answer = hospital.get(f"/fhir/Patient/{kim['id']}", headers={"If-None-Match": 'W/"1"'})
    assert (answer.status_code, answer.content) == (304, b"")


def test_an_update_makes_a_version_and_a_stale_one_is_refused(hospital: TestClient, kim: dict[str, Any]) -> None:
    changed = {**kim, "gender": "other"}
    path = f"/fhir/Patient/{kim['id']}"
    assert put(hospital, path, changed, If_Match='W/"1"').headers["etag"] == 'W/"2"'
    assert put(hospital, path, kim, If_Match='W/"1"').status_code == 412
    assert put(hospital, path, kim, If_Match="nonsense").status_code == 400
    assert hospital.get(path).json()["gender"] == "other"


def test_the_same_content_again_is_no_version_and_no_event(hospital: TestClient, kim: dict[str, Any]) -> None:
    assert put(hospital, f"/fhir/Patient/{kim['id']}", kim).headers["etag"] == 'W/"1"'
    assert len(said()) == 1


def test_an_update_of_an_unknown_id_is_no_create(hospital: TestClient) -> None:
    number = "00000000-0000-4000-8000-000000000000"
    assert put(hospital, f"/fhir/Patient/{number}", {**patient(), "id": number}).status_code == 404
    assert put(hospital, "/fhir/Patient/1", {**patient(), "id": "1"}).status_code == 404


def test_an_update_cannot_take_the_identifier_of_another(hospital: TestClient, kim: dict[str, Any]) -> None:
    post(hospital, "/fhir/Patient", patient("SYN-2"))
    stolen = {**kim, "identifier": [identifier(MRN, "SYN-2")]}
    assert put(hospital, f"/fhir/Patient/{kim['id']}", stolen).status_code == 409


def test_an_identifier_that_was_taken_off_finds_nothing_any_more(hospital: TestClient, kim: dict[str, Any]) -> None:
    put(hospital, f"/fhir/Patient/{kim['id']}", {**kim, "identifier": [identifier(MRN, "SYN-9")]})
    assert found(hospital, f"Patient?identifier={MRN}|SYN-1") == []
    assert len(found(hospital, f"Patient?identifier={MRN}|SYN-9")) == 1


def test_a_second_patient_of_one_identifier_is_a_conflict_unless_the_first_is_meant(
    hospital: TestClient, kim: dict[str, Any]
) -> None:
    assert post(hospital, "/fhir/Patient", patient()).status_code == 409
    again = post(hospital, "/fhir/Patient", patient(), If_None_Exist=f"identifier={MRN}|SYN-1")
    assert (again.status_code, again.json()["id"]) == (200, kim["id"])


def test_one_idempotency_key_creates_once(hospital: TestClient) -> None:
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Temperature"},
        "subject": {"identifier": identifier(MRN, "SYN-1")},
    }
    post(hospital, "/fhir/Patient", patient())
    first = post(hospital, "/fhir/Observation", observation, Idempotency_Key="k-1")
    second = post(hospital, "/fhir/Observation", observation, Idempotency_Key="k-1")
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["location"] == first.headers["location"]
    assert len(found(hospital, "Observation")) == 1
    other = post(hospital, "/fhir/Observation", {**observation, "status": "amended"}, Idempotency_Key="k-1")
    assert other.status_code == 409


def test_an_order_by_rest_is_placed_changed_and_revoked(hospital: TestClient, kim: dict[str, Any]) -> None:
    placed = order()
    placed["subject"] = {"reference": f"Patient/{kim['id']}"}
    created = post(hospital, "/fhir/ServiceRequest", placed).json()
    path = f"/fhir/ServiceRequest/{created['id']}"
    put(hospital, path, {**created, "priority": "routine"})
    put(hospital, path, {**created, "status": "revoked"})
    assert [one["event"] for one in said()][1:] == [
        "gateway.order-placed",
        "gateway.resource-changed",
        "gateway.order-revoked",
    ]
    assert created["subject"]["identifier"] == identifier(MRN, "SYN-1")


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("ServiceRequest?identifier=https://st-luke.example/order|O-1", 1),
        ("ServiceRequest?identifier=O-1,O-2", 2),
        ("ServiceRequest?identifier=https://st-luke.example/order|", 2),
        ("ServiceRequest?identifier=|O-1", 0),
        ("ServiceRequest?status=active", 1),
        ("ServiceRequest?status=active,revoked", 2),
        ("ServiceRequest?status=active&identifier=O-2", 0),
        ("ServiceRequest?authored=2026-11-02", 2),
        ("ServiceRequest?authored=ge2026-11-02&authored=lt2026-11-03", 2),
        ("ServiceRequest?authored=gt2026-11-02", 0),
        ("ServiceRequest?authored=le2026-11", 2),
        ("ServiceRequest?authored=lt2026-11-02T10:00:00Z", 0),
        ("ServiceRequest?authored=eq2026-11-02T12:00:00%2B02:00", 2),
        ("ServiceRequest?patient=00000000-0000-4000-8000-000000000000", 0),
        ("Patient?birthdate=2021", 1),
        ("Patient?birthdate=gt2021", 0),
        ("Patient?_id=nonsense", 0),
        ("ImagingStudy?started=2026-11-02", 1),
    ],
)
def test_resources_are_found(hospital: TestClient, query: str, hits: int) -> None:
    send(hospital, message("gateway.study-available", study(), patient(), order()))
    send(hospital, message("gateway.order-placed", order("O-2")))
    send(hospital, message("gateway.order-revoked", order("O-2", status="revoked")))
    assert len(found(hospital, query)) == hits


def test_what_is_a_patients_is_found_by_patient(hospital: TestClient) -> None:
    send(hospital, message("gateway.study-available", study(), patient(), order()))
    (kim,) = found(hospital, "Patient")
    for value in (kim["id"], f"Patient/{kim['id']}", f"http://127.0.0.1:8080/fhir/Patient/{kim['id']}"):
        assert len(found(hospital, f"ServiceRequest?patient={value}")) == 1
        assert len(found(hospital, f"ImagingStudy?subject={value}")) == 1


def test_a_search_by_form_is_the_same_and_counts_all(hospital: TestClient) -> None:
    for number in range(3):
        post(hospital, "/fhir/Patient", patient(f"SYN-{number}"))
    answer = hospital.post("/fhir/Patient/_search", data={"birthdate": "2021-03-04", "_count": "2"})
    bundle = answer.json()
    assert (bundle["type"], bundle["total"], len(bundle["entry"])) == ("searchset", 3, 2)
    assert bundle["link"][0]["url"].startswith("http://127.0.0.1:8080/fhir/Patient?")
    assert bundle["entry"][0]["fullUrl"].startswith("http://127.0.0.1:8080/fhir/Patient/")


@pytest.mark.parametrize(
    "query", ["nonsense=1", "birthdate=yesterday", "identifier=", "_count=x", "_format=xml", "identifier=a%00b"]
)
def test_a_search_that_is_not_offered_is_refused_with_what_is(hospital: TestClient, query: str) -> None:
    answer = hospital.get(f"/fhir/Patient?{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["diagnostics"]
    if query.startswith("nonsense"):
        assert "birthdate" in answer.json()["issue"][0]["diagnostics"]
        assert "nonsense" not in answer.text


@pytest.mark.parametrize("kind", ["DiagnosticReport", "RiskAssessment", "Flag", "Device", "Provenance", "AuditEvent"])
def test_what_the_hub_makes_is_read_only(hospital: TestClient, kind: str) -> None:
    answer = post(hospital, f"/fhir/{kind}", {"resourceType": kind})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["issue"][0]["code"] == "not-supported"
    assert put(hospital, f"/fhir/{kind}/1", {"resourceType": kind, "id": "1"}).status_code == 405
    assert found(hospital, kind) == []


def test_nothing_is_deleted(hospital: TestClient, kim: dict[str, Any]) -> None:
    answer = hospital.delete(f"/fhir/Patient/{kim['id']}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT")
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_unsigned_ai_is_for_clinicians_and_systems_that_were_given_it(
    kim: dict[str, Any],
    hospital: TestClient,
    systems: Callable[..., TestClient],
    people: Callable[[Role], TestClient],
) -> None:
    tasks.keep(preliminary(kim["id"]))
    trusted = systems("trusted", "system/*.rs hub/preliminary.r")
    (report,) = found(trusted, "DiagnosticReport")
    assert report["subject"]["reference"] == f"Patient/{kim['id']}"
    assert found(people(Role.RADIOLOGIST), f"DiagnosticReport?patient={kim['id']}") == [report]
    assert found(hospital, "DiagnosticReport") == []
    assert hospital.get(f"/fhir/DiagnosticReport/{report['id']}").status_code == 404
    assert hospital.get("/fhir/DiagnosticReport").json()["total"] == 0


def test_an_older_message_that_comes_late_changes_nothing(kim: dict[str, Any], systems: Any) -> None:
    older, newer = preliminary(kim["id"]), preliminary(kim["id"])
    older.bundle["timestamp"] = "2026-11-02T12:00:00+00:00"
    newer.bundle["entry"][1]["resource"] |= {"status": "final", "conclusion": "Signed."}
    for one in (newer, older, newer):
        tasks.keep(one)
    (report,) = found(systems("trusted", "system/*.rs hub/preliminary.r"), "DiagnosticReport")
    assert (report["status"], report["meta"]["versionId"]) == ("final", "1")


def test_the_hospital_cannot_change_what_the_hub_observed(hospital: TestClient, kim: dict[str, Any]) -> None:
    said_by_hub = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Finding"},
        "subject": {"reference": f"urn:uuid:{kim['id']}"},
    }
    tasks.keep(Message.build(Event.ANALYSIS_COMPLETED, Lane.ROUTINE, "c", [said_by_hub]))
    (stored,) = found(hospital, "Observation")
    assert put(hospital, f"/fhir/Observation/{stored['id']}", {**stored, "status": "amended"}).status_code == 409


def test_people_read_by_role(people: Callable[[Role], TestClient], kim: dict[str, Any]) -> None:
    radiologist, officer = people(Role.RADIOLOGIST), people(Role.PRIVACY_OFFICER)
    assert radiologist.get(f"/fhir/Patient/{kim['id']}").status_code == 200
    assert radiologist.get("/fhir/AuditEvent").status_code == 403
    assert officer.get("/fhir/AuditEvent").status_code == 200
    assert officer.get("/fhir/Patient").status_code == 403
    assert people(Role.SECRETARY).get("/fhir/Patient").status_code == 403
    assert post(radiologist, "/fhir/Patient", patient("SYN-5")).status_code == 403


def test_a_read_is_audited_before_it_is_answered_once_a_sitting(hospital: TestClient, kim: dict[str, Any]) -> None:
    before = len(said(access=True))
    for _ in range(3):
        hospital.get(f"/fhir/Patient/{kim['id']}")
        found(hospital, "Patient")
    (event,) = [one["resources"][0] for one in said(access=True)[before:]]
    assert event["entity"] == [{"what": {"reference": f"Patient/{kim['id']}"}}]
    assert (event["action"], event["agent"][0]["altId"]) == ("R", "st-luke")


def test_no_audit_no_data(hospital: TestClient, kim: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> list[str]:
        raise OSError

    monkeypatch.setattr(sittings, "begin", broken)
    answer = hospital.get(f"/fhir/Patient/{kim['id']}")
    assert answer.status_code == 500
    assert b"SYNTHETIC" not in answer.content


def test_a_disabled_client_is_refused(systems: Callable[..., TestClient]) -> None:
    client = systems("ehr")
    with store.transaction() as session:
        store.disable_client(session, "ehr")
    assert client.get("/fhir/Patient").status_code == 401


def test_a_client_with_a_new_token_cannot_use_the_old_one(systems: Callable[..., TestClient]) -> None:
    old, new = systems("ehr"), systems("ehr")
    assert (old.get("/fhir/Patient").status_code, new.get("/fhir/Patient").status_code) == (401, 200)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/xml"}, b"<Patient/>", 415),
        ({"Content-Type": "application/fhir+json; charset=latin-1"}, b"{}", 415),
        ({"Content-Type": FHIR_JSON, "Accept": "application/fhir+xml"}, b"{}", 406),
        ({"Content-Type": FHIR_JSON}, b"{", 400),
        ({"Content-Type": FHIR_JSON}, b"[]", 400),
        ({"Content-Type": FHIR_JSON}, b'{"resourceType":"Patient","active":true,"active":false}', 400),
        ({"Content-Type": FHIR_JSON}, b'{"a":' * 40 + b"1" + b"}" * 40, 400),
        ({"Content-Type": FHIR_JSON}, b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        ({"Content-Type": FHIR_JSON}, b'{"resourceType":"Observation"}', 422),
        ({"Content-Type": FHIR_JSON}, b'{"resourceType":"Patient","identifier":[{"value":"\\u0000"}]}', 400),
        ({"Content-Type": FHIR_JSON}, b'"' + b"x" * 3_000_000 + b'"', 413),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(
    hospital: TestClient, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = hospital.post("/fhir/Patient", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_quoted_name_that_looks_like_two_is_one(hospital: TestClient) -> None:
    tricky = {**patient(), "name": [{"text": 'a "quoted\\" \\ name": {"x"}'}]}
    assert post(hospital, "/fhir/Patient", tricky).status_code == 201


def test_the_capability_statement_is_public_and_valid(hospital: TestClient) -> None:
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415

    answer = hospital.get("/fhir/metadata", headers={"Authorization": ""})
    statement = orjson.loads(answer.content)
    get_fhir_model_class("CapabilityStatement").model_validate(statement)
    assert statement["fhirVersion"] == "4.0.1"
    assert {one["type"] for one in statement["rest"][0]["resource"]} == set(TYPES)


def test_a_stranger_gets_no_page_but_an_outcome_and_a_person_a_page(hospital: TestClient) -> None:
    outcome = hospital.get("/fhir/Patient/none")
    assert outcome.headers["content-type"] == FHIR_JSON
    page = hospital.get("/fhir/Patient/none", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert (outcome.status_code, page.status_code) == (404, 404)
