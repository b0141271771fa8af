"""A gateway on a real database, systems with tokens, and people who are signed in."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from services.gateway import api, store
from services.gateway.settings import settings
from shared import security
from shared.security import Principal, Role

ORIGIN = "http://127.0.0.1:8080"

sys.path.insert(0, str(Path(__file__).parent))  # for `hospital_said`


@pytest.fixture
def _application(database: Callable[[str], str]) -> Iterator[Any]:
    database("gateway")
    settings.cache_clear()
    yield api.app()
    settings.cache_clear()


@pytest.fixture
def systems(_application: Any) -> Iterator[Callable[..., TestClient]]:
    """Call it with a name and scopes: a system's client with a token of its own."""
    opened: list[TestClient] = []

    def system(name: str = "st-luke", scopes: str = "system/*.cruds") -> TestClient:
        number = str(uuid4())
        granted = frozenset(scopes.split())
        until = datetime.now(UTC) + timedelta(days=1)
        with store.transaction() as session:
            store.add_client(session, store.Client(name, name, tuple(sorted(granted)), number, until))
        who = Principal(name, name, None, None, "system", granted, number)
        token = security.sign(settings().private_key(), who, timedelta(days=1))
        headers = {"Authorization": f"Bearer {token}"}
        client = TestClient(_application, base_url=ORIGIN, headers=headers, follow_redirects=False)
        opened.append(client.__enter__())
        return client

    yield system
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def hospital(systems: Callable[..., TestClient]) -> TestClient:
    """A hospital's system that may do everything."""
    return systems()


@pytest.fixture
def people(_application: Any) -> Callable[[Role], TestClient]:
    """Call it with a role: a browser in which a person of that role is signed in."""

    def person(role: Role) -> TestClient:
        who = Principal("ada", "Dr Ada", role, None, "user", frozenset(), str(uuid4()))
        client = TestClient(_application, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False)
        client.cookies.set(security.COOKIE, security.sign(settings().private_key(), who, timedelta(minutes=15)))
        return client

    return person
