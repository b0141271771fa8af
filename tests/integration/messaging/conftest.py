"""A real broker and database, and the real commands as processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from shared import topology
from shared.embedded import Stack
from shared.events import SUBSCRIPTIONS, Lane, dead_letters_of, queue_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for `hands`; processes get the same by PYTHONPATH, for `trial_tasks`

from hands import Post, Process, Start  # noqa: E402 (found by the line above)


@pytest.fixture
def post(hub_stack: Stack, database: Callable[[str], str]) -> Iterator[Post]:
    """Empty queues and tables, and two tables for the handlers of `trial_tasks`."""
    address = database("imaging").replace("+psycopg", "")
    broker = hub_stack.environment()["HUB_BROKER_URL"]
    hands = Post(broker, address)
    topology.declare(broker)
    channel = hands.channel()
    for service in SUBSCRIPTIONS:
        for queue in (*(queue_of(service, lane) for lane in Lane), dead_letters_of(service)):
            channel.queue_purge(queue)
    hands.sql("CREATE TABLE IF NOT EXISTS effect (message_id text)")
    hands.sql("CREATE TABLE IF NOT EXISTS mended (yes boolean)")
    yield hands
    hands.sql("DROP TABLE IF EXISTS effect, mended")


@pytest.fixture
def start(tmp_path: Path, hub_stack: Stack) -> Start:
    """Start a command as production does; it is killed at the end."""

    @contextmanager
    def running(*command: str, **settings: str) -> Iterator[Process]:
        log = tmp_path / f"{time.monotonic_ns()}.log"
        environment = os.environ | hub_stack.environment() | {"PYTHONPATH": str(HERE)} | settings
        with log.open("wb") as out:
            child = subprocess.Popen([sys.executable, *command], env=environment, stdout=out, stderr=out)
        process = Process(child, log)
        try:
            yield process
        finally:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(10)
            child.kill()
            child.wait()

    return running


@pytest.fixture
def relay(start: Start, post: Post) -> Iterator[Process]:  # noqa: ARG001 (tables and queues first)
    """The relay of imaging."""
    with start("-m", "shared.relay", "imaging") as process:
        yield process


WORKER: Sequence[str] = (
    "-m", "celery", "-A", "trial_tasks", "worker", "-Q", "imaging.stat,imaging.urgent,imaging.routine",
    "-P", "prefork", "--concurrency", "1", "-n", "trial@%h", "--without-gossip", "--without-mingle",
)  # fmt: skip


@pytest.fixture
def worker(start: Start, post: Post) -> Iterator[Process]:  # noqa: ARG001 (tables and queues first)
    """A worker of imaging with the handlers of `trial_tasks`."""
    with start(*WORKER) as process:
        yield process
