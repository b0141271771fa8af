"""Results on their way to an archive: a real Orthanc by both ways, and all that a C-STORE may be answered."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE, evt
from slices import content, picture, write
from sqlalchemy import update
from test_dimse_archive import announced

from services.imaging import dimse, store
from services.imaging.domain.model import Category, Code, Concept, IntendedUse, Measure, Model, Task
from services.imaging.domain.reading import Region
from services.imaging.domain.registry import Move, Stage
from services.imaging.inference.reader import Prediction
from services.imaging.store.tables import RESULT
from services.imaging.tasks import announce_study, read_study
from services.imaging.tasks.results import make_results, send_results
from shared.embedded.machine import free_port
from shared.errors import InvalidResource, Unavailable
from shared.events import Event
from shared.fhir.message import Message
from shared.settings import MissingSettings

LUNG = Concept("Lung structure", (Code("http://snomed.info/sct", "39607008", "Lung structure"),))
MODEL = Model(
    "lung-area",
    "1.2.3",
    "c" * 64,
    "Lung area",
    Task.SEGMENTATION,
    (Category(LUNG, 0.5, False),),
    IntendedUse(frozenset({"CT"}), frozenset({"CHEST"})),
    LUNG,
    Measure(Concept("Lung area", ()), "%", "picture"),
)


def marks(_: Model, pictures: Sequence[Any]) -> list[Prediction | ValueError]:
    """Marks a piece of each picture."""
    masks = [np.zeros(shown.shape, np.uint8) for shown in pictures]
    for mask in masks:
        mask[10:20, 30:60] = 1
    region = Region(0.1, 0.2, 0.3, 0.2)
    return [Prediction((0.9,), True, region, mask.astype(np.float32), mask, 3.1) for mask in masks]


def made_of(running: Any, one: Dataset) -> Message:
    """That the results of a study are made; its picture has come."""
    with store.transaction() as session:
        store.add_model(session, MODEL, {}, "tests")
        store.move(session, [Move(MODEL, Stage.SHADOW, Stage.LIVE, 0, "for tests")], "tests")
    announce_study(announced(str(one.StudyInstanceUID)))
    [complete] = running.said(Event.STUDY_COMPLETED)
    read_study(complete, predict=marks)
    [due] = running.said(Event.RESULTS_DUE)
    make_results(due)
    made: Message
    [made] = running.said(Event.RESULTS_MADE)
    return made


def ways(running: Any) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = running.rows("SELECT state, problem FROM result")
    return found


def named_by(made: Dataset) -> set[str]:
    """Every instance that an object refers to, however deep."""
    found: set[str] = set()
    for element in made.iterall():
        if element.keyword == "ReferencedSOPInstanceUID":
            found.add(str(element.value))
    return found


@pytest.mark.parametrize("way", ["STOW-RS", "C-STORE"])
def test_an_archive_gets_the_results_into_the_pictures_study_once_and_all_they_name_is_there(
    way: str, hub: Any, orthanc: Any
) -> None:
    port, dicom = free_port(), free_port()
    archive = orthanc(port, dicom, dicomweb=True)
    web = f"{archive.http.base_url}/dicom-web"
    peers = json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": dicom}})
    chosen = {"HUB_IMAGING_PACS_URL": web} if way == "STOW-RS" else {"HUB_IMAGING_PACS_AE": "ORTHANC"}
    running = hub(port=str(port), HUB_IMAGING_DIMSE_PEERS=peers, **chosen)
    one = picture(BodyPartExamined="CHEST")
    key = archive.upload(content(one))
    archive.call("/modalities/hub/store", {"Resources": [key], "Synchronous": True})
    made = made_of(running, one)
    send_results(made)
    assert ways(running) == [("stored", None)]
    [study] = archive.http.get("/dicom-web/studies", params={"PatientID": "SYN-0001"}).json()
    assert study["0020000D"]["Value"] == [one.StudyInstanceUID]
    found = instances(archive, one)
    assert sorted(found) == ["CT", "KO", "OT", "SEG", "SR"]
    assert {each["0020000D"]["Value"][0] for each in found.values()} == {one.StudyInstanceUID}
    uids = {each["00080018"]["Value"][0] for each in found.values()}
    for modality in ("SR", "SEG", "OT", "KO"):
        whole = fetched(archive, found[modality]["00080018"]["Value"][0])
        assert one.SOPInstanceUID in named_by(whole)
        assert named_by(whole) <= uids
        assert (whole.StudyInstanceUID, whole.PatientID, whole.AccessionNumber) == (
            one.StudyInstanceUID,
            "SYN-0001",
            "A-1",
        )
    send_again(made)
    assert ways(running) == [("stored", None)]
    assert instances(archive, one).keys() == found.keys()
    assert archive.http.get("/statistics").json()["CountInstances"] == 5


def send_again(made: Message) -> None:
    """As after a crash between the archive's answer and the commit."""
    with store.transaction() as session:
        session.execute(update(RESULT).values(state="waiting", stored_at=None))
    send_results(made)


def instances(archive: Any, one: Dataset) -> dict[str, Any]:
    """What QIDO-RS finds in a study, by modality."""
    path = f"/dicom-web/studies/{one.StudyInstanceUID}/instances"
    found = archive.http.get(path, params={"includefield": "00080060,00081155"}).raise_for_status().json()
    assert len({each["00080060"]["Value"][0] for each in found}) == len(found)
    return {each["00080060"]["Value"][0]: each for each in found}


