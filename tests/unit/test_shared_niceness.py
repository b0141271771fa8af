"""A process under `nice` yields the processor to other sessions too, where Linux shares it between sessions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.process import AUTOGROUP

SAY = "from shared.process import be_nice_as_a_session, AUTOGROUP; be_nice_as_a_session(); print(AUTOGROUP.read_text())"


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share between sessions")
def test_a_worker_that_others_must_not_wait_for_is_nice_to_every_session() -> None:
    command = ["nice", "-n", "7", sys.executable, "-c", SAY]
    root = Path(__file__).parents[2]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, start_new_session=True)
    assert told.stdout.split()[-2:] == ["nice", str(min(19, os.nice(0) + 7))]
