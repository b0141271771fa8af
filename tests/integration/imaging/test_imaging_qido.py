"""Searches: what is found by which attribute, what is answered of it, page by page, and who is on record."""

from itertools import pairwise
from typing import Any, Final

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from services.imaging.domain.attributes import ATTRIBUTES, Level
from shared.events import Event
from shared.security import Role

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


@pytest.fixture
def archive(imaging: Any, child: Any, as_file: Any) -> Any:
    """Three studies: Ada's radiographs of two views, Zoë's CT of three slices, and one of a man of one name."""
    hub = imaging()
    ada, zoe, man = child(patient="SYN-1"), child(patient="SYN-2"), child(patient="SYN_3")
    files = []
    for number, view in ((1, "AP"), (2, "LL")):
        files.append(_made(ada.another(view=view), "DOE^ADA=グループ=", "20260103", "A-1", number, "Chest AP*"))
    for number in (3, 1, 2):
        made = _made(zoe.another(modality="CT", body_part="HEAD"), "Müller^Zoë", "20260301", "A-2", number, "Head")
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = CTImageStorage
        request = Dataset()
        request.ScheduledProcedureStepID, request.RequestedProcedureID = "STEP-7", "PROC-9"
        made.RequestAttributesSequence = [request]
        files.append(made)
    files.append(_made(man, "Smith", "20260615", "", 1, None))
    assert hub.stow(*map(as_file, files)).status_code == 200
    return hub, ada, zoe, man


def _made(one: Any, name: str, taken: str, accession: str, number: int, described: str | None) -> Dataset:
    made: Dataset = one.dataset()
    made.SpecificCharacterSet = ["", "ISO 2022 IR 100"] if "ü" in name else "ISO_IR 192"
    made.PatientName, made.StudyDate, made.AccessionNumber, made.InstanceNumber = name, taken, accession, number
    made.PatientSex, made.ReferringPhysicianName, made.StudyTime = "F", "Grey^Dr", "101500.25"
    made.SeriesNumber, made.PatientWeight = 4, "61.50"
    if described:
        made.StudyDescription = described
    return made


def ask(hub: Any, path: str, **more: Any) -> Any:
    answer = hub.http.get(f"/dicomweb{path}", headers=hub.sign(role=Role.RADIOLOGIST), params=more)
    assert answer.status_code in {200, 204}, answer.text
    return answer.json() if answer.status_code == 200 else []


def uids(found: list[Any], tag: str = STUDY) -> list[str]:
    return [one[tag]["Value"][0] for one in found]


STUDIES: Final[list[tuple[dict[str, str], str]]] = [
    ({}, "man zoe ada"),
    ({"PatientID": "SYN-1"}, "ada"),
    ({"00100020": "SYN-1"}, "ada"),
    ({"PatientID": "syn-1"}, ""),
    ({"PatientID": "SYN-*"}, "zoe ada"),
    ({"PatientID": "SYN_?"}, "man"),
    ({"PatientID": "SYN%"}, ""),
    ({"PatientName": "doe^ada"}, "ada"),
    ({"PatientName": "DOE*"}, "ada"),
    ({"PatientName": "Doe"}, ""),
    ({"PatientName": "グループ"}, "ada"),
    ({"PatientName": "doe^ada=グループ"}, "ada"),
    ({"PatientName": "=グ*"}, "ada"),
    ({"PatientName": "Smith=グ*"}, ""),
    ({"PatientName": "MÜLLER^ZO?"}, "zoe"),
    ({"PatientName": "smith^"}, "man"),
    ({"StudyDate": "20260301"}, "zoe"),
    ({"StudyDate": "20260103-20260301"}, "zoe ada"),
    ({"StudyDate": "20260302-"}, "man"),
    ({"StudyDate": "-20260103"}, "ada"),
    ({"StudyTime": "1015"}, "man zoe ada"),
    ({"StudyTime": "1016-"}, ""),
    ({"StudyTime": "-101500"}, "man zoe ada"),
    ({"StudyTime": "101500.250000"}, "man zoe ada"),
    ({"AccessionNumber": "A-?"}, "zoe ada"),
    ({"ModalitiesInStudy": "CT"}, "zoe"),
    ({"ModalitiesInStudy": "C*"}, "man zoe ada"),
    ({"ModalitiesInStudy": "MR\\CT"}, "zoe"),
    ({"SOPClassesInStudy": str(CTImageStorage)}, "zoe"),
    ({"ReferringPhysicianName": "GREY*"}, "man zoe ada"),
    ({"StudyDescription": "Chest AP?"}, "ada"),
    ({"StudyDescription": "head"}, ""),
    ({"PatientWeight": "61.5"}, "man zoe ada"),
    ({"PatientSex": "F", "AccessionNumber": "A-2"}, "zoe"),
    ({"PatientID": "*", "PatientName": ""}, "man zoe ada"),
]
"""What is asked, and whose studies are found, the newest first."""


