"""Both doors at the same time, and a store that goes away: still one reading, and never silence."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.imaging import store, tasks
from services.imaging.tasks import announce_study, read_study, revoke_order
from shared.errors import Unavailable
from shared.events import Event


def together(*acts: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(act) for act in acts]]


@pytest.mark.parametrize("_", range(10))
def test_pixels_and_announcement_at_the_same_time_start_one_reading(
    imaging: Any, child: Any, announcement: Any, _: int
) -> None:
    hub, one = imaging(), child()
    other = one.another()
    message = announcement(one, instances=2)
    together(
        lambda: hub.stow(one.part10()),
        lambda: hub.stow(other.part10()),
        lambda: hub.stow(one.part10()),
        lambda: announce_study(message),
        lambda: announce_study(message),
    )
    assert len(hub.said(Event.STUDY_COMPLETED)) == 1
    assert hub.state(one.study) == ("complete", None)


@pytest.mark.parametrize("_", range(5))
def test_an_announcement_and_its_revocation_at_the_same_time_leave_nothing_to_read(
    imaging: Any, child: Any, announcement: Any, revocation: Any, _: int
) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10())
    together(lambda: announce_study(announcement(one)), lambda: revoke_order(revocation(one)))
    assert hub.state(one.study) == ("revoked", None)


def test_the_same_study_read_by_two_workers_is_answered_once(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child(born="19800101")
    hub.stow(one.part10())
    announce_study(announcement(one))
    [message] = hub.said(Event.STUDY_COMPLETED)
    together(*(lambda: read_study(message) for _ in range(4)))
    assert len(hub.said(Event.ANALYSIS_REFUSED)) == 1


def test_a_store_that_is_away_is_waited_for_and_then_said(imaging: Any, child: Any, announcement: Any) -> None:
    hub, one = imaging(), child()
    hub.stow(one.part10())
    announce_study(announcement(one))
    [message] = hub.said(Event.STUDY_COMPLETED)
    with away(hub.folder):
        with pytest.raises(Unavailable):
            read_study(message)
        assert hub.state(one.study) == ("complete", None)
    with store.transaction() as session:
        tasks.refuse_unread(session, message)
    [said] = hub.said(Event.ANALYSIS_REFUSED)
    assert said.resource("Observation")["dataAbsentReason"]["coding"][0]["code"] == "unreadable"


@contextmanager
def away(folder: Path) -> Iterator[None]:
    hidden = folder.with_name("hidden")
    folder.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(folder)
