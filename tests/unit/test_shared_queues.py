"""Which queue brings which event: one for each lane, and queues of their own for work that others must not wait for."""

import pytest

from shared import topology
from shared.embedded.processes import processes
from shared.events import APART, SUBSCRIPTIONS, Event, Lane, queue_of, queues_of, routing_key
from shared.worker import Worker


@pytest.mark.parametrize("service", sorted(SUBSCRIPTIONS))
def test_every_event_that_a_service_hears_comes_by_one_queue_of_its_lane(service: str) -> None:
    queues = topology.work_queues(service)
    assert sorted(queue.name for queue in queues) == sorted(queues_of(service))
    for event in SUBSCRIPTIONS[service]:
        for lane in Lane:
            keys = {routing_key(event, lane), f"#.{lane}"}
            bringing = [queue.name for queue in queues if keys & {bound.routing_key for bound in queue.bindings}]
            assert bringing == [queue_of(service, lane, event)]


def test_work_apart_is_heard_by_the_service_that_keeps_it_apart() -> None:
    for service, works in APART.items():
        for events in works.values():
            assert events <= SUBSCRIPTIONS[service]


def test_results_have_queues_of_their_own_in_imaging_alone() -> None:
    for event in (Event.RESULTS_DUE, Event.RESULTS_MADE):
        assert queue_of("imaging", Lane.STAT, event) == "imaging.results.stat"
        assert queue_of("results_sharing", Lane.STAT, event) == "results_sharing.stat"
    assert queue_of("imaging", Lane.ROUTINE, Event.STUDY_COMPLETED) == "imaging.routine"


def test_a_shadow_never_stands_before_a_study_that_waits_for_its_reading() -> None:
    reading = {queue_of("imaging", lane, Event.STUDY_COMPLETED) for lane in Lane}
    shadows = {queue_of("imaging", lane, Event.SHADOW_DUE) for lane in Lane}
    assert shadows == {"imaging.shadow.stat", "imaging.shadow.urgent", "imaging.shadow.routine"}
    for process in processes():
        if "-Q" in process.command:
            consumed = set(process.command[process.command.index("-Q") + 1].split(","))
            assert not (consumed & reading and consumed & shadows)


def test_a_stat_study_waits_for_no_other_lane_and_a_stat_picture_not_for_one_volume() -> None:
    pictures, volumes = (
        {lane: queue_of("imaging", lane, event) for lane in Lane} for event in (Event.STUDY_COMPLETED, Event.VOLUME_DUE)
    )
    stat = {pictures[Lane.STAT], volumes[Lane.STAT]}
    for process in processes():
        if "-Q" in process.command:
            consumed = set(process.command[process.command.index("-Q") + 1].split(","))
            if consumed & stat:
                assert consumed == stat
                assert int(process.command[process.command.index("--concurrency") + 1]) > 1
            assert consumed <= stat or not (consumed & {*pictures.values()} and consumed & {*volumes.values()})


def test_a_worker_knows_whether_its_queues_bring_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_BROKER_URL", "amqp://nobody.example")
    worker = Worker("imaging")
    assert worker.takes(Event.STUDY_COMPLETED)
    worker.app.amqp.queues.select(["imaging.results.stat", "imaging.results.routine"])
    assert worker.takes(Event.RESULTS_DUE)
    assert not worker.takes(Event.STUDY_COMPLETED)
