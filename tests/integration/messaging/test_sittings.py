"""Sittings: one look at one thing is one access, whoever looks at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from shared import db, sittings
from shared.security import Principal, Role

READER = Principal("ada", "Dr Ada Reader", Role.RADIOLOGIST, "Practitioner/1", "user", frozenset(), "sitting-1")
SYSTEM = Principal("st-luke", "St Luke", None, None, "system", frozenset(), "token-1")


@pytest.fixture
def began(database: Callable[[str], str]) -> Callable[..., list[str]]:
    """Call it with a caller and things: what begins now."""
    database("prediction")

    def begin(who: Principal, *things: str) -> list[str]:
        with db.transaction("prediction") as session:
            return sittings.begin(session, who, things)

    return begin


def test_a_thing_begins_once_for_each_sign_in(began: Callable[..., list[str]]) -> None:
    assert began(READER, "Patient/2", "Patient/1") == ["Patient/1", "Patient/2"]
    assert began(READER, "Patient/1", "Patient/3") == ["Patient/3"]
    assert began(replace(READER, session="sitting-2"), "Patient/1") == ["Patient/1"]
    assert began(READER) == []


def test_a_system_is_one_caller_whichever_of_its_tokens_it_shows(began: Callable[..., list[str]]) -> None:
    assert began(SYSTEM, "Patient/1") == ["Patient/1"]
    assert began(replace(SYSTEM, session="token-2"), "Patient/1") == []


def test_two_looks_at_the_same_time_begin_once(began: Callable[..., list[str]]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: began(READER, "Patient/1"), range(8)))
    assert sorted(answers) == [[]] * 7 + [["Patient/1"]]


@pytest.mark.parametrize(
    ("ago", "begins"), [(sittings.LASTS - timedelta(seconds=30), []), (sittings.LASTS, ["Patient/1"])]
)
def test_a_sitting_ends_when_it_has_lasted_its_time(
    began: Callable[..., list[str]], database: Callable[[str], str], ago: timedelta, begins: list[str]
) -> None:
    address = database("prediction").replace("+psycopg", "")
    began(READER, "Patient/1")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE sitting SET at = at - %s", [ago])
    assert began(READER, "Patient/1") == begins


def test_what_is_long_over_is_forgotten(began: Callable[..., list[str]], database: Callable[[str], str]) -> None:
    address = database("prediction").replace("+psycopg", "")
    began(READER, "Patient/1", "Patient/2")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE sitting SET at = at - %s WHERE thing = 'Patient/1'", [sittings.KEPT])
        with db.transaction("prediction") as session:
            sittings.purge(session)
        assert connection.execute("SELECT thing FROM sitting").fetchall() == [("Patient/2",)]
