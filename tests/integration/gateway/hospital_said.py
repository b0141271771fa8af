"""What a synthetic hospital says, and what the gateway then says to the hub."""

import copy
from typing import Any
from uuid import uuid4

import orjson
from fastapi.testclient import TestClient
from sqlalchemy import select

from services.gateway import store
from shared import outbox
from shared.fhir import codes

MRN = "https://st-luke.example/mrn"
ORDERS = "https://st-luke.example/order"
ACCESSION = "https://st-luke.example/accession"
FHIR_JSON = "application/fhir+json"


def identifier(system: str, value: str, kind: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"system": system, "value": value}
    if kind:
        made["type"] = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]}
    return made


def patient(mrn: str = "SYN-1", family: str = "SYNTHETIC") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [identifier(MRN, mrn)],
        "name": [{"family": family, "given": ["Kim"]}],
        "gender": "female",
        "birthDate": "2021-03-04",
    }


def order(number: str = "O-1", *, status: str = "active", priority: str = "stat", mrn: str = "SYN-1") -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "identifier": [identifier(ORDERS, number, "PLAC"), identifier(ACCESSION, f"A-{number}", "ACSN")],
        "status": status,
        "intent": "order",
        "priority": priority,
        "code": {"text": "Chest radiograph"},
        "subject": {"identifier": identifier(MRN, mrn)},
        "authoredOn": "2026-11-02T10:00:00Z",
    }


def study(uid: str = "1.2.826.0.1.1", number: str = "O-1", mrn: str = "SYN-1") -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "identifier": [codes.study_identifier(uid), identifier(ACCESSION, f"A-{number}", "ACSN")],
        "status": "available",
        "subject": {"identifier": identifier(MRN, mrn)},
        "basedOn": [{"identifier": identifier(ORDERS, number)}],
        "started": "2026-11-02T11:30:00Z",
        "numberOfInstances": 1,
    }


def message(code: str, *resources: dict[str, Any], number: str | None = None) -> dict[str, Any]:
    """A hospital's message; the resources refer to each other as they please."""
    number = number or str(uuid4())
    header = {
        "resourceType": "MessageHeader",
        "id": number,
        "eventCoding": {"system": codes.EVENT_SYSTEM, "code": code},
        "source": {"endpoint": "https://st-luke.example/fhir"},
    }
    entries = [{"fullUrl": f"urn:uuid:{uuid4()}", "resource": copy.deepcopy(one)} for one in (header, *resources)]
    return {"resourceType": "Bundle", "type": "message", "entry": entries}


def send(client: TestClient, bundle: dict[str, Any], **headers: str) -> Any:
    return post(client, "/fhir/$process-message", bundle, **headers)


def post(client: TestClient, path: str, resource: dict[str, Any], **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, content=orjson.dumps(resource), headers={"Content-Type": FHIR_JSON, **given})


def put(client: TestClient, path: str, resource: dict[str, Any], **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.put(path, content=orjson.dumps(resource), headers={"Content-Type": FHIR_JSON, **given})


def found(client: TestClient, query: str) -> list[dict[str, Any]]:
    answer = client.get(f"/fhir/{query}")
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def said(*, access: bool = False) -> list[dict[str, Any]]:
    """The Bundles in the outbox, oldest first; accesses only when asked for."""
    with store.transaction() as session:
        rows = session.execute(select(outbox.OUTBOX).order_by(outbox.OUTBOX.c.id)).all()
    wanted = [row for row in rows if (row.task == "gateway.access-recorded") is access]
    return [{"event": row.task, "lane": row.lane, "correlation": row.correlation, **_parts(row.body)} for row in wanted]


def _parts(body: str) -> dict[str, Any]:
    bundle = orjson.loads(body)[0][0]
    resources = [entry["resource"] for entry in bundle["entry"][1:]]
    return {"bundle": bundle, "types": [one["resourceType"] for one in resources], "resources": resources}
