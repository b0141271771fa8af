"""What the door for pixels says, and what is on disk and in the database when it says so."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from gzip import compress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from sqlalchemy import select

from services.imaging import files, store
from services.imaging.store.tables import INSTANCE, QUARANTINE
from shared.errors import Unavailable
from shared.events import Event

TYPE = 'multipart/related; type="application/dicom"; boundary='


def test_a_stored_file_lies_under_its_digest_and_is_named_in_the_answer(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    sent = one.part10()
    answer = hub.stow(sent, study=one.study)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    [item] = answer.json()["00081199"]["Value"]
    assert item["00081155"]["Value"] == [one.uid]
    assert answer.json()["00081190"]["Value"] == [f"http://127.0.0.1:8080/dicomweb/studies/{one.study}"]
    digest = sha256(sent).hexdigest()
    assert (hub.folder / digest[:2] / f"{digest}.dcm").read_bytes() == sent
    assert list((hub.folder / "spool").iterdir()) == []
    [said] = hub.said(Event.INSTANCES_STORED)
    assert said.resource("ImagingStudy")["series"][0]["numberOfInstances"] == 1


def test_who_brought_the_pixels_is_on_record_once_a_sitting(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10())
    hub.stow(one.another().part10())
    [event] = [message.resource("AuditEvent") for message in hub.said(Event.IMAGING_ACCESS_RECORDED)]
    assert event["type"]["code"] == "110104"


def test_the_same_file_again_is_a_success_and_changes_nothing(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    answers = [hub.stow(one.part10()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert rows(INSTANCE) == 1


def test_another_content_under_the_same_uid_is_refused_and_put_aside(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    first, other = one.part10(), one.another(uid=one.uid, seed=2).part10()
    hub.stow(first)
    answer = hub.stow(other, other)
    assert answer.status_code == 409
    item, _ = answer.json()["00081198"]["Value"]
    assert item["00081197"]["Value"] == [0x0111]
    assert quarantined(hub) == {sha256(other).hexdigest(): "conflict"}
    assert files.path_of(hub.folder, sha256(first).hexdigest()).read_bytes() == first


def test_some_good_and_some_bad_is_a_202_that_names_each(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    answer = hub.stow(one.part10(), b"no DICOM at all")
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert answer.json()["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC000]


def test_a_file_of_another_study_than_the_address_is_refused(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    answer = hub.stow(one.part10(), study="1.2.3")
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]


def changed(file: bytes, change: Callable[[Any], None]) -> bytes:
    made = dcmread(BytesIO(file))
    change(made)
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def without_uid(made: Any) -> None:
    del made.StudyInstanceUID


def evil_uid(made: Any) -> None:
    made.SeriesInstanceUID = "../../etc/passwd"


def long_patient(made: Any) -> None:
    made.PatientID = "9" * 5000


HOSTILE = {
    "nothing": (lambda _: b"", "not-dicom"),
    "text": (lambda _: b"<html>" * 100, "not-dicom"),
    "preamble only": (lambda _: b"\0" * 128 + b"DICM", "transfer-syntax"),
    "cut in the pixels": (lambda file: file[:-1000], "damaged"),
    "cut in the header": (lambda file: file[:420], "incomplete-header"),
    "no study": (lambda file: changed(file, without_uid), "incomplete-header"),
    "a path as UID": (lambda file: changed(file, evil_uid), "incomplete-header"),
    "an endless patient": (lambda file: changed(file, long_patient), "damaged"),
    "noise after the preamble": (lambda file: file[:200] + b"\xff\x00\x13" * 500, "transfer-syntax"),
}


@pytest.mark.filterwarnings("ignore:.*Invalid value for VR:UserWarning", "ignore:.*exceeds the maximum:UserWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_broken_file_is_put_aside_with_its_reason(imaging: Any, child: Any, name: str) -> None:
    hub = imaging()
    spoil, reason = HOSTILE[name]
    sent = spoil(child().part10())
    answer = hub.stow(sent)
    assert answer.status_code == 409
    assert quarantined(hub) == {sha256(sent).hexdigest(): reason}
    assert rows(INSTANCE) == 0


@pytest.mark.parametrize("boundary", ["edge", '"edge"', '"a b:c"', "x" * 70])
def test_boundaries_may_be_quoted(imaging: Any, child: Any, boundary: str) -> None:
    hub = imaging()
    content = body_of(boundary.strip('"'), child().part10())
    answer = hub.http.post("/dicomweb/studies", content=content, headers=hub.sign() | {"Content-Type": TYPE + boundary})
    assert answer.status_code == 200


def test_line_ends_and_dashes_in_the_data_are_data(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    made = one.dataset()
    made.PixelData = (b"\r\n--edg\r\n\r\n--\r\n--edge_" * 2000)[: 120 * 160 * 2]
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    sent = buffer.getvalue().replace(b"\r\n--edge_", b"\r\n--edgX_")
    assert hub.stow(sent).status_code == 200
    digest = sha256(sent).hexdigest()
    assert files.path_of(hub.folder, digest).read_bytes() == sent


def test_bytes_may_come_one_by_one(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    whole = body_of("edge", one.part10())
    pieces = (whole[i : i + 7] for i in range(0, len(whole), 7))
    answer = hub.http.post("/dicomweb/studies", content=pieces, headers=hub.sign() | {"Content-Type": TYPE + "edge"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/dicom", b"x", 415),
        ('multipart/related; type="application/dicom+json"; boundary=edge', b"--edge--", 415),
        ('multipart/related; type="application/dicom"', b"--edge--", 400),
        (TYPE + "x" * 300, b"--edge--", 400),
        (TYPE + "edge", b"", 400),
        (TYPE + "edge", b"--edge--\r\n", 400),
        (TYPE + "edge", b"no boundary at all", 400),
        (TYPE + "edge", b"--edge\r\nContent-Type: application/dicom\r\n\r\nhalf a file", 400),
        (TYPE + "edge", b"--edge\r\nContent-Type: text/html\r\n\r\nx\r\n--edge--\r\n", 415),
    ],
)
def test_a_body_that_is_no_multipart_dicom_is_the_senders_fault(
    imaging: Any, kind: str, content: bytes, status: int
) -> None:
    hub = imaging()
    answer = hub.http.post("/dicomweb/studies", content=content, headers=hub.sign() | {"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert not (hub.folder / "spool").exists() or list((hub.folder / "spool").iterdir()) == []


def test_a_compressed_body_is_said_to_be_none_that_is_read_here(imaging: Any, child: Any) -> None:
    hub = imaging()
    headers = hub.sign() | {"Content-Type": TYPE + "edge", "Content-Encoding": "gzip"}
    answer = hub.http.post("/dicomweb/studies", content=compress(body_of("edge", child().part10())), headers=headers)
    assert answer.status_code == 415
    assert "without Content-Encoding" in answer.text


def test_a_sender_who_takes_no_json_is_told_before_anything_is_stored(imaging: Any, child: Any) -> None:
    hub = imaging()
    headers = hub.sign() | {"Content-Type": TYPE + "edge", "Accept": "application/dicom+xml"}
    answer = hub.http.post("/dicomweb/studies", content=body_of("edge", child().part10()), headers=headers)
    assert answer.status_code == 406
    assert rows(INSTANCE) == 0


def test_a_system_without_the_scope_and_a_person_may_not_store(imaging: Any, child: Any) -> None:
    hub = imaging()
    for who in (hub.sign("system/Patient.cruds"), hub.sign(role="radiologist") | {"Origin": "http://127.0.0.1:8080"}):
        content = body_of("edge", child().part10())
        answer = hub.http.post("/dicomweb/studies", content=content, headers=who | {"Content-Type": TYPE + "edge"})
        assert answer.status_code == 403


def test_what_a_killed_process_left_on_its_way_in_is_gone_after_an_hour_and_a_start(tmp_path: Path) -> None:
    spool = tmp_path / files.SPOOL
    spool.mkdir()
    for name, age in (("left", timedelta(minutes=61)), ("arriving", timedelta(minutes=1))):
        (spool / name).write_bytes(b"half")
        then = time.time() - age.total_seconds()
        os.utime(spool / name, (then, then))
    assert files.sweep(tmp_path) == 1
    assert [path.name for path in spool.iterdir()] == ["arriving"]
    assert files.sweep(tmp_path / "not there yet") == 0


def test_a_disk_that_takes_no_more_is_a_503_that_leaves_nothing_half_stored(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    made = one.dataset()
    made.Rows = made.Columns = 2300
    made.PixelData = bytes(2 * 2300 * 2300)
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    with largest_file(8 * 1024 * 1024):
        answer = hub.stow(buffer.getvalue())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert list((hub.folder / "spool").iterdir()) == []
    assert rows(INSTANCE) == 0
    assert hub.stow(buffer.getvalue()).status_code == 200


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow further, in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_store_that_takes_nothing_is_not_ready(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(Unavailable):
        files.check_writable(blocked)


def rows(table: Any) -> int:
    with store.transaction() as session:
        return len(session.execute(select(table)).all())


def quarantined(hub: Any) -> dict[str, str]:
    """Reason by digest; each has its file."""
    with store.transaction() as session:
        found = {row.digest: row.reason for row in session.execute(select(QUARANTINE))}
    assert {path.stem for path in (hub.folder / "quarantine").iterdir()} == set(found)
    return found


def body_of(boundary: str, part: bytes) -> bytes:
    edge = boundary.encode()
    return b"--" + edge + b"\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n--" + edge + b"--\r\n"