def test_studies_are_found_by_what_matches(archive: Any) -> None:
    hub, ada, zoe, man = archive
    names = {ada.study: "ada", zoe.study: "zoe", man.study: "man"}
    found = [" ".join(names[uid] for uid in uids(ask(hub, "/studies", **query))) for query, _ in STUDIES]
    assert found == [expected for _, expected in STUDIES]
    for separator in (",", "\\"):
        listed = f"{ada.study}{separator}{zoe.study}"
        assert uids(ask(hub, "/studies", StudyInstanceUID=listed)) == [zoe.study, ada.study]


LOWER: Final[list[tuple[str, dict[str, str], int]]] = [
    ("/series", {}, 3),
    ("/series", {"Modality": "CT"}, 1),
    ("/series", {"BodyPartExamined": "CHEST", "StudyDate": "20260103"}, 1),
    ("/series", {"RequestAttributesSequence.ScheduledProcedureStepID": "STEP-?"}, 1),
    ("/series", {"00400275.00401001": "PROC-8"}, 0),
    ("/series", {"SeriesNumber": "+4"}, 3),
    ("/instances", {}, 6),
    ("/instances", {"InstanceNumber": "1"}, 3),
    ("/instances", {"SOPClassUID": str(CTImageStorage), "PatientID": "SYN-2"}, 3),
    ("/instances", {"ViewPosition": "LL"}, 1),
    ("/instances", {"ImageType": "PRIMARY", "Rows": "120"}, 6),
    ("/instances", {"SOPInstanceUID": "1.2.3"}, 0),
]


def test_series_and_instances_are_found_by_their_own_attributes_and_those_above(archive: Any) -> None:
    found = [len(ask(archive[0], path, **query)) for path, query, _ in LOWER]
    assert found == [expected for *_, expected in LOWER]


def test_a_study_and_a_series_can_be_looked_into(archive: Any) -> None:
    hub, ada, zoe, _ = archive
    [series] = ask(hub, f"/studies/{zoe.study}/series")
    assert series[SERIES]["Value"] == [zoe.series]
    assert series["00201209"]["Value"] == [3]
    assert "00100010" not in series
    assert [one["00200013"]["Value"] for one in ask(hub, f"/studies/{zoe.study}/instances")] == [[1], [2], [3]]
    assert len(ask(hub, f"/studies/{ada.study}/series/{ada.series}/instances", InstanceNumber="2")) == 1
    assert ask(hub, f"/studies/{ada.study}/series/{zoe.series}/instances") == []


def test_every_match_has_what_the_standard_requires(archive: Any) -> None:
    hub, _, _, man = archive
    for level in Level:
        _require_match(hub, man, level)


def _require_match(hub: Any, man: Any, level: Level) -> None:
    resource = ("studies", "series", "instances")[level]
    [found] = ask(hub, f"/{resource}", PatientID="SYN_3")
    for attribute in ATTRIBUTES:
        if attribute.level <= level and attribute.answered == "R":
            assert found[attribute.tag]["vr"] == attribute.vr
    place = f"http://127.0.0.1:8080/dicomweb/studies/{man.study}"
    place += f"/series/{man.series}" if level >= Level.SERIES else ""
    place += f"/instances/{man.uid}" if level is Level.INSTANCE else ""
    assert found["00081190"] == {"vr": "UR", "Value": [place]}
    assert found["00080056"]["Value"] == ["ONLINE"]
    assert found["00080050"] == {"vr": "SH"}
    assert found["00201206"]["Value"] == found["00201208"]["Value"] == [1]


