"""What is given out: metadata, files and frames, to whom, and what is on record before a byte goes out."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless
from python_multipart.multipart import MultipartParser, parse_options_header

from services.imaging import api
from services.imaging.dicom import metadata
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


def test_of_many_a_header_that_cannot_be_shown_comes_as_its_names(
    imaging: Any, child: Any, as_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, one = imaging(), child()
    bad = one.another(seed=2)
    made = bad.dataset()
    made.RequestAttributesSequence = [Dataset(), Dataset()]
    assert hub.stow(one.part10(), as_file(made)).status_code == 200
    monkeypatch.setattr(metadata, "MOST_ITEMS", 1)
    answer = hub.http.get(f"/dicomweb/studies/{one.study}/metadata", headers=hub.sign(role=Role.RADIOLOGIST))
    assert answer.status_code == 200
    assert {header["00080018"]["Value"][0] for header in answer.json()} == {one.uid, bad.uid}
    alone = hub.http.get(f"{place(bad)}/metadata", headers=hub.sign(role=Role.RADIOLOGIST))
    assert alone.status_code == 422


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
        ("", f"{FILES}; transfer-syntax=1.2.840.10008.1.2.4.90, {FILES}; transfer-syntax=1.2.840.10008.1.2.1", 200),
        ("", "application/dicom", 200),
        ("", f"{FILES};q=0", 406),
        ("/metadata", "application/xml, application/json;q=0.5", 200),
        ("/frames/1", "image/*", 406),
        ("/rendered", "image/avif,image/webp,*/*;q=0.8", 200),
        ("/rendered", "image/tiff", 406),
        ("/rendered?accept=image/png", "image/tiff", 200),
        ("/rendered?quality=0", "image/jpeg", 400),
        ("/rendered?window=1,0,linear", "image/jpeg", 400),
        ("/rendered?window=1,2,cubic", "image/jpeg", 400),
        ("/rendered?viewport=10", "image/jpeg", 400),
        ("/rendered?viewport=99999,99999", "image/jpeg", 400),
        ("/rendered?viewport=10,10,0,0,nan,1", "image/jpeg", 400),
        ("/frames/2/rendered", "image/jpeg", 404),
        ("/frames/1/thumbnail", "image/jpeg", 200),
        ("/bulkdata/00100010", OCTETS, 404),
        ("/bulkdata/7FE00010", "image/jpeg", 406),
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


def test_bulk_data_lie_where_the_metadata_say(imaging: Any, child: Any, as_file: Any) -> None:
    hub, one = imaging(), child()
    made = one.dataset()
    made.add_new((0x0009, 0x0010), "LO", "SOMEBODY")
    made.add_new((0x0009, 0x1001), "OB", b"long" * 1000)
    assert hub.stow(as_file(made)).status_code == 200
    [header] = hub.http.get(place(one, "/metadata"), headers=hub.sign()).json()
    named = [element["BulkDataURI"] for element in header.values() if "BulkDataURI" in element]
    found = [parts(hub.http.get(address, headers=hub.sign() | {"Accept": OCTETS}))[0] for address in named]
    assert found == [b"long" * 1000, made.PixelData]


def test_a_caller_who_has_it_already_is_told_so(stored: tuple[Any, Any]) -> None:
    hub, one = stored
    for rest in ("", "/metadata", "/frames/1", "/rendered", "/thumbnail"):
        first = hub.http.get(place(one, rest), headers=hub.sign())
        again = hub.http.get(place(one, rest), headers=hub.sign() | {"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        other = hub.http.get(place(one, rest), headers=hub.sign() | {"If-None-Match": '"other"'})
        assert other.status_code == 200


PLAIN = f"{FILES}; transfer-syntax=1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    "file", ["MR_small_RLE.dcm", "emri_small_jpeg_ls_lossless.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm"]
)
def test_a_file_comes_as_explicit_little_endian_when_that_is_asked_for(imaging: Any, real: Any, file: str) -> None:
    hub, sent = imaging(), real(file)
    assert hub.stow(sent).status_code == 200
    expected = dcmread(BytesIO(sent))
    address = f"/dicomweb/studies/{expected.StudyInstanceUID}"
    [own] = parts(hub.http.get(address, headers=hub.sign() | {"Accept": FILES}))
    assert own == sent
    [plain] = parts(hub.http.get(address, headers=hub.sign() | {"Accept": PLAIN}))
    made = dcmread(BytesIO(plain))
    assert made.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert made.SOPInstanceUID == expected.SOPInstanceUID
    assert np.array_equal(made.pixel_array, expected.pixel_array)


def test_of_many_one_that_cannot_be_decoded_comes_as_it_lies(imaging: Any, child: Any, as_file: Any) -> None:
    hub, one = imaging(), child()
    broken = one.another().dataset()
    broken.compress(RLELossless, generate_instance_uid=False)
    broken.Rows = 4000
    files = [as_file(broken), one.part10()]
    assert hub.stow(*files).status_code == 200
    answer = hub.http.get(f"/dicomweb/studies/{one.study}", headers=hub.sign() | {"Accept": PLAIN})
    assert sorted(parts(answer)) == sorted(files)
    alone = hub.http.get(place(one.another(uid=broken.SOPInstanceUID)), headers=hub.sign() | {"Accept": PLAIN})
    assert alone.status_code == 422


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("JPGExtended.dcm", "image/jpeg"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
        ("MR_small_jp2klossless.dcm", "image/jp2"),
        ("MR_small_RLE.dcm", "image/dicom-rle"),
    ],
)
def test_a_compressed_frame_comes_as_it_is_stored_when_its_own_type_is_asked_for(
    imaging: Any, real: Any, file: str, kind: str
) -> None:
    hub, sent = imaging(), real(file)
    hub.stow(sent)
    made = dcmread(BytesIO(sent))
    path = f"/dicomweb/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"
    expected = next(generate_frames(made.PixelData, number_of_frames=1))
    for accept in (f'multipart/related; type="{kind}"', f'{OCTETS};q=0.1, multipart/related; type="image/*"'):
        answer = hub.http.get(f"{path}/frames/1", headers=hub.sign() | {"Accept": accept})
        assert parts(answer) == [expected]
        assert f"Content-Type: {kind}; transfer-syntax={made.file_meta.TransferSyntaxUID}".encode() in answer.content
    other = f'multipart/related; type="{kind}"; transfer-syntax=1.2.3'
    assert hub.http.get(f"{path}/frames/1", headers=hub.sign() | {"Accept": other}).status_code == 406


def test_frames_of_many_come_in_the_order_in_which_they_are_asked_for(imaging: Any, real: Any) -> None:
    hub, sent = imaging(), real("emri_small.dcm")
    hub.stow(sent)
    made = dcmread(BytesIO(sent))
    path = f"/dicomweb/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances/{made.SOPInstanceUID}"
    answer = hub.http.get(f"{path}/frames/3,1", headers=hub.sign() | {"Accept": OCTETS})
    for content, index in zip(parts(answer), (2, 0), strict=True):
        assert np.array_equal(values(content, made.pixel_array[index]), made.pixel_array[index])
    assert hub.http.get(f"{path}/frames/1,11", headers=hub.sign()).status_code == 404
    gif = hub.http.get(f"{path}/rendered", headers=hub.sign() | {"Accept": "image/gif"})
    assert Image.open(BytesIO(gif.content)).n_frames == 10


def test_a_rendered_picture_follows_window_viewport_and_photometric_interpretation(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    negative = one.another(photometric="MONOCHROME1")
    hub.stow(one.part10(), negative.part10())
    png = hub.sign(role=Role.RADIOLOGIST) | {"Accept": "image/png"}
    stored = dcmread(BytesIO(one.part10())).pixel_array.astype(float)
    for each in (one, negative):
        answer = hub.http.get(place(each, "/rendered?window=2048,1024,linear-exact"), headers=png)
        shown = np.asarray(Image.open(BytesIO(answer.content)))
        low, high = (2047 - 512, 2047 + 512) if each is negative else (2048 - 512, 2048 + 512)
        assert np.abs(shown - np.clip((stored - low) / (high - low), 0, 1) * 255).max() <= 1
    part = hub.http.get(place(one, "/rendered?viewport=50,90,20,10,-80,60"), headers=png)
    assert Image.open(BytesIO(part.content)).size == (50, 38)
    jpeg = hub.http.get(place(one, "/rendered?quality=20&annotation=patient"), headers=hub.sign())
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert "annotation" in jpeg.headers["warning"]
    assert len(hub.http.get(place(one, "/rendered?quality=95"), headers=hub.sign()).content) > len(jpeg.content)


def test_a_study_and_a_series_have_thumbnails_and_pictures_of_all(imaging: Any, child: Any, as_file: Any) -> None:
    hub, one = imaging(), child()
    report = one.another(modality="SR", series="1.2.3").dataset()
    del report.PixelData
    hub.stow(one.part10(), one.another().part10(), as_file(report))
    study = f"/dicomweb/studies/{one.study}"
    for path in (study, f"{study}/series/{one.series}", place(one)):
        small = hub.http.get(f"{path}/thumbnail", headers=hub.sign())
        assert max(Image.open(BytesIO(small.content)).size) == 128
        many = 'multipart/related; type="image/jpeg"'
        pictures = parts(hub.http.get(f"{path}/rendered", headers=hub.sign() | {"Accept": many}))
        assert [Image.open(BytesIO(each)).size for each in pictures] == [(160, 120)] * (1 if path == place(one) else 2)
    assert hub.http.get(f"{study}/series/1.2.3/thumbnail", headers=hub.sign()).status_code == 404
    assert hub.http.get(f"{study}/rendered", headers=hub.sign() | {"Accept": "image/jpeg"}).status_code == 406


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
