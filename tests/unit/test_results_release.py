"""When a patient may read a signed report, at its edges; and in which words the audit is read."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.results_sharing.domain import looks, release
from services.results_sharing.domain.looks import Kind
from services.results_sharing.domain.release import LONGEST, Hold
from services.results_sharing.domain.report import Status
from services.results_sharing.pages.plain import DID, ROLES, WORDS
from shared.audit import Entity, audit_event
from shared.errors import Conflict, InvalidResource
from shared.security import Principal, Role

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
HOLD = Hold(NOW + timedelta(days=7), "Dr Rosa", NOW)
TICK = timedelta(microseconds=1)


def test_a_signed_report_is_released_at_once() -> None:
    assert release.is_released(None, NOW)


@pytest.mark.parametrize(("since", "released"), [(-TICK, False), (timedelta(0), True), (TICK, True)])
def test_a_hold_lifts_by_itself_at_the_appointment(since: timedelta, released: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    assert release.is_released(HOLD, HOLD.until + since) is released


def test_a_radiologist_lets_it_go_before_once() -> None:
    gone = release.released(HOLD, "Dr Sam", NOW)
    assert release.is_released(gone, NOW)
    assert (gone.released_by, gone.released_at) == ("Dr Sam", NOW)
    for known in (gone, None):
        with pytest.raises(Conflict):
            release.released(known, "Dr Sam", NOW)


def test_a_wish_is_recorded_once_and_releases_nothing() -> None:
    asked = release.wished(HOLD, NOW)
    assert release.wished(asked, NOW + timedelta(hours=1)) == asked
    assert not release.is_released(asked, NOW)
    with pytest.raises(Conflict):
        release.wished(HOLD, HOLD.until)


def test_a_withdrawn_report_has_nothing_left_to_tell_first() -> None:
    assert release.shows(Status.ENTERED_IN_ERROR, HOLD, NOW)
    assert not release.shows(Status.AMENDED, HOLD, NOW)


def test_the_appointment_is_in_the_hospitals_time() -> None:
    held = release.hold_from("2026-12-01T14:30", PARIS, "Dr Rosa", NOW, announced=True)
    assert held is not None
    assert held.until == datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
    assert release.hold_from("", PARIS, "Dr Rosa", NOW, announced=False) is None


@pytest.mark.parametrize(
    ("appointment", "announced", "problem"),
    [
        ("", True, "needs an appointment"),
        ("soon", True, "needs an appointment"),
        ("2026-12-01T14:30", False, "not ticked"),
        ("2026-11-24T10:00", True, "not in the future"),
        ((NOW + LONGEST + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"), True, "more than 90 days"),
    ],
)
def test_a_hold_needs_an_appointment_that_can_be(appointment: str, announced: bool, problem: str) -> None:  # noqa: FBT001 (a parameter of the test)
    with pytest.raises(InvalidResource, match=problem):
        release.hold_from(appointment, PARIS, "Dr Rosa", NOW, announced=announced)


ME = Principal("code:s", "Ann Doe", Role.PATIENT, "Patient/1", "user", frozenset(), "s")
ROSA = Principal("rosa", "Dr Rosa", Role.RADIOLOGIST, "Practitioner/2", "user", frozenset(), "r")
STUDY = Entity(identifier={"system": "urn:dicom:uid", "value": "urn:oid:2.25.42"})


def said(service: str, who: Principal | None, kind: Any, action: Any, **more: Any) -> dict[str, Any]:
    about = [Entity(reference="Patient/1"), Entity(reference="Practitioner/9"), STUDY]
    return audit_event(service=service, who=who, kind=kind, action=action, entities=about, **more)


def test_a_record_is_found_by_its_patient_its_study_and_the_patient_who_acted() -> None:
    assert looks.about(said("imaging", ROSA, "dicom-read", "R")) == ["Patient/1", "urn:oid:2.25.42"]
    alone = audit_event(service="gateway", who=ME, kind="sign-out", action="E", entities=[])
    assert looks.about(alone) == ["Patient/1"]
    assert looks.about({}) == []


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (said("results_sharing", ROSA, "rest", "R"), Kind.READ_CASE),
        (said("results_sharing", ROSA, "sign", "C", detail="final"), Kind.SIGNED),
        (said("results_sharing", ROSA, "rest", "U", detail=looks.HELD_BACK), Kind.HELD),
        (said("results_sharing", ROSA, "rest", "U", detail=looks.LET_GO), Kind.RELEASED),
        (said("results_sharing", ME, "rest", "U", detail=looks.WANTED_SOONER), Kind.WISHED),
        (said("results_sharing", ME, "rest", "R", detail=looks.MY_RESULTS), Kind.READ_RESULTS),
        (said("scheduling", ROSA, "rest", "R"), Kind.READ_APPOINTMENTS),
        (said("scheduling", ROSA, "rest", "C"), Kind.CHANGED_APPOINTMENT),
        (said("gateway", ROSA, "rest", "R"), Kind.READ_RECORD),
        (said("imaging", ROSA, "dicom-read", "R"), Kind.READ_IMAGES),
        (said("gateway", None, "sign-in", "E", detail="sign-in code requested"), Kind.CODE_ASKED),
        (said("gateway", None, "sign-in", "E", outcome="4", detail="sign-in code refused"), Kind.CODE_REFUSED),
        (said("gateway", ME, "sign-in", "E", detail="sign-in with a code"), Kind.SIGNED_IN),
        (said("imaging", ROSA, "refusal", "E", outcome="4"), Kind.REFUSED),
        (said("prediction", ROSA, "rest", "R"), Kind.OTHER),
    ],
)
def test_each_access_has_a_kind(event: dict[str, Any], kind: Kind) -> None:
    assert looks.kind_of(event) is kind


def test_the_patient_is_known_as_oneself_and_others_by_name_and_role() -> None:
    own = looks.look_from(7, said("results_sharing", ME, "rest", "R"), "1")
    other = looks.look_from(8, said("results_sharing", ROSA, "rest", "R"), "1")
    assert (own.own, other.own) == (True, False)
    assert (other.name, other.role) == ("Dr Rosa", "radiologist")


def test_both_languages_say_everything() -> None:
    assert WORDS["en"].keys() == WORDS["fr"].keys()
    for lang in ("en", "fr"):
        assert set(DID[lang]) == set(Kind)
        assert set(ROLES[lang]) == {*map(str, Role), None}
