"""What comes on several associations or requests at the same time shares a commit; each sender is answered after it.

Whoever finds nobody at work records all that waits, its own with the others'; a sender alone is served on its own
thread, and nothing waits for company. See docs/adr/0011-group-commit.md and 0016-dimse.md.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final

from services.imaging import arrivals
from services.imaging.arrivals import Arrival, Outcome
from services.imaging.settings import Settings
from shared.together import answer, take

MOST: Final = 64
"""Senders who share a commit at most."""


class Together:
    """Records arrivals for all who ask at the time.

    Args:
        settings: of this process, asked each time.
        record: `arrivals.commit_each`, or what a test puts in its place.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        record: Callable[
            [Sequence[Sequence[Arrival]], Settings], Sequence[list[Outcome] | Exception]
        ] = arrivals.commit_each,
    ) -> None:
        self._settings = settings
        self._record = record
        self._turn = threading.Lock()
        self._waiting: SimpleQueue[tuple[Sequence[Arrival], Future[list[Outcome]]]] = SimpleQueue()

    def ask(self, brought: Sequence[Arrival]) -> list[Outcome]:
        """What became of each that one sender brought, once that is committed; raises what its recording raised."""
        promised: Future[list[Outcome]] = Future()
        self._waiting.put((brought, promised))
        while not promised.done():
            with self._turn:
                if not promised.done():
                    answer(take(self._waiting, MOST), lambda groups: self._record(groups, self._settings()))
        return promised.result()
