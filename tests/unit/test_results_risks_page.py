"""The part of the review page that shows what prediction says: result, what it is made of, what is missing."""

import json
from pathlib import Path

from services.results_sharing.domain.risk import Risk
from services.results_sharing.fhir.risks import risk_from
from services.results_sharing.pages import words
from shared.events import Event
from shared.fhir.message import Message
from shared.web import environment

EXAMPLES = Path(__file__).parents[2] / "contracts" / "events"


def page(*risks: Risk) -> str:
    return environment().get_template("results_sharing/_risks.html").render(risks=risks, words=words)


def example(event: Event) -> Risk:
    return risk_from(Message.from_fhir(json.loads((EXAMPLES / f"{event}.example.json").read_text())))


def test_a_risk_shows_its_result_its_parts_and_its_model() -> None:
    html = page(example(Event.RISK_ESTIMATED))
    for told in (
        "6.3 %",
        "Preliminary, unsigned",
        "reference person",
        "current smoker",
        "+0.752",
        "+3.1 %",
        "score2 1.0.0",
    ):
        assert told in html


def test_an_alert_says_that_it_is_unsigned_and_a_lowered_one_that_it_is_over() -> None:
    raised, lowered = page(example(Event.FLAG_RAISED)), page(example(Event.FLAG_LOWERED))
    assert "Unsigned alert, for clinicians only" in raised
    assert "does not hold any more" not in raised
    assert "does not hold any more" in lowered


def test_what_is_missing_is_shown_and_nothing_is_shown_of_nothing() -> None:
    risk = example(Event.RISK_ESTIMATED)
    lacking = Risk(risk.resource, risk.patient, "score2", risk.at, "Risk", "Not estimated.", missing=("HDL", "<b>"))
    assert "<b>Missing:</b> HDL, &lt;b&gt;" in page(lacking)
    assert page().strip() == ""