def fetched(archive: Any, uid: str) -> Dataset:
    [known] = archive.http.post("/tools/lookup", content=uid).json()
    return dcmread(BytesIO(archive.http.get(f"/instances/{known['ID']}/file").content))


STATUSES: list[tuple[list[int], tuple[type[Exception], str] | None]] = [
    ([0x0000, 0x0000], None),
    ([0xB000, 0xB007], None),
    ([0xB006, 0x0111], None),
    ([0x0000, 0xA700], (Unavailable, "could not store an instance now")),
    ([0x0110, 0x0000], (Unavailable, "could not store an instance now")),
    ([0xA900, 0xA700], (InvalidResource, "A900H")),
    ([0xC123, 0x0000], (InvalidResource, "C123H")),
    ([0x0124, 0x0000], (InvalidResource, "0124H")),
]

ABORT = -1


@contextmanager
def provider(port: int, answers: list[int], *syntaxes: str) -> Iterator[list[str]]:
    """A storage provider that answers what it is told to; the transfer syntaxes of what it got."""
    got: list[str] = []

    def take(event: evt.Event) -> int:
        got.append(str(event.context.transfer_syntax))
        status = answers.pop(0) if answers else 0
        if status == ABORT:
            event.assoc.abort()
        return max(status, 0)

    entity = AE("ARCHIVE")
    entity.add_supported_context(CTImageStorage, list(syntaxes) or [ExplicitVRLittleEndian])
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
    assert server is not None
    try:
        yield got
    finally:
        server.shutdown()


@pytest.fixture
def peer(hub: Any) -> Callable[[], tuple[Any, int]]:
    """Call it for the settings of a hub whose peer ARCHIVE listens at a port."""

    def make() -> tuple[Any, int]:
        port = free_port()
        peers = json.dumps({"ARCHIVE": {"host": "127.0.0.1", "port": port}})
        return hub(HUB_IMAGING_DIMSE_PEERS=peers, HUB_IMAGING_PACS_AE="ARCHIVE").chosen, port

    return make


def test_a_c_stores_status_means(peer: Any, tmp_path: Path) -> None:
    chosen, port = peer()
    paths = [Path(path) for path in write(tmp_path / "made", picture(), picture())]
    answers: list[int] = []
    with provider(port, answers) as got:
        for statuses, outcome in STATUSES:
            answers[:], got[:] = statuses, []
            if outcome is None:
                dimse.store(chosen, "ARCHIVE", paths)
            else:
                with pytest.raises(outcome[0], match=outcome[1]):
                    dimse.store(chosen, "ARCHIVE", paths)
            assert len(got) == len(paths), f"{statuses}: one refusal keeps no other instance away"


def test_an_instance_travels_as_it_is_or_in_what_every_archive_takes(peer: Any, tmp_path: Path) -> None:
    chosen, port = peer()
    [path] = write(tmp_path / "made", picture())
    for offered, used in (
        ((ExplicitVRLittleEndian, ImplicitVRLittleEndian), ExplicitVRLittleEndian),
        ((ImplicitVRLittleEndian,), ImplicitVRLittleEndian),
    ):
        with provider(port, [], *offered) as got:
            dimse.store(chosen, "ARCHIVE", [Path(path)])
        assert got == [used]


def test_what_an_archive_does_not_speak_is_named_and_the_rest_is_there(peer: Any, tmp_path: Path) -> None:
    chosen, port = peer()
    enhanced = picture(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
    packed = picture()
    packed.file_meta.TransferSyntaxUID = JPEG2000Lossless
    packed.PixelData = encapsulate([b"\xff\x4f"])
    packed["PixelData"].is_undefined_length = True
    paths = [Path(path) for path in write(tmp_path / "made", enhanced, packed, picture())]
    with (
        provider(port, []) as got,
        pytest.raises(InvalidResource, match="does not take CT Image Storage, Segmentation Storage"),
    ):
        dimse.store(chosen, "ARCHIVE", paths)
    assert len(got) == 1


def test_an_archive_that_is_away_or_breaks_off_gets_them_again_later(peer: Any, tmp_path: Path) -> None:
    chosen, port = peer()
    paths = [Path(path) for path in write(tmp_path / "made", picture())]
    with pytest.raises(Unavailable, match="nobody answers there"):
        dimse.store(chosen, "ARCHIVE", paths)
    with provider(port, [ABORT]), pytest.raises(Unavailable, match="broke off"):
        dimse.store(chosen, "ARCHIVE", paths)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"PACS_AE": "ARCHIVE", "PACS_URL": "http://127.0.0.1/dicom-web"}, "set one of them"),
        ({"PACS_AE": "OTHER"}, "must be one of HUB_IMAGING_DIMSE_PEERS"),
    ],
    ids=["two ways", "no peer"],
)
def test_an_archive_is_reached_by_one_way_and_is_a_peer(chosen: dict[str, str], problem: str, hub: Any) -> None:
    peers = json.dumps({"ARCHIVE": {"host": "127.0.0.1", "port": 104}})
    with pytest.raises(MissingSettings, match=problem):
        hub(HUB_IMAGING_DIMSE_PEERS=peers, **{f"HUB_IMAGING_{name}": value for name, value in chosen.items()})
