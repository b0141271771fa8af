"""What hospitals send becomes inputs, and what is said of them is FHIR that says what it is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.prediction.domain.record import Disease, Input
from services.prediction.domain.units import Analyte
from services.prediction.fhir import inputs_from, persons_from
from services.results_sharing.fhir.risks import risk_from
from shared.events import Event, Lane
from shared.fhir.codes import AI_ASSERTED, BASE, LOINC, SNOMED, UCUM
from shared.fhir.message import Message

EXAMPLES = Path(__file__).parents[2] / "contracts" / "events"
PATIENT = "5b0f8a52-2a4e-4f7e-9a39-0c6d1f6f0001"


def heard(**changes: Any) -> list[Input]:
    """What is made of a creatinine of 88.4 umol/L after some changes; None takes an element away."""
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "meta": {"versionId": "3"},
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "14682-9"}]},
        "subject": {"reference": f"urn:uuid:{PATIENT}"},
        "effectiveDateTime": "2026-11-24T08:00:00+01:00",
        "valueQuantity": {"value": 88.4, "system": UCUM, "code": "umol/L", "unit": "µmol/L"},
        "referenceRange": [{"low": {"value": 59}, "high": {"value": 104}}],
    } | changes
    kept = {name: value for name, value in observation.items() if value is not None}
    return inputs_from(Message.build(Event.RESOURCE_CHANGED, Lane.ROUTINE, "c", [kept]))


def test_a_value_comes_with_its_time_unit_and_interval() -> None:
    (given,) = heard()
    (reading,) = given.readings
    assert (given.id, given.patient, given.version) == ("o", PATIENT, 3)
    assert reading.analyte is Analyte.CREATININE
    assert reading.value == pytest.approx(1.0)
    assert reading.at == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert (reading.low, reading.high) == (pytest.approx(59 / 88.4), pytest.approx(104 / 88.4))
    assert reading.note == "creatinine 88.4 umol/L -> 1 mg/dL"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"valueQuantity": {"value": 88.4}}, "without a unit"),
        ({"valueQuantity": {"value": 88.4, "unit": "arb"}}, "not one of"),
        ({"valueQuantity": {"value": 9000, "code": "umol/L", "system": UCUM}}, "implausible"),
        ({"valueQuantity": None}, "no value"),
    ],
)
def test_a_value_that_cannot_be_used_says_why(changes: dict[str, Any], problem: str) -> None:
    (reading,) = heard(**changes)[0].readings
    assert reading.value is None
    assert problem in str(reading.problem)


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "preliminary", "registered", "unknown"])
def test_only_what_the_laboratory_stands_by_counts(status: str) -> None:
    assert not heard(status=status)[0].says_something


def test_what_a_machine_asserted_is_no_input() -> None:
    assert heard(meta={"security": [AI_ASSERTED]}) == []


def test_a_resource_of_nobody_the_hub_knows_is_nobodys_input() -> None:
    assert heard(subject={"identifier": {"value": "M-1"}}) == []


def test_a_printed_unit_does_where_there_is_no_code_and_a_limit_is_said() -> None:
    (reading,) = heard(valueQuantity={"value": 18, "unit": "umol/L", "comparator": "<"})[0].readings
    assert reading.value == pytest.approx(18 / 88.4)
    assert "reported as <" in str(reading.note)


def test_a_day_without_an_hour_is_used_and_said() -> None:
    (reading,) = heard(effectiveDateTime="2026-11-24")[0].readings
    assert reading.at == datetime(2026, 11, 24, tzinfo=UTC)
    assert "only the day" in str(reading.note)


def test_a_month_is_no_time() -> None:
    assert heard(effectiveDateTime="2026-11")[0].readings[0].at is None


def test_the_systolic_pressure_is_found_in_its_panel() -> None:
    systolic = {
        "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
        "valueQuantity": {"value": 14, "system": UCUM, "code": "cm[Hg]"},
    }
    panel = {"coding": [{"system": LOINC, "code": "85354-9"}]}
    (reading,) = heard(code=panel, valueQuantity=None, component=[systolic])[0].readings
    assert (reading.analyte, reading.value) == (Analyte.SYSTOLIC, 140)


@pytest.mark.parametrize(("code", "value"), [("449868002", 1.0), ("8517006", 0.0), ("266919005", 0.0), ("1", None)])
def test_a_smoking_status_is_an_answer_or_not_understood(code: str, value: float | None) -> None:
    smoking = {"coding": [{"system": LOINC, "code": "72166-2"}]}
    answer = {"coding": [{"system": SNOMED, "code": code}]}
    (reading,) = heard(code=smoking, valueQuantity=None, valueCodeableConcept=answer)[0].readings
    assert reading.value == value
    assert (reading.problem is None) is (value is not None)


@pytest.mark.parametrize(
    ("coding", "verification", "disease"),
    [
        ({"system": SNOMED, "code": "44054006"}, None, Disease.DIABETES),
        ({"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}, None, Disease.DIABETES),
        ({"system": "http://hl7.org/fhir/sid/icd-10", "code": "I21.4"}, "confirmed", Disease.CARDIOVASCULAR),
        ({"system": "http://hl7.org/fhir/sid/icd-10", "code": "N18.3"}, None, Disease.KIDNEY),
        ({"system": SNOMED, "code": "44054006"}, "refuted", None),
        ({"system": SNOMED, "code": "195967001"}, None, None),
    ],
)
def test_a_diagnosis_that_matters_is_recognised(
    coding: dict[str, str], verification: str | None, disease: Disease | None
) -> None:
    condition: dict[str, Any] = {
        "resourceType": "Condition",
        "id": "c",
        "code": {"coding": [coding]},
        "subject": {"reference": f"urn:uuid:{PATIENT}"},
    }
    if verification:
        condition["verificationStatus"] = {"coding": [{"code": verification}]}
    (found,) = inputs_from(Message.build(Event.RESOURCE_CHANGED, Lane.ROUTINE, "c", [condition]))
    assert found.disease is disease


def test_a_person_without_a_whole_birth_date_has_no_age() -> None:
    patient = {"resourceType": "Patient", "id": PATIENT, "gender": "female", "birthDate": "1976-11"}
    ((person, version),) = persons_from(Message.build(Event.ORDER_PLACED, Lane.STAT, "c", [patient]))
    assert (person.born, person.sex, version) == (None, "female", 1)


def example(event: Event) -> Message:
    return Message.from_fhir(json.loads((EXAMPLES / f"{event}.example.json").read_text()))


def test_a_risk_says_that_it_is_preliminary_what_it_is_made_of_and_what_it_is_not_for() -> None:
    message = example(Event.RISK_ESTIMATED)
    (risk,) = message.focus
    assert risk["status"] == "preliminary"
    assert risk["meta"]["security"][0]["code"] == "AIAST"
    assert "not for them" in risk["mitigation"]
    read = risk_from(message)
    assert read.reference is not None
    shares = sum(one.difference or 0 for one in read.contributions)
    assert read.reference + shares == pytest.approx(read.value, abs=1e-5)
    linear = next(one for one in risk["extension"] if one["url"] == f"{BASE}/StructureDefinition/linear-predictor")
    assert sum(one.linear for one in read.contributions) == pytest.approx(linear["valueDecimal"], abs=1e-5)


def test_results_sharing_understands_what_prediction_says() -> None:
    risk, raised, lowered = (
        risk_from(example(event)) for event in (Event.RISK_ESTIMATED, Event.FLAG_RAISED, Event.FLAG_LOWERED)
    )
    assert (risk.model, risk.model_version, risk.preliminary) == ("score2", "1.0.0", True)
    assert risk.result == "10-year risk of cardiovascular disease 6.3 % (low-risk region)."
    assert risk.label == "ESC 2021, age 50-69: 5 to <10 % = high"
    assert [len(risk.contributions), risk.missing] == [5, ()]
    assert any("2.436 g/L -> 6.3 mmol/L" in note for note in risk.notes)
    assert (raised.active, lowered.active) == (True, False)
    assert raised.result.endswith("Unsigned automatic alert, for clinicians only.")
    assert raised.patient == lowered.patient == risk.patient == PATIENT
