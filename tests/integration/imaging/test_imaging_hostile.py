"""Odd, broken and hostile files: an answer within bounds for each, none lost, and a reading that survives them all."""

import random
import struct
import time
import zlib
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

import numpy as np
import pytest
from department import one_by_one
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless
from sqlalchemy import select

from services.imaging import files, store
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Region
from services.imaging.inference.reader import Prediction
from services.imaging.store.tables import INSTANCE, QUARANTINE
from services.imaging.tasks import announce_study, read_study
from services.imaging.tasks.reading import Reading, read
from shared.events import Event

FUZZED_S: Final = 6.0
"""Seconds that the fuzz test may take."""

BOUND_S: Final = 5.0
"""Seconds within which any small file is answered, on a busy machine too."""

REAL: Final = ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_expb.dcm"]


def implicit(tag: bytes, length: int) -> bytes:
    return tag + length.to_bytes(4, "little")


def nested(depth: int) -> bytes:
    """A private sequence inside itself."""
    begin = implicit(b"\x09\x00\x10\x10", 0xFFFFFFFF) + implicit(b"\xfe\xff\x00\xe0", 0xFFFFFFFF)
    end = implicit(b"\xfe\xff\x0d\xe0", 0) + implicit(b"\xfe\xff\xdd\xe0", 0)
    return begin * depth + end * depth


def deflated(file: bytes, rest: bytes) -> bytes:
    """The file with its data set deflated, and more after it."""
    made = dcmread(BytesIO(file))
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    made.save_as(buffer := BytesIO(), enforce_file_format=True)
    whole = buffer.getvalue()
    start = 144 + int.from_bytes(whole[140:144], "little")
    plain = zlib.decompress(whole[start:], -zlib.MAX_WBITS)
    packing = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return whole[:start] + packing.compress(plain + rest) + packing.flush()


def bomb(file: bytes) -> bytes:
    """A deflated data set of 270 MB in little over 1 MB: zeros as the padding after the pixels."""
    size = 270 * 1024 * 1024
    return deflated(file, b"\xfc\xff\xfc\xffOB\0\0" + size.to_bytes(4, "little") + bytes(size))


def with_element(file: bytes, element: bytes) -> bytes:
    """An element put between the file meta information and the data set."""
    start = 144 + int.from_bytes(file[140:144], "little")
    return file[:start] + element + file[start:]


def changed(file: bytes, **values: Any) -> bytes:
    made = dcmread(BytesIO(file))
    for keyword, value in values.items():
        setattr(made, keyword, value)
    made.save_as(buffer := BytesIO(), enforce_file_format=True)
    return buffer.getvalue()


NONSENSE: Final = {"transfer-syntax", "damaged", "not-dicom"}

