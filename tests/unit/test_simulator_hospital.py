"""The simulated hospital sends what it says it sends, and keeps every report it was given."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fhir.resources.R4B.bundle import Bundle
from pydicom import dcmread

from services.gateway.fhir.reading import require_valid
from services.simulator import api, fhir, instances
from services.simulator.domain import ISSUER, MIX, Examination, examinations
from services.simulator.hospital import Hospital
from services.simulator.mood import Control
from services.simulator.reports import Reports
from shared.errors import InvalidResource, Unavailable
from shared.fhir import codes

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
WHERE = {"identifier": "https://consilium.example/report|case-1"}
REPORT = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "Chest radiograph"}}


@pytest.fixture(scope="module")
def six() -> list[Examination]:
    return examinations(7, len(MIX), NOW)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    made = api.hospital(Reports(tmp_path / "journal.jsonl"), Control())
    with TestClient(made, client=("127.0.0.1", 50000), raise_server_exceptions=False) as client:
        yield client


def test_the_same_seed_gives_the_same_examinations(six: list[Examination]) -> None:
    assert examinations(7, len(MIX), NOW) == six


def test_other_seeds_give_other_patients_and_studies(six: list[Examination]) -> None:
    other = examinations(8, len(MIX), NOW)
    assert {one.mrn for one in six} & {one.mrn for one in other} == set()
    assert {one.study_uid for one in six} & {one.study_uid for one in other} == set()


def test_every_urgency_picture_and_order_of_arrival_occurs(six: list[Examination]) -> None:
    assert {one.priority for one in six} == {"stat", "urgent", "asap", "routine"}
    assert {one.picture for one in six} == {"normal", "pneumonia", "adult"}
    assert {one.first for one in six} == {"announcement", "files"}


def test_one_of_six_patients_denies_analysis_by_ai_in_the_one_shape_that_the_hub_honours(
    six: list[Examination],
) -> None:
    (one,) = (each for each in six if each.refuses_ai)
    require_valid([("Consent", fhir.consent(one))])
    assert one.picture != "adult"


def test_children_are_one_to_five_years_old() -> None:
    ages = [(one.started.date() - one.born).days / 365.25 for one in examinations(1, 60, NOW) if one.picture != "adult"]
    assert min(ages) >= 1
    assert max(ages) < 6


def test_an_announcement_is_a_valid_fhir_message(six: list[Examination]) -> None:
    for one in six:
        Bundle.model_validate(fhir.announcement(one))


def test_files_and_announcement_name_the_same_patient_and_study(six: list[Examination]) -> None:
    for one in six:
        file = dcmread(BytesIO(instances.part10(one)), stop_before_pixels=True)
        patient, study = fhir.patient(one), fhir.study(one)
        assert file.PatientID == patient["identifier"][0]["value"]
        assert file.IssuerOfPatientID == ISSUER
        assert file.PatientBirthDate == patient["birthDate"].replace("-", "")
        assert file.StudyInstanceUID == codes.study_uid(study)
        assert "SYNTHETIC" in str(file.PatientName)
        assert "SYNTHETIC" in file.ImageComments


def test_a_childs_radiograph_is_twelve_bits_in_sixteen(six: list[Examination]) -> None:
    file = dcmread(BytesIO(instances.part10(six[0])))
    assert (file.Modality, file.BodyPartExamined, file.PhotometricInterpretation) == ("CR", "CHEST", "MONOCHROME2")
    assert file.pixel_array.max() < 2**12
    assert file.pixel_array.std() > 100


def test_the_adults_pixels_are_those_of_the_package(six: list[Examination]) -> None:
    adult = next(one for one in six if one.picture == "adult")
    file = dcmread(BytesIO(instances.part10(adult)))
    assert (file.Columns, file.Rows, file.PhotometricInterpretation) == (1841, 1955, "MONOCHROME1")
    assert "PatientAge" not in file


def test_a_report_is_created_once_and_updated_after(server: TestClient) -> None:
    first = server.put("/fhir/DiagnosticReport", params=WHERE, json=REPORT)
    second = server.put("/fhir/DiagnosticReport", params=WHERE, json={**REPORT, "status": "amended"})
    assert (first.status_code, second.status_code) == (201, 200)
    found = server.get("/fhir/DiagnosticReport", params=WHERE).json()
    assert [entry["resource"]["status"] for entry in found["entry"]] == ["amended"]
    versions = server.get(f"/fhir/DiagnosticReport/{first.json()['id']}/_history").json()
    assert [entry["resource"]["status"] for entry in versions["entry"]] == ["amended", "final"]


def test_a_dead_server_stores_nothing_and_is_well_again_when_told(server: TestClient) -> None:
    server.put("/control", json={"behaviour": "dead", "remaining": 1})
    assert server.put("/fhir/DiagnosticReport", params=WHERE, json=REPORT).status_code == 503
    assert server.get("/control/received").json() == []
    assert server.put("/fhir/DiagnosticReport", params=WHERE, json=REPORT).status_code == 201


def test_a_cut_answer_comes_after_the_report_was_stored(server: TestClient) -> None:
    server.put("/control", json={"behaviour": "cut", "remaining": 1})
    server.put("/fhir/DiagnosticReport", params=WHERE, json=REPORT)
    assert [one["version"] for one in server.get("/control/received").json()] == [1]


def test_what_was_received_outlives_the_process(tmp_path: Path) -> None:
    Reports(tmp_path / "journal").take("a|b", REPORT)
    assert Reports(tmp_path / "journal").take("a|b", REPORT).version == 2


def test_the_control_door_is_closed_to_other_machines() -> None:
    with TestClient(api.hospital(Reports(), Control()), client=("192.0.2.7", 50000)) as client:
        assert client.put("/control", json={"behaviour": "dead"}).status_code == 403


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceType": "Patient"}'])
def test_what_is_no_report_is_refused(server: TestClient, body: bytes) -> None:
    answer = server.put("/fhir/DiagnosticReport", params=WHERE, content=body)
    assert answer.status_code == 422
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_the_hospital_keeps_sending_until_the_hub_is_there(six: list[Examination]) -> None:
    waited: list[float] = []

    def give_up(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise Unavailable("enough")

    with (
        Hospital("http://127.0.0.1:9", "token", patience=timedelta(hours=1), wait=give_up) as sender,
        pytest.raises(Unavailable, match="enough"),
    ):
        sender.announce(six[0])
    assert len(waited) == 3


def test_a_refusal_is_not_tried_again(six: list[Examination], refusing: str) -> None:
    with (
        Hospital(refusing, "token", wait=lambda _: pytest.fail("tried again")) as sender,
        pytest.raises(InvalidResource, match="404"),
    ):
        sender.send_files(six[0], file=b"not DICOM")


@pytest.fixture
def refusing() -> Iterator[str]:
    """The address of a server that knows no path."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: PLC0415 (used here alone)
    from threading import Thread  # noqa: PLC0415 (used here alone)

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()
