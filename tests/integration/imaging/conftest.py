"""Imaging on a real PostgreSQL and a real disk: DICOM goes in at its door, messages at its handlers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import files
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import orjson
import pydicom
import pytest
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid
from sqlalchemy import select, text

from services.imaging import api, gauges, store
from services.imaging.domain.admission import METADATA
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Move, Stage
from services.imaging.packages import shelf
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, model_of, parse
from services.imaging.settings import SHIPPED, settings
from shared import outbox, security
from shared.events import Event, Lane
from shared.fhir import codes
from shared.fhir.message import Message
from shared.security import Principal, Role

MRN = "https://st-luke.example/mrn"
CHEST = SHIPPED / "cxr-pneumonia-paediatric"


@dataclass(frozen=True)
class Child:
    """One invented child's radiograph, as the modality writes it."""

    study: str = field(default_factory=generate_uid)
    series: str = field(default_factory=generate_uid)
    uid: str = field(default_factory=generate_uid)
    patient: str = "SYN-0001"
    issuer: str | None = "ST-LUKE"
    born: str = "20230105"
    taken: str = "20260601"
    modality: str = "CR"
    body_part: str = "CHEST"
    view: str = "AP"
    photometric: str = "MONOCHROME2"
    seed: int = 1

    def another(self, **changes: Any) -> "Child":
        """A further picture of the same series."""
        return replace(self, **{"uid": generate_uid(), **changes})

    def dataset(self) -> Dataset:
        """The instance with its pixels: a gradient with noise, 12 bits."""
        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = ComputedRadiographyImageStorage
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = self.uid
        made.StudyInstanceUID, made.SeriesInstanceUID = self.study, self.series
        made.PatientName, made.PatientID = "SYNTHETIC^Child", self.patient
        if self.issuer:
            made.IssuerOfPatientID = self.issuer
        made.PatientBirthDate, made.StudyDate, made.StudyTime = self.born, self.taken, "101500"
        made.Modality, made.BodyPartExamined, made.ViewPosition = self.modality, self.body_part, self.view
        made.ImageType = ["ORIGINAL", "PRIMARY"]
        made.InstanceNumber = 1
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, self.photometric
        made.Rows, made.Columns = 120, 160
        made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
        random = np.random.default_rng(self.seed)
        grey = np.linspace(0, 3000, 120)[:, None] + random.integers(0, 1000, (120, 160))
        values = grey.astype("<u2")
        made.PixelData = (4095 - values if self.photometric == "MONOCHROME1" else values).astype("<u2").tobytes()
        return made

    def part10(self) -> bytes:
        """The file."""
        return as_file(self.dataset())


def as_file(made: Dataset) -> bytes:
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def body(*parts: bytes, boundary: str = "edge") -> bytes:
    return (
        b"".join(b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (boundary.encode(), p) for p in parts)
        + b"--%b--\r\n" % boundary.encode()
    )


@dataclass
class Imaging:
    """The service under test and its doors."""

    http: TestClient
    folder: Path
    sign: Callable[..., dict[str, str]]

    def stow(self, *parts: bytes, study: str | None = None, **more: Any) -> httpx.Response:
        """Send files in the name of the hospital's archive."""
        headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=edge'}
        path = "/dicomweb/studies" + (f"/{study}" if study else "")
        return self.http.post(path, content=body(*parts), headers={**self.sign(), **headers}, **more)

    def said(self, *events: Event) -> list[Message]:
        """What is in the outbox, the oldest first."""
        query = select(outbox.OUTBOX.c.body).where(outbox.OUTBOX.c.task.in_([str(event) for event in events]))
        with store.transaction() as session:
            rows = session.execute(query.order_by(outbox.OUTBOX.c.id)).scalars()
            return [Message.from_fhir(orjson.loads(row)[0][0]) for row in rows]

    def let_time_pass(self, uid: str) -> None:
        """As if the arrival of a study was said a while ago: what comes next is said at once."""
        with store.transaction() as session:
            session.execute(
                text("UPDATE study SET said_at = said_at - interval '1 minute' WHERE uid = :uid"), {"uid": uid}
            )

    def state(self, uid: str) -> tuple[str, str | None]:
        """Where a study stands, and why it awaits a human."""
        with store.transaction() as session:
            study = store.find(session, uid)
        return str(study.state), str(study.hold) if study.hold else None


