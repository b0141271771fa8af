"""A migrated, empty database of results_sharing, its settings, and a small FHIR server that can misbehave."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from services.results_sharing import reading, settings
from services.results_sharing.domain.review import Impression
from shared import security
from shared.events import Event
from shared.fhir.message import Message

sys.path.insert(0, str(Path(__file__).parent))  # for `story` and `hospital`

from hospital import Hospital
from story import Story, reader
from telling import hear, only_case, said

Sql = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    """A FHIR server on loopback."""
    with Hospital() as server:
        yield server


@pytest.fixture
def sql(
    database: Callable[[str], str], hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sql]:
    """Ask the database beside the code under test; with it the service is ready to be called."""
    address = database("results_sharing").replace("+psycopg", "")
    (tmp_path / "audit.key").write_bytes(security.make_key()[0])
    monkeypatch.setenv("HUB_RESULTS_SHARING_AUDIT_KEY_FILE", str(tmp_path / "audit.key"))
    monkeypatch.setenv("HUB_RESULTS_SHARING_EHR_URL", hospital.url)
    settings.settings.cache_clear()

    def ask(query: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    yield ask
    settings.settings.cache_clear()


@pytest.fixture
def story(sql: Sql) -> Story:  # noqa: ARG001 (the database first)
    """A study to tell."""
    return Story()


@pytest.fixture
def report(story: Story, sql: Sql) -> Message:
    """The event that brings a signed report on its way."""
    hear(story.order_placed(), story.study_available(), story.study_completed(), story.analysis_completed())
    rosa, case_id = reader("rosa"), only_case().id
    reading.give_impression(rosa, case_id, Impression.NORMAL)
    reading.sign(rosa, case_id, "Clear lungs.")
    (message,) = said(sql, Event.REPORT_SIGNED)
    return message
