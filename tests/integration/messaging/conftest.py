"""A real broker and database, and the real commands as processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from shared import topology
from shared.embedded import Stack
from shared.events import SUBSCRIPTIONS, UNROUTED, dead_letters_of, queues_of
from shared.migrate import migrate

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for `hands`; processes get the same by PYTHONPATH, for `trial_tasks`

from hands import RELAY, WORKER, Post, Process, Start  # noqa: E402 (found by the line above)


@pytest.fixture(scope="module")
def tables(hub_stack: Stack) -> Iterator[str]:
    """The database of imaging with two more tables, for the handlers of `trial_tasks`; its address."""
    migrate("imaging")
    address = hub_stack.environment()["HUB_IMAGING_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE effect (message_id text)")
        connection.execute("CREATE TABLE mended (yes boolean)")
    yield address
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE effect, mended")


@pytest.fixture
def post(hub_stack: Stack, tables: str, database: Callable[[str], str]) -> Post:
    """Empty queues and tables."""
    database("imaging")
    hands = Post(hub_stack.environment()["HUB_BROKER_URL"], tables)
    topology.declare(hands.broker)
    with hands.channel() as channel:
        for service in SUBSCRIPTIONS:
            for queue in (*queues_of(service), dead_letters_of(service), UNROUTED):
                channel.queue_purge(queue)
    return hands


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, hub_stack: Stack) -> Start:
    """Start a command as production does; it is stopped at the end."""
    folder = tmp_path_factory.mktemp("processes")

    @contextmanager
    def running(*command: str, **settings: str) -> Iterator[Process]:
        log = folder / f"{time.monotonic_ns()}.log"
        environment = os.environ | hub_stack.environment() | {"PYTHONPATH": str(HERE)} | settings
        with log.open("wb") as out:
            child = subprocess.Popen([sys.executable, *command], env=environment, stdout=out, stderr=out)
        try:
            yield Process(child, log)
        finally:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(10)
            child.kill()
            child.wait()

    return running


@pytest.fixture(scope="module")
def relay(start: Start, tables: str) -> Iterator[Process]:  # noqa: ARG001 (tables first)
    """The relay of imaging."""
    with start(*RELAY) as process:
        yield process


@pytest.fixture(scope="module")
def worker(start: Start, tables: str) -> Iterator[Process]:  # noqa: ARG001 (tables first)
    """A worker of imaging with the handlers of `trial_tasks`."""
    with start(*WORKER) as process:
        yield process
