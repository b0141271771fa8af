"""The servers that a hub stands on, as one context: PostgreSQL and RabbitMQ, private to a state folder."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from shared.embedded import packages
from shared.embedded.machine import is_root, require_disk, server_folder
from shared.embedded.postgres import Postgres
from shared.embedded.rabbitmq import RabbitMQ


class Stack:
    """A running PostgreSQL with a database for each service, and a running RabbitMQ.

    Args:
        given: settings that name servers which already run; those are used, not started.
    """

    def __init__(self, state: Path, services: Sequence[str], given: Mapping[str, str]) -> None:
        folder = server_folder(state)
        if is_root():
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.postgres = Postgres(folder / "postgres", state / "logs" / "postgres.log")
        self.rabbitmq = RabbitMQ(folder / "rabbitmq", state / "logs" / "rabbitmq.log")
        self._missing = {name: service for service in services if (name := variable(service)) not in given}
        self._starts_broker = "HUB_BROKER_URL" not in given
        self._environment = {
            name: given[name] for name in ("HUB_BROKER_URL", *map(variable, services)) if name in given
        }

    def environment(self) -> dict[str, str]:
        """The settings by which services find the servers."""
        return dict(self._environment)

    def start(self) -> None:
        """Start what is not given and make what databases are missing."""
        if self._starts_broker:
            packages.root_of(packages.RABBITMQ)  # what may fail for want of a network comes first
        if self._missing:
            self.start_database()
            self._environment |= {name: self.postgres.add_database(of) for name, of in self._missing.items()}
        if self._starts_broker:
            self.start_broker()
            self._environment["HUB_BROKER_URL"] = self.rabbitmq.url

    def stop(self) -> None:
        """End both servers; the data stays."""
        self.rabbitmq.stop()
        self.postgres.stop()

    def start_broker(self) -> None:
        """Start RabbitMQ again, on the same port and data."""
        self.rabbitmq.start()

    def kill_broker(self) -> None:
        """Crash RabbitMQ (SIGKILL)."""
        self.rabbitmq.kill()

    def start_database(self) -> None:
        """Start PostgreSQL again, on the same port and data."""
        self.postgres.start()

    def kill_database(self) -> None:
        """Crash PostgreSQL (SIGKILL)."""
        self.postgres.kill()


def variable(service: str) -> str:
    """The setting that names a service's database."""
    return f"HUB_{service.upper()}_DATABASE_URL"


@contextmanager
def stack(state: Path, *, services: Sequence[str], given: Mapping[str, str] = MappingProxyType({})) -> Iterator[Stack]:
    """Run the servers of a state folder; call it from a thread that outlives them (the main one).

    Raises:
        CannotStart: the machine lacks something; nothing is left running.
    """
    (state / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    require_disk(state)
    servers = Stack(state, services, given)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def reset(state: Path) -> None:
    """Drop a stopped hub's data for good."""
    shutil.rmtree(server_folder(state), ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)
