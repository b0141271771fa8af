"""Reading a study: one answer, preliminary and labelled, or the reason why there is none; never silence."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from department import one_by_one
from fhir.resources.R4B import get_fhir_model_class
from numpy.typing import NDArray
from pydicom import dcmread
from sqlalchemy import select

from services.imaging import files, store
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Region
from services.imaging.inference import reader
from services.imaging.inference.reader import Prediction
from services.imaging.panels import panels
from services.imaging.store.tables import ANALYSIS, INSTANCE
from services.imaging.tasks import announce_study, read_study, revoke_order
from shared.events import Event, Lane


def says(probability: float, *, familiar: bool = True) -> Callable[[Model, NDArray[np.float32]], Prediction]:
    """A model of one opinion, with the real one's shapes."""

    @one_by_one
    def predict(_: Model, picture: NDArray[np.float32]) -> Prediction:
        heat = np.zeros(picture.shape, np.float32)
        heat[10:20, 30:60] = 1
        return Prediction((probability,), familiar, Region(0.1, 0.2, 0.1, 0.2), heat)

    return predict


@pytest.fixture
def complete(imaging: Any, announcement: Any) -> Callable[..., Any]:
    """A complete study, and the message that says so."""

    def make(*pictures: Any, lane: Lane = Lane.ROUTINE, sent: list[bytes] | None = None) -> Any:
        hub = imaging()
        sent = sent or [picture.part10() for picture in pictures]
        assert hub.stow(*sent).status_code == 200
        announce_study(announcement(pictures[0], instances=len(sent), lane=lane))
        [message] = hub.said(Event.STUDY_COMPLETED)
        return hub, message

    return make


def test_a_finding_is_preliminary_labelled_and_names_its_model_picture_and_place(
    complete: Any, child: Any, released: Model
) -> None:
    one = child()
    hub, message = complete(one, lane=Lane.STAT)
    read_study(message, predict=says(0.93))
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    get_fhir_model_class("Bundle").model_validate(said.bundle)
    observation, report = said.resource("Observation"), said.resource("DiagnosticReport")
    assert {observation["status"], report["status"]} == {"preliminary"}
    assert [r["meta"]["security"][0]["code"] for r in (observation, report)] == ["AIAST", "AIAST"]
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == "flagged"
    extensions = {e["url"].rpartition("/")[2]: e["valueString"] for e in observation["extension"]}
    assert extensions["image"] == one.uid
    assert extensions["region"] == "0.100,0.200,0.100,0.200"
    assert report["basedOn"][0]["identifier"]["value"] == f"O-{one.study}"
    device = said.resource("Device")
    assert device["version"][0]["value"] == released.version
    assert device["property"][0]["valueCode"][0]["text"] == released.digest
    assert said.resource("Provenance")["entity"][1]["what"]["identifier"]["value"] == released.digest
    assert said.resource("Provenance")["agent"][0]["type"]["coding"][0]["code"] == "assembler"
    assert said.lane is Lane.STAT
    assert hub.state(one.study) == ("answered", None)


def test_the_operator_sees_the_model_and_what_it_answered(complete: Any, child: Any, released: Model) -> None:
    _, message = complete(child())
    read_study(message, predict=says(0.93))
    studies, models = panels()
    [row] = models.rows
    assert row[:4] == (released.name, released.version, "live", released.digest[:12])
    assert row[4:6] == ("as admitted", "1 flagged")
    assert row[6] is not None
    assert models.problems == []
    assert dict(studies.rows)["answered"] == 1


def test_below_the_threshold_is_not_flagged(complete: Any, child: Any) -> None:
    hub, message = complete(child())
    read_study(message, predict=says(0.01))
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    assert said.resource("Observation")["valueCodeableConcept"]["coding"][0]["code"] == "not-flagged"


def test_the_same_message_three_times_is_one_analysis(complete: Any, child: Any) -> None:
    hub, message = complete(child())
    for _ in range(3):
        read_study(message, predict=says(0.9))
    assert len(hub.said(Event.ANALYSIS_COMPLETED)) == 1
    with store.transaction() as session:
        assert len(session.execute(select(ANALYSIS)).all()) == 1
        assert len(session.execute(select(INSTANCE)).all()) == 2


