"""What tests stand on: a private PostgreSQL and RabbitMQ, and on demand the whole hub; both started once a run."""

import itertools
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from services.simulator.demo.people import People, people
from services.simulator.domain import Examination, First, Picture, Priority, examination
from services.simulator.hospital import Hospital
from shared import broker, embedded, security
from shared.cli.running import remembered
from shared.embedded import Hub, Stack
from shared.embedded.machine import free_port
from shared.migrate import migrate

sys.path.insert(0, str(Path(__file__).parent))  # for `department`, `own`, `watched`
from own import environment


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes run the tests: one takes all that need the whole hub, which is started once; files stay whole.

    First, since pytest-xdist reads the groups in the same hook.
    """
    for item in items:
        together = "hub" if "hub" in getattr(item, "fixturenames", ()) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))


@pytest.fixture(autouse=True)
def _broker_as_the_environment_has_it() -> Iterator[None]:
    """The address is read once a process; a test that names another broker leaves it to nobody."""
    broker.url.cache_clear()
    yield
    broker.url.cache_clear()


@pytest.fixture(scope="session")
def settings_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """The settings that every service needs, with a key pair made for this run."""
    folder = tmp_path_factory.mktemp("keys")
    private, public = security.make_key()
    (folder / "session.key").write_bytes(private)
    (folder / "session.pub").write_bytes(public)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_PUBLIC_URL", "http://127.0.0.1:8080")
        patch.setenv("HUB_SESSION_PUBLIC_KEY_FILE", str(folder / "session.pub"))
        patch.setenv("HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE", str(folder / "session.key"))
        patch.setenv("HUB_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield patch


@pytest.fixture(scope="session")
def hub_stack(tmp_path_factory: pytest.TempPathFactory, settings_environment: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A running PostgreSQL and RabbitMQ; the environment names them to the code under test."""
    state = tmp_path_factory.mktemp("stack")
    try:
        with embedded.stack(state, services=embedded.stores()) as running:
            for name, value in running.environment().items():
                settings_environment.setenv(name, value)
            yield running
    finally:
        embedded.reset(state)


@pytest.fixture(scope="session")
def _migrated() -> set[str]:
    return set()


@pytest.fixture
def database(hub_stack: Stack, _migrated: set[str]) -> Callable[[str], str]:
    """Call it with a service's name: its database, migrated and empty, and the address of it."""

    def prepare(service: str) -> str:
        url = hub_stack.environment()[f"HUB_{service.upper()}_DATABASE_URL"]
        if service not in _migrated:
            migrate(service)
            _migrated.add(service)
        _empty(url)
        return url

    return prepare


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The whole hub: the processes of `deploy/processes.yaml` on servers of their own."""
    state: Path = tmp_path_factory.mktemp("hub")
    try:
        chosen = environment(HUB_PORT=str(free_port()))
        with embedded.run_hub(state, environment=chosen) as running, remembered(running):
            yield running
    finally:
        embedded.reset(state)


@pytest.fixture(scope="session")
def cast(hub: Hub) -> People:
    """Who takes part: a radiologist, a synthetic one, and the hospital's system."""
    return people(hub.state, hub.environment)


@pytest.fixture
def hospital(hub: Hub, cast: People) -> Iterator[Hospital]:
    """A hospital that is connected to the hub."""
    with Hospital(hub.public_url, cast.token) as connected:
        yield connected


_SEED = secrets.randbelow(10**6)
_NUMBERS = itertools.count()


@pytest.fixture
def new_study() -> Callable[[Picture, Priority, First], Examination]:
    """Call it for an examination of a patient who never came before, with a picture that the model's guard lets pass.

    One synthetic picture in a thousand is refused, as odd pictures should be; of samples 0 to 499 none is.
    """

    def make(picture: Picture, priority: Priority, first: First) -> Examination:
        number = next(_NUMBERS)
        return replace(examination(_SEED, number, datetime.now(UTC), picture, priority, first), sample=number)

    return make


@pytest.fixture
def command(hub: Hub) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Call it with the words of a `hub` command: it runs beside the hub, and its output comes back."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "shared.cli", *words],
            env={**os.environ, **hub.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def _empty(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        rows = connection.execute(
            "select tablename from pg_tables where schemaname = 'public' and tablename not like 'alembic%'"
        ).fetchall()
        tables = sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)
        if rows:
            connection.execute(sql.SQL("truncate {} restart identity cascade").format(tables))
