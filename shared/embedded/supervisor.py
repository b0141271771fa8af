"""Keeps processes running: one thread spawns all of them, watches them, and starts again what ended.

The kernel ties a child's life to the thread that spawned it (see `children`), so that thread lives as long as
the hub; other threads only say what they want.
"""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared.embedded import children

LOOK_EVERY_S: Final = 0.1
FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
STEADY_AFTER_S: Final = 30.0
"""A process that ran this long starts again at once when it ends."""


@dataclass
class Kept:
    """A process under supervision.

    Attributes:
        fresh: folders emptied before each start.
        wanted: whether it should be running.
        failures: unwanted ends since it last ran steadily.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    fresh: Sequence[Path] = ()
    wanted: bool = True
    failures: int = 0
    child: children.Child | None = field(default=None, repr=False)
    started: float = 0.0
    due: float = 0.0


class Supervisor:
    """A running set of processes.

    Args:
        folder: their working directory.
        tell: is given a sentence when a process ends unasked.
    """

    def __init__(self, kept: Sequence[Kept], *, folder: Path, tell: Callable[[str], None]) -> None:
        self._kept = {process.name: process for process in kept}
        self._folder = folder
        self._tell = tell
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start everything."""
        self._thread.start()

    def close(self) -> None:
        """End everything."""
        self.stop(*self._kept)
        self._over.set()
        self._thread.join()

    def stop(self, *names: str) -> None:
        """End processes in order, all asked at once, then each waited for; they stay down until `start_again`."""
        ending = []
        with self._lock:
            for process in (self._kept[name] for name in names):
                process.wanted = False
                if process.child is not None:
                    ending.append(process.child)
                    process.child = None
        for child in ending:
            children.ask(child, signal.SIGTERM)
        for child in ending:
            children.see_off(child)

    def start_again(self, name: str, command: Sequence[str] | None = None) -> None:
        """Start a stopped process, with another command from now on if one is given."""
        with self._lock:
            process = self._kept[name]
            process.command = command or process.command
            process.wanted, process.failures, process.due = True, 0, 0.0

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal one process, as an operator or the kernel would; it is started again when it ends.

        Returns:
            The process id that was signalled.
        """
        with self._lock:
            child = self._kept[name].child
        if child is None:
            raise ProcessLookupError(name)
        children.ask(child, number)
        return child.pid

    def pid(self, name: str) -> int | None:
        """The process id, while it runs."""
        child = self._kept[name].child
        return child.pid if child is not None and child.poll() is None else None

    def failures(self, name: str) -> int:
        """How often it ended unasked since it last ran steadily."""
        return self._kept[name].failures

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            for process in self._kept.values():
                with self._lock:
                    self._look_after(process, time.monotonic())

    def _look_after(self, process: Kept, now: float) -> None:
        if process.child is not None and process.child.poll() is not None:
            self._bury(process, process.child, now)
        if process.wanted and process.child is None and now >= process.due:
            for folder in process.fresh:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            process.started = now
            process.child = children.spawn(
                process.command, log=process.log, environment=process.environment, folder=self._folder
            )

    def _bury(self, process: Kept, child: children.Child, now: float) -> None:
        children.kill(child)  # what it may have left in its session
        process.child = None
        if not process.wanted:
            return
        process.failures = 1 if now - process.started > STEADY_AFTER_S else process.failures + 1
        delay = min(FIRST_DELAY_S * 2 ** (process.failures - 1), LONGEST_DELAY_S)
        process.due = now + delay
        self._tell(f"{process.name} ended ({child.returncode}); it starts again in {delay:.1f} s. See {process.log}")
