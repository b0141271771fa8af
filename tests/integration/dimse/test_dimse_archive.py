"""An Orthanc on the other side: it sends and asks for commitment, and it is asked and made to send."""

import argparse
import json
from typing import Any
from uuid import uuid4

import pytest
from slices import content, data_set, picture
from talking import connected, store

from services.imaging import commands, dimse
from services.imaging.settings import settings
from services.imaging.store import ask_commitment, ask_retrieval, transaction
from services.imaging.tasks import announce_study
from shared.embedded.machine import free_port
from shared.errors import HubError, NotFound, Unavailable
from shared.events import Event, Lane
from shared.fhir.message import Message


def both(hub: Any, orthanc: Any, **changed: str) -> tuple[Any, Any]:
    """The hub and an archive that know each other."""
    port, dicom = free_port(), free_port()
    peers = json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": dicom}})
    running = hub(port=str(port), HUB_IMAGING_DIMSE_PEERS=peers, **changed)
    return running, orthanc(port, dicom)


def outcome(archive: Any, eventually: Any, transaction: str) -> dict[str, Any]:
    def look() -> Any:
        told = archive.http.get(f"/storage-commitment/{transaction}").json()
        return told if told["Status"] != "Pending" else None

    found: dict[str, Any] = eventually(look)
    return found


def test_an_archive_sends_and_hears_that_we_hold_it(hub: Any, orthanc: Any, eventually: Any) -> None:
    running, archive = both(hub, orthanc)
    sent = [picture(), picture()]
    keys = [archive.upload(content(one)) for one in sent]
    done = archive.call("/modalities/hub/store", {"Resources": keys, "StorageCommitment": True, "Synchronous": True})
    assert done["FailedInstancesCount"] == 0
    assert running.instances().keys() == {one.SOPInstanceUID for one in sent}
    assert outcome(archive, eventually, done["StorageCommitmentTransactionUID"])["Status"] == "Success"


def test_what_was_never_stored_or_is_of_another_class_is_reported_failed(
    hub: Any, orthanc: Any, eventually: Any
) -> None:
    running, archive = both(hub, orthanc)
    sent, never = picture(), picture()
    with connected(running.port) as association:
        assert store(association, data_set(sent), sent.SOPInstanceUID) == 0
    asked = [
        {"SOPClassUID": sent.SOPClassUID, "SOPInstanceUID": sent.SOPInstanceUID},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "SOPInstanceUID": sent.SOPInstanceUID},
        {"SOPClassUID": never.SOPClassUID, "SOPInstanceUID": never.SOPInstanceUID},
    ]
    told = archive.call("/modalities/hub/storage-commitment", {"DicomInstances": asked})
    answer = outcome(archive, eventually, told["ID"])
    assert answer["Status"] == "Failure"
    reasons = {(one["SOPClassUID"], one["SOPInstanceUID"]): one["FailureReason"] for one in answer["Failures"]}
    assert sorted(reasons.values()) == [0x0112, 0x0119]
    assert reasons[never.SOPClassUID, never.SOPInstanceUID] == 0x0112


def test_a_commitment_that_cannot_be_told_now_is_told_later(hub: Any, eventually: Any) -> None:
    port, dicom = free_port(), free_port()
    peers = json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": dicom}})
    running = hub(port=str(port), HUB_IMAGING_DIMSE_PEERS=peers)
    with transaction() as session:
        ask_commitment(session, "ORTHANC", "1.2.3", [])
    running.errands.ring()
    eventually(lambda: running.rows("SELECT 1 FROM commitment WHERE attempts = 1 AND error IS NOT NULL"))
    assert running.rows("SELECT ended_at IS NULL, due_at > now() FROM commitment") == [(True, True)]


