"""A patient's own page on a real database: what is released, what is held, who looked; and nothing of others."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from story import Story, reader
from telling import hear, only_case, said

from services.results_sharing import api, reading, store
from services.results_sharing.domain.review import Decision, Impression
from services.results_sharing.reading import patient
from services.results_sharing.settings import settings
from services.results_sharing.store import transaction
from shared import audit, security
from shared.audit import Entity
from shared.errors import Conflict, Forbidden, NotFound
from shared.events import Event, Lane
from shared.fhir.codes import study_identifier
from shared.fhir.message import Message
from shared.migrate import migrate
from shared.security import Principal, Role

ROSA = reader("rosa")
TEXT = "Clear lungs."
WEEK = timedelta(days=7)
ORIGIN = "http://127.0.0.1:8080"


def me(story: Story) -> Principal:
    return Principal("code:1", "Ann Doe", Role.PATIENT, f"Patient/{story.patient}", "user", frozenset(), str(uuid4()))


def in_a_week() -> str:
    return f"{datetime.now(settings().time_zone) + WEEK:%Y-%m-%dT%H:%M}"


@pytest.fixture
def case_id(story: Story) -> str:
    hear(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_completed())
    case_id = only_case().id
    reading.give_impression(ROSA, case_id, Impression.ABNORMAL)
    return case_id


@pytest.fixture
def page(tmp_path: Any, sql: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    """Call it with a person: their browser at this service's own door."""
    assert sql
    private, public = security.make_key()
    (tmp_path / "session.pub").write_bytes(public)
    monkeypatch.setenv("HUB_SESSION_PUBLIC_KEY_FILE", str(tmp_path / "session.pub"))
    settings.cache_clear()

    def opened(who: Principal) -> TestClient:
        client = TestClient(api.app(), base_url=ORIGIN, headers={"Origin": ORIGIN, "Accept": "text/html"})
        client.cookies.set(security.COOKIE, security.sign(private, who, timedelta(minutes=15)))
        return client

    return opened


def test_nothing_is_there_before_the_signature_and_the_report_at_once_after(story: Story, case_id: str) -> None:
    assert patient.my_results(me(story), 5)[0] == []
    reading.decide(ROSA, case_id, Decision.ACCEPT)
    reading.sign(ROSA, case_id, TEXT)
    [result] = patient.my_results(me(story), 5)[0]
    assert (result.text, result.signer, result.until, result.program) == (TEXT, "Dr Rosa", None, True)


def test_the_page_says_nothing_that_a_model_said(story: Story, case_id: str, page: Callable[..., TestClient]) -> None:
    reading.decide(ROSA, case_id, Decision.ACCEPT)
    reading.sign(ROSA, case_id, TEXT)
    shown = page(me(story)).get("/me").text
    assert TEXT in shown
    assert "A program helped to sort your exam; a radiologist read it" in shown
    for hidden in ("0.93", "lagged", "Pneumonia", "preliminary", "chest-1", "threshold", "2.25.99"):
        assert hidden not in shown, hidden


def test_without_a_models_answer_no_program_is_named(story: Story) -> None:
    hear(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_refused())
    case_id = only_case().id
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    reading.sign(ROSA, case_id, TEXT)
    [result] = patient.my_results(me(story), 5)[0]
    assert not result.program


def test_a_held_report_shows_its_appointment_and_lifts_by_itself(story: Story, case_id: str, sql: Any) -> None:
    reading.sign(ROSA, case_id, TEXT, announced=True, appointment=in_a_week())
    [held] = patient.my_results(me(story), 5)[0]
    assert held.text is None
    assert held.until is not None
    assert timedelta(days=6) < held.until - datetime.now(UTC) < timedelta(days=8)
    sql("UPDATE release_hold SET until = now()")
    [told] = patient.my_results(me(story), 5)[0]
    assert (told.text, told.until) == (TEXT, None)


def test_a_wish_reaches_the_radiologist_who_lets_it_go(story: Story, case_id: str, sql: Any) -> None:
    reading.sign(ROSA, case_id, TEXT, announced=True, appointment=in_a_week())
    patient.want_sooner(me(story), case_id)
    seen = reading.open_case(reader("sam"), case_id).release
    assert seen is not None
    assert seen.wished_at is not None
    reading.let_go(reader("sam"), case_id)
    assert patient.my_results(me(story), 5)[0][0].text == TEXT
    with pytest.raises(Conflict):
        patient.want_sooner(me(story), case_id)
    details = [one.focus[0].get("outcomeDesc") for one in said(sql, Event.RESULTS_ACCESS_RECORDED)]
    for wanted in (
        "to be announced at the appointment",
        "the patient wants it sooner",
        "released to the patient",
        "my results",
    ):
        assert wanted in details


def test_a_refused_appointment_signs_nothing(story: Story, case_id: str, page: Callable[..., TestClient]) -> None:
    form = {"text": TEXT, "announced": "yes", "appointment": ""}
    answer = page(ROSA).post(f"/cases/{case_id}/sign", data=form)
    assert answer.status_code == 422
    assert "needs an appointment" in answer.text
    assert TEXT in answer.text
    assert only_case().signed == 0
    assert patient.my_results(me(story), 5)[0] == []


