"""A hospital's own model of volumes: admitted as documented, it reads a series as one and shows where it is."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from department import kind
from phantom import Phantom, content, marked, turned
from pydicom import dcmread
from pydicom.dataset import Dataset
from volumetric import Anywhere, Brightest, volume_package

from services.imaging import files, store
from services.imaging.domain.registry import Move, Stage
from services.imaging.packages import shelf
from services.imaging.packages.candidate import require_admissible
from services.imaging.settings import settings
from services.imaging.store.tables import SHADOW_ANSWER
from services.imaging.tasks import announce_study, read_in_shadow, read_study
from services.imaging.tasks.results import make_results
from shared.events import Event, queue_of
from shared.fhir.message import Message

OBLIQUE = turned(20, -15, 10)
VALIDATOR = Path(sys.executable).parent / "dciodvfy"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that docs/models.md describes."""
    return volume_package(tmp_path_factory.mktemp("packages") / "spleen")


def admit(folder: Path, stage: Stage = Stage.LIVE) -> None:
    declared, candidate = require_admissible(folder, None)
    assert candidate.model
    shelf.keep(settings().store_dir, folder, candidate.model.digest, declared)
    with store.transaction() as session:
        store.add_model(session, candidate.model, declared.model_dump(mode="json"), "tests")
        if stage is not Stage.SHADOW:
            store.move(session, [Move(candidate.model, Stage.SHADOW, stage, 0, "for tests")], "tests")


@pytest.fixture
def read(imaging: Any, announcement: Any, child: Any) -> Callable[..., Any]:
    """Call it with a package and the instances of a study: it is read; the hub comes back."""

    def ask(package: Path, *instances: Dataset, stage: Stage = Stage.LIVE) -> Any:
        hub = imaging()
        admit(package, stage)
        assert hub.stow(*map(content, instances)).status_code == 200
        one = child(study=str(instances[0].StudyInstanceUID), patient=str(instances[0].PatientID))
        announce_study(announcement(one, instances=len(instances)))
        read_study(hub.said(Event.STUDY_COMPLETED)[-1])
        for due in hub.said(Event.VOLUME_DUE):
            assert queue_of("imaging", due.lane, due.event) == "imaging.volumes.routine"
            assert not hub.said(Event.ANALYSIS_COMPLETED, Event.ANALYSIS_REFUSED)
            read_study(due)
        return hub

    return ask


def made(hub: Any, phantom: Phantom) -> dict[str, Dataset]:
    """The DICOM objects of the answer, by modality."""
    make_results(hub.said(Event.RESULTS_DUE)[-1])
    with store.transaction() as session:
        ours = [one for one in store.list_instances(session, phantom.study) if one.hub_made and one.number == 1]
    return {one.modality: dcmread(files.path_of(hub.folder, one.digest)) for one in ours}


def answer(hub: Any) -> Message:
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    return said  # type: ignore[no-any-return]


def refused(hub: Any) -> tuple[str, str]:
    [said] = hub.said(Event.ANALYSIS_REFUSED)
    reason = said.resource("Observation")["dataAbsentReason"]
    return reason["coding"][0]["code"], reason["text"]


def complaints(hub: Any, objects: dict[str, Dataset]) -> dict[str, list[str]]:
    """What the validator says of each object, without the codes that it cannot know."""
    found = {}
    for modality, made in objects.items():
        path = hub.folder / f"{modality}.dcm"
        made.save_as(path, enforce_file_format=True)
        said = subprocess.run([VALIDATOR, "-new", path], capture_output=True, text=True, check=False)
        lines = f"{said.stdout}{said.stderr}".splitlines()
        found[modality] = [one for one in lines if "-" in one and "99CONSILIUM" not in one and "DICOMDIR" not in one]
    return {modality: lines for modality, lines in found.items() if lines}


