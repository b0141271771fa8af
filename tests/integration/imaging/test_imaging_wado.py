"""What is given out: metadata, files and frames, to whom, and what is on record before a byte goes out."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from pydicom import dcmread
from python_multipart.multipart import MultipartParser, parse_options_header

from services.imaging import api
from shared.events import Event
from shared.security import Role

OCTETS = 'multipart/related; type="application/octet-stream"'
FILES = 'multipart/related; type="application/dicom"'


def place(one: Any, rest: str = "") -> str:
    return f"/dicomweb/studies/{one.study}/series/{one.series}/instances/{one.uid}{rest}"


@pytest.fixture
def stored(imaging: Any, child: Any) -> tuple[Any, Any]:
    hub, one = imaging(), child()
    assert hub.stow(one.part10()).status_code == 200
    return hub, one


def test_metadata_is_the_header_without_the_pixels(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    for path in (f"/dicomweb/studies/{one.study}", f"/dicomweb/studies/{one.study}/series/{one.series}", place(one)):
        answer = hub.http.get(f"{path}/metadata", headers=hub.sign(role=Role.RADIOLOGIST))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/dicom+json"
        assert answer.headers["cache-control"] == "no-store"
        [header] = answer.json()
        assert header["00080018"]["Value"] == [one.uid]
        assert header["00280010"]["Value"] == [120]
        assert header["7FE00010"] == {
            "vr": "OW",
            "BulkDataURI": f"http://127.0.0.1:8080{place(one, '/bulkdata/7FE00010')}",
        }


def test_a_file_comes_back_as_it_went_in(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    for path in (f"/dicomweb/studies/{one.study}", f"/dicomweb/studies/{one.study}/series/{one.series}", place(one)):
        answer = hub.http.get(path, headers=hub.sign() | {"Accept": FILES})
        assert parts(answer) == [one.part10()]


def test_a_frame_is_the_stored_values(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    expected = dcmread(BytesIO(one.part10())).pixel_array
    reader = hub.sign(role=Role.RADIOLOGIST)
    single = hub.http.get(place(one, "/frames/1"), headers=reader | {"Accept": "application/octet-stream"})
    assert single.headers["content-type"] == "application/octet-stream"
    several = hub.http.get(place(one, "/frames/1"), headers=reader | {"Accept": OCTETS})
    for content in (single.content, parts(several)[0]):
        assert np.array_equal(values(content, expected), expected)


@pytest.mark.parametrize("file", ["RG1_J2KR.dcm", "RG1_UNCR.dcm", "RG3_J2KI.dcm"])
def test_frames_of_real_radiographs_are_what_pydicom_decodes(imaging: Any, real: Any, file: str) -> None:
    hub, sent = imaging(), real(file)
    made = dcmread(BytesIO(sent))
    assert hub.stow(sent).status_code == 200
    path = f"/dicomweb/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"
    answer = hub.http.get(f"{path}/frames/1", headers=hub.sign() | {"Accept": "application/octet-stream"})
    assert np.array_equal(values(answer.content, made.pixel_array), made.pixel_array)


@pytest.mark.parametrize(
    ("rest", "accept", "status"),
    [
        ("/frames/2", OCTETS, 404),
        ("/frames/0", OCTETS, 404),
        ("/frames/x", OCTETS, 404),
        ("/frames/1", "image/jpeg", 406),
        ("/frames/1", 'multipart/related; type="image/jpeg"', 406),
        ("", "application/json", 406),
        ("", f"{FILES}; transfer-syntax=1.2.840.10008.1.2.4.90", 406),
        ("", f"{FILES}; transfer-syntax=*", 200),
        ("", "*/*", 200),
        ("/metadata", "application/dicom+xml", 406),
    ],
)
def test_what_is_not_there_or_not_offered_is_said(stored: tuple[Any, Any], rest: str, accept: str, status: int) -> None:
    hub, one = stored
    assert hub.http.get(place(one, rest), headers=hub.sign() | {"Accept": accept}).status_code == status


def test_an_unknown_study_series_or_instance_is_a_404(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    for path in (
        "/dicomweb/studies/1.2/metadata",
        f"/dicomweb/studies/{one.study}/series/1.2/metadata",
        f"/dicomweb/studies/{one.study}/series/{one.series}/instances/1.2/frames/1",
    ):
        assert hub.http.get(path, headers=hub.sign()).status_code == 404


def test_who_looks_is_on_record_once_a_sitting_and_study(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    for sitting in ("s1", "s1", "s2"):
        reader = hub.sign(role=Role.RADIOLOGIST, sitting=sitting)
        hub.http.get(place(one, "/metadata"), headers=reader)
        hub.http.get(place(one, "/frames/1"), headers=reader | {"Accept": OCTETS})
    events = [message.resource("AuditEvent") for message in hub.said(Event.IMAGING_ACCESS_RECORDED)]
    reads = [event for event in events if event["type"]["code"] == "110103"]
    assert len(reads) == 2
    assert reads[0]["entity"][0]["what"]["identifier"]["value"] == f"urn:oid:{one.study}"


def test_no_record_no_data(stored: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    hub, one = stored

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("the audit cannot be written")

    monkeypatch.setattr("shared.outbox.add", refuse)
    client = TestClient(api.app(), raise_server_exceptions=False)
    answer = client.get(place(one, "/frames/1"), headers=hub.sign(role=Role.RADIOLOGIST) | {"Accept": OCTETS})
    assert answer.status_code == 500
    assert one.dataset().PixelData[:64] not in answer.content


@pytest.mark.parametrize("role", [Role.PATIENT, Role.SECRETARY, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER])
def test_pixels_are_for_clinicians(stored: tuple[Any, Any], role: Role) -> None:
    hub, one = stored
    assert hub.http.get(place(one, "/metadata"), headers=hub.sign(role=role)).status_code == 403


def test_nobody_sees_pixels_without_signing_in_or_without_the_scope(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    assert hub.http.get(place(one, "/metadata")).status_code == 401
    assert hub.http.get(place(one, "/metadata"), headers=hub.sign("system/Study.c")).status_code == 403


def values(content: bytes, like: NDArray[Any]) -> NDArray[Any]:
    return np.frombuffer(content, like.dtype.newbyteorder("<")).reshape(like.shape)


def parts(answer: Any) -> list[bytes]:
    """The parts of a multipart answer, read by a parser that is not ours."""
    kind, options = parse_options_header(answer.headers["content-type"])
    assert kind == b"multipart/related"
    found: list[bytearray] = []
    parser = MultipartParser(
        options[b"boundary"],
        {
            "on_part_begin": lambda: found.append(bytearray()),
            "on_part_data": lambda data, start, end: found[-1].extend(data[start:end]),
        },
    )
    parser.write(answer.content)
    parser.finalize()
    return [bytes(part) for part in found]