def test_the_highest_of_several_pictures_counts_and_laterals_are_not_read(complete: Any, child: Any) -> None:
    one = child()
    second, lateral = one.another(seed=2), one.another(view="LL", seed=3)
    hub, message = complete(one, second, lateral)
    seen: list[float] = []

    @one_by_one
    def predict(model: Model, picture: NDArray[np.float32]) -> Prediction:
        seen.append(float(picture.sum()))
        return says(0.2 if len(seen) == 1 else 0.8)(model, [picture])[0]

    read_study(message, predict=predict)
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    extensions = {e["url"].rpartition("/")[2]: e["valueString"] for e in said.resource("Observation")["extension"]}
    assert len(seen) == 2
    assert extensions["image"] == max(one.uid, second.uid)
    assert "highest of 2 images" in said.resource("DiagnosticReport")["conclusion"]


def test_the_heat_map_is_an_instance_of_the_study_that_the_viewer_can_load(complete: Any, child: Any) -> None:
    one = child()
    hub, message = complete(one)
    read_study(message, predict=says(0.9))
    extensions = {
        e["url"].rpartition("/")[2]: e["valueString"]
        for e in hub.said(Event.ANALYSIS_COMPLETED)[0].resource("Observation")["extension"]
    }
    path = f"/dicomweb/studies/{one.study}/series/{extensions['heat-map-series']}/instances/{extensions['heat-map']}"
    frame = hub.http.get(f"{path}/frames/1", headers=hub.sign() | {"Accept": "application/octet-stream"})
    assert frame.status_code == 200
    grey = np.frombuffer(frame.content, np.uint8).reshape(120, 160)
    assert grey[15, 45] == 255
    assert grey[0, 0] == 0
    [header] = hub.http.get(f"{path}/metadata", headers=hub.sign()).json()
    assert header["0008103E"]["Value"] == ["AI heat map - not for diagnosis"]
    assert header["00082112"]["Value"][0]["00081155"]["Value"] == [one.uid]


def test_a_heat_map_that_comes_back_is_acknowledged_never_counted_and_never_read(complete: Any, child: Any) -> None:
    one = child()
    hub, message = complete(one)
    read_study(message, predict=says(0.9))
    [made] = [i for i in instances(one.study) if i.hub_made]
    sent = dcmread(files.path_of(hub.folder, made.digest))
    sent.InstitutionName = "The archive adds its name"
    buffer = BytesIO()
    sent.save_as(buffer, enforce_file_format=True)
    assert hub.stow(buffer.getvalue()).status_code == 200
    with store.transaction() as session:
        assert store.find(session, one.study).present == 1
    assert len(hub.said(Event.INSTANCES_STORED)) == 1


def test_monochrome1_and_monochrome2_of_one_picture_look_the_same_to_the_model(complete: Any, child: Any) -> None:
    seen: list[NDArray[np.float32]] = []

    @one_by_one
    def predict(model: Model, picture: NDArray[np.float32]) -> Prediction:
        seen.append((picture - picture.min()) / (picture.max() - picture.min()))
        return says(0.1)(model, [picture])[0]

    one = child(photometric="MONOCHROME1")
    _, message = complete(one, one.another(photometric="MONOCHROME2"))
    read_study(message, predict=predict)
    assert np.allclose(*seen, atol=1e-6)


def test_a_real_adult_is_refused_and_never_called_normal(
    imaging: Any, real: Any, announcement: Any, child: Any
) -> None:
    hub, sent = imaging(), real("RG1_J2KR.dcm")
    made = dcmread(BytesIO(sent))
    one = child(study=str(made.StudyInstanceUID), patient=str(made.PatientID))
    hub.stow(sent)
    announce_study(announcement(one))
    [message] = hub.said(Event.STUDY_COMPLETED)
    read_study(message)
    assert refused(hub) == ("adult", "not analysed (adult)")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"born": "20260301"}, "too-young"),
        ({"born": "20140301"}, "unlike-training-data"),
        ({"born": "19800301"}, "adult"),
        ({"born": "", "taken": ""}, "age-unknown"),
        ({"born": "20270101"}, "age-unknown"),
        ({"modality": "CT"}, "modality"),
        ({"body_part": "HAND"}, "body-part"),
        ({"body_part": ""}, "body-part"),
        ({"view": "LL"}, "unlike-training-data"),
    ],
)
def test_what_the_model_was_not_made_for_is_refused(
    complete: Any, child: Any, change: dict[str, str], reason: str
) -> None:
    hub, message = complete(child(**change))
    read_study(message, predict=says(0.9))
    assert refused(hub)[0] == reason


def test_a_birth_date_only_in_fhir_is_enough(complete: Any, child: Any) -> None:
    hub, message = complete(child(born=""))
    read_study(message, predict=says(0.9))
    assert len(hub.said(Event.ANALYSIS_COMPLETED)) == 1


