"""Scheduling on a real database, with a schedule that is always open, systems with tokens, and people signed in."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg.rows import dict_row

from services.gateway.settings import settings as gateway_settings
from services.scheduling import api, store
from services.scheduling.domain.appointment import Patient
from services.scheduling.domain.calendar import Schedule, parse_hours
from services.scheduling.settings import settings
from shared import security
from shared.security import Principal, Role

sys.path.insert(0, str(Path(__file__).parent))  # for `asking`

ORIGIN = "http://127.0.0.1:8080"
Sql = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def sql(database: Callable[[str], str]) -> Iterator[Sql]:
    """Ask the database beside the code under test; with it the service is ready to be called."""
    address = database("scheduling").replace("+psycopg", "")
    settings.cache_clear()

    def ask(query: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    yield ask
    settings.cache_clear()


@pytest.fixture
def room(sql: Sql) -> Schedule:  # noqa: ARG001 (the database first)
    """A room that is open day and night."""
    hours = parse_hours("mon-sun 00:00-23:40")
    made = Schedule(str(uuid4()), "Room 1", "follow-up", "Building B", "Europe/Paris", timedelta(minutes=20), hours)
    with store.transaction() as session:
        store.add_schedule(session, made)
    return made


@pytest.fixture
def patient(sql: Sql) -> Patient:  # noqa: ARG001 (the database first)
    """Somebody whom the hospital has told of."""
    made = Patient(str(uuid4()), "https://st-luke.example/mrn", "M-1", "Doe, Jane", "2015-05-05")
    with store.transaction() as session:
        store.remember(session, [(made, datetime.now(UTC))])
    return made


@pytest.fixture
def application(sql: Sql) -> Any:  # noqa: ARG001 (the database first)
    """The service's door."""
    return api.app()


@pytest.fixture
def portal(application: Any) -> Iterator[TestClient]:
    """A system that may make appointments."""
    gateway_settings.cache_clear()
    who = Principal("portal", "Portal", None, None, "system", frozenset({"system/Appointment.crus"}), "t")
    token = security.sign(gateway_settings().private_key(), who, timedelta(days=1))
    with TestClient(application, base_url=ORIGIN, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.fixture
def people(application: Any) -> Callable[..., TestClient]:
    """Call it with a role: a browser in which a person of that role is signed in."""

    def person(role: Role, patient_id: str | None = None) -> TestClient:
        fhir_user = f"Patient/{patient_id}" if patient_id else None
        who = Principal("sam", "Sam", role, fhir_user, "user", frozenset(), str(uuid4()))
        client = TestClient(application, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False)
        token = security.sign(gateway_settings().private_key(), who, timedelta(minutes=15))
        client.cookies.set(security.COOKIE, token)
        return client

    return person
