"""`hub dead-letters`: operators list and replay without seeing a patient, and a replay leaves its trace."""

import hashlib
import json
from collections.abc import Callable

import pytest

from shared import cli, db, dead_letters, embedded, outbox, settings
from shared.cli.check import Level
from shared.cli.checks import look_at_databases
from shared.dead_letters import Letter

BODY = b'[[{"resourceType": "Bundle", "id": "ZWYXV"}], {}, {}]'


@pytest.fixture
def letter(database: Callable[[str], str]) -> int:
    """A letter in imaging's table; returns its number."""
    for service in embedded.stores():
        database(service)
    made = Letter(
        queue="imaging.stat",
        exchange="hub.events",
        routing_key="gateway.study-available.stat",
        reason="rejected",
        task="gateway.study-available",
        message_id="m1",
        correlation="c1",
        lane="stat",
        attempt=0,
        replay=0,
        content_type="application/json",
        digest=hashlib.sha256(BODY).hexdigest(),
    )
    with db.transaction("imaging") as session:
        dead_letters.store(session, made, BODY)
    with db.transaction("imaging") as session:
        return dead_letters.list_(session)[0].id


def test_a_list_names_the_letter_and_shows_no_body(letter: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dead-letters", "list", "--json"]) == 0
    told = capsys.readouterr().out
    assert [(one["service"], one["number"], one["event"]) for one in json.loads(told)] == [
        ("imaging", letter, "gateway.study-available")
    ]
    assert "ZWYXV" not in told


def test_one_service_is_listed_without_asking_the_others(
    letter: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod is told of its own database only."""
    monkeypatch.delenv("HUB_GATEWAY_DATABASE_URL")
    settings.database_url.cache_clear()
    db.engine.cache_clear()
    assert cli.main(["dead-letters", "list", "--service", "imaging", "--json"]) == 0
    assert [one["number"] for one in json.loads(capsys.readouterr().out)] == [letter]
    settings.database_url.cache_clear()


def test_a_body_is_shown_only_when_it_is_asked_for(letter: int, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["dead-letters", "show", "imaging", str(letter)])
    assert "ZWYXV" not in capsys.readouterr().out
    cli.main(["dead-letters", "show", "imaging", str(letter), "--body"])
    assert "ZWYXV" in capsys.readouterr().out


def test_a_replay_goes_back_once_and_is_audited(letter: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dead-letters", "replay", "imaging", str(letter), "--who", "operator"]) == 0
    with db.transaction("imaging") as session:
        said = {(row.task, row.routing_key) for row in outbox.waiting(session, 10)}
    assert said == {
        ("gateway.study-available", "imaging.stat"),
        ("imaging.access-recorded", "imaging.access-recorded.routine"),
    }
    assert cli.main(["dead-letters", "replay", "imaging", str(letter)]) == 1
    assert "was replayed" in capsys.readouterr().err


def test_a_letter_that_is_not_there_is_one_sentence_and_a_fix(letter: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dead-letters", "show", "imaging", str(letter + 1)]) == 1
    assert "Fix: `hub dead-letters list`" in capsys.readouterr().err


@pytest.mark.usefixtures("letter")
def test_the_doctor_warns_of_letters_that_wait() -> None:
    found = {check.name: check.level for check in look_at_databases()}
    assert found["dead letters imaging"] is Level.WARNING
    assert found["dead letters gateway"] is Level.OK
