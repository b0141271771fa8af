"""Who is a phantom or a test patient, and who only has such a name."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.fhir import subjects
from shared.fhir.subjects import is_labelled, is_named_as_test, is_test_patient
from shared.settings import MissingSettings


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    subjects.rules.cache_clear()
    yield
    subjects.rules.cache_clear()


@pytest.mark.parametrize(
    "name",
    [
        "PHANTOM",
        "QA^Phantom",
        "Chest Phantom 3",
        "ACR_PHANTOM",
        "PHANTOM_CT2^^",
        "Phantom2024",
        "WATERPHANTOM",
        "Phantoms",
        "TEST^TEST",
        "Patient^Test",
        "SERVICE^PATIENT",
        "DAILY^QA",
        "QA^DAILY",
        "QC-17",
        "TEST^PATIENT",
        "test-0001",
        "TEST",
        "ZZTEST^Patient",
        "ZZZ^A",
        "QC_1",
        "QA7",
    ],
)
def test_what_staff_call_phantoms_and_test_patients_is_known(name: str) -> None:
    assert is_named_as_test([name])


@pytest.mark.parametrize(
    "name",
    [
        "Test^Anna",
        "Qa^Li",
        "Testa^Marco",
        "SYN-0001",
        "Phantomas^Jean",
        "Daily^Qaisar",
        "Service^John",
        "Qa^Testa",
        "Patient^Anna",
        "Greatest^A",
        "",
        "12345",
    ],
)
def test_a_patient_with_such_a_name_is_still_read(name: str) -> None:
    assert not is_named_as_test([name])


@pytest.mark.parametrize("meta", [{"security": [{"code": "HTEST"}]}, {"tag": [{"code": "test-data"}]}])
def test_the_hospitals_label_counts(meta: dict[str, Any]) -> None:
    assert is_labelled({"resourceType": "ImagingStudy", "meta": meta})
    assert is_test_patient({"resourceType": "Patient", "meta": meta})
    assert not is_labelled({"resourceType": "ImagingStudy"})


def test_a_fhir_patient_is_known_by_number_and_by_name() -> None:
    assert is_test_patient({"identifier": [{"value": "QC_17"}]})
    assert is_test_patient({"name": [{"family": "Test", "given": ["Patient"]}]})
    assert is_test_patient({"name": [{"text": "Chest phantom"}]})
    assert not is_test_patient({"identifier": [{"value": "M-1"}], "name": [{"family": "Doe"}]})


def test_a_site_has_its_own_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TEST_PATIENTS", '["^FANTOME"]')
    assert is_named_as_test(["fantome 1"])
    assert not is_named_as_test(["PHANTOM"])


def test_a_pattern_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TEST_PATIENTS", '["("]')
    with pytest.raises(MissingSettings, match="TEST_PATIENTS"):
        is_named_as_test(["x"])
