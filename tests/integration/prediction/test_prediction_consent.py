"""Nothing is estimated of a patient who denies analysis by AI; what stood is withdrawn, until it is permitted again."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chart import NOW, Chart, Resource, hear, say
from fhir.resources.R4B import get_fhir_model_class
from jsonschema import Draft202012Validator
from sqlalchemy import update

from services.prediction import store
from shared.consents import CONSENT
from shared.events import Event
from shared.fhir.message import Message

SCHEMAS = Path(__file__).parents[3] / "contracts" / "events"
NUMBER = "6f1c7a52-3b0e-4a0a-9d3e-0c5f8a2d1c01"
WORDS = "Not assessed: the patient refuses analysis by AI."

Said = Callable[[], list[Message]]
Last = Callable[[str], dict[str, Any]]


def consent(chart: Chart, version: int = 1, **changes: Any) -> Resource:
    """The patient denies."""
    return {
        "resourceType": "Consent",
        "id": NUMBER,
        "meta": {"versionId": str(version)},
        "status": "active",
        "patient": {"reference": f"urn:uuid:{chart.patient}"},
        "dateTime": NOW.isoformat(),
        "provision": {"type": "deny"},
        **changes,
    }


def test_nothing_is_estimated_of_a_patient_who_denies_it_and_that_is_said(said: Said, last: Last) -> None:
    """The Consent came before anything else of the patient was known; of what no value speaks to nothing is said."""
    chart = Chart()
    hear(say(consent(chart)))
    assert said() == []
    hear(*chart.heart(), say(chart.creatinine(80, 5)), say(chart.creatinine(250, 0.1)))
    risk, egfr = last("RiskAssessment"), last("Observation")
    assert (risk["status"], egfr["status"]) == ("cancelled", "cancelled")
    assert "prediction" not in risk
    assert egfr["dataAbsentReason"]["coding"][0]["code"] == "masked"
    assert {one["note"][0]["text"] for one in (risk, egfr)} == {WORDS}
    assert [message.event for message in said()] == [Event.RISK_ESTIMATED] * 2
    for message in said():
        get_fhir_model_class("Bundle").model_validate(message.bundle)
        Draft202012Validator(json.loads((SCHEMAS / f"{message.event}.schema.json").read_text())).validate(
            message.bundle
        )


def test_a_denial_withdraws_what_stood_and_a_permit_brings_it_back(said: Said, last: Last) -> None:
    chart = Chart()
    hear(*chart.heart(), say(chart.creatinine(80, 5)), say(chart.creatinine(250, 0.1)))
    before = last("RiskAssessment")
    assert last("Flag")["status"] == "active"
    hear(say(consent(chart)))
    withdrawn, flag = last("RiskAssessment"), last("Flag")
    assert (withdrawn["id"], withdrawn["status"], flag["status"]) == (before["id"], "cancelled", "inactive")
    assert flag["code"]["text"] == WORDS
    count = len(said())
    hear(say(chart.quantity("8480-6", 150, "mm[Hg]", 0.5)))
    assert len(said()) == count
    hear(say(consent(chart, 2, status="inactive")))
    again = last("RiskAssessment")
    assert again["status"] == "preliminary"
    assert again["prediction"][0]["probabilityDecimal"] > before["prediction"][0]["probabilityDecimal"]
    assert last("Flag")["status"] == "active"
    hear(say(consent(chart)))
    assert last("RiskAssessment") == again


def test_a_consent_that_travels_with_a_value_is_heard_with_it(last: Last) -> None:
    chart = Chart()
    hear(chart.person(), say(chart.creatinine(80, 1), consent(chart)))
    assert last("Observation")["status"] == "cancelled"


@pytest.mark.usefixtures("said")
def test_a_consent_whose_period_is_over_lifts_what_it_withheld_when_it_is_said_again(last: Last) -> None:
    """The gateway says it once more at that time; the version is known, and it is time to look."""
    chart = Chart()
    period = {"start": "2020-01-01", "end": (NOW + timedelta(hours=1)).isoformat()}
    ending = consent(chart, provision={"type": "deny", "period": period})
    hear(say(ending), chart.person(), say(chart.creatinine(80, 1)))
    assert last("Observation")["status"] == "cancelled"
    with store.transaction() as session:
        session.execute(update(CONSENT).values(ends=NOW))  # as if the hour had gone by
    hear(say(ending))
    assert last("Observation")["status"] == "preliminary"
