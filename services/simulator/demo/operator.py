"""The operator of the demo's hub: its own commands, and a schedule in which follow-ups can be booked."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from shared.errors import Unavailable

SCHEDULE: Final = ("Radiology follow-up", "--zone", "Europe/Paris", "--hours", "mon-fri 08:00-17:00")
_NONE_YET: Final = "There is no schedule yet"
_SECONDS: Final = 60


def hub(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command of the hub prints.

    Raises:
        Unavailable: it failed.
    """
    done = subprocess.run(  # noqa: S603 (the hub's own command)
        [sys.executable, "-m", "shared.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise Unavailable(f"`hub {' '.join(arguments[:2])}` failed", fix=done.stderr.strip())
    return done.stdout


def open_a_schedule(environment: Mapping[str, str]) -> None:
    """Add the demo's schedule where there is none.

    Raises:
        Unavailable: the hub's own commands failed.
    """
    if _NONE_YET in hub(["schedules", "list"], environment):
        hub(["schedules", "add", *SCHEDULE], environment)