ODD: Final[dict[str, tuple[Callable[[bytes], bytes], int, set[str]]]] = {
    "a group length that lies": (lambda f: with_element(f, b"\x08\x00\x00\x00UL\x04\x00\xff\xff\xff\x7f"), 200, set()),
    "private garbage": (lambda f: changed(f, PatientComments="\x00\x01\x7f\x80" * 30), 200, set()),
    "NUL in a text": (lambda f: f.replace(b"SYNTHETIC^Child ", b"SYN\0HETIC^Ch\0ld\0"), 200, set()),
    "another character set than it says": (
        lambda f: changed(f, SpecificCharacterSet="ISO_IR 192").replace(b"SYNTHETIC^", b"\xff\xfe\xe9\xc3THETI^"),
        200,
        set(),
    ),
    "a character set that does not exist": (lambda f: changed(f, SpecificCharacterSet="ISO_IR 9999"), 200, set()),
    "deflated": (lambda f: deflated(f, b""), 200, set()),
    "deflated, cut": (lambda f: deflated(f, b"")[:-500], 409, {"damaged"}),
    "deflated, not": (lambda f: f.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99\0\0"), 409, NONSENSE),
    "a length beyond the end": (
        lambda f: with_element(f, b"\x08\x00\x05\x00OB\x00\x00\xf0\xff\xff\x7f"),
        409,
        {"damaged", "incomplete-header"},
    ),
    "an element of undefined length that never ends": (
        lambda f: with_element(f, b"\x08\x00\x05\x00UN\x00\x00\xff\xff\xff\xff"),
        409,
        {"damaged", "incomplete-header"},
    ),
    "zero bytes of pixels": (lambda f: changed(f, PixelData=b""), 200, set()),
    "a number that is none": (lambda f: f.replace(b"\x13\x00IS\x02\x001 ", b"\x13\x00IS\x02\x00x\0"), 200, set()),
    "a number that no database keeps": (
        lambda f: f.replace(b"\x13\x00IS\x02\x001 ", b"\x13\x00IS\x14\x00" + b"9" * 20),
        200,
        set(),
    ),
    "only a preamble": (lambda _: b"\0" * 128 + b"DICM", 409, NONSENSE),
    "anything after a preamble": (lambda _: b"\0" * 128 + b"DICM" + bytes(range(256)) * 12, 409, NONSENSE),
}


def test_odd_files_get_the_right_answer_and_are_kept_or_put_aside_whole(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    for name, (spoil, status, reasons) in ODD.items():
        sent = spoil(one.another().part10())
        began = time.monotonic()
        answer = hub.stow(sent)
        assert time.monotonic() - began < BOUND_S, name
        assert answer.status_code == status, (name, answer.json())
        digest = _digest(sent)
        kept = files.path_of(hub.folder, digest) if status == 200 else files.quarantined(hub.folder, digest)
        assert kept.read_bytes() == sent, name
        assert not reasons or reasons_of(digest) <= reasons, (name, reasons_of(digest))
    assert list((hub.folder / "spool").iterdir()) == []
    found = hub.http.get("/dicomweb/instances?includefield=all", headers=hub.sign())
    assert len(found.json()) == sum(1 for _, status, _ in ODD.values() if status == 200)
    assert hub.http.get(f"/dicomweb/studies/{one.study}/metadata", headers=hub.sign()).status_code == 200


def test_a_data_set_that_inflates_without_end_is_put_aside_before_it_does(imaging: Any, child: Any) -> None:
    hub = imaging()
    sent = bomb(child().part10())
    assert len(sent) < 2 * 1024 * 1024
    began = time.monotonic()
    answer = hub.stow(sent)
    assert time.monotonic() - began < 4 * BOUND_S
    assert answer.json()["0008119A"]["Value"][0]["00081197"]["Value"] == [0xA700]
    assert reasons_of(_digest(sent)) == {"too-large"}
    assert [path.name for path in hub.folder.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("depth", [50, 5000])
def test_sequences_inside_sequences_never_end_in_an_error_of_ours(imaging: Any, child: Any, depth: int) -> None:
    hub, one = imaging(), child()
    made = dcmread(BytesIO(one.part10()))
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    made.save_as(buffer := BytesIO(), implicit_vr=True, little_endian=True, enforce_file_format=True)
    answer = hub.stow(with_element(buffer.getvalue(), nested(depth)))
    assert answer.status_code in {200, 409}
    if answer.status_code == 200:
        assert hub.http.get(f"/dicomweb/studies/{one.study}/metadata", headers=hub.sign()).status_code in {200, 422}


def test_mutated_files_are_answered_within_bounds_and_never_break_a_door_or_a_reading(
    imaging: Any, child: Any, real: Any, released: Model
) -> None:
    hub, one = imaging(), child()
    choice = random.Random(20261124)  # noqa: S311 (a fuzz test, not a secret)
    originals = [one.part10(), *map(real, REAL)]
    ends, count, kept = time.monotonic() + FUZZED_S, 0, 0
    while time.monotonic() < ends:
        sent = mutated(choice, choice.choice(originals))
        began = time.monotonic()
        answer = hub.stow(sent)
        assert answer.status_code in {200, 409}, count
        count += 1
        if answer.status_code == 200:
            kept += 1
            _look_at(hub, answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0])
        assert time.monotonic() - began < BOUND_S, count
    assert kept
    assert count > kept
    with store.transaction() as session:
        studies = set(session.scalars(select(INSTANCE.c.study)))
        instances = [instance for study in studies for instance in store.list_instances(session, study)]
    _read_all(hub, instances, released)


def _look_at(hub: Any, address: str) -> None:
    """Whatever was taken in can be asked for in every way, and nothing of it is an error of ours."""
    for rest, accept in (
        ("/metadata", "application/dicom+json"),
        ("/frames/1", "application/octet-stream"),
        ("/rendered", "image/png"),
        ("", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'),
    ):
        answer = hub.http.get(address + rest, headers=hub.sign() | {"Accept": accept})
        assert answer.status_code in {200, 404, 422}, (rest, answer.text)


def _read_all(hub: Any, instances: list[Instance], model: Model) -> None:
    """The code of a worker on every picture: it answers, whatever it is given."""
    for instance in instances:
        made = Instance(
            **vars(instance)
            | {"modality": "CR", "body_part": "CHEST", "view": "AP", "birth_date": "20230105", "study_date": "20260601"}
        )
        read([made], model, says(0.01), hub.folder)


def mutated(choice: random.Random, original: bytes) -> bytes:
    """Bytes changed, cut out, doubled or cut off, mostly where they mean something."""
    made = bytearray(original)
    for _ in range(choice.choice((1, 1, 2, 5, 20))):
        at = choice.randrange(128, min(len(made), choice.choice((2000, len(made)))))
        match choice.randrange(5):
            case 0 | 1:
                made[at] = choice.randrange(256)
            case 2:
                made[at : at + 4] = choice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
            case 3:
                del made[at : at + choice.randrange(1, 20)]
            case _:
                made[at:at] = made[at : at + choice.randrange(1, 200)]
        if len(made) < 200:
            break
    return bytes(made[: choice.randrange(130, len(made))] if choice.random() < 0.1 else made)


FRAMES: Final = {
    "noise": b"\xff" * 600,
    "too short": struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x81a\x81a",
    "too long": struct.pack("<16I", 2, 64, 464, *[0] * 13) + b"\x81a" * 400,
}
"""RLE (PS3.5 annex G) that ends early, or in a panic of the decoder, which no `except Exception` sees."""


@pytest.mark.parametrize("kind", ["header", *FRAMES])
def test_one_bad_picture_among_good_ones_is_said_and_the_others_are_read(
    imaging: Any, child: Any, as_file: Any, announcement: Any, kind: str
) -> None:
    hub, one = imaging(), child()
    bad = one.another().dataset()
    if kind == "header":
        bad.Rows = 4000
    else:
        bad.compress(RLELossless, generate_instance_uid=False)
        bad.PixelData = encapsulate([FRAMES[kind]])
    assert hub.stow(one.part10(), one.another(seed=2).part10(), as_file(bad)).status_code == 200
    announce_study(announcement(one, instances=3))
    [message] = hub.said(Event.STUDY_COMPLETED)
    read_study(message, predict=says(0.99))
    [said] = hub.said(Event.ANALYSIS_COMPLETED)
    assert "Read 2 of 3 images: 1 could not be decoded." in said.resource("DiagnosticReport")["conclusion"]
    observation = said.resource("Observation")
    assert observation["note"][0]["text"].startswith("Not checked: 1 of 3 images")
    assert {part["code"]["coding"][0]["code"]: part.get("valueInteger") for part in observation["component"]} == {
        "probability": None,
        "threshold": None,
        "images-read": 2,
        "images-undecodable": 1,
    }
    assert "highest of 2 images" in said.resource("DiagnosticReport")["conclusion"]


def test_a_good_picture_is_found_though_another_is_bad(imaging: Any, child: Any, as_file: Any, released: Model) -> None:
    hub, one = imaging(), child()
    bad = one.another().dataset()
    bad.Rows = 4000
    hub.stow(one.part10(), as_file(bad))
    with store.transaction() as session:
        instances = store.list_instances(session, one.study)
    answer = read(instances, released, says(0.99), hub.folder)
    assert isinstance(answer, Reading)
    assert answer.finding.coverage == (1, 1, 0, 0)


def says(probability: float) -> Callable[[Model, NDArray[np.float32]], Prediction]:
    """A model of one opinion."""

    @one_by_one
    def predict(_: Model, picture: NDArray[np.float32]) -> Prediction:
        return Prediction((probability,), True, Region(0.1, 0.2, 0.1, 0.2), np.ones(picture.shape, np.float32))

    return predict


def reasons_of(digest: str) -> set[str]:
    with store.transaction() as session:
        return set(session.scalars(select(QUARANTINE.c.reason).where(QUARANTINE.c.digest == digest)))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
