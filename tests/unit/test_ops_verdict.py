"""The operator's line: all well, or what is wrong, the worst first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.ops.verdict import Held, Level, Problem, Queue, Standing, headline, judge

HELD = Held(due=0, delayed=3, refused=0, oldest=timedelta(0), letters=0, heard_lately=0, heard_last=None)
STAT = Queue("imaging.stat", worker=True, ready=0, consumers=1)
LETTERS = Queue("imaging.dead-letters", worker=False, ready=0, consumers=1)
WELL = Standing(("imaging_0001", "plumbing_0001"), True, HELD, (STAT, LETTERS))


def test_a_service_that_has_nothing_to_do_is_well() -> None:
    assert judge(WELL) == []
    assert headline(judge(WELL)) == "All well"


@pytest.mark.parametrize(
    ("oldest", "level"),
    [(60, None), (61, Level.WATCH), (600, Level.WATCH), (601, Level.WRONG)],
)
def test_what_waits_to_be_sent_is_looked_at_after_a_minute_and_wrong_after_ten(
    oldest: int, level: Level | None
) -> None:
    held = replace(HELD, due=1, oldest=timedelta(seconds=oldest))
    assert [problem.level for problem in judge(replace(WELL, held=held))] == ([level] if level is not None else [])


@pytest.mark.parametrize(("letters", "told"), [(1, "1 dead letter waits"), (2, "2 dead letters wait")])
def test_dead_letters_are_to_be_looked_at(letters: int, told: str) -> None:
    [problem] = judge(replace(WELL, held=replace(HELD, letters=letters)))
    assert (problem.level, problem.text) == (Level.WATCH, f"{told} for a decision")


def test_a_lane_without_a_worker_is_wrong_though_nothing_waits() -> None:
    [problem] = judge(replace(WELL, queues=(replace(STAT, consumers=0), LETTERS)))
    assert (problem.level, problem.text) == (Level.WRONG, "no worker takes from imaging.stat (0 waiting)")


def test_dead_letters_that_nobody_takes_in_are_the_relays_fault() -> None:
    [problem] = judge(replace(WELL, queues=(STAT, replace(LETTERS, consumers=0, ready=2))))
    assert problem.text == "no relay takes from imaging.dead-letters (2 waiting)"


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (replace(WELL, queues=None), "the broker is not reachable"),
        (replace(WELL, revisions=None, current=False, held=None), "its database does not answer"),
        (replace(WELL, current=False, held=None), "its database is older than the code; run `hub migrate`"),
        (replace(WELL, queues=(replace(STAT, ready=None),)), "the queue imaging.stat is not declared; start the relay"),
        (replace(WELL, not_ready="The store cannot be written"), "not ready: The store cannot be written"),
    ],
)
def test_what_does_not_answer_is_wrong_and_is_said_plainly(standing: Standing, told: str) -> None:
    assert judge(standing) == [Problem(Level.WRONG, told)]


def test_the_worst_comes_first_and_everything_is_counted() -> None:
    held = replace(HELD, letters=4, heard_last=datetime.now(UTC))
    found = judge(replace(WELL, held=held, queues=None))
    assert [problem.level for problem in found] == [Level.WRONG, Level.WATCH]
    assert headline(found) == "1 wrong, 1 to look at: the broker is not reachable"
