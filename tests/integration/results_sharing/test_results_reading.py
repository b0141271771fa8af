"""A reader's acts on a real database: impression before AI, one signature, addenda, holds; each recorded."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from fhir.resources.R4B import get_fhir_model_class
from story import Story, reader
from telling import hear, only_case, said

from services.results_sharing import reading, store
from services.results_sharing.domain.report import Status, canonical_json, digest
from services.results_sharing.domain.review import Decision, Impression
from services.results_sharing.domain.state import State, state
from services.results_sharing.store import transaction
from shared.errors import Conflict, Forbidden, InvalidResource, NotFound
from shared.events import Event, Lane
from shared.fhir.codes import BASE, REPORT_SYSTEM
from shared.fhir.message import Message
from shared.security import Role

ROSA, SAM = reader("rosa"), reader("sam")


@pytest.fixture
def case_id(story: Story) -> str:
    hear(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_completed())
    return only_case().id


def signed(case_id: str, text: str = "Clear lungs.") -> Any:
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    return reading.sign(ROSA, case_id, text)


def test_the_answer_is_hidden_until_the_reader_has_an_impression(case_id: str) -> None:
    before = reading.open_case(ROSA, case_id)
    assert before.answer is None
    assert before.site is None
    assert before.words == "ready"
    reading.give_impression(ROSA, case_id, Impression.ABNORMAL)
    after = reading.open_case(ROSA, case_id)
    assert after.answer is not None
    assert after.answer.probability == 0.93
    assert after.answer.region == "0.1,0.2,0.3,0.4"
    assert after.answer.unchecked == ("Does not look for fractures.",)
    assert after.words == "flagged"
    assert after.review is not None
    assert after.review.revealed_at is not None
    assert reading.open_case(SAM, case_id).answer is None


def test_a_first_impression_is_given_once(case_id: str) -> None:
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    with pytest.raises(Conflict):
        reading.give_impression(ROSA, case_id, Impression.ABNORMAL)


def test_show_now_shows_the_answer_and_is_recorded(case_id: str, sql: Any) -> None:
    reading.show_now(ROSA, case_id)
    view = reading.open_case(ROSA, case_id)
    assert view.answer is not None
    assert view.review is not None
    assert view.review.urgent
    events = [message.focus[0] for message in said(sql, Event.RESULTS_ACCESS_RECORDED)]
    assert "before a first impression" in events[0]["outcomeDesc"]


def test_nobody_decides_on_an_answer_that_they_have_not_seen(case_id: str) -> None:
    with pytest.raises(Conflict):
        reading.decide(ROSA, case_id, Decision.ACCEPT)


def test_a_signature_needs_an_impression_and_own_words(case_id: str) -> None:
    with pytest.raises(Conflict, match="first impression"):
        reading.sign(ROSA, case_id, "Clear lungs.")
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    with pytest.raises(InvalidResource):
        reading.sign(ROSA, case_id, " \r\n ")


@pytest.mark.parametrize(
    "who",
    [
        replace(ROSA, fhir_user=None),
        replace(ROSA, role=Role.CLINICIAN),
        replace(ROSA, role=None, audience="system", fhir_user="Device/1"),
    ],
)
def test_only_a_named_radiologist_signs(case_id: str, who: Any) -> None:
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    with pytest.raises(Forbidden):
        reading.sign(who, case_id, "Clear lungs.")


def test_a_signed_report_is_the_humans_its_hash_is_of_its_canonical_form(case_id: str, sql: Any) -> None:
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    reading.open_case(ROSA, case_id)
    reading.decide(ROSA, case_id, Decision.REJECT, "Motion")
    version = reading.sign(ROSA, case_id, "Clear lungs.\r\nNo effusion.")
    report = json.loads(version.canonical)
    assert version.sha256 == digest(canonical_json(report))
    assert report["status"] == "final"
    assert report["conclusion"] == "Clear lungs.\nNo effusion."
    assert report["subject"]["identifier"]["value"] == "M-1"
    assert [based["identifier"]["value"] for based in report["basedOn"]] == ["P-1", "A-1"]
    (message,) = said(sql, Event.REPORT_SIGNED)
    provenance = message.resource("Provenance")
    assert provenance["extension"][0]["valueString"] == version.sha256
    assert provenance["entity"][0]["what"]["identifier"]["value"] == "ai-2.25.42-chest-1"
    get_fhir_model_class("Bundle").model_validate(message.bundle)
    get_fhir_model_class("DiagnosticReport").model_validate(report)
    (row,) = sql("SELECT decision, model, model_version, flagged FROM review")
    assert row == {"decision": "reject", "model": "chest", "model_version": "1", "flagged": True}
    with transaction() as session:
        found = store.agreement(session, "chest", "1")
        (week,) = store.agreement_by_week(session)
    assert (found.rejected, found.total) == (1, 1)
    assert week.week is not None


def test_without_the_answer_seen_the_provenance_names_no_program(story: Story, sql: Any) -> None:
    hear(story.study_available(), story.study_completed())
    signed(only_case().id)
    (message,) = said(sql, Event.REPORT_SIGNED)
    assert "entity" not in message.resource("Provenance")


def test_of_two_readers_who_sign_at_once_one_gets_a_conflict(case_id: str, sql: Any) -> None:
    for who in (ROSA, SAM):
        reading.give_impression(who, case_id, Impression.NORMAL)
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(reading.sign, who, case_id, "Clear lungs.") for who in (ROSA, SAM)]
        errors = [done.exception() for done in tries]
    assert sorted(type(error) for error in errors if error) == [Conflict]
    assert len(sql("SELECT 1 FROM report")) == 1
    assert len(said(sql, Event.REPORT_SIGNED)) == 1


def test_an_addendum_follows_the_text_under_a_new_signature(case_id: str, sql: Any) -> None:
    first = signed(case_id)
    second = reading.amend(SAM, case_id, "Small nodule.", seen=1)
    assert second.status is Status.AMENDED
    assert second.text.startswith("Clear lungs.\n\nAddendum, Dr Sam, ")
    assert second.sha256 != first.sha256
    with transaction() as session:
        kept = store.reports_of(session, case_id)
    assert [version.number for version in kept] == [2, 1]
    assert kept[1] == first
    (message,) = said(sql, Event.REPORT_AMENDED)
    assert message.resource("DiagnosticReport")["status"] == "amended"


def test_an_addendum_to_a_version_that_is_not_current_is_refused(case_id: str) -> None:
    signed(case_id)
    reading.amend(SAM, case_id, "Small nodule.", seen=1)
    with pytest.raises(Conflict, match="meanwhile"):
        reading.amend(ROSA, case_id, "Another thing.", seen=1)


def test_a_report_entered_in_error_says_so_and_is_closed(case_id: str) -> None:
    signed(case_id)
    version = reading.withdraw(ROSA, case_id, "Wrong side.", seen=1)
    assert json.loads(version.canonical)["status"] == "entered-in-error"
    assert "Clear lungs." in version.text
    with pytest.raises(Conflict):
        reading.amend(ROSA, case_id, "More.", seen=2)


def test_a_signed_version_cannot_be_changed_even_in_sql(case_id: str, sql: Any) -> None:
    signed(case_id)
    for change in ("UPDATE report SET text = 'x'", "DELETE FROM report"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            sql(change)


def test_an_answer_after_the_signature_shows_as_a_discrepancy_and_changes_nothing(story: Story) -> None:
    hear(story.order_placed(), story.study_available(), story.study_completed())
    case_id = only_case().id
    signed(case_id)
    before = reading.open_case(ROSA, case_id)
    hear(story.analysis_completed())
    after = reading.open_case(ROSA, case_id)
    assert after.versions == before.versions
    assert after.answer is None
    assert after.late_answer is not None
    assert after.late_answer.flagged


def test_a_revoked_order_after_the_signature_changes_nothing(story: Story, case_id: str) -> None:
    signed(case_id)
    hear(story.order_revoked())
    assert state(only_case()) is State.RUNNING
    assert only_case().revoked_at is not None


def test_nobody_signs_a_revoked_case(story: Story, case_id: str) -> None:
    reading.give_impression(ROSA, case_id, Impression.NORMAL)
    hear(story.order_revoked())
    with pytest.raises(Conflict, match="closed"):
        reading.sign(ROSA, case_id, "Clear lungs.")


def test_a_study_of_the_wrong_patient_is_never_signed_only_rejected_by_a_human(story: Story, sql: Any) -> None:
    hear(story.order_placed(), story.study_available(), story.study_held("wrong-patient"))
    case_id = only_case().id
    reading.give_impression(ROSA, case_id, Impression.CANNOT_TELL)
    with pytest.raises(Conflict, match="on hold"):
        reading.sign(ROSA, case_id, "Clear lungs.")
    with pytest.raises(Conflict, match="Only an incomplete"):
        reading.resolve_hold(ROSA, case_id, "read", "It is fine")
    with pytest.raises(InvalidResource):
        reading.resolve_hold(ROSA, case_id, "reject", " ")
    reading.resolve_hold(ROSA, case_id, "reject", "Sent for another child")
    assert state(only_case()) is State.REJECTED
    assert only_case().resolution is not None
    assert only_case().resolution.who == "rosa"
    assert len(said(sql, Event.CASE_CLOSED)) == 1


def test_an_incomplete_study_can_be_read_as_it_is(story: Story) -> None:
    hear(story.order_placed(), story.study_available(), story.study_held("incomplete"))
    case_id = only_case().id
    reading.resolve_hold(ROSA, case_id, "read", "The missing view is not needed")
    assert signed(case_id).number == 1


def test_the_worklist_is_ordered_and_tells_nothing_before_an_impression(story: Story) -> None:
    flagged = replace(story, uid="2.25.1", accession="A-2", placer="P-2", order="o-2")
    routine = replace(story, uid="2.25.2", accession="A-3", placer="P-3", order="o-3", priority="routine")
    hear(story.order_placed(), story.study_available(), story.analysis_completed(flagged=False))
    hear(flagged.order_placed(), flagged.study_available(2), flagged.analysis_completed())
    hear(routine.order_placed(), routine.study_available(), routine.analysis_refused())
    with transaction() as session:
        soon = story_time(10)
        rows = store.worklist(session, "rosa", reading.targets(), soon)
    assert [(row.lane, row.words) for row in rows] == [
        ("stat", "ready"),
        ("stat", "ready"),
        ("routine", "not analysed"),
    ]
    assert [row.accession for row in rows] == ["A-2", "A-1", "A-3"]
    assert rows[2].reason == "adult"
    with transaction() as session:
        late = store.worklist(session, "rosa", reading.targets(), soon + timedelta(hours=2))
    assert [row.accession for row in late] == ["A-1", "A-2", "A-3"]
    assert late[0].overdue


def story_time(minute: int) -> datetime:
    return datetime(2026, 11, 24, 8, minute, tzinfo=UTC)


def test_a_look_is_recorded_once_a_sitting(case_id: str, sql: Any) -> None:
    for _ in range(3):
        reading.open_worklist(ROSA)
        reading.open_case(ROSA, case_id)
    reading.open_case(replace(ROSA, session="tomorrow"), case_id)
    assert len(said(sql, Event.RESULTS_ACCESS_RECORDED)) == 3


def test_a_signed_case_leaves_the_worklist_and_stands_among_the_finished(case_id: str) -> None:
    signed(case_id)
    lists = reading.open_worklist(ROSA)
    assert lists.waiting == []
    assert [row.words for row in lists.finished] == ["signed, on its way"]


def test_a_revoked_case_leaves_the_worklist_and_is_not_hidden(story: Story, case_id: str) -> None:
    hear(story.order_revoked())
    lists = reading.open_worklist(ROSA)
    assert lists.waiting == []
    assert [(row.case_id, row.words) for row in lists.finished] == [(case_id, "revoked")]


def labelled(message: Any) -> Any:
    message.resource("ImagingStudy")["meta"] = {"security": [{"code": "HTEST"}]}
    return message


@pytest.mark.parametrize("order", ["announced first", "pixels first"])
def test_a_phantom_never_stands_on_the_worklist_and_is_seen_apart(story: Story, order: str) -> None:
    if order == "announced first":
        hear(replace(story, family="QA Phantom").study_available())
    else:
        hear(labelled(story.instances_stored()), story.study_available())
    assert reading.open_worklist(ROSA).waiting == []
    hear(labelled(story.study_completed()), labelled(story.analysis_refused(code="test-subject")))
    lists = reading.open_worklist(ROSA)
    assert (lists.waiting, lists.finished) == ([], [])
    assert [(row.words, row.reason) for row in lists.tests] == [("not analysed", "phantom or test patient")]


def test_a_measure_flags_nothing_and_is_shown_with_its_value(story: Story) -> None:
    measured = story.analysis_completed()
    observation = measured.resource("Observation")
    del observation["valueCodeableConcept"], observation["component"]
    observation["valueQuantity"] = {"value": 11.2, "unit": "%"}
    hear(story.order_placed(), story.study_available(), measured)
    answer = only_case().answer
    assert answer
    assert answer.flagged is False
    assert answer.finding
    assert answer.finding.endswith("11.2 %")


def test_an_answer_tells_which_image_counts_and_how_many_were_not_read(story: Story) -> None:
    told = story.analysis_completed()
    observation = told.resource("Observation")
    for name, count in (("read", 2), ("undecodable", 1)):
        code = {"coding": [{"system": f"{BASE}/CodeSystem/finding-component", "code": f"images-{name}"}]}
        observation["component"].append({"code": code, "valueInteger": count})
    for name, value in (("number", "3"), ("frame", "2")):
        observation["extension"].append({"url": f"{BASE}/StructureDefinition/image-{name}", "valueString": value})
    told.resource("ImagingStudy")["numberOfInstances"] = 3
    hear(story.order_placed(), story.study_available(), told)
    answer = only_case().answer
    assert answer
    assert (answer.image, answer.images, answer.instances) == ("image 3, frame 2", {"read": 2, "undecodable": 1}, 3)


def test_a_study_of_which_an_image_is_broken_is_not_analysed_and_says_of_how_many(story: Story) -> None:
    refused = story.analysis_refused(code="unreadable")
    refused.resource("Observation")["dataAbsentReason"]["text"] = "not analysed (1 of 3 images could not be decoded)"
    hear(story.order_placed(), story.study_available(), refused)
    answer = only_case().answer
    assert answer
    assert (answer.flagged, answer.reason) == (None, "1 of 3 images could not be decoded")


def test_an_unknown_case_is_not_found(sql: Any) -> None:  # noqa: ARG001 (the database)
    for name in ("no-such-case", "\0"):
        with pytest.raises(NotFound):
            reading.open_case(ROSA, name)


def test_a_draft_is_the_readers_own_and_stays(case_id: str) -> None:
    reading.keep_draft(ROSA, case_id, "Clear l")
    mine, theirs = reading.open_case(ROSA, case_id).review, reading.open_case(SAM, case_id).review
    assert mine is not None
    assert theirs is not None
    assert (mine.draft, theirs.draft) == ("Clear l", "")


def test_the_report_identifier_is_the_case(case_id: str) -> None:
    assert json.loads(signed(case_id).canonical)["identifier"] == [{"system": REPORT_SYSTEM, "value": case_id}]


@pytest.mark.parametrize(("decision", "told"), [(Decision.ACCEPT, True), (Decision.CORRECT, False), (None, False)])
def test_a_signed_report_names_the_finding_that_its_signer_accepted(
    decision: Decision | None, told: Any, case_id: str, sql: Any
) -> None:
    reading.give_impression(ROSA, case_id, Impression.ABNORMAL)
    if decision:
        reading.decide(ROSA, case_id, decision)
    reading.sign(ROSA, case_id, "Consolidation.")
    (report,) = said(sql, Event.REPORT_SIGNED)[0].resources("DiagnosticReport")
    accepted = [one["valueCodeableConcept"]["coding"][0]["code"] for one in report.get("extension", [])]
    assert accepted == (["233604007"] if told else [])


@pytest.mark.parametrize("decision", [Decision.ACCEPT, Decision.CORRECT, Decision.REJECT, None])
def test_a_signature_tells_what_was_made_of_the_answer_and_the_report_keeps_silent(
    decision: Decision | None, case_id: str, sql: Any
) -> None:
    reading.give_impression(ROSA, case_id, Impression.ABNORMAL)
    if decision:
        reading.decide(ROSA, case_id, decision)
    reading.sign(ROSA, case_id, "Consolidation.")
    message = said(sql, Event.REPORT_SIGNED)[0]
    (source,) = message.resource("Provenance")["entity"]
    assert [one["valueCode"] for one in source.get("extension", [])] == ([decision] if decision else [])
    assert "reader-decision" not in json.dumps(message.resource("DiagnosticReport"))


def test_a_follow_up_stands_in_the_timeline_of_its_case(story: Story, case_id: str) -> None:
    study = story.study_completed().resource("ImagingStudy")
    appointment = {"resourceType": "Appointment", "status": "proposed", "participant": [{"status": "needs-action"}]}
    hear(Message.build(Event.FOLLOW_UP_PROPOSED, Lane.STAT, "c", [appointment], [study]))
    with transaction() as session:
        assert "scheduling.follow-up-proposed" in {one.event for one in store.timeline_of(session, case_id)}
