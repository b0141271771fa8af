"""Children that never outlive us: each asks the kernel to be signalled when its parent dies.

Source: prctl(2), PR_SET_PDEATHSIG: the parent is the spawning *thread*, which therefore has to live
as long as its children.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from shared.embedded.machine import UNPRIVILEGED, CannotStart, is_root

Child: TypeAlias = subprocess.Popen[bytes]

PATIENCE_S = 20.0
"""How long a child may take to end before it is killed."""
LET_GO_WITHIN_S = 20.0
"""A server refuses to start while its killed predecessor, which ends by itself, still holds its memory or name."""


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
    dying_signal: str = "TERM",
    as_server: bool = False,
) -> Child:
    """Start a child in a session of its own (Ctrl-C reaches us alone), its output appended to a log.

    Args:
        command: program and arguments.
        log: file that gets what the child prints.
        environment: all of the child's environment.
        folder: working directory.
        dying_signal: what the kernel sends the child when we die.
        as_server: as root, drop to the unprivileged user.
    """
    if shutil.which("setpriv") is None:
        message = "The program `setpriv` was not found."
        raise CannotStart(message, fix="Install the package util-linux (this needs Linux).")
    drop = f"--reuid={UNPRIVILEGED} --regid={UNPRIVILEGED} --clear-groups".split()
    wrapper = ["setpriv", *(drop if as_server and is_root() else []), "--pdeathsig", dying_signal]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - every command is our own
            [*wrapper, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )


def run(command: Sequence[str], *, log: Path, environment: Mapping[str, str], folder: Path, as_server: bool) -> int:
    """Run a child to its end and return its exit status."""
    child = spawn(command, log=log, environment=environment, folder=folder, as_server=as_server)
    try:
        return child.wait()
    finally:
        kill(child)


def await_server(
    start: Callable[[], Child], answers: Callable[[], bool], *, name: str, log: Path, ready_s: float
) -> None:
    """Start a server, again if it ends beside a dying predecessor, and return once it answers.

    Args:
        start: spawns it.
        answers: one try of a client.
        name: of the server, for the message.
        log: where its words go.
        ready_s: how long one that lives may take.

    Raises:
        CannotStart: it ended each time, or lives and does not answer.
    """
    given_up = time.monotonic() + LET_GO_WITHIN_S
    while True:
        child, late = start(), time.monotonic() + ready_s
        while child.poll() is None and time.monotonic() < late:
            if answers():
                return
            time.sleep(0.05)
        if child.poll() is None or time.monotonic() > given_up:
            raise CannotStart(f"{name} did not start: {last_lines(log)}", fix=f"Look at {log}.")
        time.sleep(0.2)


def stop(child: Child, number: signal.Signals = signal.SIGTERM, *, patience_s: float = PATIENCE_S) -> None:
    """Ask a child to end, wait, and kill what is left of its session."""
    if child.poll() is None:
        ask(child, number)
    see_off(child, patience_s=patience_s)


def see_off(child: Child, *, patience_s: float = PATIENCE_S) -> None:
    """Wait for a child that was asked to end, and kill what is left of its session."""
    with suppress(subprocess.TimeoutExpired):
        child.wait(patience_s)
    kill(child)


def ask(child: Child, number: signal.Signals) -> None:
    """Signal a child that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        child.send_signal(number)


def kill(child: Child) -> None:
    """End a child and everything it started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log, for a message about a child that did not start."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""
