"""The whole hub on one machine: servers, keys, migrations, one origin, and every process of the table, in order."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from shared.embedded import children
from shared.embedded.machine import (
    LOOPBACK,
    CannotStart,
    free_port,
    locked,
    port_is_free,
    require_disk,
    server_folder,
)
from shared.embedded.nginx import Nginx
from shared.embedded.processes import Process, commands_after, commands_before, local_settings, processes, stores
from shared.embedded.stack import Stack, stack
from shared.embedded.supervisor import Kept, Supervisor
from shared.routes import routes

ROOT: Final = Path(__file__).parents[2]
USUAL_PORT: Final = 8080
READY_WITHIN_S: Final = 120.0
HOPELESS_AFTER: Final = 4
"""Unasked ends during the start after which waiting longer makes no sense."""


class Hub:
    """A running hub.

    Attributes:
        public_url: the one address for people and systems.
        environment: the settings that every process got; enough for `hub ...` commands beside it.
        stack: the servers that were started for it.
    """

    def __init__(self, state: Path, public_url: str, environment: Mapping[str, str], servers: Stack) -> None:
        self.state = state
        self.public_url = public_url
        self.stack = servers
        self.processes: dict[str, Process] = {process.name: process for process in processes()}
        self.ports = {name: free_port() for name in self.processes}
        addresses = {name: self.url(name) for name in self.processes}
        listening = {process.listens: str(free_port()) for process in self.processes.values() if process.listens}
        self.environment = local_settings(addresses, state) | listening | dict(environment)
        self._supervisor: Supervisor | None = None

    def url(self, name: str) -> str:
        """Where a process answers by itself: `/metrics`, and an api everything."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def log(self, name: str) -> Path:
        """The file that holds what a process logs."""
        return self.state / "logs" / f"{name}.log"

    @property
    def supervisor(self) -> Supervisor:
        """Who keeps the processes running."""
        if self._supervisor is None:
            raise CannotStart("The hub's processes are not started yet.")
        return self._supervisor

    def restart(self, name: str) -> None:
        """End one process in order, start it again and wait until it can work."""
        self.supervisor.stop(name)
        self.supervisor.start_again(name)
        self.wait_ready(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal one process; the supervisor starts it again. Returns the process id that was hit."""
        return self.supervisor.kill(name, number)

    def run(self, *arguments: str) -> int:
        """Run `hub <arguments>` with this hub's settings; its output goes to `logs/hub-<command>.log`."""
        return children.run(
            [sys.executable, "-m", "shared.cli", *arguments],
            log=self.log(f"hub-{arguments[0]}"),
            environment=self.environment,
            folder=ROOT,
            as_server=False,
        )

    def start(self, tell: Callable[[str], None]) -> None:
        """Start every process of the table and wait until all can work."""
        kept = [self._kept(process) for process in self.processes.values()]
        self._supervisor = Supervisor(kept, folder=ROOT, tell=tell)
        self._supervisor.start()
        for name in self.processes:
            self.wait_ready(name)

    def wait_ready(self, name: str, *, within_s: float = READY_WITHIN_S) -> None:
        """Wait until a process says that it can work.

        Raises:
            CannotStart: it did not in time, or it keeps ending.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self.supervisor.failures(name) < HOPELESS_AFTER:
            if self.supervisor.pid(name) is not None and _answers(self.url(name) + self.processes[name].ready):
                return
            time.sleep(0.1)
        raise CannotStart(
            f"{name} did not become ready: {children.last_lines(self.log(name))}", fix=f"Look at {self.log(name)}."
        )

    def stop(self) -> None:
        """End every process in order."""
        if self._supervisor is not None:
            self._supervisor.close()

    def _kept(self, process: Process) -> Kept:
        own = self.state / "run" / process.name
        own.mkdir(parents=True, exist_ok=True)
        folders = {variable: own / variable.lower() for variable in process.folders}
        environment = {
            **self.environment,
            **{variable: str(folder) for variable, folder in folders.items()},
            "HUB_HEARTBEAT_FILE": str(own / "heartbeat"),
            process.port: str(self.ports[process.name]),
        }
        return Kept(process.name, process.command, environment, self.log(process.name), tuple(folders.values()))


@contextmanager
def run_hub(
    state: Path,
    *,
    environment: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda sentence: print(sentence, file=sys.stderr),  # noqa: T201 - for a person
) -> Iterator[Hub]:
    """Run the hub of a state folder until the block ends; then nothing of it runs any more.

    Servers that the environment names (`HUB_BROKER_URL`, `HUB_<SERVICE>_DATABASE_URL`) are used; others are started.
    SIGTERM ends the block as Ctrl-C does.

    Args:
        environment: settings; this process's own by default.
        tell: is given a sentence for each step and each process that ends unasked.

    Raises:
        CannotStart: the machine lacks something, or a hub already runs here; nothing is left running.
    """
    given = dict(os.environ if environment is None else environment)
    state = state.resolve()
    with ExitStack() as until:
        until.enter_context(_ended_by_sigterm())
        lock = until.enter_context(locked(state))
        require_disk(state)
        port = _public_port(given.get("HUB_PORT"))
        public_url = given.get("HUB_PUBLIC_URL", f"http://{LOOPBACK}:{port}")
        tell("Starting PostgreSQL and RabbitMQ ...")
        servers = until.enter_context(stack(state, services=stores(), given=given))
        settings = {
            **given,
            **servers.environment(),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "HUB_STATE_DIR": str(state),
            "HUB_PUBLIC_URL": public_url,
            "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE": str(state / "keys" / "session.key"),
            "HUB_SESSION_PUBLIC_KEY_FILE": str(state / "keys" / "session.pub"),
        }
        hub = Hub(state, public_url, settings, servers)
        tell("Making keys and migrating databases ...")
        _prepare(hub)
        apis = {hub.processes[name].service: at for name, at in hub.ports.items() if name.endswith("-api")}
        nginx = Nginx(server_folder(state) / "nginx", hub.log("nginx"), port=port, upstreams=apis)
        until.callback(nginx.stop)
        nginx.start(routes())
        tell(f"Starting {len(hub.processes)} processes ...")
        until.callback(hub.stop)
        hub.start(tell)
        lock.write_text(f"{os.getpid()}\n{public_url}\n")
        tell(f"The hub runs at {public_url}")
        yield hub


def _prepare(hub: Hub) -> None:
    """Keys once, then each database and what belongs in it; all leave alone what is already there."""
    services = [step for service in stores() for step in (("migrate", service), *commands_after(service))]
    for arguments in (*commands_before(), *services):
        if hub.run(*arguments) != 0:
            log = hub.log(f"hub-{arguments[0]}")
            raise CannotStart(f"`hub {' '.join(arguments)}` failed: {children.last_lines(log)}", fix=f"Look at {log}.")


def _public_port(fixed: str | None) -> int:
    """The port of the one origin: the one asked for, else the usual one, else any."""
    if fixed is None:
        return USUAL_PORT if port_is_free(USUAL_PORT) else free_port()
    if not fixed.isdecimal() or not port_is_free(int(fixed)):
        raise CannotStart(
            f"Port {fixed} (HUB_PORT) cannot be used: another program listens on it.",
            fix="Choose another one in HUB_PORT, or leave it out.",
        )
    return int(fixed)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (URLError, OSError):
        return False


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the block as Ctrl-C does, so that everything ends in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
