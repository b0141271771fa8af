"""A department brings its own models: admitted, in the shadow, a canary, live, and stopped at once."""

import argparse
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from department import Brightness, Perceptron, Transformer, kind, one_by_one, package
from fhir.resources.R4B import get_fhir_model_class
from jsonschema import Draft202012Validator
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from sqlalchemy import select
from watched import RELEASED

from services.imaging import checks, commands, fhir, files, gauges, store
from services.imaging.commands import registry
from services.imaging.domain.admission import METADATA
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Move, Stage
from services.imaging.inference import masks, reader
from services.imaging.inference.reader import Prediction
from services.imaging.packages import shelf
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, model_of, parse
from services.imaging.settings import settings
from services.imaging.store.tables import ANALYSIS, SHADOW_ANSWER
from services.imaging.tasks import announce_study, read_in_shadow, read_study, results
from shared.errors import Conflict, HubError, InvalidResource
from shared.events import Event, Lane
from shared.fhir.message import Message

CONTRACTS = Path(__file__).parents[3] / "contracts" / "events"
CHEST = ("cxr-pneumonia-paediatric", RELEASED)
BRAIN = {"system": "http://snomed.info/sct", "code": "12738006"}
KIDNEY = {"system": "http://snomed.info/sct", "code": "64033007"}


def hub_models(*words: str) -> int:
    """`hub models ...` in this process."""
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers(required=True))
    told = parser.parse_args(["models", *words])
    return int(told.run(told))


def admit(folder: Path, stage: Stage, percent: int = 0) -> Model:
    """Put a package into the registry as it is, its graph not tried."""
    declared = parse((folder / METADATA).read_text())
    assert isinstance(declared, Metadata), declared
    model = model_of(declared, digest_of(folder / METADATA))
    shelf.keep(settings().store_dir, folder, model.digest, declared)
    with store.transaction() as session:
        store.add_model(session, model, declared.model_dump(mode="json"), "tests")
        if stage is not Stage.SHADOW:
            store.move(session, [Move(model, Stage.SHADOW, stage, percent, "for tests")], "tests")
    return model


def stages() -> dict[tuple[str, str], str]:
    with store.transaction() as session:
        return {
            (e.model.name, e.model.version): f"{e.stage} {e.percent}".removesuffix(" 0") for e in store.models(session)
        }


@pytest.fixture
def sent(imaging: Any, announcement: Any, child: Any) -> Callable[..., Any]:
    """Call it with a file: it is sent and announced with its part of the body; service and message come back."""

    def send(content: bytes, part: dict[str, str], hub: Any = None, lane: Lane = Lane.ROUTINE) -> Any:
        service = hub or imaging()
        made = dcmread(BytesIO(content), stop_before_pixels=True)
        one = child(study=str(made.StudyInstanceUID), patient=str(made.PatientID))
        assert service.stow(content).status_code == 200, made.file_meta
        message = announcement(one, lane=lane)
        message.resource("ImagingStudy")["series"] = [{"uid": str(made.SeriesInstanceUID), "bodySite": part}]
        announce_study(message)
        return service, service.said(Event.STUDY_COMPLETED)[-1]

    return send


def multi_frame() -> bytes:
    """A head MR of ten frames, with the number that it lacks."""
    made = dcmread(str(get_testdata_file("emri_small.dcm")))
    made.PatientID = "SYN-MR-1"
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


HEAD: dict[str, Any] = {
    "name": "head-transformer",
    "title": "An invented model of heads",
    "classes": [kind("Hydrocephalus", "230745008", threshold=0.0001)],
    "use": {"sentence": "For tests.", "modalities": ["MR"], "body_parts": ["HEAD", "BRAIN"], "frames_at_most": 16},
    "region": {"text": "Head structure", "codes": [{"system": "http://snomed.info/sct", "code": "69536005"}]},
}
SIZES = [
    kind("Hydronephrosis", "43064006", threshold=0.001),
    kind("Renal cyst", "36171008", threshold=0.99),
    kind("Nothing found", "281900007", flags=False),
]
KIDNEYS: dict[str, Any] = {
    "name": "kidney-perceptron",
    "title": "An invented model of kidneys",
    "classes": SIZES,
    "activation": "softmax",
    "calibration": {"temperature": 1.5},
}


