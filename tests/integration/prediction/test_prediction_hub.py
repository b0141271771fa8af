"""Through the whole hub: a laboratory's values go in at the FHIR door, and what prediction says comes out of it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from chart import MRN, Chart

from shared.embedded import Hub

PATIENCE_S = 90
SCOPES = "system/*.cruds hub/preliminary.r"


@pytest.fixture
def laboratory(hub: Hub, command: Callable[..., "subprocess.CompletedProcess[str]"]) -> Iterator[httpx.Client]:
    """A laboratory's system that may see what nobody has signed."""
    told = command("clients", "add", "laboratory", "--scope", SCOPES).stdout
    token = next(line.split()[-1] for line in told.splitlines() if line.lower().startswith("token:"))
    with httpx.Client(base_url=hub.public_url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        yield client


def created(client: httpx.Client, resource: dict[str, Any]) -> dict[str, Any]:
    """The resource as the hub keeps it; ids and versions are the hub's to give."""
    sent = {name: value for name, value in resource.items() if name not in {"id", "meta"}}
    answer = client.post(f"/fhir/{resource['resourceType']}", json=sent)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def awaited(client: httpx.Client, query: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first resource of a search that is as wanted."""
    end = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while time.monotonic() < end:
        found = [entry["resource"] for entry in client.get(f"/fhir/{query}").json().get("entry", [])]
        for one in found:
            if wanted(one):
                return one
        time.sleep(0.2)
    raise AssertionError(found)


def test_values_become_a_risk_and_an_alert_and_a_correction_changes_both(laboratory: httpx.Client) -> None:
    person = {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": "SYN-PREDICTION-1"}],
        "birthDate": Chart().born,
        "gender": "male",
    }
    patient = created(laboratory, person)["id"]
    chart = Chart(patient=patient)
    heart = [message.focus[0] for message in chart.heart()[1:]]
    kidney = [chart.creatinine(80, 5), chart.creatinine(160, 0.1)]
    subject = {"subject": {"reference": f"Patient/{patient}"}}
    stored = [created(laboratory, one | subject) for one in [*heart, *kidney]]
    risk = awaited(laboratory, f"RiskAssessment?patient={patient}", lambda one: "prediction" in one)
    assert risk["prediction"][0]["probabilityDecimal"] == pytest.approx(0.063143, abs=1e-6)
    assert {one["reference"] for one in risk["basis"]} == {f"Observation/{one['id']}" for one in stored[:4]}
    flag = awaited(laboratory, f"Flag?patient={patient}", lambda one: one["status"] == "active")
    assert "stage 2" in flag["code"]["text"]
    high = stored[-1] | {"valueQuantity": {"value": 82, "system": "http://unitsofmeasure.org", "code": "umol/L"}}
    high["status"] = "corrected"
    assert laboratory.put(f"/fhir/Observation/{high['id']}", json=high).status_code == 200
    lowered = awaited(laboratory, f"Flag?patient={patient}", lambda one: one["status"] == "inactive")
    assert lowered["id"] == flag["id"]
