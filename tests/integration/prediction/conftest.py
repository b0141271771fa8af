"""Prediction on a real PostgreSQL: resources of one synthetic patient go in as the gateway says them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from services.prediction.settings import settings
from shared.fhir.message import Message

sys.path.insert(0, str(Path(__file__).parent))  # for `chart`


@pytest.fixture
def said(database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Message]]]:
    """Call it for everything that prediction said so far, oldest first; with it the service can be called."""
    address = database("prediction").replace("+psycopg", "")
    monkeypatch.setenv("HUB_PREDICTION_SCORE2_REGION", "low")
    settings.cache_clear()

    def ask() -> list[Message]:
        query = "SELECT body::jsonb -> 0 -> 0 AS bundle FROM outbox ORDER BY id"
        with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:
            return [Message.from_fhir(row["bundle"]) for row in connection.execute(query).fetchall()]

    yield ask
    settings.cache_clear()


@pytest.fixture
def last(said: Callable[[], list[Message]]) -> Callable[[str], dict[str, Any]]:
    """Call it with a resource type: the last resource of that type that prediction said."""

    def find(kind: str) -> dict[str, Any]:
        return [one for message in said() for one in message.focus if one["resourceType"] == kind][-1]

    return find
