"""Databases brought to what the code needs, by whoever comes first."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared import settings
from shared.embedded import Stack
from shared.errors import Unavailable
from shared.migrate import is_current, migrate

SERVICE = "scratch"


@pytest.fixture
def scratch(hub_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database of a service that has only the plumbing; its address."""
    monkeypatch.setenv("HUB_SCRATCH_DATABASE_URL", hub_stack.postgres.add_database(SERVICE))
    settings.database_url.cache_clear()
    yield settings.database_url(SERVICE).replace("+psycopg", "")
    settings.database_url.cache_clear()
    hub_stack.postgres.drop_databases([SERVICE])


@pytest.mark.usefixtures("scratch")
def test_two_migrations_at_the_same_time_do_the_work_once() -> None:
    assert not is_current(SERVICE)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(migrate, SERVICE) for _ in range(2)]:
            done.result()
    assert is_current(SERVICE)


def test_a_service_that_had_its_own_sittings_keeps_them(scratch: str) -> None:
    migrate(SERVICE)
    with psycopg.connect(scratch, autocommit=True) as connection:
        connection.execute("DROP INDEX sitting_at")
        connection.execute("ALTER TABLE sitting RENAME at TO began_at")
        connection.execute("INSERT INTO sitting (session, thing) VALUES ('user 1', 'Patient/1')")
        connection.execute("UPDATE alembic_version SET version_num = 'plumbing_0001'")

        migrate(SERVICE)

        (kept,) = connection.execute("SELECT session, thing FROM sitting WHERE at <= now()").fetchall()
    assert kept == ("user 1", "Patient/1")


@pytest.mark.parametrize("service", ["imaging", "prediction"])
def test_a_service_that_had_its_own_consents_keeps_them(service: str, database: Callable[[str], str]) -> None:
    """As they were: the service's own revision had made the table, and the plumbing's does not know of it yet."""
    with psycopg.connect(database(service).replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO consent (id, patient, version, given_at, active, denies)"
            " VALUES ('c', 'p', 2, now(), true, true)"
        )
        connection.execute(
            "UPDATE alembic_version SET version_num = 'plumbing_0002' WHERE version_num = 'plumbing_0003'"
        )
        assert not is_current(service)

        migrate(service)

        kept = connection.execute("SELECT id, patient, version, denies FROM consent").fetchall()
    assert is_current(service)
    assert kept == [("c", "p", 2, True)]


def test_a_newer_database_is_current_and_an_older_one_is_not(scratch: str) -> None:
    migrate(SERVICE)

    with psycopg.connect(scratch, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'plumbing_9999'")
        assert is_current(SERVICE)
        connection.execute("DELETE FROM alembic_version")
        assert not is_current(SERVICE)


def test_a_database_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SCRATCH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.database_url.cache_clear()

    with pytest.raises(Unavailable, match="database of scratch is away"):
        is_current(SERVICE)
    settings.database_url.cache_clear()
