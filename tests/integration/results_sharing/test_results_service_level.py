"""Of the studies accepted, who had a preliminary result in time: a study that is stuck counts too."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from story import Story
from telling import hear

from services.results_sharing import gauges, store
from services.results_sharing.store import ServiceLevel, transaction
from shared.events import Lane


def level(lane: Lane = Lane.STAT, later: timedelta = timedelta()) -> ServiceLevel:
    with transaction() as session:
        return store.service_level(session, datetime.now(UTC) + later)[lane]


def another(number: int) -> Story:
    return replace(Story(), uid=f"2.25.{number}", accession=f"A-{number}", placer=f"P-{number}")


def test_a_study_is_judged_when_it_is_answered(story: Story) -> None:
    hear(story.order_placed(), story.study_available())
    waiting = level()
    assert (waiting.accepted, waiting.judged, waiting.pending) == (1, 0, 1)
    assert waiting.oldest_pending is not None
    hear(story.analysis_completed())
    assert level() == ServiceLevel(accepted=1, judged=1, in_time=1, oldest_flagged=waiting.oldest_pending)


def test_a_study_that_nobody_answers_is_judged_when_its_time_is_up(story: Story) -> None:
    hear(story.order_placed(), story.study_available())
    late = level(later=timedelta(hours=1))
    assert (late.judged, late.in_time, late.pending) == (1, 0, 1)


def test_a_late_answer_stays_late(story: Story, sql: Any) -> None:
    hear(story.order_placed(), story.study_available(), story.analysis_completed())
    sql("UPDATE cases SET facts = jsonb_set(facts, '{answer_due_at}', '\"2026-11-24T08:03:00Z\"')")
    late = level()
    assert (late.judged, late.in_time, late.pending) == (1, 0, 0)


def test_no_model_is_waited_for_when_a_study_is_held_or_revoked(sql: Any) -> None:  # noqa: ARG001 (the database)
    held, revoked = another(1), another(2)
    hear(held.order_placed(), held.study_available(), held.study_held())
    hear(revoked.order_placed(), revoked.study_available(), revoked.order_revoked())
    assert (level().judged, level().in_time, level().pending) == (2, 2, 0)


def test_an_order_without_a_study_is_not_counted(story: Story) -> None:
    hear(story.order_placed())
    assert level() == ServiceLevel()


def test_what_is_measured_names_every_lane(story: Story) -> None:
    hear(story.order_placed(), story.study_available())
    with transaction() as session:
        samples = [sample for family in gauges.gauges(session) for sample in family.samples]
    values = {(sample.name, sample.labels.get("lane")): sample.value for sample in samples}
    assert values["hub_studies_accepted_total", "stat"] == 1
    assert values["hub_studies_judged_total", "urgent"] == 0
    assert values["hub_oldest_pending_study_seconds", "stat"] > 0
    assert values["hub_oldest_pending_study_seconds", "routine"] == 0