def test_the_volume_in_ml_its_place_and_its_slices_are_those_of_the_phantom(
    read: Callable[..., Any], documented: Path
) -> None:
    phantom = Phantom(axes=OBLIQUE)
    hub = read(documented, *phantom.slices(), phantom.but(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")).slice(18))
    said = answer(hub)
    observation = said.resource("Observation")
    quantity = observation["valueQuantity"]
    assert (quantity["unit"], quantity["code"]) == ("mL", "mL")
    assert quantity["value"] == pytest.approx(phantom.millilitres, rel=0.03)
    parts = {part["code"]["coding"][0]["code"]: part for part in observation["component"]}
    assert parts["largest-extent"]["valueQuantity"]["value"] == pytest.approx(2 * phantom.radius, abs=1.5)
    assert (parts["slices-marked"]["valueInteger"], parts["images-read"]["valueInteger"]) == (12, 36)
    assert parts["images-others"]["valueInteger"] == 1
    assert "Spleen volume" not in said.resource("DiagnosticReport")["conclusion"]
    assert "measures spleen volume 1" in said.resource("DiagnosticReport")["conclusion"]
    objects = made(hub, phantom)
    assert set(objects) == {"OT", "SEG", "SR", "KO"}
    assert complaints(hub, objects) == {}
    points = marked(objects["SEG"])
    assert np.linalg.norm(points.mean(axis=0) - phantom.centre) < min(phantom.spacing)
    assert np.linalg.norm(points - phantom.centre, axis=1).max() < phantom.radius + max(phantom.spacing)
    assert len(points) * np.prod(phantom.spacing) / 1000 == pytest.approx(quantity["value"], rel=1e-3)
    slices = {source.SOPInstanceUID: source for source in map(dcmread, sources(hub, phantom))}
    for group in objects["SEG"].PerFrameFunctionalGroupsSequence:
        [source] = group.DerivationImageSequence[0].SourceImageSequence
        named = slices[source.ReferencedSOPInstanceUID]
        assert named.SOPClassUID == source.ReferencedSOPClassUID
        assert np.allclose(group.PlanePositionSequence[0].ImagePositionPatient, named.ImagePositionPatient)
    text = str(objects["SR"])
    assert "milliliter" in text
    assert "Long Axis" in text


def sources(hub: Any, phantom: Phantom) -> list[Path]:
    with store.transaction() as session:
        instances = store.list_instances(session, phantom.study, phantom.series)
    return [files.path_of(hub.folder, one.digest) for one in instances]


def test_an_enhanced_object_is_the_same_volume(read: Callable[..., Any], documented: Path) -> None:
    phantom = Phantom(axes=OBLIQUE)
    hub = read(documented, phantom.enhanced())
    assert answer(hub).resource("Observation")["valueQuantity"]["value"] == pytest.approx(phantom.millilitres, rel=0.03)
    objects = made(hub, phantom)
    assert complaints(hub, objects) == {}
    assert np.linalg.norm(marked(objects["SEG"]).mean(axis=0) - phantom.centre) < min(phantom.spacing)


def small_patches(metadata: dict[str, Any]) -> None:
    metadata["network_data_format"]["inputs"]["image"]["spatial_shape"] = [40, 40, 24]
    metadata["hub"]["name"] = "spleen-in-patches"


def test_patch_by_patch_the_answer_is_the_same(read: Callable[..., Any], tmp_path: Path) -> None:
    phantom = Phantom(axes=turned(0, 180, 5))
    hub = read(volume_package(tmp_path / "p", change=small_patches), *phantom.slices())
    assert answer(hub).resource("Observation")["valueQuantity"]["value"] == pytest.approx(phantom.millilitres, rel=0.03)


def classifies(metadata: dict[str, Any]) -> None:
    """Another task, another form of graph: the whole volume, a finding, and where."""
    metadata["network_data_format"]["inputs"]["image"] |= {"is_patch_data": False, "spatial_shape": []}
    hub = metadata["hub"]
    for key in ("patches", "measure"):
        del hub[key]
    hub |= {
        "name": "bright-ball",
        "task": "classification",
        "activation": "sigmoid",
        "classes": [kind("Splenomegaly", "16294009")],
        "outputs": ["logits", "evidence"],
        "explanation": {"method": "its own brightness", "full": 12},
    }


def test_a_classifier_in_onnx_names_the_slice_on_which_it_sees_it(read: Callable[..., Any], tmp_path: Path) -> None:
    phantom = Phantom(axes=OBLIQUE)
    package = volume_package(tmp_path / "p", Brightest(), "model.onnx", classifies)
    hub = read(package, *phantom.slices())
    observation = answer(hub).resource("Observation")
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == "flagged"
    places = {one["url"].rpartition("/")[2]: one["valueString"] for one in observation["extension"]}
    [shown] = [one for one in map(dcmread, sources(hub, phantom)) if places["image"] == one.SOPInstanceUID]
    away = OBLIQUE[:, 2] @ (np.array(phantom.centre) - np.array(shown.ImagePositionPatient, dtype=float))
    assert abs(away) < phantom.radius / 2
    row, column, height, width = map(float, places["region"].split(","))
    steps = OBLIQUE[:, :2] * (phantom.spacing[0] * phantom.shape[0], phantom.spacing[1] * phantom.shape[1])
    middle = np.array(shown.ImagePositionPatient, dtype=float) + steps @ (column + width / 2, row + height / 2)
    assert np.linalg.norm(middle + OBLIQUE[:, 2] * away - phantom.centre) < 4
    objects = made(hub, phantom)
    assert set(objects) == {"OT", "SR", "KO"}
    assert complaints(hub, objects) == {}


def classifies_patches(metadata: dict[str, Any]) -> None:
    classifies(metadata)
    metadata["network_data_format"]["inputs"]["image"] |= {"is_patch_data": True, "spatial_shape": [40, 40, 24]}
    metadata["hub"] |= {"patches": {"overlap": 0.5}, "outputs": ["logits"]}
    del metadata["hub"]["explanation"]


def test_a_classifier_asked_by_patches_shows_the_patch_that_tells_most(
    read: Callable[..., Any], tmp_path: Path
) -> None:
    phantom = Phantom(centre=(12.0, -9.0, 20.0))
    hub = read(volume_package(tmp_path / "p", Anywhere(), change=classifies_patches), *phantom.slices())
    observation = answer(hub).resource("Observation")
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == "flagged"
    places = {one["url"].rpartition("/")[2]: one["valueString"] for one in observation["extension"]}
    [shown] = [one for one in map(dcmread, sources(hub, phantom)) if places["image"] == one.SOPInstanceUID]
    assert abs(float(shown.ImagePositionPatient[2]) - phantom.centre[2]) < 24
    row, column, height, width = map(float, places["region"].split(","))
    left, top = (phantom.centre - phantom.corner(0))[:2] / (np.array(phantom.spacing) * phantom.shape)[:2]
    assert column < left < column + width
    assert row < top < row + height


def shifted(phantom: Phantom, index: int, offset: float) -> Dataset:
    return phantom.slice(index, ImagePositionPatient=list(phantom.corner(index) + phantom.axes[:, 2] * offset))


def leaning(phantom: Phantom) -> list[Dataset]:
    down = phantom.axes[:, 1] * phantom.spacing[2] * np.tan(np.radians(12))
    return [phantom.slice(at, ImagePositionPatient=list(phantom.corner(at) + down * at)) for at in range(36)]


SPOILT: dict[str, tuple[Callable[[Phantom], list[Dataset]], str, str]] = {
    "gap": (
        lambda phantom: [phantom.slice(at) for at in range(36) if at != 12],
        "volume",
        "no volume: a gap of 5.00 mm after image 12, where slices are 2.50 mm apart",
    ),
    "uneven": (
        lambda phantom: [shifted(phantom, at, 0.5 if at == 7 else 0) for at in range(36)],
        "volume",
        "no volume: unequal distances of slices: 3.00 mm after image 7, elsewhere 2.50 mm",
    ),
    "tilt": (leaning, "volume", "no volume: a gantry tilt of 12.0 degrees"),
    "duplicates": (
        lambda phantom: [*phantom.slices(), phantom.slice(9, 99)],
        "volume",
        "no volume: several slices at one place",
    ),
    "localizer": (
        lambda phantom: phantom.but(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")).slices(),
        "series",
        "no series of original slices: localizers and derived images are not read",
    ),
    "derived": (
        lambda phantom: phantom.but(image_type=("DERIVED", "PRIMARY", "MPR")).slices(),
        "series",
        "no series of original slices: localizers and derived images are not read",
    ),
    "short": (
        lambda phantom: [phantom.slice(at) for at in range(8)],
        "series",
        "no series of 20 slices or more: the longest has 8",
    ),
    "no HU": (
        lambda phantom: [phantom.slice(at, RescaleType="US") for at in range(36)],
        "volume",
        "no volume: the CT has no rescale to HU",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_no_whole_volume_is_refused_with_its_reason(
    how: str, read: Callable[..., Any], documented: Path
) -> None:
    spoil, code, words = SPOILT[how]
    found = refused(read(documented, *spoil(Phantom(axes=OBLIQUE))))
    assert found[0] == code
    assert words in found[1]


def test_of_two_series_the_one_that_is_a_volume_is_read(read: Callable[..., Any], documented: Path) -> None:
    phantom = Phantom()
    longer = phantom.but(shape=(72, 60, 40), spacing=(1.2, 1.5, 1.0))
    hub = read(documented, *[longer.slice(at) for at in range(40) if at != 5], *phantom.slices())
    places = {
        one["url"].rpartition("/")[2]: one["valueString"] for one in answer(hub).resource("Observation")["extension"]
    }
    assert places["image-series"] == phantom.series


def test_in_the_shadow_a_volume_is_read_and_nobody_hears_it(read: Callable[..., Any], documented: Path) -> None:
    phantom = Phantom()
    hub = read(documented, *phantom.slices(), stage=Stage.SHADOW)
    [due] = hub.said(Event.SHADOW_DUE)
    read_in_shadow(due)
    with store.transaction() as session:
        [row] = session.execute(SHADOW_ANSWER.select()).all()
    assert (row.model, row.outcome) == ("spleen-ct", "measured")
    assert row.measure == pytest.approx(phantom.millilitres, rel=0.03)
    assert not hub.said(Event.ANALYSIS_COMPLETED)


def test_made_twice_the_objects_of_a_volume_are_the_same(read: Callable[..., Any], documented: Path) -> None:
    phantom = Phantom(axes=OBLIQUE)
    hub = read(documented, *phantom.slices())
    first = {name: one.to_json() for name, one in made(hub, phantom).items()}
    assert {name: one.to_json() for name, one in made(hub, phantom).items()} == first
