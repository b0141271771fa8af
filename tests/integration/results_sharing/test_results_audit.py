"""The audit on a real database: one chain, signed, tamper-evident; and what operators' commands say of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from story import Story, at, reader
from telling import hear

from services.results_sharing import commands
from services.results_sharing.tasks import timeline
from shared import audit, cli, security
from shared.audit import Entity, audit_event
from shared.events import Event, Lane
from shared.fhir.message import Message

HANDLERS = {
    Event.GATEWAY_ACCESS_RECORDED: timeline.audit_gateway,
    Event.IMAGING_ACCESS_RECORDED: timeline.audit_imaging,
    Event.PREDICTION_ACCESS_RECORDED: timeline.audit_prediction,
    Event.RESULTS_ACCESS_RECORDED: timeline.audit_own,
    Event.SCHEDULING_ACCESS_RECORDED: timeline.audit_scheduling,
}


def looked(minute: int = 0) -> Message:
    event = audit_event(
        service="results_sharing", who=reader(), kind="rest", action="R", entities=[Entity(reference="Patient/1")]
    )
    message = Message.build(Event.RESULTS_ACCESS_RECORDED, Lane.ROUTINE, "c", [event])
    message.bundle["timestamp"] = at(minute)
    return message


def change(sql: Any, statement: str) -> None:
    """What somebody with the database's own rights could do."""
    sql("ALTER TABLE audit DISABLE TRIGGER audit_is_fixed")
    sql(statement)
    sql("ALTER TABLE audit ENABLE TRIGGER audit_is_fixed")


def test_every_audit_event_is_a_link_of_one_chain(sql: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first = looked()
    hear(first, looked(), looked(), first)
    assert [row["number"] for row in sql("SELECT number FROM audit ORDER BY number")] == [1, 2, 3]
    assert cli.main(["audit", "verify"]) == 0
    (head,) = sql("SELECT hash FROM audit WHERE number = 3")
    assert capsys.readouterr().out == f"All 3 records are as they were written. Head: {head['hash']}\n"


def test_many_writers_make_one_chain(sql: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(hear, looked()) for _ in range(40)]:
            done.result()
    assert len(sql("SELECT 1 FROM audit")) == 40
    assert cli.main(["audit", "verify"]) == 0


@pytest.mark.parametrize(
    ("tampering", "broken", "problem"),
    [
        ("UPDATE audit SET event = replace(event, 'Patient/1', 'Patient/2') WHERE number = 2", 2, "content"),
        ("DELETE FROM audit WHERE number = 2", 3, "missing"),
        ("DELETE FROM audit WHERE number = 1", 2, "missing"),
        (
            """UPDATE audit SET event = '{}', hash = encode(sha256(
                (SELECT hash FROM audit WHERE number = 1)::bytea || '{}'::bytea), 'hex') WHERE number = 2""",
            2,
            "signature",
        ),
    ],
)
def test_what_was_tampered_with_is_named(
    sql: Any, capsys: pytest.CaptureFixture[str], tampering: str, broken: int, problem: str
) -> None:
    hear(looked(), looked(), looked())
    change(sql, tampering)
    assert cli.main(["audit", "verify"]) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"Record {broken} is broken")
    assert problem in told


def test_records_cut_off_the_end_show_against_a_hash_noted_earlier(sql: Any) -> None:
    hear(looked(), looked())
    (head,) = sql("SELECT hash FROM audit WHERE number = 2")
    assert cli.main(["audit", "verify", "--head", head["hash"]]) == 0
    change(sql, "DELETE FROM audit WHERE number = 2")
    assert cli.main(["audit", "verify"]) == 0
    assert cli.main(["audit", "verify", "--head", head["hash"]]) == 1


def test_another_key_signs_nothing_of_ours(sql: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 (the database)
    hear(looked())
    (tmp_path / "other.key").write_bytes(security.make_key()[0])
    monkeypatch.setenv(commands.KEY_FILE, str(tmp_path / "other.key"))
    assert cli.main(["audit", "verify"]) == 1


def test_a_record_cannot_be_changed_by_the_service_itself(sql: Any) -> None:
    hear(looked())
    with pytest.raises(psycopg.errors.RestrictViolation):
        sql("UPDATE audit SET event = '{}'")


def test_the_kinds_of_events_all_enter_the_chain(story: Story, sql: Any) -> None:
    hear(story.order_placed())
    for service, event in audit.ACCESS_RECORDED.items():
        made = audit_event(service=service, who=None, kind="refusal", action="E", entities=[], outcome="4")
        message = Message.build(event, Lane.ROUTINE, "c", [made])
        HANDLERS[event](message)
    assert len(sql("SELECT 1 FROM audit")) == len(audit.ACCESS_RECORDED)
