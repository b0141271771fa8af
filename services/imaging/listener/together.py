"""What comes on several associations at the same time shares a commit; each sender is answered after it.

Whoever finds nobody at work records all that waits, its own with the others'; a sender alone is served on its own
thread, and nothing waits for company. See docs/adr/0011-group-commit.md and 0016-dimse.md.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final

from services.imaging import arrivals
from services.imaging.arrivals import Arrival
from services.imaging.domain.instance import Failure, Stored
from services.imaging.settings import Settings
from shared.together import answer, take

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
                    answer(take(self._waiting, MOST), lambda arrivals: self._record(arrivals, self._chosen))
        return promised.result()