def test_a_transformer_of_another_house_reads_each_frame_of_an_mr_and_takes_no_code(
    sent: Any, imaging: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = imaging()
    folder = package(tmp_path / "brought", Transformer(), "model.ts", **HEAD)
    assert hub_models("add", str(folder), "--who", "physicist") == 0
    assert hub_models("promote", "head-transformer", "1.0.0", "--to", "live", "--who", "physicist") == 0
    _, message = sent(multi_frame(), BRAIN, hub)
    read_study(message)
    said = keeps_its_contract(*hub.said(Event.ANALYSIS_COMPLETED))
    observation, device = said.resource("Observation"), said.resource("Device")
    assert observation["status"] == "preliminary"
    assert observation["code"]["coding"][0]["code"] == "230745008"
    assert observation["bodySite"]["text"] == "Head structure"
    assert (device["deviceName"][0]["name"], device["version"][0]["value"]) == ("head-transformer", "1.0.0")
    assert device["property"][0]["valueCode"][0]["text"] == digest_of(folder / METADATA)
    assert "(the highest of 10 images)" in said.resource("DiagnosticReport")["conclusion"]
    assert any(extension["url"].endswith("/image-frame") for extension in observation["extension"])
    audited = map(keeps_its_contract, hub.said(Event.IMAGING_ACCESS_RECORDED))
    events = [event for message in audited for event in message.resources("AuditEvent")]
    changes = [event for event in events if event["type"]["code"] == "model"]
    assert [(event["action"], event["agent"][0]["name"]) for event in changes] == [
        ("C", "physicist"),
        ("U", "physicist"),
    ]
    assert hub_models("show", "head-transformer", "1.0.0") == 0
    assert hub_models("card", "head-transformer", "1.0.0") == 0
    told = capsys.readouterr().out
    assert "physicist: promoted to live" in told
    assert "Trust ingredients" in told


def test_a_perceptron_in_onnx_tells_three_classes_apart_on_colour_ultrasound(
    sent: Any, imaging: Any, real: Any, tmp_path: Path
) -> None:
    hub = imaging()
    admit(package(tmp_path / "brought", Perceptron(), "model.onnx", **KIDNEYS), Stage.LIVE)
    _, message = sent(real("US1_UNCR.dcm"), KIDNEY, hub)
    read_study(message)
    said = keeps_its_contract(*hub.said(Event.ANALYSIS_COMPLETED))
    observation = said.resource("Observation")
    assert observation["code"]["text"] == "Hydronephrosis"
    shares = {
        component["code"]["text"]: component["valueQuantity"]["value"]
        for component in observation["component"]
        if "text" in component["code"]
    }
    assert list(shares) == ["Hydronephrosis", "Renal cyst", "Nothing found"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert not any(extension["url"].endswith("heat-map") for extension in observation["extension"])


def test_a_segmentation_says_its_measure_and_keeps_its_mask_for_a_seg(
    sent: Any, imaging: Any, real: Any, tmp_path: Path
) -> None:
    hub = imaging()
    measure = {"text": "Bright area", "unit": "%", "of": "picture", "codes": [{"system": "x", "code": "1"}]}
    changes = {"task": "segmentation", "classes": [kind("Bright", "1", flags=False)], "measure": measure}
    admit(package(tmp_path / "brought", Brightness(), "model.pt2", **changes), Stage.LIVE)
    _, message = sent(real("US1_UNCR.dcm"), KIDNEY, hub)
    read_study(message)
    said = keeps_its_contract(*hub.said(Event.ANALYSIS_COMPLETED))
    quantity = said.resource("Observation")["valueQuantity"]
    with store.transaction() as session:
        row = session.execute(select(ANALYSIS)).one()
    mask = masks.from_bytes(files.path_of(hub.folder, row.mask, files.MASK).read_bytes())
    assert mask.shape == (480, 640)
    assert quantity["value"] == pytest.approx(100 * float((mask > 0).mean()), abs=1e-3)
    assert quantity["code"] == "%"
    assert row.outcome == "measured"


def test_a_picture_of_more_frames_than_a_model_reads_is_refused_and_never_read_in_part(
    sent: Any, imaging: Any, tmp_path: Path
) -> None:
    hub = imaging()
    admit(
        package(tmp_path / "b", Transformer(), "model.ts", **{**HEAD, "use": {**HEAD["use"], "frames_at_most": 1}}),
        Stage.LIVE,
    )
    _, message = sent(multi_frame(), BRAIN, hub)
    read_study(message)
    assert refusal(hub) == ("frames", "head-transformer")


def test_the_heat_map_of_a_multi_frame_picture_names_the_frame_that_counts(
    sent: Any, imaging: Any, tmp_path: Path
) -> None:
    hub = imaging()
    admit(package(tmp_path / "brought", Transformer(), "model.ts", **HEAD), Stage.LIVE)
    _, message = sent(multi_frame(), BRAIN, hub)
    said: list[float] = []

    @one_by_one
    def predict(_: Model, picture: NDArray[Any]) -> Prediction:
        said.append(0.9 if len(said) == 6 else 0.5)
        return Prediction((said[-1],), heat=np.ones(picture.shape, np.float32))

    read_study(message, predict=predict)
    with store.transaction() as session:
        [made] = [i for i in store.list_instances(session, fhir.study_uid(message)) if i.hub_made]
    [source] = dcmread(files.path_of(hub.folder, made.digest)).SourceImageSequence
    assert (len(said), source.ReferencedFrameNumber) == (10, 7)


def test_without_a_model_for_it_a_study_goes_on_and_the_reason_is_said(sent: Any, real: Any) -> None:
    hub, message = sent(real("US1_UNCR.dcm"), KIDNEY)
    read_study(message)
    assert refusal(hub) == ("modality", CHEST[0])


def test_the_registry_refuses_a_second_live_model_and_an_unknown_one_and_keeps_the_history(
    imaging: Any, tmp_path: Path, released: Model
) -> None:
    imaging()
    rival = {"name": "rival", "use": {"sentence": "x", "modalities": ["CR"], "body_parts": ["CHEST"]}}
    admit(package(tmp_path / "rival", Transformer(), "model.ts", **rival), Stage.SHADOW)
    with pytest.raises(Conflict, match="is live for studies of the same"):
        hub_models("promote", "rival", "1.0.0", "--to", "live")
    with pytest.raises(InvalidResource, match="no model nobody"):
        hub_models("disable", "nobody", "--why", "x")
    hub_models("promote", "rival", "1.0.0", "--to", "canary", "--percent", "10")
    hub_models("disable", *CHEST, "--why", "false alarms", "--who", "physicist")
    hub_models("promote", "rival", "1.0.0", "--to", "live")
    assert stages() == {CHEST: "disabled", ("rival", "1.0.0"): "live"}
    with store.transaction() as session:
        [last, *_] = store.changes(session, *CHEST)
        assert (last.before, last.stage, last.who, last.why) == ("live", "disabled", "physicist", "false alarms")
        assert [change.stage for change in store.changes(session, "rival", "1.0.0")] == ["live", "canary", "shadow"]
    with pytest.raises(Conflict, match="Another package is admitted"), store.transaction() as session:
        store.add_model(session, Model(*CHEST, "f" * 64, "x", released.task, (), released.use), {}, "tests")


def test_a_package_that_is_not_admitted_leaves_nothing_behind(imaging: Any, tmp_path: Path) -> None:
    hub = imaging()
    folder = package(tmp_path / "brought", Transformer(), "model.ts")
    (folder / "docs" / "README.md").unlink()
    with pytest.raises(InvalidResource, match=r"docs/README\.md: there is no model card"):
        hub_models("add", str(folder))
    assert set(stages()) == {CHEST}
    assert len(list((hub.folder / "models").iterdir())) == 1


def test_what_came_with_the_hub_is_admitted_once_and_stays_as_it_was_left(
    imaging: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    imaging()
    shipped = tmp_path / "shipped"
    package(shipped / "kidneys", Perceptron(), "model.onnx", **KIDNEYS)
    (shipped / CHEST[0]).symlink_to(registry.SHIPPED / CHEST[0])
    monkeypatch.setattr(registry, "SHIPPED", shipped)
    hub_models("disable", CHEST[0], "--why", "stopped by us")
    for _ in range(2):
        hub_models("add", "--shipped", "--live", CHEST[0], "--live", "kidney-perceptron")
        assert stages() == {CHEST: "disabled", ("kidney-perceptron", "1.0.0"): "live"}
        hub_models("promote", "kidney-perceptron", "1.0.0", "--to", "shadow")
        hub_models("promote", "kidney-perceptron", "1.0.0", "--to", "live")
    assert capsys.readouterr().out.count("is known") == 3


@pytest.fixture
def complete(imaging: Any, announcement: Any, child: Any) -> Any:
    """A child's chest study that can be read, and the message that says so."""
    hub, one = imaging(), child()
    hub.stow(one.part10())
    announce_study(announcement(one, lane=Lane.STAT))
    return hub, one, hub.said(Event.STUDY_COMPLETED)[-1]


def opinion(probability: float, asked: list[str] | None = None) -> Callable[[Model, NDArray[Any]], Prediction]:
    @one_by_one
    def predict(model: Model, picture: NDArray[Any]) -> Prediction:
        if asked is not None:
            asked.append(model.version)
        return Prediction((probability,), heat=np.zeros(picture.shape[:2], np.float32))

    return predict


def test_a_stopped_model_reads_no_study_and_says_that_it_was_stopped(complete: Any) -> None:
    hub, _, message = complete
    hub_models("disable", CHEST[0], "--why", "recalled by its maker")
    asked: list[str] = []
    read_study(message, predict=opinion(0.9, asked))
    assert asked == []
    assert refusal(hub) == ("disabled", CHEST[0])


def test_a_model_that_is_stopped_while_it_reads_does_not_answer(complete: Any) -> None:
    hub, one, message = complete

    @one_by_one
    def predict(_: Model, picture: NDArray[Any]) -> Prediction:
        hub_models("disable", CHEST[0], "--why", "in this very moment")
        return Prediction((0.99,), heat=np.zeros(picture.shape, np.float32))

    read_study(message, predict=predict)
    assert refusal(hub) == ("disabled", CHEST[0])
    with store.transaction() as session:
        assert all(not instance.hub_made for instance in store.list_instances(session, one.study))


def newer(folder: Path) -> Path:
    """A next version for children's chests."""
    use = {"sentence": "x", "modalities": ["CR"], "body_parts": ["CHEST"], "age_years": {"at_least": 1, "below": 6}}
    return package(folder, Transformer(), "model.ts", version="2.0.0", name=CHEST[0], use=use)


def test_a_shadow_reads_after_the_answer_and_no_reader_hears_of_it(complete: Any, tmp_path: Path) -> None:
    hub, one, message = complete
    admit(newer(tmp_path / "newer"), Stage.SHADOW)
    asked: list[str] = []
    read_study(message, predict=opinion(0.95, asked))
    assert asked == [CHEST[1]]
    due = keeps_its_contract(*hub.said(Event.SHADOW_DUE))
    assert due.lane is Lane.ROUTINE
    for _ in range(2):
        read_in_shadow(due, predict=opinion(0.2, asked))
    assert asked == [CHEST[1], "2.0.0", "2.0.0"]
    assert len(hub.said(Event.ANALYSIS_COMPLETED)) == 1
    with store.transaction() as session:
        row = session.execute(select(SHADOW_ANSWER)).one()
    assert (row.study, row.version, row.outcome, row.probability) == (one.study, "2.0.0", "flagged", 0.2)


def test_without_a_shadow_nothing_more_is_asked(complete: Any) -> None:
    hub, _, message = complete
    read_study(message, predict=opinion(0.95))
    assert hub.said(Event.SHADOW_DUE) == []


def test_a_canary_answers_its_share_of_the_studies(complete: Any, tmp_path: Path) -> None:
    hub, _, message = complete
    admit(newer(tmp_path / "newer"), Stage.CANARY, 99)
    asked: list[str] = []
    read_study(message, predict=opinion(0.95, asked))
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    assert asked == [said.resource("Device")["version"][0]["value"]] == ["2.0.0"]


def quality_control(made: Any) -> None:
    made.QualityControlSubject = "YES"


def phantom_image(made: Any) -> None:
    made.QualityControlImage = "YES"


def service_content(made: Any) -> None:
    made.ContentQualification = "SERVICE"


def named_phantom(made: Any) -> None:
    made.PatientName = "ACR_PHANTOM_3"


def phantom_part(made: Any) -> None:
    made.BodyPartExamined = "PHANTOM"


def numbered(made: Any) -> None:
    made.PatientID = "TEST-0001"


MARKS: Final = [quality_control, phantom_image, service_content, named_phantom, phantom_part, numbered]


@pytest.mark.parametrize("mark", MARKS)
def test_a_phantom_is_stored_labelled_and_reaches_no_model(
    imaging: Any, announcement: Any, child: Any, as_file: Any, mark: Callable[[Any], None]
) -> None:
    hub, one = imaging(), child()
    made = one.dataset()
    mark(made)
    hub.stow(as_file(made))
    announce_study(announcement(one, mrn=str(made.PatientID)))
    asked: list[str] = []
    read_study(hub.said(Event.STUDY_COMPLETED)[-1], predict=opinion(0.99, asked))
    assert asked == []
    assert refusal(hub)[0] == "test-subject"
    for event in (Event.INSTANCES_STORED, Event.STUDY_COMPLETED, Event.ANALYSIS_REFUSED):
        study = hub.said(event)[-1].resource("ImagingStudy")
        assert study["meta"]["security"][0]["code"] == "HTEST"


@pytest.mark.parametrize("labelled", ["Patient", "ImagingStudy", "ServiceRequest"])
def test_what_the_hospital_labels_as_test_reaches_no_model(
    imaging: Any, announcement: Any, child: Any, labelled: str
) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10())
    message = announcement(one)
    message.resource(labelled)["meta"] = {"security": [{"code": "HTEST"}]}
    announce_study(message)
    read_study(hub.said(Event.STUDY_COMPLETED)[-1], predict=opinion(0.99))
    assert refusal(hub)[0] == "test-subject"


def test_a_phantom_that_shows_itself_while_the_model_reads_gets_no_answer(complete: Any, as_file: Any) -> None:
    hub, one, message = complete
    late = one.another(seed=9).dataset()
    quality_control(late)

    def slowly(*asked: Any) -> Any:
        assert hub.stow(as_file(late)).status_code == 200
        return opinion(0.99)(*asked)

    read_study(message, predict=slowly)
    assert refusal(hub)[0] == "test-subject"
    assert hub.said(Event.RESULTS_DUE) == []


def test_of_a_phantom_that_shows_itself_after_its_answer_no_objects_are_made(complete: Any, as_file: Any) -> None:
    hub, one, message = complete
    read_study(message, predict=opinion(0.99))
    late = one.another(seed=9).dataset()
    quality_control(late)
    hub.stow(as_file(late))
    results.make_results(hub.said(Event.RESULTS_DUE)[-1])
    assert hub.said(Event.RESULTS_MADE) == []


def keeps_its_contract(said: Message) -> Message:
    """What is promised of this event is what was said, and it is FHIR."""
    Draft202012Validator(json.loads((CONTRACTS / f"{said.event}.schema.json").read_text())).validate(said.bundle)
    get_fhir_model_class("Bundle").model_validate(said.bundle)
    return said


def refusal(hub: Any) -> tuple[str, str]:
    """Why the one study was not analysed, and in whose name."""
    assert hub.said(Event.ANALYSIS_COMPLETED) == []
    said = keeps_its_contract(*hub.said(Event.ANALYSIS_REFUSED))
    reason = said.resource("Observation")["dataAbsentReason"]["coding"][0]["code"]
    return reason, said.resource("Device")["deviceName"][0]["name"]


def test_a_model_that_answers_its_test_picture_differently_here_reads_nothing(
    sent: Any, imaging: Any, real: Any, tmp_path: Path
) -> None:
    def promise_otherwise(folder: Path) -> None:
        (folder / "test" / "output.json").write_text('{"logits": [[9.0, 9.0, 9.0]]}')

    hub = imaging()
    admit(package(tmp_path / "b", Perceptron(), "model.onnx", spoil=promise_otherwise, **KIDNEYS), Stage.LIVE)
    _, message = sent(real("US1_UNCR.dcm"), KIDNEY, hub)
    read_study(message)
    assert refusal(hub) == ("model-failed", "kidney-perceptron")


def test_the_memory_for_models_has_an_end_and_the_least_used_makes_room(imaging: Any, tmp_path: Path) -> None:
    imaging(HUB_IMAGING_MODELS_IN_MEMORY="2")
    folders = [
        package(tmp_path / name, Perceptron(), "model.onnx", **KIDNEYS | {"name": name}) for name in ("aa", "bb", "cc")
    ]
    first, second, third = (admit(folder, Stage.SHADOW) for folder in folders)
    picture = np.eye(20) * 255
    reader.forget()
    for model in (first, second, first, third):
        reader.predict(model, [picture])
    shelf.place_of(settings().store_dir, second.digest).rename(tmp_path / "taken away")
    reader.predict(first, [picture])  # still open
    with pytest.raises(reader.BadModel):
        reader.predict(second, [picture])  # made room, and would have to be opened again


def test_the_doctor_looks_at_every_model_that_reads(imaging: Any) -> None:
    hub = imaging()
    assert [check.name for check in checks.look() if check.name.startswith("model")] == [f"model {CHEST[0]}"]
    [graph] = hub.folder.rglob("model.pt2")
    graph.write_bytes(b"")
    [found] = [check for check in checks.look() if check.name == f"model {CHEST[0]}"]
    assert "model.pt2" in found.found
    hub_models("disable", CHEST[0], "--why", "x")
    assert "no model reads" in [check.found for check in checks.look()]


def test_operators_see_where_each_model_stands(imaging: Any) -> None:
    imaging()
    with store.transaction() as session:
        families = {family.name: family for family in gauges.studies(session)}
    [sample] = families["hub_imaging_models"].samples
    assert sample.labels == {"model": CHEST[0], "version": CHEST[1], "stage": "live"}


def test_errors_of_the_command_say_what_to_do(imaging: Any) -> None:
    imaging()
    for words in (["add"], ["add", "/nowhere"], ["show", "nobody", "1.0.0"]):
        with pytest.raises(HubError) as refused:
            hub_models(*words)
        assert refused.value.fix
