"""What comes at the same time is done together: one transaction for several requests, each with its own answer.

One thread takes whatever waits: work gathers while a commit is on its way to the disk, and nothing waits for company.
A second thread only made the two take the interpreter from each other (measured: docs/adr/0011-group-commit.md).
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

from shared.together import answer, take

Asked = TypeVar("Asked")
Given = TypeVar("Given")

MOST: Final = 32
"""How many are done together: one transaction must not grow with the crowd."""


class Gathering(Generic[Asked, Given]):
    """Does work for all who ask at the time.

    Args:
        work: takes what was asked, and returns for each in order what is given, or what is raised.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Given | Exception]]) -> None:
        self._work = work
        self._waiting: SimpleQueue[tuple[Asked, Future[Given]]] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    async def ask(self, asked: Asked) -> Given:
        """What is given for it; raises what its own work raised."""
        if self._thread is None:
            self._start()
        promised: Future[Given] = Future()
        self._waiting.put((asked, promised))
        return await asyncio.wrap_future(promised)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="gathering", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            first = self._waiting.get()
            taken = [first, *take(self._waiting, MOST - 1)]
            answer([one for one in taken if one[1].set_running_or_notify_cancel()], self._work)
