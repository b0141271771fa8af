"""What an operator has to know first: whether a service is well, and if not what is wrong, the worst first.

Pure: from what was seen to sentences. Numbers and names of queues only; nothing here knows a patient.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

LATE: Final = timedelta(minutes=1)
"""A row that was due this long ago should have been published."""
STUCK: Final = timedelta(minutes=10)
"""A row that was due this long ago will not be published by itself."""


class Level(IntEnum):
    """How bad it is."""

    WELL = 0
    WATCH = 1
    WRONG = 2


@dataclass(frozen=True)
class Problem:
    """Something that an operator should look at, in one phrase."""

    level: Level
    text: str


@dataclass(frozen=True)
class Queue:
    """A queue as the broker has it.

    Attributes:
        worker: who should consume it: a lane's workers, or (dead letters) the relay.
        ready: messages that wait; None where the broker knows no such queue.
        consumers: processes that take from it.
    """

    name: str
    worker: bool
    ready: int | None = None
    consumers: int = 0


@dataclass(frozen=True)
class Held:
    """What a service's database holds.

    Attributes:
        due, delayed, refused: outbox rows that are not published.
        oldest: for how long the first of them has been due.
        letters: dead letters that wait for a decision.
        heard_lately: messages taken in within `LATELY`.
        heard_last: when the last one was taken in.
    """

    due: int
    delayed: int
    refused: int
    oldest: timedelta
    letters: int
    heard_lately: int
    heard_last: datetime | None


@dataclass(frozen=True)
class Standing:
    """A service as it was found; None is what did not answer.

    Attributes:
        revisions: what its database was brought to.
        current: whether that is what the code needs; if not, nothing of what it holds is read.
        not_ready: why it takes no work, where it says so.
    """

    revisions: tuple[str, ...] | None
    current: bool
    held: Held | None
    queues: tuple[Queue, ...] | None
    not_ready: str | None = None


LATELY: Final = timedelta(minutes=5)


def judge(standing: Standing) -> list[Problem]:
    """What is not as it should be, the worst first."""
    found = [*_database(standing), *_broker(standing.queues)]
    if standing.not_ready:
        found.append(Problem(Level.WRONG, f"not ready: {standing.not_ready}"))
    return worst_first(found)


def worst_first(problems: Sequence[Problem]) -> list[Problem]:
    """The same, sorted; equally bad ones keep their order."""
    return sorted(problems, key=lambda problem: -problem.level)


def headline(problems: Sequence[Problem]) -> str:
    """One line: all well, or how much is wrong and the worst of it."""
    if not problems:
        return "All well"
    wrong = sum(problem.level is Level.WRONG for problem in problems)
    watch = len(problems) - wrong
    counted = [f"{count} {word}" for count, word in ((wrong, "wrong"), (watch, "to look at")) if count]
    return f"{', '.join(counted)}: {worst_first(problems)[0].text}"


def _database(standing: Standing) -> Iterator[Problem]:
    held = standing.held
    if standing.revisions is None:
        yield Problem(Level.WRONG, "its database does not answer")
    elif not standing.current:
        yield Problem(Level.WRONG, "its database is older than the code; run `hub migrate`")
    if held is None:
        return
    waits = f"the oldest message to be sent waits {_length(held.oldest)}"
    if held.oldest > STUCK:
        yield Problem(Level.WRONG, waits)
    elif held.oldest > LATE:
        yield Problem(Level.WATCH, waits)
    if held.refused:
        yield Problem(Level.WATCH, f"the broker refuses {held.refused} {_plural(held.refused, 'message')}")
    if held.letters:
        verb = "waits" if held.letters == 1 else "wait"
        letters = f"{held.letters} {_plural(held.letters, 'dead letter')} {verb} for a decision"
        yield Problem(Level.WATCH, letters)


def _broker(queues: tuple[Queue, ...] | None) -> Iterator[Problem]:
    if queues is None:
        yield Problem(Level.WRONG, "the broker is not reachable")
        return
    for queue in queues:
        if queue.ready is None:
            yield Problem(Level.WRONG, f"the queue {queue.name} is not declared; start the relay")
        elif not queue.consumers:
            who = "no worker takes" if queue.worker else "no relay takes"
            yield Problem(Level.WRONG, f"{who} from {queue.name} ({queue.ready} waiting)")


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds // 60} min" if seconds < 2 * 3600 else f"{seconds // 3600} h"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
