"""`hub up`, `hub down`, `hub reset`: run the hub of this checkout, end it, drop its data."""

import argparse
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

from shared import embedded
from shared.cli import running
from shared.embedded import CannotStart

PATIENCE_S: Final = 60.0
"""How long a hub may take to end in order."""

stores = embedded.stores


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands."""
    up = commands.add_parser("up", help="run every process until Ctrl-C; servers that HUB_* settings name are used")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="end the hub that runs here; its data stays")
    down.set_defaults(run=_down)
    reset = commands.add_parser("reset", help="drop the data of the hub here, for good")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.set_defaults(run=_reset)


def _up(_: argparse.Namespace) -> int:
    with embedded.run_hub(running.state_folder()) as hub, running.remembered(hub):
        sys.stderr.write("Ctrl-C ends it; the data stays.\n")
        wait_for_the_end()
    return 0


def wait_for_the_end() -> None:
    """Return once somebody presses Ctrl-C, or asks the process to end."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _down(_: argparse.Namespace) -> int:
    holder = _holder()
    if holder is None:
        sys.stdout.write("No hub runs here.\n")
        return 0
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while _holder() is not None:
        if time.monotonic() > deadline:
            raise CannotStart(f"The hub (process {holder}) did not end.", fix=f"End it with `kill -9 {holder}`.")
        time.sleep(0.1)
    sys.stdout.write("The hub has ended; its data stays.\n")
    return 0


def _holder() -> int | None:
    return embedded.holder(running.state_folder())


def _reset(told: argparse.Namespace) -> int:
    state = running.state_folder()
    if _holder() is not None:
        raise CannotStart("A hub runs here; its data cannot be dropped.", fix="End it first: `hub down`.")
    if not state.exists():
        sys.stdout.write("There is no data here.\n")
        return 0
    if not told.yes and not _sure(f"All data in {state.resolve()} will be gone. Type yes to go on: "):
        sys.stdout.write("Nothing was dropped.\n")
        return 1
    embedded.reset(state)
    sys.stdout.write("The data is gone. Databases that HUB_* settings name were left alone.\n")
    return 0


def _sure(question: str) -> bool:
    try:
        return input(question).strip().lower() == "yes"
    except EOFError:
        return False
