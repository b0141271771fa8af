"""Every accepted case is in one state, and what is stuck or lost shows."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hospital import Hospital
from story import Story, reader
from telling import hear, said

from services.results_sharing import gauges, reading, store
from services.results_sharing.domain.review import Impression
from services.results_sharing.domain.state import State
from services.results_sharing.store import Reconciliation, transaction
from shared import cli, dead_letters
from shared.dead_letters import Letter
from shared.errors import InvalidResource
from shared.events import Event

ROSA = reader("rosa")


def counted(later: timedelta = timedelta()) -> Reconciliation:
    with transaction() as session:
        return store.reconciliation(session, datetime.now(UTC) + later)


def another(number: int) -> Story:
    return replace(Story(), uid=f"2.25.{number}", accession=f"A-{number}", placer=f"P-{number}")


def die(correlation: str, task: str = "imaging.analysis-completed") -> None:
    """A message ends in this service's dead letters."""
    number, body = str(uuid4()), b"{}"
    digest = hashlib.sha256(body).hexdigest()
    letter = Letter(
        "results_sharing.stat", "hub.events", "k", "rejected", task, number, correlation, "stat", 0, 0,
        "application/json", digest,
    )  # fmt: skip
    with transaction() as session:
        dead_letters.store(session, letter, body)


def sign(uid: str) -> str:
    with transaction() as session:
        (case,) = store.bind(session, store.Keys(study_uid=uid), "", datetime.now(UTC), opens=False)
    reading.give_impression(ROSA, case.id, Impression.NORMAL)
    reading.sign(ROSA, case.id, "Clear lungs.")
    return case.id


def test_every_accepted_case_is_in_one_state(sql: Any, hospital: Hospital) -> None:
    stories = [another(number) for number in range(1, 8)]
    for told in stories:
        hear(told.order_placed(), told.study_available(), told.study_completed())
    running, awaiting, delivered, revoked, rejected, dead, failed = stories
    for told in (awaiting, delivered, dead, failed):
        hear(told.analysis_completed())
    hear(revoked.order_revoked())
    hear(rejected.study_held(minute=9))
    sign(delivered.uid)
    hear(*said(sql, Event.REPORT_SIGNED))
    with transaction() as session:
        (case,) = store.bind(session, store.Keys(study_uid=rejected.uid), "", datetime.now(UTC), opens=False)
    reading.resolve_hold(ROSA, case.id, "reject", "Another child")
    die(dead.analysis_completed().correlation)
    sign(failed.uid)
    hospital.behaviours = [lambda: 422]
    with pytest.raises(InvalidResource):
        hear(said(sql, Event.REPORT_SIGNED)[-1])
    found = counted()
    assert found.states == {
        State.RUNNING: 1,
        State.AWAITING_HUMAN: 1,
        State.DELIVERED: 1,
        State.REVOKED: 1,
        State.REJECTED: 1,
        State.DEAD_LETTERED: 2,
    }
    assert (found.accepted, found.unexplained) == (7, 0)
    assert cli.main(["cases"]) == 0
    assert running.uid


def test_a_case_that_runs_beyond_its_time_is_unexplained_and_named(
    story: Story, capsys: pytest.CaptureFixture[str], sql: Any
) -> None:
    hear(story.study_available())
    assert counted().unexplained == 0
    assert counted(timedelta(minutes=8)).unexplained == 1
    sql("UPDATE cases SET running_until = now() - interval '1 minute'")
    (row,) = sql("SELECT id FROM cases")
    assert cli.main(["cases", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["stuck"] == [row["id"]]
    assert told["unexplained"] == 1


def test_a_case_that_vanished_is_unexplained(story: Story, sql: Any) -> None:
    hear(story.study_available())
    sql("DELETE FROM cases")
    assert counted().unexplained == 1


def test_an_order_may_wait_for_its_exam(story: Story) -> None:
    hear(story.order_placed())
    assert counted(timedelta(days=-30)).states[State.RUNNING] == 1


def test_a_letter_that_opened_no_case_counts_as_dead_lettered_until_it_is_replayed(sql: Any) -> None:
    die("somewhere")
    die("somewhere")
    die("", task="")
    found = counted()
    assert (found.accepted, found.states[State.DEAD_LETTERED], found.unexplained) == (2, 2, 0)
    sql("UPDATE dead_letter SET replayed_at = now()")
    assert counted().accepted == 0


def test_a_letter_about_an_access_is_no_case(sql: Any) -> None:  # noqa: ARG001 (the database)
    die("somewhere", task="gateway.access-recorded")
    assert counted().accepted == 0


def test_the_gauges_say_the_same(story: Story) -> None:
    hear(story.study_available())
    with transaction() as session:
        samples = [sample for family in gauges.gauges(session) for sample in family.samples]
    values = {(sample.name, sample.labels.get("state")): sample.value for sample in samples}
    assert values["hub_cases", "running"] == 1
    assert values["hub_cases_accepted", None] == 1
    assert values["hub_cases_unexplained", None] == 0
