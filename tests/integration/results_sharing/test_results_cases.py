"""Cases on a real database: any order of events, any number of times, gives the same case."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from story import START, Story
from telling import hear, only_case

from services.results_sharing import store
from services.results_sharing.domain.answer import AiState
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.order import Patient
from services.results_sharing.domain.state import State, ai_state, not_analysed_reason, state
from services.results_sharing.store import transaction
from services.results_sharing.tasks import app
from shared.errors import InvalidResource
from shared.events import Event
from shared.fhir.message import Message


def cases() -> list[tuple[Case, Patient | None]]:
    with transaction() as session:
        found = [store.load(session, row.id) for row in session.execute(store.tables.CASES.select())]
        patients = store.patients_of(session, found)
        return [(case, patients.get(case.patient_id or "")) for case in found]


def without_chance(case: Case) -> Case:
    """The case without what depends on the clock of the machine."""
    return replace(case, id="", correlation="", answer_due_at=None)


def told(messages: list[Message], sql: Any) -> tuple[Case, Patient | None]:
    sql("TRUNCATE cases, case_key, patient, timeline, review, report, inbox, outbox CASCADE")
    hear(*messages)
    ((case, patient),) = cases()
    return without_chance(case), patient


def test_any_order_of_the_events_of_a_study_gives_the_same_case(story: Story, sql: Any) -> None:
    events = [
        story.order_placed(),
        story.study_available(),
        story.instances_stored(),
        story.analysis_completed(),
        story.patient_changed(6, "Newer"),
    ]
    expected = told(events, sql)
    assert expected[1] is not None
    assert expected[1].name == "Newer"
    assert ai_state(expected[0]) is AiState.FLAGGED
    for order in permutations(events):
        assert told(list(order), sql) == expected


def test_any_order_of_a_hold_and_its_end_gives_the_same_case(story: Story, sql: Any) -> None:
    events = [
        story.study_available(),
        story.study_held("incomplete", 3),
        story.study_completed(4),
        story.analysis_refused(5),
    ]
    expected = told(events, sql)
    assert not_analysed_reason(expected[0]) == "adult"
    for order in permutations(events):
        assert told(list(order), sql) == expected


def test_three_deliveries_of_each_event_change_nothing(story: Story, sql: Any) -> None:
    events = [story.order_placed(), story.study_available(), story.analysis_completed()]
    hear(*events)
    before = only_case()
    hear(*events, *events)
    assert only_case() == before
    counted = sql("SELECT event FROM timeline WHERE change = 0")
    assert sorted(row["event"] for row in counted) == sorted(str(message.event) for message in events)
    assert len(sql("SELECT 1 FROM outbox WHERE task = 'results_sharing.answer-due'")) == 1


def test_two_half_cases_become_one_when_an_event_names_both(story: Story, sql: Any) -> None:
    hear(story.order_placed(), story.instances_stored())
    assert len(cases()) == 2
    hear(story.study_available())
    case = only_case()
    assert case.order is not None
    assert case.study_uid == story.uid
    assert len(sql("SELECT 1 FROM timeline WHERE case_id = %s AND change = 0", case.id)) == 3
    with transaction() as session:
        counted = store.reconciliation(session, datetime.now(UTC))
    assert (counted.accepted, counted.unexplained) == (1, 0)


def test_two_studies_of_one_order_are_two_cases_and_both_know_the_order(story: Story) -> None:
    second = replace(story, uid="2.25.43")
    hear(story.study_available(), second.instances_stored(), story.order_placed(), second.study_available())
    found = [case for case, _ in cases()]
    assert {case.study_uid for case in found} == {"2.25.42", "2.25.43"}
    assert all(case.order is not None for case in found)
    hear(story.order_revoked())
    assert {state(case) for case, _ in cases()} == {State.REVOKED}


def test_orders_of_different_patients_never_become_one_case(story: Story) -> None:
    other = Story(uid="2.25.43", accession="A-2", placer="P-2")
    hear(story.order_placed(), other.order_placed(), other.patient_changed(3, "Other"))
    assert len(cases()) == 2
    hear(story.study_available(), other.study_available())
    assert {case.patient_id for case, _ in cases()} == {story.patient, other.patient}


def test_events_at_the_same_time_open_one_case(story: Story) -> None:
    events = [story.order_placed(), story.study_available(), story.instances_stored(), story.analysis_completed()]
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(hear, message) for message in events * 4]:
            done.result()
    assert only_case().order is not None


def test_an_older_patient_never_replaces_a_newer_one(story: Story) -> None:
    hear(story.patient_changed(9, "Newest"), story.patient_changed(8, "Older"), story.order_placed())
    ((_, patient),) = cases()
    assert patient is not None
    assert patient.name == "Newest"


def test_no_answer_by_its_time_means_not_analysed_and_awaits_a_human(story: Story, sql: Any) -> None:
    hear(story.study_available(), story.study_completed())
    assert state(only_case()) is State.RUNNING
    (row,) = sql("SELECT body::jsonb -> 0 -> 0 AS bundle, due_at FROM outbox WHERE task = 'results_sharing.answer-due'")
    assert 290 < (row["due_at"] - datetime.now(UTC)).total_seconds() <= 300
    hear(Message.from_fhir(row["bundle"]))
    assert state(only_case()) is State.AWAITING_HUMAN
    assert not_analysed_reason(only_case()) == "no answer"


def test_an_answer_after_its_time_is_still_an_answer_before_the_signature(story: Story, sql: Any) -> None:
    hear(story.study_available())
    (row,) = sql("SELECT body::jsonb -> 0 -> 0 AS bundle FROM outbox WHERE task = 'results_sharing.answer-due'")
    hear(Message.from_fhir(row["bundle"]), story.analysis_completed(flagged=False))
    assert ai_state(only_case()) is AiState.NOT_FLAGGED


def test_a_revoked_order_closes_its_case_and_says_so(story: Story, sql: Any) -> None:
    hear(story.study_available(), story.order_placed(), story.order_revoked())
    assert state(only_case()) is State.REVOKED
    assert len(sql("SELECT 1 FROM outbox WHERE task = 'results_sharing.case-closed'")) == 1


@pytest.mark.parametrize("code", ["wrong-patient", "incomplete", "unannounced", "no-images"])
def test_a_held_study_awaits_a_human_with_its_reason(story: Story, code: str) -> None:
    hear(story.study_available(), story.study_held(code))
    case = only_case()
    assert state(case) is State.AWAITING_HUMAN
    assert case.hold is not None
    assert case.hold.code == code


def test_an_event_that_names_neither_study_nor_order_is_the_senders_fault(story: Story, sql: Any) -> None:
    lost = story.instances_stored()
    lost.bundle["entry"][1]["resource"]["identifier"] = []
    with pytest.raises(InvalidResource):
        hear(lost)
    assert sql("SELECT 1 FROM inbox") == []


def test_the_timeline_keeps_no_patient(story: Story, sql: Any) -> None:
    hear(story.order_placed(), story.study_available(), story.analysis_completed())
    assert "Doe" not in str(sql("SELECT * FROM timeline"))
    assert "M-1" not in str(sql("SELECT * FROM timeline"))


def test_a_case_waits_from_the_first_sign_of_its_study(story: Story) -> None:
    hear(story.analysis_completed(7), story.order_placed(), story.study_available(1))
    received = only_case().received_at
    assert received is not None
    assert (received - START).total_seconds() == 60


def test_every_event_of_the_hub_is_heard() -> None:
    assert {name for name in app.tasks if not name.startswith("celery.")} == {str(event) for event in Event}
