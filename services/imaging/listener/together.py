"""What comes on several associations at the same time shares a commit; each sender is answered after it.

Whoever finds nobody at work records all that waits, its own with the others'; a sender alone is served on its own
thread, and nothing waits for company. See docs/adr/0011-group-commit.md and 0016-dimse.md.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Final

from services.imaging import arrivals
from services.imaging.arrivals import Arrival
from services.imaging.domain.instance import Failure, Stored
from services.imaging.settings import Settings
from shared.telemetry import log

Outcome = Stored | Failure
MOST: Final = 64
"""Instances that share a commit at most."""


class Together:
    """Records arrivals for all who ask at the time.

    Args:
        record: `arrivals.commit_each`, or what a test puts in its place.
    """

    def __init__(
        self,
        chosen: Settings,
        *,
        record: Callable[[Sequence[Arrival], Settings], Sequence[Outcome | Exception]] = arrivals.commit_each,
    ) -> None:
        self._chosen = chosen
        self._record = record
        self._turn = threading.Lock()
        self._waiting: SimpleQueue[tuple[Arrival, Future[Outcome]]] = SimpleQueue()

    def ask(self, arrival: Arrival) -> Outcome:
        """What became of an instance, once that is committed; raises what its own recording raised."""
        promised: Future[Outcome] = Future()
        self._waiting.put((arrival, promised))
        while not promised.done():
            with self._turn:
                if not promised.done():
                    self._answer(self._all_that_waits())
        return promised.result()

    def _all_that_waits(self) -> list[tuple[Arrival, "Future[Outcome]"]]:
        taken: list[tuple[Arrival, Future[Outcome]]] = []
        try:
            while len(taken) < MOST:
                taken.append(self._waiting.get_nowait())
        except Empty:
            pass
        return taken

    def _answer(self, taken: Sequence[tuple[Arrival, "Future[Outcome]"]]) -> None:
        try:
            given = self._record([arrival for arrival, _ in taken], self._chosen)
        except Exception as error:  # noqa: BLE001 (nobody may wait for ever, whatever broke)
            log.exception("arrivals_not_recorded", error=type(error).__name__)
            given = [error] * len(taken)
        for (_, promised), one in zip(taken, given, strict=True):
            if isinstance(one, Exception):
                promised.set_exception(one)
            else:
                promised.set_result(one)
