"""The hub as a person runs it: told of what is in the way, ended in every way, and then nothing of it runs."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from own import environment

from shared.embedded import reset
from shared.embedded.machine import server_folder

HUB = [sys.executable, "-m", "shared.cli"]
STARTED_WITHIN_S = 180
ENDED_WITHIN_S = 60


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("person") / "state"
    yield folder
    left = running(folder)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    reset(folder)


def settings(state: Path, **more: str) -> dict[str, str]:
    return environment(HUB_STATE_DIR=str(state), **more)


def running(state: Path) -> set[int]:
    """Every process that works in, was told of, or was started with this hub's folders."""
    marks = [str(state).encode(), str(server_folder(state)).encode()]
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if any(mark in _traces(path) for mark in marks)} - {
        os.getpid()
    }


def _traces(process: Path) -> bytes:
    found = b""
    for name in ("cmdline", "environ"):
        with suppress(OSError):  # ended meanwhile, or another user's
            found += (process / name).read_bytes()
    with suppress(OSError):
        found += str((process / "cwd").readlink()).encode()
    return found


def until(true: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def start(state: Path) -> subprocess.Popen[str]:
    """`hub up`, once it says where it runs."""
    hub = subprocess.Popen(
        [*HUB, "up"], env=settings(state), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert hub.stderr is not None
    said = []
    for line in hub.stderr:
        said.append(line)
        if line.startswith("Ctrl-C"):
            return hub
    raise AssertionError("".join(said))


def told(state: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HUB, *arguments], env=settings(state, **more), capture_output=True, text=True, check=False, timeout=120
    )


def test_a_taken_port_is_one_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = told(tmp_path / "state", "up", HUB_PORT=str(port))
    assert answer.returncode == 1
    assert f"Port {port} (HUB_PORT) cannot be used" in answer.stderr
    assert "Fix:" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not running(tmp_path / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_one_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        answer = told(small / "state", "up")
    finally:
        subprocess.run(["umount", small], check=True)
    assert answer.returncode == 1
    assert "a hub needs 1 GB" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_network_a_first_start_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    nowhere = tmp_path / "apt.conf"
    nowhere.write_text('Acquire::http::Proxy "http://127.0.0.1:9";\nAcquire::https::Proxy "http://127.0.0.1:9";\n')
    state = tmp_path / "state"
    more = {"APT_CONFIG": str(nowhere), "HUB_CACHE_DIR": str(tmp_path / "cache")}
    answer = told(state, "up", **more)
    reset(state)
    if "The hub runs" in answer.stderr:
        pytest.skip("RabbitMQ and nginx are installed on this machine: nothing is downloaded")
    assert answer.returncode == 1
    assert "could not be downloaded" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not running(state)
    assert not list((tmp_path / "cache").glob("servers*/*"))


def test_a_second_start_is_told_of_the_first_and_kill_9_and_sigterm_leave_nothing(state: Path) -> None:
    first = start(state)
    second = told(state, "up")
    assert second.returncode == 1
    assert "A hub already runs" in second.stderr
    assert "http://127.0.0.1:" in second.stderr
    assert len(running(state)) > 10

    first.kill()
    assert until(lambda: not running(state), ENDED_WITHIN_S), _names(running(state))

    again = start(state)
    address = (state / "hub.lock").read_text().split()[1]
    with urlopen(f"{address}/fhir/metadata", timeout=10) as answer:  # noqa: S310 - loopback
        assert answer.status == 200
    ended = told(state, "down")
    assert ended.returncode == 0
    assert again.wait(ENDED_WITHIN_S) == 0
    assert not running(state), _names(running(state))
    assert (state / "keys").is_dir()


def _names(pids: set[int]) -> list[bytes]:
    return [(Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in pids]
