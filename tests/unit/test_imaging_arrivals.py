"""What a process remembers of senders, and how what they bring at the same time is recorded: without a database."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.imaging import arrivals
from services.imaging.arrivals import MOST_REMEMBERED, REMEMBERED_S, Arrival, Noted, Outcome
from services.imaging.domain.instance import Failure, Stored
from services.imaging.together import Together
from shared.errors import Unavailable


def test_what_is_on_record_is_remembered_for_a_minute_however_often_it_is_seen() -> None:
    now = 0.0
    noted = Noted(lambda: now)
    noted.add(["1.2"])
    now = REMEMBERED_S - 1
    noted.add(["1.2", "1.3"])
    assert "1.2" in noted
    now = REMEMBERED_S + 1
    assert "1.2" not in noted
    assert "1.3" in noted


def test_a_flood_of_studies_does_not_fill_the_memory() -> None:
    noted = Noted()
    for number in range(3 * MOST_REMEMBERED):
        noted.add([str(number)])
    assert len(vars(noted)["_until"]) <= MOST_REMEMBERED + 1


def brought(*outcomes: Outcome | Exception) -> list[Any]:
    """Arrivals that stand for what becomes of them."""
    return list(outcomes)


def recorded(groups: Sequence[Sequence[Any]], _: Any) -> list[list[Outcome] | Exception]:
    return [next((one for one in group if isinstance(one, Exception)), list(group)) for group in groups]


def test_what_several_bring_at_the_time_is_recorded_together_and_each_hears_of_its_own() -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []

    def record(groups: Sequence[Sequence[Arrival]], chosen: Any) -> list[list[Outcome] | Exception]:
        done.append(len(groups))
        begun.set()
        assert go.wait(10)
        return recorded(groups, chosen)

    together = Together(lambda: None, record=record)  # type: ignore[arg-type, return-value]  # no settings are needed
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(together.ask, brought(Stored.NEW))
        assert begun.wait(10)
        several = pool.submit(together.ask, brought(Stored.NEW, Failure.CONFLICT, Stored.DUPLICATE))
        broken = pool.submit(together.ask, brought(ValueError("odd")))
        while vars(together)["_waiting"].qsize() < 2:
            assert not several.done()
        go.set()
        assert first.result(10) == [Stored.NEW]
        assert several.result(10) == [Stored.NEW, Failure.CONFLICT, Stored.DUPLICATE]
        with pytest.raises(ValueError, match="odd"):
            broken.result(10)
    assert done == [1, 2]


@pytest.mark.parametrize(("error", "tries"), [(ValueError("odd"), 3), (Unavailable("away"), 1)])
def test_of_what_fails_together_each_is_tried_alone_unless_nothing_can_be_stored(
    monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    tried: list[list[Any]] = []

    def commit(together: Sequence[Any], _: Any) -> list[Any]:
        tried.append(list(together))
        if error in together:
            raise error
        return list(together)

    monkeypatch.setattr(arrivals, "commit", commit)
    good = brought(Stored.NEW, Stored.NEW)
    outcomes = arrivals.commit_each([good, brought(error)], None)  # type: ignore[arg-type]  # no settings are needed
    assert outcomes[0] == (good if tries > 1 else error)
    assert outcomes[1] is error
    assert len(tried) == tries
