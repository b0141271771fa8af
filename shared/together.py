"""What is asked for at the same time is done together, and each who asked gets an answer of their own.

Who takes what waits, and when, is the caller's: a thread of its own, or whoever comes first.
Why: docs/adr/0011-group-commit.md.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from shared.telemetry import log

Asked = TypeVar("Asked")
Given = TypeVar("Given")


def take(waiting: SimpleQueue[tuple[Asked, Future[Given]]], most: int) -> list[tuple[Asked, Future[Given]]]:
    """What waits now, at most so many; empty when nothing does."""
    taken: list[tuple[Asked, Future[Given]]] = []
    try:
        while len(taken) < most:
            taken.append(waiting.get_nowait())
    except Empty:
        pass
    return taken


def answer(
    taken: Sequence[tuple[Asked, Future[Given]]], work: Callable[[Sequence[Asked]], Sequence[Given | Exception]]
) -> None:
    """Do the work for all of them; nobody waits for ever, whatever breaks.

    Args:
        taken: what was asked, and what its answer was promised by.
        work: returns for each in order what is given, or what is raised.
    """
    try:
        given = work([asked for asked, _ in taken])
    except Exception as error:  # noqa: BLE001 (nobody may wait for ever, whatever broke)
        log.exception("shared_work_failed", error=type(error).__name__)
        given = [error] * len(taken)
    for (_, promised), one in zip(taken, given, strict=True):
        if isinstance(one, Exception):
            promised.set_exception(one)
        else:
            promised.set_result(one)