def test_names_come_in_their_groups_whatever_the_file_was_written_in(archive: Any) -> None:
    hub, ada, zoe, _ = archive
    [first] = ask(hub, "/studies", StudyInstanceUID=ada.study)
    assert first["00100010"]["Value"] == [{"Alphabetic": "DOE^ADA", "Ideographic": "グループ"}]
    [second] = ask(hub, "/studies", StudyInstanceUID=zoe.study)
    assert second["00100010"]["Value"] == [{"Alphabetic": "Müller^Zoë"}]
    assert second["00080061"]["Value"] == ["CT"]


def test_more_is_answered_when_it_is_asked_for(archive: Any) -> None:
    hub, ada, *_ = archive
    [usual] = ask(hub, "/studies", PatientID="SYN-1")
    assert "00081030" not in usual
    for field in ("StudyDescription", "00081030", "PatientWeight,StudyDescription", "all"):
        [found] = ask(hub, "/studies", PatientID="SYN-1", includefield=field)
        assert found["00081030"] == {"vr": "LO", "Value": ["Chest AP*"]}
    [of_series] = ask(hub, f"/studies/{ada.study}/series", includefield=["StudyDescription", "Manufacturer"])
    assert of_series["00081030"]["Value"] == ["Chest AP*"]


def test_pages_follow_each_other_without_gap_and_say_when_there_is_more(archive: Any) -> None:
    hub, *_ = archive
    whole = uids(ask(hub, "/instances"), INSTANCE)
    seen: list[str] = []
    for offset in range(0, 8, 2):
        answer = hub.http.get(
            "/dicomweb/instances", params={"limit": 2, "offset": offset}, headers=hub.sign(role=Role.RADIOLOGIST)
        )
        more = [warning for warning in answer.headers.get_list("warning") if "additional results" in warning]
        assert len(more) == (1 if offset < 4 else 0)
        assert answer.status_code == (200 if offset < 6 else 204)
        seen += uids(answer.json(), INSTANCE) if answer.content else []
    assert seen == whole
    dates = [one["00080020"]["Value"][0] for one in ask(hub, "/studies")]
    assert all(later >= earlier for later, earlier in pairwise(dates))


def test_fuzzy_matching_is_not_done_and_that_is_said(archive: Any) -> None:
    hub, *_ = archive
    answer = hub.http.get(
        "/dicomweb/studies",
        params={"fuzzymatching": "true", "PatientName": "Do"},
        headers=hub.sign(role=Role.CLINICIAN),
    )
    assert answer.status_code == 204
    assert answer.headers["warning"] == (
        "299 http://127.0.0.1:8080/dicomweb: The fuzzymatching parameter is not supported. "
        "Only literal matching has been performed."
    )


def test_a_search_that_cannot_be_followed_says_why_and_quotes_no_value(imaging: Any) -> None:
    hub = imaging()
    answer = hub.http.get("/dicomweb/series", params={"StudyDate": "Doe"}, headers=hub.sign(role=Role.RADIOLOGIST))
    assert answer.status_code == 400
    [issue] = answer.json()["issue"]
    assert "StudyDate" in issue["details"]["text"]
    assert "Doe" not in answer.text


def test_who_searches_is_on_record_with_the_studies_that_were_shown(archive: Any) -> None:
    hub, ada, *_ = archive
    for _ in range(2):
        ask(hub, "/studies", PatientID="SYN-1")
    ask(hub, "/studies", PatientID="NOBODY")
    events = [message.resource("AuditEvent") for message in hub.said(Event.IMAGING_ACCESS_RECORDED)]
    looks = [event for event in events if event["type"]["code"] == "110112"]
    assert len(looks) == 2
    assert looks[0]["entity"][0]["what"]["identifier"]["value"] == f"urn:oid:{ada.study}"
    assert "entity" not in looks[1]


def test_searches_are_for_clinicians_and_for_systems_that_may_search(archive: Any) -> None:
    hub, *_ = archive
    for who, status in (
        ({}, 401),
        (hub.sign(role=Role.PATIENT), 403),
        (hub.sign("system/Study.cr"), 403),
        (hub.sign("system/Study.s"), 200),
        (hub.sign("system/Study.s") | {"Accept": "application/dicom+xml"}, 406),
    ):
        assert hub.http.get("/dicomweb/studies", headers=who).status_code == status