def test_a_study_is_pulled_by_its_accession_number(hub: Any, orthanc: Any, capsys: pytest.CaptureFixture[str]) -> None:
    running, archive = both(hub, orthanc)
    one = picture(AccessionNumber="A-77")
    for made in (one, picture(AccessionNumber="A-77", StudyInstanceUID=one.StudyInstanceUID), picture()):
        archive.upload(content(made))
    assert pull(accession="A-77") == 0
    assert f"ORTHANC sent 2 instances of study {one.StudyInstanceUID}." in capsys.readouterr().out
    assert len(running.instances()) == 2
    codes = {message.resource("AuditEvent")["type"]["code"] for message in running.said(Event.IMAGING_ACCESS_RECORDED)}
    assert codes == {"110112", "110104"}


def pull(**asked: str) -> int:
    words = [part for name, value in asked.items() for part in (f"--{name.replace('_', '-')}", value)]
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers())
    told = parser.parse_args(["studies", "pull", *words])
    return int(told.run(told))


def test_what_goes_wrong_with_an_archive_is_said_in_plain_words(hub: Any, orthanc: Any) -> None:
    running, archive = both(hub, orthanc)
    with pytest.raises(NotFound, match="ORTHANC has no such study"):
        pull(accession="NONE")
    archive.http.put("/modalities/hub", json={"AET": "HUB", "Host": "127.0.0.1", "Port": free_port()})
    archive.upload(content(picture(StudyInstanceUID="1.2.9")))
    with pytest.raises(Unavailable, match="ORTHANC did not send the study"):
        pull(study_uid="1.2.9")
    with pytest.raises(HubError, match="by one exact value"):
        dimse.find_studies(running.chosen, "ORTHANC", patient_id="SYN*")


def test_an_archive_that_is_away_or_unknown_is_named(hub: Any) -> None:
    running = hub(HUB_IMAGING_DIMSE_PEERS=json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": free_port()}}))
    with pytest.raises(Unavailable, match="nobody answers there"):
        dimse.find_studies(running.chosen, "ORTHANC", patient_id="SYN-1")
    with pytest.raises(HubError, match="OTHER is no peer of this hub; known: ORTHANC"):
        dimse.move(running.chosen, "OTHER", "1.2.3")


def test_priors_of_an_announced_study_are_fetched_and_are_no_case(hub: Any, orthanc: Any, eventually: Any) -> None:
    running, archive = both(hub, orthanc, HUB_IMAGING_PRIORS="1", HUB_IMAGING_PRIORS_FROM="ORTHANC")
    old, older = picture(StudyDate="20250101"), picture(StudyDate="20240101")
    for made in (old, older, picture(PatientID="SYN-0002")):
        archive.upload(content(made))
    with transaction() as session:
        ask_retrieval(session, "1.2.3", "SYN-0001")
    running.errands.ring()
    eventually(lambda: running.rows("SELECT 1 FROM retrieval WHERE ended_at IS NOT NULL"))
    assert list(running.instances()) == [old.SOPInstanceUID]
    assert running.said(Event.INSTANCES_STORED) == []
    assert running.rows("SELECT state, prior, look_at FROM study") == [("receiving", True, None)]


def test_an_announcement_asks_for_priors_only_where_a_site_wants_them(hub: Any, monkeypatch: Any) -> None:
    peers = json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": free_port()}})
    running = hub(HUB_IMAGING_DIMSE_PEERS=peers)
    announce_study(announced("1.2.4"))
    assert running.rows("SELECT study FROM retrieval") == []
    monkeypatch.setenv("HUB_IMAGING_PRIORS", "2")
    monkeypatch.setenv("HUB_IMAGING_PRIORS_FROM", "ORTHANC")
    settings.cache_clear()
    announce_study(announced("1.2.5"))
    assert running.rows("SELECT study, patient_id FROM retrieval") == [("1.2.5", "SYN-0001")]


def announced(uid: str) -> Message:
    patient = {
        "resourceType": "Patient",
        "id": str(uuid4()),
        "identifier": [{"system": "https://st-luke.example/mrn", "value": "SYN-0001"}],
    }
    study = {
        "resourceType": "ImagingStudy",
        "id": str(uuid4()),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "status": "available",
        "subject": {"reference": f"urn:uuid:{patient['id']}"},
        "numberOfInstances": 1,
    }
    return Message.build(Event.STUDY_AVAILABLE, Lane.ROUTINE, str(uuid4()), [study, patient])