def test_an_amended_report_shows_its_current_text_and_a_withdrawn_one_only_that(story: Story, case_id: str) -> None:
    reading.sign(ROSA, case_id, TEXT)
    reading.amend(ROSA, case_id, "Earlier film seen.", 1)
    [amended] = patient.my_results(me(story), 5)[0]
    assert amended.text is not None
    assert "Earlier film seen." in amended.text
    reading.withdraw(ROSA, case_id, "Another patient.", 2)
    [withdrawn] = patient.my_results(me(story), 5)[0]
    assert (str(withdrawn.status), withdrawn.text) == ("entered-in-error", None)


def test_a_patient_gets_nothing_of_another(story: Story, case_id: str, page: Callable[..., TestClient]) -> None:
    reading.sign(ROSA, case_id, TEXT, announced=True, appointment=in_a_week())
    other = me(replace(story, patient=str(uuid4())))
    assert patient.my_results(other, 5)[0] == []
    with pytest.raises(NotFound):
        patient.want_sooner(other, case_id)
    assert page(other).post(f"/me/results/{case_id}/sooner", data={"lang": "en"}).status_code == 404
    assert patient.who_looked(other, 20) == []
    assert only_hold_wish(case_id) is None


def only_hold_wish(case_id: str) -> datetime | None:
    with transaction() as session:
        held = store.hold_of(session, case_id)
    assert held is not None
    return held.wished_at


@pytest.mark.parametrize("role", [Role.RADIOLOGIST, Role.CLINICIAN, Role.ADMINISTRATOR])
def test_the_page_is_for_patients_only(story: Story, page: Callable[..., TestClient], role: Role) -> None:
    stranger = replace(me(story), role=role)
    assert page(stranger).get("/me").status_code == 403
    with pytest.raises(Forbidden):
        patient.my_results(replace(me(story), fhir_user=None), 5)


def test_french_is_spoken_where_it_is_wanted(story: Story, case_id: str, page: Callable[..., TestClient]) -> None:
    reading.sign(ROSA, case_id, TEXT, announced=True, appointment=in_a_week())
    client = page(me(story))
    by_address = client.get("/me?lang=fr").text
    by_header = client.get("/me", headers={"Accept-Language": "de, fr-FR;q=0.9, en;q=0.5"}).text
    for shown in (by_address, by_header):
        assert '<html lang="fr">' in shown
        assert "Avec votre médecin, le" in shown
    assert '<html lang="en">' in client.get("/me", headers={"Accept-Language": "de"}).text


def looked(number: int, who: Principal | None, about: list[Entity]) -> Message:
    event = audit.audit_event(service="results_sharing", who=who, kind="rest", action="R", entities=about)
    event["recorded"] = (datetime.now(UTC) + timedelta(seconds=number)).isoformat()
    return Message.build(Event.RESULTS_ACCESS_RECORDED, Lane.ROUTINE, "c", [event])


def test_who_looked_is_found_by_patient_and_by_study_the_newest_first(story: Story, sql: Any) -> None:
    """Also when the study was looked at before anybody had said whose it is."""
    study, own = Entity(identifier=study_identifier(story.uid)), Entity(reference=f"Patient/{story.patient}")
    hear(looked(1, reader("sam"), [study]), looked(2, None, [Entity(reference="Patient/other")]))
    hear(story.order_placed(), story.study_available())
    hear(looked(3, reader("rosa"), [own, study]))
    found = patient.who_looked(me(story), 20)
    assert [one.name for one in found] == ["Dr Rosa", "Dr Sam"]
    assert [one.name for one in patient.who_looked(me(story), 20, found[0].number)] == ["Dr Sam"]
    assert len(sql("SELECT 1 FROM audit_about")) == 4


def test_a_patients_own_look_is_recorded_once_a_sitting_and_listed(story: Story, case_id: str, sql: Any) -> None:
    reading.sign(ROSA, case_id, TEXT)
    who = me(story)
    patient.my_results(who, 5)
    patient.my_results(who, 5)
    own = [one for one in said(sql, Event.RESULTS_ACCESS_RECORDED) if one.focus[0].get("outcomeDesc") == "my results"]
    assert len(own) == 1
    hear(*own)
    [look] = [one for one in patient.who_looked(who, 20) if one.own]
    assert str(look.kind) == "read-results"


def test_records_from_before_are_found_too(story: Story, sql: Any) -> None:
    """The migration fills what it adds."""
    hear(story.order_placed(), story.study_available())
    hear(looked(1, reader("sam"), [Entity(identifier=study_identifier(story.uid))]), looked(2, me(story), []))
    before = patient.who_looked(me(story), 20)
    sql("DROP TABLE audit_about; DROP TABLE release_hold; DROP INDEX cases_of_patient")
    step_back = "UPDATE alembic_version SET version_num = %s WHERE version_num = %s"
    sql(step_back, "results_sharing_0002", "results_sharing_0003")
    migrate("results_sharing")
    assert patient.who_looked(me(story), 20) == before
    assert [one.name for one in before] == ["Ann Doe", "Dr Sam"]
