"""Which messages may share a commit, and that each has its own fate in it."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.gateway.api.gathering import Gathering
from services.gateway.domain.draft import Draft
from services.gateway.domain.together import groups, leaders, names_of


def in_a_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: in this one a browser's event loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def patient(mrn: str, family: str = "SYNTHETIC", number: str = "1") -> Draft:
    identifier = [{"system": "https://st-luke.example/mrn", "value": mrn}]
    return Draft({"resourceType": "Patient", "id": number, "identifier": identifier, "name": [{"family": family}]})


def order(placer: str, mrn: str) -> Draft:
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "https://st-luke.example/order", "value": placer}],
        "subject": {"identifier": {"system": "https://st-luke.example/mrn", "value": mrn}},
    }
    return Draft(resource)


@pytest.mark.parametrize(
    ("bundles", "together"),
    [
        ([[patient("1")], [patient("2")]], [[0, 1]]),
        ([[patient("1", number="1")], [patient("1", number="2")]], [[0, 1]]),
        ([[patient("1", "BEFORE")], [patient("1", "AFTER")]], [[0], [1]]),
        ([[patient("1")], [order("1", "1")]], [[0], [1]]),
        ([[order("1", "1")], [patient("1")]], [[0], [1]]),
        ([[order("1", "1")], [order("2", "1")]], [[0, 1]]),
        ([[order("1", "1")], [order("1", "1")]], [[0], [1]]),
        ([[order("1", "1"), patient("1")], [order("2", "1"), patient("1")]], [[0, 1]]),
        ([[patient("1", "BEFORE")], [patient("1", "AFTER")], [patient("2")]], [[0, 2], [1]]),
    ],
)
def test_only_what_has_nothing_to_tell_each_other_goes_together(
    bundles: list[list[Draft]], together: list[list[int]]
) -> None:
    assert groups([names_of(drafts) for drafts in bundles]) == together


def test_two_requests_of_one_key_never_go_together() -> None:
    key = [("st-luke", "key 1")]
    assert groups([names_of([patient("1")], key), names_of([patient("2")], key)]) == [[0], [1]]


def test_the_same_resource_in_two_bundles_is_stored_by_the_first() -> None:
    first, second, other = patient("1"), patient("1"), patient("2")
    assert leaders([[first], [second, other]]) == [[first], [first, other]]


def test_what_waits_is_done_together_and_each_gets_its_own() -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[list[int]] = []

    def work(asked: Sequence[int]) -> list[int | Exception]:
        begun.set()
        assert go.wait(10)
        done.append(list(asked))
        return [ValueError("odd") if one % 2 else one * 10 for one in asked]

    async def ask() -> list[int | BaseException]:
        gathering: Gathering[int, int] = Gathering(work)
        first = asyncio.create_task(gathering.ask(0))
        assert await asyncio.to_thread(begun.wait, 10)
        others = [asyncio.create_task(gathering.ask(number)) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        others[-1].cancel()
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    first, odd, even, gone = in_a_loop(ask())
    assert (first, even) == (0, 20)
    assert isinstance(odd, ValueError)
    assert isinstance(gone, asyncio.CancelledError)
    assert done == [[0], [1, 2]]


def test_nobody_waits_for_ever_when_the_work_breaks() -> None:
    def work(_: Sequence[int]) -> list[int | Exception]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        in_a_loop(Gathering(work).ask(1))
