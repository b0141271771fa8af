"""C-ECHO and C-STORE: what is on disk and in the database when the sender hears of success, and what of the rest."""

import threading
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.uid import ComputedRadiographyImageStorage, generate_uid
from slices import content, data_set, picture, write
from sqlalchemy import text
from talking import connected, store

from services.imaging import files
from services.imaging.arrivals import Arrival, Sender, commit
from services.imaging.dicom import header
from services.imaging.domain.instance import Failure, Stored
from services.imaging.listener.receiving import meta
from services.imaging.listener.seen import principal
from services.imaging.migrations.versions import imaging_0008_counted
from services.imaging.store import transaction
from shared.events import Event

FILES = (
    Path(pydicom.data.__file__).parent / "test_files",
    Path(str(distribution("pydicom-data").locate_file("data_store/data"))),
)
SYNTAXES = {
    "CT_small.dcm": "-xe",
    "rtdose.dcm": "-xi",
    "image_dfl.dcm": "-xd",
    "SC_rgb_rle.dcm": "-xr",
    "SC_rgb_jpeg_dcmtk.dcm": "-xy",
    "JPEG-LL.dcm": "-xs",
    "emri_small_jpeg_ls_lossless.dcm": "-xt",
    "MR_small_jp2klossless.dcm": "-xv",
    "JPEG2000.dcm": "-xw",
}


def test_an_echo_is_answered(hub: Any, dcmtk: Any) -> None:
    done = dcmtk.run("echoscu", *hub().address())
    assert (done.returncode, done.stdout) == (0, "")


def test_every_common_transfer_syntax_is_stored_as_it_is(hub: Any, dcmtk: Any) -> None:
    running = hub()
    for name, proposed in SYNTAXES.items():
        file = next(folder / name for folder in FILES if (folder / name).exists())
        sent = dcmread(file)
        done = dcmtk.run("storescu", proposed, *running.address(), str(file))
        assert (name, done.returncode) == (name, 0), done.stdout
        path = running.file(sent.SOPInstanceUID)
        stored = dcmread(path)
        assert stored.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        assert stored.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
        assert stored.PixelData == sent.PixelData
        assert sha256(path.read_bytes()).hexdigest() == path.stem


def test_who_sent_is_on_record_once_for_an_association_and_a_study(hub: Any, dcmtk: Any, tmp_path: Path) -> None:
    running, one = hub(), picture()
    more = [picture(StudyInstanceUID=one.StudyInstanceUID) for _ in range(3)]
    done = dcmtk.run("storescu", *running.address(), *write(tmp_path / "sent", one, *more))
    assert done.returncode == 0
    assert len(running.instances()) == 4
    [event] = [message.resource("AuditEvent") for message in running.said(Event.IMAGING_ACCESS_RECORDED)]
    assert (event["type"]["code"], event["agent"][0]["altId"]) == ("110104", "STORESCU")


def test_the_arrival_of_many_slices_is_said_at_once_and_then_together(hub: Any, dcmtk: Any, tmp_path: Path) -> None:
    running, one = hub(), picture()
    more = [picture(StudyInstanceUID=one.StudyInstanceUID) for _ in range(5)]
    dcmtk.run("storescu", *running.address(), *write(tmp_path / "sent", one, *more))
    assert len(running.said(Event.INSTANCES_STORED)) == 1
    waiting = running.rows("SELECT due_at > now() FROM outbox WHERE task = 'imaging.quiet-period-ended'")
    assert (True,) in waiting


def test_sent_again_it_is_a_success_and_counted_once_whichever_door_it_took(
    hub: Any, dcmtk: Any, tmp_path: Path
) -> None:
    running, sent = hub(), picture()
    paths = write(tmp_path / "sent", sent)
    assert [dcmtk.run("storescu", *running.address(), *paths).returncode for _ in range(2)] == [0, 0]
    with connected(running.port) as association:  # another implementation, as from another archive
        assert store(association, data_set(sent), sent.SOPInstanceUID) == 0
    assert running.rows("SELECT count(*) FROM instance") == [(1,)]
    assert running.quarantined() == {}


def test_other_content_under_a_known_uid_is_refused_and_kept_aside(hub: Any) -> None:
    running, sent = hub(), picture()
    other = picture(SOPInstanceUID=sent.SOPInstanceUID, StudyInstanceUID=sent.StudyInstanceUID, PatientID="SYN-2")
    with connected(running.port) as association:
        assert store(association, data_set(sent), sent.SOPInstanceUID) == 0
        assert store(association, data_set(other), sent.SOPInstanceUID) == 0xC002
    assert list(running.quarantined().values()) == ["conflict"]


