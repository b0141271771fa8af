"""A message that costs the process that hears it."""

import pytest
from hands import WORKER, Post, Start, order, task_body, task_headers, until

from shared.topology import DELIVERY_LIMIT


@pytest.mark.usefixtures("relay")
def test_a_message_that_kills_its_process_comes_again_until_the_limit_and_is_then_a_dead_letter(
    post: Post, start: Start
) -> None:
    deadly, good = order("die"), order("store")
    post.put(task_body(deadly), headers=task_headers(), message_id=deadly.id)
    post.give_back("imaging.routine", DELIVERY_LIMIT - 1)  # the broker counts these too, and they take no time

    with start(*WORKER) as worker:
        letter = until(lambda: post.letter(deadly.id), seconds=40)
        post.say(good)
        until(lambda: post.effects(good.id) == 1)

        assert letter["reason"] == "delivery_limit"
        assert worker.output().count("WorkerLostError") > 1
        assert worker.child.poll() is None


@pytest.mark.usefixtures("relay")
def test_a_message_whose_handler_does_not_end_costs_its_process_and_is_at_the_limit_a_dead_letter(
    post: Post, start: Start
) -> None:
    endless, good = order("outlast the hard limit"), order("store")
    post.put(task_body(endless), headers=task_headers(), message_id=endless.id)
    post.give_back("imaging.routine", DELIVERY_LIMIT)

    with start(*WORKER, "--time-limit", "3") as worker:
        letter = until(lambda: post.letter(endless.id), seconds=60)
        post.say(good)
        until(lambda: post.effects(good.id) == 1)

        assert letter["reason"] == "delivery_limit"
        assert "TimeLimitExceeded" in worker.output()
        assert worker.child.poll() is None
