"""The process as it is deployed: killed in the middle of a study, asked to stop, without its settings."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from pydicom.uid import generate_uid
from slices import data_set, picture
from talking import connected, environment, store

from shared.embedded.machine import free_port

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "services.imaging.listener"]


@pytest.fixture
def start(database: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[[], tuple[Any, int, int]]]:
    """Call it for a process on the database, the ports of DICOM and of /metrics; again for one after it."""
    database("imaging")
    port, metrics = free_port(), free_port()
    own = {"HUB_METRICS_PORT": str(metrics), "HUB_HEARTBEAT_FILE": str(tmp_path / "beat"), "PYTHONPATH": str(ROOT)}
    with ExitStack() as until:

        def run() -> tuple[Any, int, int]:
            child = subprocess.Popen(COMMAND, env=os.environ | environment(tmp_path / "pixels", port) | own)
            until.callback(child.wait)
            until.callback(child.kill)
            deadline = time.monotonic() + 30
            while not answers(metrics):
                assert time.monotonic() < deadline, "the listener did not start"
                assert child.poll() is None, "the listener ended"
                time.sleep(0.05)
            return child, port, metrics

        yield run


def answers(metrics: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=5) as answer:
            return b"hub_imaging_dimse_associations" in answer.read()
    except OSError:
        return False


def test_killed_in_the_middle_of_a_study_nothing_that_was_answered_is_lost_and_the_rest_comes_again(
    start: Any, hub_stack: Any
) -> None:
    study, answered = generate_uid(), []
    sent = [picture(StudyInstanceUID=study) for _ in range(120)]
    child, port, _ = start()
    enough = threading.Event()

    def kill() -> None:
        enough.wait(30)
        os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with connected(port) as association:
        for number, one in enumerate(sent):
            try:
                assert store(association, data_set(one), one.SOPInstanceUID) == 0
            except (AssertionError, RuntimeError):
                break
            answered.append(one.SOPInstanceUID)
            if number == 20:
                enough.set()
    killer.join()
    assert 20 < len(answered) < len(sent)
    url = hub_stack.environment()["HUB_IMAGING_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        stored = {uid for (uid,) in connection.execute("SELECT uid FROM instance")}
        assert set(answered) <= stored
        child, port, _ = start()
        with connected(port) as association:
            assert {store(association, data_set(one), one.SOPInstanceUID) for one in sent} == {0}
        connection.rollback()
        assert connection.execute("SELECT count(*), count(DISTINCT uid) FROM instance").fetchone() == (120, 120)


def test_asked_to_stop_it_ends_in_order(start: Any, tmp_path: Path) -> None:
    child, port, _ = start()
    with connected(port) as association:
        assert association.is_established
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    assert (tmp_path / "beat").exists()


def test_without_its_settings_it_says_which_and_ends() -> None:
    done = subprocess.run(
        COMMAND, env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "HUB_IMAGING_STORE_DIR" in done.stderr