def announcement(
    child: Child, *, instances: int | None = 1, mrn: str | None = None, version: int = 1, lane: Lane = Lane.ROUTINE
) -> Message:
    patient = {
        "resourceType": "Patient",
        "id": str(uuid4()),
        "identifier": [{"system": MRN, "value": mrn or child.patient}],
        "birthDate": "2023-01-05",
    }
    order = {
        "resourceType": "ServiceRequest",
        "id": codes.correlation_of(f"{child.study} order"),
        "identifier": [{"system": "https://st-luke.example/order", "value": f"O-{child.study}"}],
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"urn:uuid:{patient['id']}"},
    }
    study: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "id": codes.correlation_of(f"{child.study} announcement"),
        "meta": {"versionId": str(version)},
        "identifier": [codes.study_identifier(child.study)],
        "status": "available",
        "subject": {"reference": f"urn:uuid:{patient['id']}", "identifier": patient["identifier"][0]},
        "basedOn": [{"reference": f"urn:uuid:{order['id']}", "identifier": order["identifier"][0]}],
        "started": "2026-06-01T10:15:00+00:00",
    }
    if instances is not None:
        study["numberOfInstances"] = instances
    return Message.build(Event.STUDY_AVAILABLE, lane, codes.correlation_of(child.study), [study, patient, order])


def revocation(child: Child) -> Message:
    order = announcement(child).resource("ServiceRequest") | {"status": "revoked"}
    return Message.build(Event.ORDER_REVOKED, Lane.ROUTINE, codes.correlation_of(child.study), [order])


@pytest.fixture(scope="session")
def released() -> Model:
    """The chest model that comes with the hub."""
    declared = parse((CHEST / METADATA).read_text())
    assert isinstance(declared, Metadata)
    return model_of(declared, digest_of(CHEST / METADATA))


def admitted(model: Model) -> None:
    """What `hub models add --shipped --live` does, without trying the graph once more."""
    declared = parse((CHEST / METADATA).read_text())
    assert isinstance(declared, Metadata)
    shelf.keep(settings().store_dir, CHEST, model.digest, declared)
    with store.transaction() as session:
        store.add_model(session, model, declared.model_dump(mode="json"), "tests")
        store.move(session, [Move(model, Stage.SHADOW, Stage.LIVE, 0, "for tests")], "tests")


@pytest.fixture
def imaging(
    database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, released: Model
) -> Callable[..., Imaging]:
    """Call it for the service on an empty database and store, the chest model live; settings can be changed."""
    private, public = security.make_key()
    (tmp_path / "session.pub").write_bytes(public)

    def sign(scope: str = "system/Study.crs", role: Role | None = None, sitting: str = "s1") -> dict[str, str]:
        audience = "user" if role else "system"
        scopes = frozenset() if role else frozenset({scope})
        who = Principal("ada", "Ada", role, None, audience, scopes, sitting)
        token = security.sign(private, who, timedelta(minutes=5))
        return {"Cookie": f"hub_session={token}"} if role else {"Authorization": f"Bearer {token}"}

    def start(**environment: str) -> Imaging:
        database("imaging")
        chosen = {
            "HUB_SESSION_PUBLIC_KEY_FILE": str(tmp_path / "session.pub"),
            "HUB_IMAGING_STORE_DIR": str(tmp_path / "pixels"),
            "HUB_IMAGING_ISSUERS": orjson.dumps({"ST-LUKE": MRN}).decode(),
            "HUB_IMAGING_DEFAULT_ISSUER": "ST-LUKE",
            **environment,
        }
        for name, value in chosen.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        gauges.WATCHED.forget()
        admitted(released)
        return Imaging(TestClient(api.app()), tmp_path / "pixels", sign)

    yield start
    settings.cache_clear()


@pytest.fixture
def child() -> type[Child]:
    return Child


@pytest.fixture(name="announcement")
def _announcement() -> Callable[..., Message]:
    return announcement


@pytest.fixture(name="revocation")
def _revocation() -> Callable[..., Message]:
    return revocation


@pytest.fixture(name="as_file")
def _as_file() -> Callable[[Dataset], bytes]:
    return as_file


@pytest.fixture
def real() -> Callable[[str], bytes]:
    """A real file of pydicom's own, or of the package pydicom-data."""

    def read(name: str) -> bytes:
        own = Path(pydicom.__file__).parent / "data" / "test_files" / name
        if own.is_file():
            return own.read_bytes()
        found = next(file for file in files("pydicom-data") or [] if file.name == name)
        return Path(str(found.locate())).read_bytes()

    return read
