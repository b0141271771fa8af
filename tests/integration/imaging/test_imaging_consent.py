"""Nothing of a patient who denies analysis by AI is sent to a model, whatever order the events come in."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from department import one_by_one
from jsonschema import Draft202012Validator
from numpy.typing import NDArray

from services.imaging.domain.model import Model
from services.imaging.domain.reading import Region
from services.imaging.inference.reader import Prediction
from services.imaging.tasks import announce_study, read_study, take_consents
from shared.events import Event, Lane
from shared.fhir.message import Message

SCHEMA = Path(__file__).parents[3] / "contracts" / "events" / "imaging.analysis-refused.schema.json"
NOW = datetime.now(UTC)
NUMBER = "6f1c7a52-3b0e-4a0a-9d3e-0c5f8a2d1c01"


def asked(_: Model, __: NDArray[np.float32]) -> Prediction:
    """A model that must not be asked."""
    raise AssertionError("a picture was sent to the model")


@one_by_one
def answers(_: Model, picture: NDArray[np.float32]) -> Prediction:
    return Prediction((0.9,), True, Region(0.1, 0.2, 0.1, 0.2), np.zeros(picture.shape, np.float32))


def consent(
    patient: str, kind: str = "deny", *, number: str = NUMBER, version: int = 1, given: datetime = NOW, **changes: Any
) -> Message:
    """The gateway's word about a Consent."""
    made = {
        "resourceType": "Consent",
        "id": number,
        "meta": {"versionId": str(version)},
        "status": "active",
        "patient": {"reference": f"urn:uuid:{patient}"},
        "dateTime": given.isoformat(),
        "provision": {"type": kind},
    }
    return Message.build(Event.RESOURCE_CHANGED, Lane.STAT, number, [made | changes])


@pytest.fixture
def study(imaging: Any, announcement: Any, child: Any) -> tuple[Any, Message, str]:
    """The service with files that nobody has announced; their announcement; and the hub's id of their patient."""
    hub, one = imaging(), child()
    assert hub.stow(one.part10()).status_code == 200
    told = announcement(one)
    return hub, told, told.resource("Patient")["id"]


def outcome(hub: Any, predict: Callable[..., Prediction]) -> str:
    """What is said of the study once it is read."""
    (completed,) = hub.said(Event.STUDY_COMPLETED)
    read_study(completed, predict=predict)
    (said,) = hub.said(Event.ANALYSIS_COMPLETED, Event.ANALYSIS_REFUSED)
    absent = said.resource("Observation").get("dataAbsentReason")
    return str(absent["coding"][0]["code"]) if absent else "analysed"


def test_a_denied_study_goes_on_without_ai_and_says_so(study: tuple[Any, Message, str]) -> None:
    """The Consent came before anything else of the patient was known."""
    hub, told, patient = study
    take_consents(consent(patient))
    announce_study(told)
    assert outcome(hub, asked) == "consent"
    (said,) = hub.said(Event.ANALYSIS_REFUSED)
    text = said.resource("Observation")["dataAbsentReason"]["text"]
    assert text == "not analysed (the patient refuses analysis by AI)"
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(said.bundle)
    uid = told.resource("ImagingStudy")["identifier"][0]["value"].removeprefix("urn:oid:")
    assert hub.state(uid) == ("answered", None)


def test_a_consent_that_travels_with_the_announcement_is_heard_with_it(study: tuple[Any, Message, str]) -> None:
    hub, told, patient = study
    told.bundle["entry"].append({"resource": consent(patient).focus[0]})
    announce_study(told)
    assert outcome(hub, asked) == "consent"


def test_a_denial_that_comes_while_the_model_is_asked_still_counts(study: tuple[Any, Message, str]) -> None:
    hub, told, patient = study
    announce_study(told)

    @one_by_one
    def slow(model: Model, picture: NDArray[np.float32]) -> Prediction:
        take_consents(consent(patient))
        return answers(model, [picture])[0]

    assert outcome(hub, slow) == "consent"


DAY = timedelta(days=1)
OVER = {"provision": {"type": "deny", "period": {"start": "2020-01-01", "end": "2020-12-31"}}}
LATER = {"provision": {"type": "deny", "period": {"start": (NOW + 2 * DAY).date().isoformat()}}}
TODAY = {"provision": {"type": "deny", "period": {"end": NOW.date().isoformat()}}}
OTHER = "6f1c7a52-3b0e-4a0a-9d3e-0c5f8a2d1c02"


@pytest.mark.parametrize(
    ("heard", "comes"),
    [
        ([{}], "consent"),
        ([{"kind": "permit"}], "analysed"),
        ([{}, {"version": 2, "status": "inactive"}], "analysed"),
        ([{"version": 2, "status": "entered-in-error"}, {}], "analysed"),
        ([{"status": "draft"}], "analysed"),
        ([OVER], "analysed"),
        ([LATER], "analysed"),
        ([TODAY], "consent"),
        ([{}, {"number": OTHER, "kind": "permit", "given": NOW + DAY}], "analysed"),
        ([{"number": OTHER, "kind": "permit", "given": NOW + DAY}, {}], "analysed"),
        ([{}, {"number": OTHER, "kind": "permit", "given": NOW - DAY}], "consent"),
        ([{}, {"number": OTHER, "kind": "permit"}], "consent"),
        ([{"kind": "permit", "given": NOW - DAY}, {"number": OTHER, **OVER}], "analysed"),
    ],
)
def test_the_consent_given_last_of_those_in_force_decides(
    heard: list[dict[str, Any]], comes: str, study: tuple[Any, Message, str]
) -> None:
    hub, told, patient = study
    for one in heard:
        take_consents(consent(patient, **one))
    announce_study(told)
    assert outcome(hub, asked if comes == "consent" else answers) == comes


def test_what_another_patient_denies_stops_nobody(study: tuple[Any, Message, str]) -> None:
    hub, told, _ = study
    take_consents(consent("6f1c7a52-3b0e-4a0a-9d3e-0c5f8a2d1c03"))
    announce_study(told)
    assert outcome(hub, answers) == "analysed"