UNTRUE: dict[str, tuple[dict[str, str], int, str]] = {
    "another class": ({"SOPClassUID": ComputedRadiographyImageStorage}, 0xA900, "other-object"),
    "another instance": ({"SOPInstanceUID": generate_uid()}, 0xA900, "other-object"),
    "no study": ({"StudyInstanceUID": ""}, 0xA900, "incomplete-header"),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_a_data_set_that_is_not_what_the_request_says_is_kept_aside(hub: Any, name: str) -> None:
    changes, status, reason = UNTRUE[name]
    running, uid = hub(), generate_uid()
    with connected(running.port) as association:
        assert store(association, data_set(picture(**{"SOPInstanceUID": uid} | changes)), uid) == status
    assert list(running.quarantined().values()) == [reason]
    assert running.instances() == {}


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data[:-1000], lambda _: b"\xff" * 5000, lambda data: data[:200] + b"\0\x13" * 900],
    ids=["cut", "noise", "half noise"],
)
def test_hostile_data_is_kept_aside_whole_and_the_association_goes_on(hub: Any, spoil: Any) -> None:
    running, good = hub(), picture()
    uid, bad = generate_uid(), spoil(data_set(picture()))
    with connected(running.port) as association:
        assert store(association, bad, uid) & 0xF000 in {0xA000, 0xC000}
        assert store(association, data_set(good), good.SOPInstanceUID) == 0
    [digest] = running.quarantined()
    kept = running.chosen.store_dir / "quarantine" / f"{digest}.dcm"
    assert kept.read_bytes() == meta(good.SOPClassUID, uid, "1.2.840.10008.1.2.1") + bad


def test_without_room_the_sender_is_told_to_send_again_and_then_it_is_taken(hub: Any) -> None:
    running, sent = hub(), picture()
    running.chosen.store_dir.write_text("no folder can be made here")
    with connected(running.port) as association:
        assert store(association, data_set(sent), sent.SOPInstanceUID) == 0xA700
        running.chosen.store_dir.unlink()
        assert store(association, data_set(sent), sent.SOPInstanceUID) == 0
    assert list(running.instances()) == [sent.SOPInstanceUID]


def test_four_senders_of_one_study_at_the_same_time_lose_nothing(hub: Any) -> None:
    running, study = hub(), generate_uid()
    sent = [[picture(StudyInstanceUID=study) for _ in range(10)] for _ in range(4)]
    answers: list[int] = []

    def send(pictures: list[Any]) -> None:
        with connected(running.port) as association:
            answers.extend(store(association, data_set(one), one.SOPInstanceUID) for one in pictures)

    threads = [threading.Thread(target=send, args=(pictures,)) for pictures in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [0] * 40
    assert running.instances().keys() == {one.SOPInstanceUID for pictures in sent for one in pictures}


COUNTED = """
SELECT study.present, study.test_subject, study.last_instance_at, jsonb_array_length(study.pictured),
    count(*), bool_or(instance.test_subject), max(stored_at), count(DISTINCT (instance.patient_id, issuer))
FROM study JOIN instance ON instance.study = study.uid GROUP BY study.uid
"""


def test_what_a_study_counts_as_its_instances_come_is_what_counting_them_all_would_say(hub: Any) -> None:
    running, study = hub(), generate_uid()
    others = {"PatientID": "SYN-2"}, {"IssuerOfPatientID": ""}, {"PatientID": "SYN-2"}, {"PatientName": "PHANTOM^QA"}
    sent = [picture(StudyInstanceUID=study, **changes) for changes in ({}, *others)]
    with connected(running.port) as association:
        assert {store(association, data_set(one), one.SOPInstanceUID) for one in (*sent, *sent)} == {0}
    [counted] = running.rows(COUNTED)
    assert counted[:4] == counted[4:]
    assert counted[0] == len(sent)
    with transaction() as session:
        session.execute(text("UPDATE study SET present = 0, pictured = '[]', test_subject = false"))
        session.execute(text(imaging_0008_counted.BEFORE))
    assert running.rows(COUNTED) == [counted]


def test_of_two_contents_under_one_uid_that_come_at_once_one_counts_and_the_other_is_kept_aside(hub: Any) -> None:
    running, one = hub(), picture()
    same = {"SOPInstanceUID": one.SOPInstanceUID, "StudyInstanceUID": one.StudyInstanceUID}
    sent = [one, one, picture(**same, PatientID="SYN-2"), picture(StudyInstanceUID=one.StudyInstanceUID)]
    kept = [header.parse(*_spooled(running, each)) for each in sent]
    outcomes = commit([Arrival(instance, Sender(principal("CT1"))) for instance in kept], running.chosen)
    assert sorted(outcomes[:3]) == sorted([Stored.NEW, Stored.DUPLICATE, Failure.CONFLICT])
    assert outcomes[3] is Stored.NEW
    assert list(running.quarantined().values()) == ["conflict"]
    assert running.rows("SELECT present FROM study") == [(2,)]
    assert running.rows("SELECT count(*) FROM series_found") == [(2,)]


def test_a_file_that_is_compared_with_another_waits_until_that_one_lies_in_its_place(hub: Any) -> None:
    running, one = hub(), picture()
    other = picture(SOPInstanceUID=one.SOPInstanceUID, StudyInstanceUID=one.StudyInstanceUID, PatientID="SYN-2")
    first, second = [header.parse(*_spooled(running, each)) for each in (one, other)]
    place = files.path_of(running.chosen.store_dir, first.digest)
    slow = place.rename(place.with_suffix(".slow"))

    def kept() -> None:
        if slow.exists():
            slow.rename(place)

    sender = Sender(principal("CT1"))
    assert commit([Arrival(first, sender, kept), Arrival(second, sender)], running.chosen) == [
        Stored.NEW,
        Failure.CONFLICT,
    ]


def _spooled(running: Any, made: Any) -> tuple[Path, str, int]:
    kept = files.write(running.chosen.store_dir, content(made))
    return files.path_of(running.chosen.store_dir, kept.digest), kept.digest, kept.size
