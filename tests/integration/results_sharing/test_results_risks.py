"""What prediction says of a case's patient: figures hidden like what machines say, alerts not; the newest stands."""

import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from story import Story, reader
from telling import hear, only_case, said

from services.results_sharing import reading, store
from services.results_sharing.domain.review import Impression
from services.results_sharing.store import transaction
from services.results_sharing.tasks import risks
from shared.events import Event
from shared.fhir.message import Message

ROSA = reader("rosa")
EXAMPLES = Path(__file__).parents[3] / "contracts" / "events"
OF_EXAMPLE = "5b0f8a52-2a4e-4f7e-9a39-0c6d1f6f0001"
HANDLERS = {
    Event.RISK_ESTIMATED: risks.take_risk,
    Event.FLAG_RAISED: risks.take_flag,
    Event.FLAG_LOWERED: risks.lower_flag,
}


def predicted(event: Event, patient: str, minute: int = 0) -> None:
    """Let the service hear the event's example about a patient, as if said at a minute."""
    bundle = json.loads((EXAMPLES / f"{event}.example.json").read_text().replace(OF_EXAMPLE, patient))
    bundle["timestamp"] = f"2026-11-24T09:{minute:02d}:00.000+00:00"
    bundle["entry"][0]["resource"]["id"] = f"{bundle['id'][:-2]}{minute:02d}"
    HANDLERS[event](Message.from_fhir(bundle))


@pytest.fixture
def case_id(story: Story) -> str:
    hear(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_completed())
    predicted(Event.RISK_ESTIMATED, story.patient)
    predicted(Event.FLAG_RAISED, story.patient)
    return only_case().id


def test_an_alert_is_shown_at_once_and_a_figure_only_after_the_first_impression(case_id: str) -> None:
    (first,) = reading.open_case(ROSA, case_id).risks
    assert first.alert
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    alert, risk = reading.open_case(ROSA, case_id).risks
    assert (alert.method, alert.active, alert.preliminary) == ("nhs-aki", True, True)
    assert risk.result.startswith("10-year risk of cardiovascular disease 6.3 %")
    assert len(risk.contributions) == 5
    assert not risk.alert


def test_show_now_shows_the_risks_too(case_id: str) -> None:
    reading.show_now(ROSA, case_id)
    assert len(reading.open_case(ROSA, case_id).risks) == 2


def test_risks_that_come_before_the_case_are_there_and_the_newest_word_stands(story: Story) -> None:
    predicted(Event.FLAG_LOWERED, story.patient, minute=5)
    predicted(Event.FLAG_RAISED, story.patient, minute=3)
    hear(story.study_available())
    reading.give_impression(ROSA, only_case().id, Impression.NORMAL)
    (alert,) = reading.open_case(ROSA, only_case().id).risks
    assert not alert.active


def test_the_signature_names_the_risks_that_the_reader_saw_and_only_those(case_id: str, sql: Any) -> None:
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    shown = reading.open_case(ROSA, case_id).risks
    predicted(Event.RISK_ESTIMATED, only_case().patient_id or "", minute=7)
    reading.sign(ROSA, case_id, "Clear lungs.")
    reading.amend(ROSA, case_id, "And no effusion.", 1)
    for event in (Event.REPORT_SIGNED, Event.REPORT_AMENDED):
        (message,) = said(sql, event)
        report, *named = message.resource("Provenance")["entity"]
        assert report["what"]["type"] == "DiagnosticReport"
        assert [one["what"]["type"] for one in named] == ["Flag", "RiskAssessment"]
        assert [one["what"]["reference"].removeprefix("urn:uuid:") for one in named] == [
            risk.resource.partition("/")[2] for risk in shown
        ]
        assert "09:00:00" in named[1]["what"]["display"]
        get_fhir_model_class("Bundle").model_validate(message.bundle)


def test_the_signature_names_an_alert_that_stood_beside_the_image_before_any_impression(case_id: str, sql: Any) -> None:
    reading.open_case(ROSA, case_id)
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    reading.sign(ROSA, case_id, "Clear lungs.")
    (message,) = said(sql, Event.REPORT_SIGNED)
    kinds = [one["what"]["type"] for one in message.resource("Provenance")["entity"]]
    assert ("Flag" in kinds, "RiskAssessment" in kinds) == (True, False)


def test_a_signature_without_a_look_at_risks_names_none(story: Story, sql: Any) -> None:
    hear(story.order_placed(), story.study_available(), story.study_completed())
    reading.open_case(ROSA, only_case().id)
    predicted(Event.RISK_ESTIMATED, story.patient)
    reading.give_impression(ROSA, only_case().id, Impression.NORMAL)
    reading.sign(ROSA, only_case().id, "Clear lungs.")
    (message,) = said(sql, Event.REPORT_SIGNED)
    assert "entity" not in message.resource("Provenance")


def test_the_same_message_twice_is_once_and_of_another_patient_it_changes_nothing(case_id: str) -> None:
    case = only_case()
    predicted(Event.RISK_ESTIMATED, case.patient_id or "")
    predicted(Event.RISK_ESTIMATED, "5b0f8a52-2a4e-4f7e-9a39-0c6d1f6f0777", minute=9)
    with transaction() as session:
        found = store.risks_of(session, case.patient_id)
    assert [risk.at.minute for risk in found] == [0, 0]
    assert case_id == case.id
