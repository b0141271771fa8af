"""What scheduling understands of the messages that results_sharing promises, and says of its own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.scheduling.fhir.reports import ACCEPTED_FINDING, signed_from
from shared.errors import InvalidResource
from shared.events import Lane
from shared.fhir.message import Message

EVENTS = Path(__file__).parents[2] / "contracts" / "events"


def example(event: str) -> Message:
    return Message.from_fhir(json.loads((EVENTS / f"{event}.example.json").read_text()))


def report_of(message: Message) -> dict[str, Any]:
    return next(e["resource"] for e in message.bundle["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")


def test_the_promised_report_asks_for_a_follow_up() -> None:
    signed = signed_from(example("results_sharing.report-signed"))
    assert signed.accepted
    assert signed.lane is Lane.STAT
    assert signed.patient is not None
    assert signed.patient.value == "M-1"
    assert signed.study_uid == "2.25.329800735698586629295641978511506172918"
    assert signed.signed_at == datetime(2026, 11, 24, 8, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({"extension": []}, False),
        ({"extension": [{"url": "https://other.example", "valueString": "x"}]}, False),
        ({"extension": [], "conclusionCode": [{"text": "Nodule"}]}, True),
        ({"extension": [{"url": ACCEPTED_FINDING, "valueCodeableConcept": {}}]}, True),
    ],
)
def test_only_what_a_human_accepted_or_coded_counts(change: dict[str, Any], accepted: Any) -> None:
    message = example("results_sharing.report-signed")
    report_of(message).update(change)
    assert signed_from(message).accepted is accepted


@pytest.mark.parametrize("change", [{"identifier": []}, {"issued": "today"}, {"issued": "2026-11-24T08:00:00"}])
def test_a_report_that_is_not_the_hubs_or_has_no_time_is_the_senders_fault(change: dict[str, Any]) -> None:
    message = example("results_sharing.report-signed")
    report_of(message).update(change)
    with pytest.raises(InvalidResource):
        signed_from(message)
