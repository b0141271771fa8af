"""The way of a signed report to the hospital: sent, acknowledged, looked at again; no transaction is open meanwhile."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prometheus_client import Counter

from services.results_sharing import ehr, store
from services.results_sharing.domain import delivery
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.report import Version
from services.results_sharing.domain.state import State, state
from services.results_sharing.fhir import facts, messages
from services.results_sharing.settings import settings
from services.results_sharing.store import Session, transaction
from services.results_sharing.tasks.worker import moment, worker
from shared import outbox
from shared.errors import HubError, InvalidResource, Unavailable
from shared.events import Event
from shared.fhir.message import Message
from shared.telemetry import log

RETRIES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    *([timedelta(hours=1)] * 25),
)
"""When a report that the hospital's server did not take is sent again: soon, then hourly for a day."""

DELIVERIES = Counter("hub_report_deliveries", "Tries to deliver a report", ["outcome"])

Send = Callable[[str, str], None]


def _send(case_id: str, canonical: str) -> None:
    ehr.send_report(case_id, canonical, settings().ehr_url, settings().ehr_token)


def given_up(session: Session, message: Message) -> None:
    """The last retry failed: the case shows it until a human replays the dead letter."""
    case_id = facts.case_id_of(message)
    if case_id is None:
        return
    case = store.load(session, case_id, lock=True)
    if case.delivery.acknowledged < case.signed:
        _fail(session, case, "", case.delivery.problem or "Another worker was delivering")


@worker.on(Event.REPORT_SIGNED, retries=RETRIES, exhausted=given_up)
def deliver_signed(message: Message, *, send: Send = _send) -> None:
    """Bring the signed report to the hospital."""
    deliver(message, send)


@worker.on(Event.REPORT_AMENDED, retries=RETRIES, exhausted=given_up)
def deliver_amended(message: Message, *, send: Send = _send) -> None:
    """Bring the new version to the hospital."""
    deliver(message, send)


def deliver(message: Message, send: Send) -> None:
    """Send the version that is current, and look again until the hospital has it.

    Raises:
        Unavailable: the hospital did not acknowledge, or another worker is sending; the worker tries again.
        InvalidResource: the hospital refuses the report; a human must look.
    """
    case_id = facts.case_id_of(message)
    if case_id is None:
        raise InvalidResource("The message names no report of this hub", expression="DiagnosticReport.identifier")
    owner = str(uuid4())
    with transaction() as session:
        store.record(session, moment(message), [case_id])
    while (version := _lease(case_id, owner)) is not None:
        try:
            send(case_id, version.canonical)
        except HubError as error:
            _missed(case_id, owner, error)
            raise
        _acknowledged(case_id, owner, version)


def _lease(case_id: str, owner: str) -> Version | None:
    now = datetime.now(UTC)
    with transaction() as session:
        leased = delivery.leased(store.load(session, case_id, lock=True), owner, now)
        if leased is None:
            return None
        store.save(session, leased, now)
        return store.current_report(session, case_id)


def _acknowledged(case_id: str, owner: str, version: Version) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        case = delivery.acknowledged(store.load(session, case_id, lock=True), owner, version.number)
        store.save(session, case, now)
        if state(case) is State.DELIVERED:  # an older version must not be said after a newer one was signed
            outbox.add(session, messages.report_delivered(case, json.loads(version.canonical), version.number))
            outbox.add(session, messages.case_closed(case, State.DELIVERED))
    DELIVERIES.labels("acknowledged").inc()
    log.info("report_delivered", case=case_id, version=version.number)


def _missed(case_id: str, owner: str, error: HubError) -> None:
    final = not isinstance(error, Unavailable)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        if final:
            _fail(session, case, owner, error.message)
        else:
            store.save(session, delivery.missed(case, owner, error.message, failed=False), datetime.now(UTC))
    DELIVERIES.labels("refused" if final else "missed").inc()
    log.warning("report_not_delivered", case=case_id, reason=error.message, final=final)


def _fail(session: Session, case: Case, owner: str, problem: str) -> None:
    failed = delivery.missed(case, owner, problem, failed=True)
    store.save(session, failed, datetime.now(UTC))
    version = store.current_report(session, case.id)
    report = json.loads(version.canonical)
    outbox.add(session, messages.delivery_failed(case, report, version.number, problem, str(uuid4())))
