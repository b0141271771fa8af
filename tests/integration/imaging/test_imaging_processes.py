"""The service as it runs: api, relay and worker as processes, a real broker, the released model."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from watched import RELEASED

from services.imaging import commands, store
from services.simulator import domain, instances
from services.simulator import fhir as hospital
from shared import outbox, topology
from shared.embedded import Stack
from shared.embedded.machine import free_port
from shared.events import Event, queues_of
from shared.fhir import codes
from shared.fhir.message import Message

CHEST = "cxr-pneumonia-paediatric"
QUEUES = ",".join(queues_of("imaging"))
WORKER = ("celery", "-A", "services.imaging.tasks", "worker", "-Q", QUEUES, "-P", "prefork", "--concurrency", "1")


@contextmanager
def process(log: Path, *command: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", *command], env=os.environ | settings, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def until(condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return seen


@pytest.fixture
def running(imaging: Any, hub_stack: Stack, tmp_path: Path) -> Iterator[tuple[Any, str, str]]:
    """The service, the address of its api and of its worker's metrics."""
    hub = imaging()
    topology.declare(hub_stack.environment()["HUB_BROKER_URL"])
    api, worker = free_port(), free_port()
    (tmp_path / "metrics").mkdir()
    counting = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"), "HUB_METRICS_PORT": str(worker)}
    heart = {"HUB_HEARTBEAT_FILE": str(tmp_path / "heartbeat")}
    listening = {"UVICORN_PORT": str(api), "UVICORN_HOST": "127.0.0.1"}
    with ExitStack() as until_end:
        until_end.enter_context(process(tmp_path / "relay.log", "shared.relay", "imaging"))
        until_end.enter_context(process(tmp_path / "worker.log", *WORKER, **counting, **heart))
        factory = ("uvicorn", "--factory", "services.imaging.api:app")
        until_end.enter_context(process(tmp_path / "api.log", *factory, **listening))
        until(lambda: answers(f"http://127.0.0.1:{api}/readyz"))
        yield hub, f"http://127.0.0.1:{api}", f"http://127.0.0.1:{worker}/metrics"
    for name in ("worker", "api", "relay"):
        assert "SYNTHETIC" not in (tmp_path / f"{name}.log").read_text()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_six_examinations_are_answered_each_once_and_rightly(running: tuple[Any, str, str]) -> None:
    hub, api, metrics = running
    examinations = domain.examinations(11, 6, datetime.now(UTC))
    for examination in examinations:
        send(hub, api, examination)
    said = until(lambda: all_of(hub, len(examinations)))
    outcomes = {codes.study_uid(message.resource("ImagingStudy")): outcome(message) for message in said}
    assert len(outcomes) == len(said) == len(examinations)
    for examination in examinations:
        expected = {"adult": {"adult"}, "pneumonia": {"flagged"}, "normal": {"flagged", "not-flagged"}}
        assert outcomes[examination.study_uid] in expected[examination.picture]
    measured = httpx.get(metrics).text
    assert f'hub_imaging_inference_seconds_count{{model="{CHEST}",version="{RELEASED}"}}' in measured
    stopping_acts_at_once_on_the_running_worker(hub, api)


def stopping_acts_at_once_on_the_running_worker(hub: Any, api: str) -> None:
    """The very next study that the same worker takes is not read any more; then it is again."""
    before = len(hub.said(Event.ANALYSIS_COMPLETED, Event.ANALYSIS_REFUSED))
    children = [e for e in domain.examinations(12, 12, datetime.now(UTC)) if e.picture == "pneumonia"]
    move("disable", CHEST, "--why", "a recall")
    send(hub, api, children[0])
    assert outcome(until(lambda: all_of(hub, before + 1))[-1]) == "disabled"
    move("promote", CHEST, RELEASED, "--to", "live")
    send(hub, api, children[1])
    assert outcome(until(lambda: all_of(hub, before + 2))[-1]) == "flagged"


def move(*words: str) -> None:
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers(required=True))
    told = parser.parse_args(["models", *words])
    told.run(told)


def send(hub: Any, api: str, examination: domain.Examination) -> None:
    """Announcement and file, in the order of the examination."""
    header = hub.sign() | {"Content-Type": 'multipart/related; type="application/dicom"; boundary=edge'}
    part = instances.part10(examination)
    content = b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n--edge--\r\n"
    sent = Message.from_fhir(hospital.announcement(examination))
    steps = [
        lambda: say(sent),
        lambda: httpx.post(f"{api}/dicomweb/studies", content=content, headers=header),
    ]
    for step in steps if examination.first == "announcement" else reversed(steps):
        step()


def say(message: Message) -> None:
    with store.transaction() as session:
        outbox.add(session, message)


def all_of(hub: Any, count: int) -> list[Message]:
    said = hub.said(Event.ANALYSIS_COMPLETED, Event.ANALYSIS_REFUSED)
    return said if len(said) >= count else []


def outcome(message: Message) -> str:
    observation = message.resource("Observation")
    said = observation.get("valueCodeableConcept") or observation["dataAbsentReason"]
    return str(said["coding"][0]["code"])