def test_an_unfamiliar_picture_is_refused(complete: Any, child: Any) -> None:
    hub, message = complete(child())
    read_study(message, predict=says(0.9, familiar=False))
    assert refused(hub)[0] == "unlike-training-data"


def without_pixels(made: Any) -> None:
    del made.PixelData


def broken_pixels(made: Any) -> None:
    made.Rows = 4000


def colour(made: Any) -> None:
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.Rows, made.Columns = 80, 160


@pytest.mark.parametrize(
    ("spoil", "reason"), [(without_pixels, "no-pixels"), (broken_pixels, "unreadable"), (colour, "photometric")]
)
def test_pixels_that_are_not_there_or_not_readable_are_said(
    complete: Any, child: Any, as_file: Any, spoil: Callable[[Any], None], reason: str
) -> None:
    one = child()
    made = one.dataset()
    spoil(made)
    hub, message = complete(one, sent=[as_file(made)])
    read_study(message, predict=says(0.01))
    assert refused(hub)[0] == reason


def test_an_unreadable_picture_beside_an_unflagged_one_is_not_called_unflagged(
    complete: Any, child: Any, as_file: Any
) -> None:
    one = child()
    made = one.another().dataset()
    broken_pixels(made)
    hub, message = complete(one, sent=[one.part10(), as_file(made)])
    read_study(message, predict=says(0.01))
    assert refused(hub) == ("unreadable", "not analysed (1 of 2 images could not be decoded)")


def test_a_picture_that_comes_while_the_model_reads_is_not_counted_as_read(complete: Any, child: Any) -> None:
    one = child()
    hub, message = complete(one)

    def slowly(*asked: Any) -> Any:
        hub.let_time_pass(one.study)
        assert hub.stow(one.another(seed=5).part10()).status_code == 200
        return says(0.93)(*asked)

    read_study(message, predict=slowly)
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    assert said.resource("ImagingStudy")["numberOfInstances"] == 1
    assert hub.said(Event.INSTANCES_STORED)[-1].resource("ImagingStudy")["numberOfInstances"] == 2


def test_an_image_that_is_not_for_the_model_is_never_counted_as_read(complete: Any, child: Any, as_file: Any) -> None:
    one = child()
    made = one.another().dataset()
    made.ViewPosition = "LL"
    hub, message = complete(one, sent=[one.part10(), as_file(made)])
    read_study(message, predict=says(0.01))
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    conclusion = said.resource("DiagnosticReport")["conclusion"]
    assert "Read 1 of 2 images: 1 not of a kind that the model reads." in conclusion


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("torch"), KeyError("x")])
def test_a_model_that_fails_is_said(complete: Any, child: Any, error: Exception) -> None:
    @one_by_one
    def fail(_: Model, __: NDArray[np.float32]) -> Prediction:
        raise error

    hub, message = complete(child())
    read_study(message, predict=fail)
    assert refused(hub)[0] == "model-failed"


def test_a_broken_model_package_is_said_with_every_study(complete: Any, child: Any) -> None:
    hub, message = complete(child())
    [graph] = hub.folder.rglob("model.pt2")
    with graph.open("ab") as file:
        file.write(b"\0")
    reader.forget()
    read_study(message)
    assert refused(hub)[0] == "model-failed"


def test_an_order_revoked_while_the_model_reads_stops_the_answer(complete: Any, child: Any, revocation: Any) -> None:
    one = child()
    hub, message = complete(one)

    @one_by_one
    def predict(model: Model, picture: NDArray[np.float32]) -> Prediction:
        revoke_order(revocation(one))
        return says(0.9)(model, [picture])[0]

    read_study(message, predict=predict)
    assert hub.said(Event.ANALYSIS_COMPLETED, Event.ANALYSIS_REFUSED) == []
    assert hub.state(one.study) == ("revoked", None)


def test_a_late_picture_is_kept_and_not_read(complete: Any, child: Any) -> None:
    one = child()
    hub, message = complete(one)
    read_study(message, predict=says(0.9))
    hub.let_time_pass(one.study)
    hub.stow(one.another().part10())
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1
    assert len(hub.said(Event.INSTANCES_STORED)) == 2


def refused(hub: Any) -> tuple[str, str]:
    assert hub.said(Event.ANALYSIS_COMPLETED) == []
    [said] = hub.said(Event.ANALYSIS_REFUSED)
    get_fhir_model_class("Bundle").model_validate(said.bundle)
    observation = said.resource("Observation")
    assert "valueCodeableConcept" not in observation
    absent = observation["dataAbsentReason"]
    return absent["coding"][0]["code"], absent["text"]


def instances(study: str) -> Any:
    with store.transaction() as session:
        return store.list_instances(session, study)
