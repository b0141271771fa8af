"""A message says one event, points at what it is about, and survives its way through JSON."""

import json
from typing import Any

import pytest

from shared.errors import InvalidResource
from shared.events import Event, Lane
from shared.fhir.codes import correlation_of, lane_of, study_identifier, study_uid
from shared.fhir.message import Message

STUDY = {"resourceType": "ImagingStudy", "identifier": [study_identifier("1.2.3")], "status": "available"}


def made() -> Message:
    patient = {"resourceType": "Patient", "id": "6b0e2f4e-0000-4000-8000-000000000001"}
    return Message.build(Event.STUDY_AVAILABLE, Lane.STAT, "c-1", [dict(STUDY)], [patient])


def test_a_message_reads_back_as_it_was_built() -> None:
    message = made()
    assert Message.from_fhir(json.loads(json.dumps(message.bundle))) == message


def test_the_focus_is_what_the_event_is_about() -> None:
    message = made()
    assert [resource["resourceType"] for resource in message.focus] == ["ImagingStudy"]
    assert message.resource("Patient")["id"].endswith("1")


def test_a_resource_that_is_not_there_is_the_senders_fault() -> None:
    with pytest.raises(InvalidResource, match="no Device"):
        made().resource("Device")


@pytest.mark.parametrize(
    "bundle",
    [
        {},
        {"resourceType": "Patient"},
        {"resourceType": "Bundle", "type": "message", "entry": []},
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"resourceType": "MessageHeader"}}]},
    ],
)
def test_what_is_no_message_is_refused(bundle: dict[str, Any]) -> None:
    with pytest.raises(InvalidResource):
        Message.from_fhir(bundle)


def test_an_unknown_event_is_refused_without_being_repeated() -> None:
    bundle = made().bundle
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = "SENTINEL"
    with pytest.raises(InvalidResource) as told:
        Message.from_fhir(bundle)
    assert "SENTINEL" not in told.value.message


@pytest.mark.parametrize(
    ("priority", "lane"),
    [("stat", Lane.STAT), ("asap", Lane.URGENT), ("urgent", Lane.URGENT), ("routine", Lane.ROUTINE), (None, "routine")],
)
def test_a_fhir_priority_has_a_lane(priority: str | None, lane: str) -> None:
    assert lane_of(priority) == lane


def test_a_study_is_known_by_its_uid() -> None:
    assert study_uid(STUDY) == "1.2.3"
    assert study_uid({"identifier": [{"system": "x", "value": "1.2.3"}]}) is None


def test_one_study_has_one_correlation_whoever_asks() -> None:
    assert correlation_of("1.2.3") == correlation_of("1.2.3") != correlation_of("1.2.4")
