"""The service's own relay and worker on a real broker: events to a delivered report; poison, an outage and a kill."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hospital import Hospital
from story import Story, reader
from telling import only_case

from services.results_sharing import reading, store
from services.results_sharing.domain.review import Impression
from services.results_sharing.domain.state import State, state
from services.results_sharing.store import Reconciliation, transaction
from shared import outbox, topology
from shared.embedded import Stack
from shared.events import SUBSCRIPTIONS, Event, dead_letters_of, queues_of
from shared.fhir.message import Message

CANARY = "Zyxcanary"
ROSA = reader("rosa")
WORKER = (
    "-m", "celery", "-A", "services.results_sharing.tasks", "worker",
    "-Q", "results_sharing.stat,results_sharing.urgent,results_sharing.routine",
    "-P", "prefork", "--concurrency", "2", "-n", "results@%h", "--without-gossip", "--without-mingle",
)  # fmt: skip


def until(condition: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class Processes:
    """The running relay and worker.

    Attributes:
        metrics: port of the relay's `/metrics`.
    """

    folder: Path
    environment: dict[str, str]
    metrics: int
    running: list[subprocess.Popen[bytes]]

    def start(self, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start one as production does."""
        log = (self.folder / f"{len(self.running)}.log").open("wb")
        child = subprocess.Popen(
            [sys.executable, *command],
            env=self.environment | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.running.append(child)
        return child

    def logs(self) -> str:
        """Everything they printed."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture
def processes(hub_stack: Stack, sql: Any, tmp_path: Path) -> Iterator[Processes]:  # noqa: ARG001 (the database first)
    environment = os.environ | hub_stack.environment()
    topology.declare(environment["HUB_BROKER_URL"])
    _purge(environment["HUB_BROKER_URL"])
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "logs"
    folder.mkdir()
    made = Processes(folder, environment, port, [])
    made.start("-m", "shared.relay", "results_sharing", HUB_METRICS_PORT=str(port))
    made.start(*WORKER)
    yield made
    for child in made.running:
        child.terminate()
    for child in made.running:
        with suppress(subprocess.TimeoutExpired):
            child.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _purge(url: str) -> None:
    with topology.Connection(url) as connection:
        channel = connection.default_channel
        for service in SUBSCRIPTIONS:
            for queue in (*queues_of(service), dead_letters_of(service)):
                channel.queue_purge(queue)


def say(*messages: Message) -> None:
    with transaction() as session:
        for message in messages:
            outbox.add(session, message)


def counted() -> Reconciliation:
    with transaction() as session:
        return store.reconciliation(session, datetime.now(UTC))


def all_in(state_: State, count: int) -> Callable[[], bool]:
    return lambda: counted().states[state_] == count


def test_a_case_walks_from_its_events_to_a_delivered_report(processes: Processes, hospital: Hospital, sql: Any) -> None:
    story = Story(family=CANARY)
    say(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_completed())
    until(all_in(State.AWAITING_HUMAN, 1))
    reading.open_case(ROSA, only_case().id)
    reading.give_impression(ROSA, only_case().id, Impression.NORMAL)
    reading.sign(ROSA, only_case().id, f"{CANARY} is well.")
    until(all_in(State.DELIVERED, 1))
    until(lambda: sql("SELECT 1 FROM timeline WHERE event = 'results_sharing.case-closed'"))
    until(lambda: len(sql("SELECT 1 FROM audit")) == 2)
    assert hospital.requests == 1
    metrics = httpx.get(f"http://127.0.0.1:{processes.metrics}/metrics").text
    assert re.search(r'hub_cases\{state="delivered"\} 1\.0', metrics)
    assert "hub_cases_unexplained 0.0" in metrics
    assert CANARY not in processes.logs()
    assert CANARY not in metrics


def test_poison_is_dead_lettered_and_counted_and_shows_no_patient(processes: Processes, sql: Any) -> None:
    bad = Story(family=CANARY).study_held()
    for entry in bad.bundle["entry"]:
        if entry["resource"]["resourceType"] == "OperationOutcome":
            entry["resource"]["issue"] = [{"severity": "error", "code": "processing", "diagnostics": CANARY}]
    worse = Story(uid="2.25.77", family=CANARY).order_placed()
    for entry in worse.bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["name"] = CANARY
    say(bad, worse)
    until(all_in(State.DEAD_LETTERED, 2))
    assert counted().unexplained == 0
    assert len(sql("SELECT 1 FROM dead_letter")) == 2
    assert sql("SELECT 1 FROM cases") == []
    assert CANARY not in processes.logs()


def test_while_the_hospital_is_away_the_report_waits_as_a_row_and_then_arrives(
    processes: Processes, hospital: Hospital, sql: Any
) -> None:
    story = Story()
    say(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_completed())
    until(all_in(State.AWAITING_HUMAN, 1))
    hospital.behaviours = [lambda: 503, lambda: 0]
    reading.give_impression(ROSA, only_case().id, Impression.NORMAL)
    reading.sign(ROSA, only_case().id, "Clear lungs.")
    for attempt in (1, 2):
        until(lambda: sql("SELECT 1 FROM outbox WHERE attempt = %s", attempt))  # noqa: B023 (called at once)
        assert counted().states[State.RUNNING] == 1
        sql("UPDATE outbox SET due_at = now() WHERE attempt = %s", attempt)
    until(all_in(State.DELIVERED, 1))
    assert len(hospital.reports) == 1
    assert len(hospital.received) == 2
    assert processes.running


def test_nothing_is_lost_when_the_worker_is_killed_while_events_arrive(processes: Processes, sql: Any) -> None:
    stories = [
        replace(Story(), uid=f"2.25.{n}", accession=f"A-{n}", placer=f"P-{n}", order=f"o-{n}") for n in range(40)
    ]
    say(*(message for told in stories for message in (told.order_placed(), told.study_available())))
    until(lambda: sql("SELECT 1 FROM cases"))
    os.killpg(processes.running[1].pid, signal.SIGKILL)
    say(*(told.analysis_completed() for told in stories))
    processes.start(*WORKER)
    until(all_in(State.AWAITING_HUMAN, 40))
    found = counted()
    assert (found.accepted, found.unexplained) == (40, 0)
    events = sql("SELECT event, count(*) AS n FROM timeline WHERE change = 0 GROUP BY event")
    assert {row["n"] for row in events} == {40}
    assert {row["event"] for row in events} == {
        str(event) for event in (Event.ORDER_PLACED, Event.STUDY_AVAILABLE, Event.ANALYSIS_COMPLETED)
    }
    assert state(_first()) is State.AWAITING_HUMAN


def _first() -> Any:
    with transaction() as session:
        return store.bind(session, store.Keys(study_uid="2.25.0"), "", datetime.now(UTC), opens=False)[0]
