"""The benchmark itself works; how fast anything is, is not a test."""

import subprocess
import sys
from pathlib import Path

from own import environment


def test_every_figure_is_measured_beside_its_limit() -> None:
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--smoke"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment())
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("| ≥ ") == 4
    assert all(f"\n| {row} |" in done.stdout for row in ("1", "4", "stat | 2", "routine | 4"))
    assert (
        "| C-STORE |" in done.stdout and "| STOW-RS, 10 a request |" in done.stdout
    ) or "could not be had" in done.stdout
