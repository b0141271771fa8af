"""When a study is read: files and announcement in either order, once, and never another patient's."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from services.imaging import completion, store
from services.imaging.settings import settings
from services.imaging.tasks import announce_study, look_again, revoke_order
from shared.events import Event, Lane
from shared.fhir.message import Message


def present(message: Message) -> int:
    return int(message.resource("ImagingStudy")["numberOfInstances"])


def test_pixels_before_the_announcement_start_one_reading(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    assert hub.stow(one.part10()).status_code == 200
    assert hub.said(Event.STUDY_COMPLETED) == []
    announce_study(announcement(one))
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1
    assert hub.state(one.study) == ("complete", None)


def test_an_announcement_before_the_pixels_starts_one_reading(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one, lane=Lane.STAT))
    assert hub.stow(one.part10()).status_code == 200
    [message] = hub.said(Event.STUDY_COMPLETED)
    assert message.lane is Lane.STAT
    assert message.resource("ImagingStudy")["numberOfInstances"] == 1


@pytest.mark.parametrize("order", list(permutations("abn")))
def test_any_order_of_two_pictures_and_an_announcement_starts_one_reading(
    imaging: Any, child: Any, announcement: Any, order: tuple[str, ...]
) -> None:
    hub, one = imaging(), child()
    other = one.another()
    steps = {
        "a": lambda: hub.stow(one.part10()),
        "b": lambda: hub.stow(other.part10()),
        "n": lambda: announce_study(announcement(one, instances=2)),
    }
    for step in order:
        steps[step]()
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1


def test_the_same_picture_twice_counts_once(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one, instances=2))
    for _ in range(3):
        assert hub.stow(one.part10()).status_code == 200
    assert hub.said(Event.STUDY_COMPLETED) == []
    assert len(hub.said(Event.INSTANCES_STORED)) == 1


def test_the_announcement_delivered_three_times_starts_one_reading(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    message = announcement(one)
    for _ in range(3):
        announce_study(message)
    hub.stow(one.part10())
    announce_study(message)
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1


def test_an_older_announcement_never_overwrites_a_newer(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one, instances=2, version=2))
    announce_study(announcement(one, instances=1, version=1))
    hub.stow(one.part10())
    assert hub.said(Event.STUDY_COMPLETED) == []


@pytest.mark.parametrize("pixels_first", [True, False])
@pytest.mark.parametrize(
    "change", [{"patient": "SYN-0002"}, {"issuer": "ELSEWHERE"}, {"patient": ""}], ids=["number", "issuer", "nobody"]
)
def test_pixels_of_another_patient_are_never_read(
    imaging: Any, child: Any, announcement: Any, change: dict[str, str], *, pixels_first: bool
) -> None:
    hub, one = imaging(), child()
    wrong = one.another(**change)
    message = announcement(one)
    steps = [lambda: hub.stow(wrong.part10()), lambda: announce_study(message)]
    for step in steps if pixels_first else reversed(steps):
        step()
    assert hub.state(one.study) == ("held", "wrong-patient")
    [held] = hub.said(Event.STUDY_HELD)
    assert held.resource("OperationOutcome")["issue"][0]["details"]["coding"][0]["code"] == "wrong-patient"
    hub.stow(one.part10())
    announce_study(announcement(one, version=2))
    assert hub.said(Event.STUDY_COMPLETED) == []
    assert len(hub.said(Event.STUDY_HELD)) == 1


def test_a_file_without_an_issuer_is_the_configured_hospitals(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child(issuer=None)
    announce_study(announcement(one))
    hub.stow(one.part10())
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1


def test_a_late_picture_of_another_patient_stops_a_reading_that_has_not_ended(
    imaging: Any, child: Any, announcement: Any
) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one))
    hub.stow(one.part10())
    hub.stow(one.another(patient="SYN-0002").part10())
    assert hub.state(one.study) == ("held", "wrong-patient")


def test_a_study_of_unknown_size_is_read_after_its_quiet_period(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(HUB_IMAGING_QUIET_PERIOD="PT0.001S"), child()
    announce_study(announcement(one, instances=None))
    hub.stow(one.part10())
    [*_, look] = hub.said(Event.QUIET_PERIOD_ENDED)
    look_again(look)
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1


def test_a_further_picture_starts_the_quiet_period_again(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(HUB_IMAGING_QUIET_PERIOD="PT1H"), child()
    announce_study(announcement(one, instances=None))
    hub.stow(one.part10())
    first = _look_at(one.study)
    hub.stow(one.another().part10())
    _advance(one.study, first)
    assert hub.said(Event.STUDY_COMPLETED) == []
    again = _look_at(one.study)
    assert again > first
    _advance(one.study, again)
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1


def test_many_pictures_ask_for_one_look(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one, instances=None))
    for _ in range(4):
        hub.stow(one.another().part10())
    assert len(hub.said(Event.QUIET_PERIOD_ENDED)) <= 3  # one of them says together what came after the first


def test_what_comes_one_by_one_is_said_at_once_and_then_together(imaging: Any, child: Any) -> None:
    hub, one = imaging(), child()
    for picture in (one, one.another(), one.another()):
        assert hub.stow(picture.part10()).status_code == 200
    assert [present(message) for message in hub.said(Event.INSTANCES_STORED)] == [1]
    hub.let_time_pass(one.study)
    assert hub.stow(one.another().part10()).status_code == 200
    assert [present(message) for message in hub.said(Event.INSTANCES_STORED)] == [1, 4]


@pytest.mark.parametrize(
    ("instances", "pictures", "reason"), [(2, 1, "incomplete"), (1, 0, "no-images"), (0, 1, "unannounced")]
)
def test_what_is_missing_after_a_day_awaits_a_human_and_its_arrival_releases_it(
    imaging: Any, child: Any, announcement: Any, instances: int, pictures: int, reason: str
) -> None:
    hub, one = imaging(), child()
    if instances:
        announce_study(announcement(one, instances=instances))
    if pictures:
        hub.stow(one.part10())
    for _ in range(2):
        _advance(one.study, datetime.now(UTC) + timedelta(hours=24))
    [held] = hub.said(Event.STUDY_HELD)
    assert held.resource("OperationOutcome")["issue"][0]["details"]["coding"][0]["code"] == reason
    assert hub.state(one.study) == ("held", reason)
    if instances > pictures:
        hub.stow(one.another().part10())
    else:
        announce_study(announcement(one))
    assert hub.state(one.study) == ("complete", None)


@pytest.mark.parametrize("order", list(permutations("par")))
def test_a_revoked_order_is_not_read_whenever_the_word_comes(
    imaging: Any, child: Any, announcement: Any, revocation: Any, order: tuple[str, ...]
) -> None:
    hub, one = imaging(), child()
    steps = {
        "p": lambda: hub.stow(one.part10()),
        "a": lambda: announce_study(announcement(one)),
        "r": lambda: revoke_order(revocation(one)),
    }
    for step in order:
        steps[step]()
    assert hub.state(one.study) == ("revoked", None)


def test_more_pictures_than_announced_are_read_when_they_came_first(
    imaging: Any, child: Any, announcement: Any
) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10(), one.another().part10(), one.another().part10())
    announce_study(announcement(one, instances=2))
    [message] = hub.said(Event.STUDY_COMPLETED)
    assert message.resource("ImagingStudy")["numberOfInstances"] == 3


@pytest.mark.parametrize("instances", [1, None])
def test_a_picture_after_completion_is_kept_and_said_and_starts_no_second_reading(
    imaging: Any, child: Any, announcement: Any, instances: int | None
) -> None:
    hub, one = imaging(HUB_IMAGING_QUIET_PERIOD="PT1H"), child()
    announce_study(announcement(one, instances=instances))
    hub.stow(one.part10())
    if instances is None:
        _advance(one.study, _look_at(one.study))
    assert hub.state(one.study) == ("complete", None)
    late = one.another()
    hub.let_time_pass(one.study)
    assert hub.stow(late.part10()).status_code == 200
    _advance(one.study, datetime.now(UTC) + timedelta(days=2))
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1
    assert hub.said(Event.STUDY_HELD) == []
    assert present(hub.said(Event.INSTANCES_STORED)[-1]) == 2
    found = hub.http.get(f"/dicomweb/studies/{one.study}/instances", headers=hub.sign()).json()
    assert late.uid in {match["00080018"]["Value"][0] for match in found}


@pytest.mark.parametrize(("first", "then", "state"), [(3, 2, "complete"), (2, 3, "complete"), (2, None, "receiving")])
def test_a_corrected_announcement_counts_unless_the_study_was_complete_before(
    imaging: Any, child: Any, announcement: Any, first: int, then: int | None, state: str
) -> None:
    hub, one = imaging(HUB_IMAGING_QUIET_PERIOD="PT1H"), child()
    if then is None:
        hub.stow(one.part10())
    else:
        hub.stow(one.part10(), one.another().part10())
    announce_study(announcement(one, instances=first, version=1))
    announce_study(announcement(one, instances=then, version=2))
    assert hub.state(one.study) == (state, None)
    assert len(hub.said(Event.STUDY_COMPLETED)) == (1 if state == "complete" else 0)


def test_a_study_of_fewer_pictures_than_announced_awaits_a_human_and_a_lower_count_releases_it(
    imaging: Any, child: Any, announcement: Any
) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one, instances=5))
    hub.stow(one.part10(), one.another().part10())
    _advance(one.study, datetime.now(UTC) + timedelta(hours=25))
    assert hub.state(one.study) == ("held", "incomplete")
    announce_study(announcement(one, instances=2, version=2))
    assert hub.state(one.study) == ("complete", None)


def test_a_picture_that_is_put_aside_does_not_count(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    announce_study(announcement(one, instances=2))
    assert hub.stow(one.part10(), one.another(uid=one.uid, seed=2).part10(), b"no DICOM").status_code == 202
    assert hub.said(Event.STUDY_COMPLETED) == []
    assert hub.state(one.study) == ("receiving", None)


def _advance(uid: str, now: datetime) -> None:
    with store.transaction() as session:
        completion.advance(session, uid, now, settings())


def _look_at(uid: str) -> Any:
    with store.transaction() as session:
        return store.find(session, uid).look_at
