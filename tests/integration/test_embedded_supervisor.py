"""The supervisor keeps real processes running, waits longer each time one fails, and ends all of them."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.embedded.supervisor import Kept, Supervisor

LIVES = [sys.executable, "-c", "import signal; signal.pause()"]
DIES = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Supervisor]]:
    running: list[Supervisor] = []

    def begin(**commands: list[str]) -> Supervisor:
        kept = [Kept(name, command, dict(os.environ), tmp_path / f"{name}.log") for name, command in commands.items()]
        running.append(Supervisor(kept, folder=tmp_path, tell=said.append))
        running[0].start()
        return running[0]

    yield begin
    for supervisor in running:
        supervisor.close()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_process_is_started_again_and_a_person_is_told(
    supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise(api=LIVES)
    wait_until(lambda: supervisor.pid("api") is not None)
    first = supervisor.kill("api", signal.SIGKILL)
    wait_until(lambda: supervisor.pid("api") not in {None, first})
    assert said[0].startswith("api ended (-9); it starts again in 0.5 s.")


def test_a_process_that_keeps_failing_waits_longer_each_time(
    supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervise(worker=DIES)
    wait_until(lambda: len(said) >= 3)
    assert ["0.5 s" in said[0], "1.0 s" in said[1], "2.0 s" in said[2]] == [True] * 3


def test_a_stopped_process_stays_down_until_it_is_wanted_again(
    supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise(api=LIVES, other=LIVES)
    wait_until(lambda: None not in {supervisor.pid("api"), supervisor.pid("other")})
    supervisor.stop("api")
    assert supervisor.pid("api") is None
    assert supervisor.pid("other") is not None
    supervisor.start_again("api")
    wait_until(lambda: supervisor.pid("api") is not None)
    assert not said


def test_closing_leaves_no_process(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(api=LIVES, other=LIVES)
    wait_until(lambda: None not in {supervisor.pid("api"), supervisor.pid("other")})
    pids = [supervisor.pid("api"), supervisor.pid("other")]
    supervisor.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
