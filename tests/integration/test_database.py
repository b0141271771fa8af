"""A service's connections: one that died while it lay idle is noticed before it is used."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from shared import db


def test_a_connection_that_died_while_idle_costs_nobody_a_failure(
    database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = database("imaging").replace("+psycopg", "")
    monkeypatch.setattr(db, "FRESH_S", 0.0)
    before = _number()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    assert _number() != before


def test_a_connection_in_steady_use_is_kept(database: Callable[[str], str]) -> None:
    database("imaging")
    assert len({_number() for _ in range(3)}) == 1


def _number() -> int:
    """The process that serves the connection."""
    with db.transaction("imaging") as session:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())
