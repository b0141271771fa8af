"""After the answer: its DICOM objects are kept with the study, named, and brought to the archive, each once."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from department import one_by_one
from numpy.typing import NDArray
from pydantic import HttpUrl
from pydicom import dcmread
from sqlalchemy import select

from services.imaging import files, pacs, store
from services.imaging.domain.model import Category, Code, Concept, IntendedUse, Measure, Model, Task
from services.imaging.domain.reading import Region
from services.imaging.domain.registry import Move, Stage
from services.imaging.inference.reader import Prediction
from services.imaging.settings import settings
from services.imaging.store.tables import ANALYSIS, RESULT
from services.imaging.tasks import announce_study, read_study
from services.imaging.tasks.results import give_up, make_results, send_results
from services.simulator.archive import Archive
from shared.errors import InvalidResource, Unavailable
from shared.events import Event, Lane, queue_of
from shared.fhir.message import Message

LUNG = Concept("Lung structure", (Code("http://snomed.info/sct", "39607008", "Lung structure"),))
MODEL = Model(
    "lung-area",
    "1.2.3",
    "c" * 64,
    "Lung area",
    Task.SEGMENTATION,
    (Category(LUNG, 0.5, False), Category(Concept("Pneumonia", ()), 0.5, True)),
    IntendedUse(frozenset({"CR"}), frozenset({"CHEST"})),
    LUNG,
    Measure(Concept("Lung area", ()), "%", "picture"),
)


@one_by_one
def marks(_: Model, picture: NDArray[np.float32]) -> Prediction:
    """Marks a piece of the picture as each of two things."""
    mask = np.zeros(picture.shape, np.uint8)
    mask[10:20, 30:60], mask[40:50, 30:60] = 1, 2
    heat = (mask > 0).astype(np.float32)
    return Prediction((0.9, 0.8), True, Region(0.1, 0.2, 0.3, 0.2), heat, mask, 3.1)


class Pacs:
    """An archive on the wire: the simulated hospital's, with a mood.

    Attributes:
        statuses: one for each request to come, answered instead of storing; 0 stores and then breaks off.
        bodies: an answer's body for each of `statuses`.
    """

    def __init__(self) -> None:
        self.archive = Archive()
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.authorizations: list[str | None] = []
        pacs = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                pacs.take(self)

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/dicomweb"

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = b"".join(chunks(request))
        self.authorizations.append(request.headers["Authorization"])
        status = self.statuses.pop(0) if self.statuses else None
        answer = self.bodies.pop(0) if self.bodies else b""
        if not status:
            assert request.path == "/dicomweb/studies"
            well, stored = self.archive.store(body, request.headers["Content-Type"])
            if status == 0:
                request.connection.shutdown(socket.SHUT_RDWR)
                return
            status, answer = well, orjson.dumps(stored)
        request.send_response(status)
        request.send_header("Content-Type", "application/dicom+json")
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)


def chunks(request: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """The body of a request in chunked transfer coding (RFC 9112 7.1)."""
    while size := int(request.rfile.readline(), 16):
        yield request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()


@pytest.fixture
def archive() -> Iterator[Pacs]:
    """A running archive."""
    made = Pacs()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def answered(imaging: Any, announcement: Any, child: Any) -> Callable[..., tuple[Any, Any, Message]]:
    """Call it for a study that a model has answered: the hub, the picture, and the message that results are due."""

    def make(lane: Lane = Lane.ROUTINE, **environment: str) -> tuple[Any, Any, Message]:
        hub, one = imaging(**environment), child()
        with store.transaction() as session:
            store.add_model(session, MODEL, {}, "tests")
            store.move(session, [Move(MODEL, Stage.SHADOW, Stage.LIVE, 0, "for tests")], "tests")
        assert hub.stow(one.part10()).status_code == 200
        announce_study(announcement(one, lane=lane))
        [complete] = hub.said(Event.STUDY_COMPLETED)
        read_study(complete, predict=marks)
        [due] = hub.said(Event.RESULTS_DUE)
        return hub, one, due

    return make


@pytest.fixture
def made(answered: Callable[..., tuple[Any, Any, Message]]) -> Callable[..., tuple[Any, Any, Message]]:
    """Call it for a study whose DICOM objects are made, and the message that says so."""

    def make(**environment: str) -> tuple[Any, Any, Message]:
        hub, one, due = answered(**environment)
        make_results(due)
        [said] = hub.said(Event.RESULTS_MADE)
        return hub, one, said

    return make


def ways(study: str) -> list[tuple[str, str | None]]:
    with store.transaction() as session:
        rows = session.execute(select(RESULT.c.state, RESULT.c.problem).where(RESULT.c.study == study))
        return [(row.state, row.problem) for row in rows]


def hub_made(study: str) -> dict[str, Any]:
    with store.transaction() as session:
        return {one.modality: one for one in store.list_instances(session, study) if one.number == 1 and one.hub_made}


def test_the_answer_is_said_first_and_never_keeps_a_stat_worker(answered: Callable[..., Any]) -> None:
    hub, one, due = answered(Lane.STAT)
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    assert (said.lane, due.lane) == (Lane.STAT, Lane.STAT)
    assert queue_of("imaging", due.lane, due.event) == "imaging.results.stat"
    foretold = [e["valueIdentifier"]["value"] for e in said.resource("DiagnosticReport")["extension"]]
    make_results(due)
    with store.transaction() as session:
        [row] = session.execute(select(RESULT.c.instances).where(RESULT.c.study == one.study))
    assert foretold == [f"urn:oid:{uid}" for uid in row.instances]


def test_the_objects_are_kept_with_the_study_and_shown_by_dicomweb(made: Callable[..., Any]) -> None:
    hub, one, said = made()
    series = {each["modality"]["code"]: each for each in said.resource("ImagingStudy")["series"]}
    assert set(series) == {"OT", "SEG", "SR", "KO"}
    for each in series.values():
        path = f"/dicomweb/studies/{one.study}/series/{each['uid']}/instances/{each['instance'][0]['uid']}"
        answer = hub.http.get(path, headers=hub.sign())
        part = answer.content.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        read = dcmread(BytesIO(part))
        assert (read.StudyInstanceUID, read.PatientID) == (one.study, one.patient)
    metadata = hub.http.get(f"/dicomweb/studies/{one.study}/metadata", headers=hub.sign()).json()
    assert {each["00080060"]["Value"][0] for each in metadata if "00280010" not in each} == {"SR", "KO"}


def test_made_twice_the_objects_are_the_same(answered: Callable[..., Any]) -> None:
    hub, one, due = answered()
    make_results(due)
    first = hub_made(one.study)
    make_results(due)
    assert hub_made(one.study) == first
    assert len(hub.said(Event.RESULTS_MADE)) == 1


def test_what_comes_back_from_the_archive_is_acknowledged_not_counted_and_not_read(made: Callable[..., Any]) -> None:
    hub, one, _ = made()
    folder = settings().store_dir
    back = [files.path_of(folder, instance.digest).read_bytes() for instance in hub_made(one.study).values()]
    assert hub.stow(*back).status_code == 200
    with store.transaction() as session:
        assert store.find(session, one.study).present == 1
    assert hub.state(one.study) == ("answered", None)
    assert len(hub.said(Event.INSTANCES_STORED)) == 1


def test_the_archive_gets_each_object_once_and_the_timeline_hears_of_it(
    made: Callable[..., Any], archive: Pacs, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("hub:se:cret\n")
    hub, one, said = made(
        HUB_IMAGING_PACS_URL=archive.url, HUB_IMAGING_PACS_CREDENTIALS_FILE=str(tmp_path / "credentials")
    )
    for _ in range(2):
        send_results(said)
    assert [kept.modality for kept in archive.archive.all()] == ["OT", "SEG", "SR", "KO"]
    assert {kept.study for kept in archive.archive.all()} == {one.study}
    assert archive.authorizations == ["Basic aHViOnNlOmNyZXQ="]
    assert ways(one.study) == [("stored", None)]
    [stored] = hub.said(Event.RESULTS_STORED)
    assert len(stored.resource("ImagingStudy")["series"]) == 4


def test_an_archive_that_breaks_off_gets_them_again(made: Callable[..., Any], archive: Pacs) -> None:
    hub, one, said = made(HUB_IMAGING_PACS_URL=archive.url)
    archive.statuses = [0, 503]
    for _ in range(2):
        with pytest.raises(Unavailable):
            send_results(said)
        assert ways(one.study)[0][0] == "waiting"
    send_results(said)
    assert ways(one.study) == [("stored", None)]
    assert len(archive.archive.all()) == 4
    assert len(hub.said(Event.RESULTS_STORED)) == 1


def test_what_the_archive_refuses_for_good_awaits_a_human_with_the_reason(
    made: Callable[..., Any], archive: Pacs
) -> None:
    hub, one, said = made(HUB_IMAGING_PACS_URL=archive.url)
    archive.statuses, archive.bodies = [409], [failures(0x0122)]
    with pytest.raises(InvalidResource, match="0122H"):
        send_results(said)
    [(way, problem)] = ways(one.study)
    assert way == "failed"
    assert "0122H" in str(problem)
    assert not hub.said(Event.RESULTS_STORED)
    send_results(said)  # as a replayed dead letter does
    assert ways(one.study) == [("stored", None)]


def test_after_the_last_retry_the_results_are_visibly_given_up(made: Callable[..., Any]) -> None:
    _, one, said = made(HUB_IMAGING_PACS_URL="http://127.0.0.1:9/dicomweb")
    with pytest.raises(Unavailable):
        send_results(said)
    with store.transaction() as session:
        give_up(session, said)
        assert store.count_results(session) == {"failed": 1}
    assert "did not answer" in str(ways(one.study)[0][1])


def test_two_workers_never_send_the_same_study_at_once(made: Callable[..., Any], archive: Pacs) -> None:
    _, one, said = made(HUB_IMAGING_PACS_URL=archive.url)

    def send(paths: Sequence[Path]) -> None:
        assert len(paths) == 4
        with pytest.raises(Unavailable, match="Another worker"):
            send_results(said)

    send_results(said, send=send)
    assert ways(one.study) == [("stored", None)]


def test_without_an_archive_the_results_stay_here_and_that_is_seen(made: Callable[..., Any]) -> None:
    hub, one, said = made()
    send_results(said)
    assert ways(one.study) == [("kept", None)]
    assert not hub.said(Event.RESULTS_STORED)


def test_a_study_that_is_on_hold_by_now_sends_nothing(made: Callable[..., Any], archive: Pacs) -> None:
    hub, one, said = made(HUB_IMAGING_PACS_URL=archive.url)
    assert hub.stow(one.another(patient="SYN-0002").part10()).status_code == 200
    assert hub.state(one.study)[0] == "held"
    with pytest.raises(Unavailable, match="awaits a human"):
        send_results(said)
    assert archive.archive.all() == []


def failures(*reasons: int) -> bytes:
    items = [{"00081197": {"vr": "US", "Value": [reason]}} for reason in reasons]
    return orjson.dumps({"00081198": {"vr": "SQ", "Value": items}})


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", None),
        (200, b"<xml/>", None),
        (409, failures(0x0111), None),
        (202, failures(0x0111, 0x0111), None),
        (202, failures(0x0111, 0xA700), Unavailable),
        (409, failures(0x0110), Unavailable),
        (202, failures(0xC000), InvalidResource),
        (200, failures(0xA900, 0xA700), InvalidResource),
        (409, b"", InvalidResource),
        (400, b"", InvalidResource),
        (403, b"", InvalidResource),
        (302, b"", InvalidResource),
        (401, b"", Unavailable),
        (429, b"", Unavailable),
        (500, b"", Unavailable),
    ],
)
def test_an_archives_answer_means(
    status: int, body: bytes, outcome: type[Exception] | None, archive: Pacs, tmp_path: Path
) -> None:
    (tmp_path / "one.dcm").write_bytes(b"DICM")
    archive.statuses, archive.bodies = [status], [body]
    if outcome is None:
        pacs.send([tmp_path / "one.dcm"], HttpUrl(archive.url))
    else:
        with pytest.raises(outcome):
            pacs.send([tmp_path / "one.dcm"], HttpUrl(archive.url))


def test_credentials_never_travel_in_the_clear(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("Bearer abc")
    with pytest.raises(InvalidResource, match="in the clear"):
        pacs.send([], HttpUrl("http://pacs.hospital.example/dicomweb"), tmp_path / "credentials")


def test_a_refused_study_has_no_results(imaging: Any, announcement: Any, child: Any) -> None:
    hub, adult = imaging(), child(born="19600101", modality="US")
    assert hub.stow(adult.part10()).status_code == 200
    announce_study(announcement(adult))
    [complete] = hub.said(Event.STUDY_COMPLETED)
    read_study(complete, predict=marks)
    assert not hub.said(Event.RESULTS_DUE)
    with store.transaction() as session:
        assert session.execute(select(ANALYSIS.c.instance)).scalar_one() is None
