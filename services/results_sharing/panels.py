"""What results_sharing adds to the operator's page: who waits for a result, deliveries, and the reconciliation."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from services.results_sharing import store
from services.results_sharing.store import Deliveries, Reconciliation, ServiceLevel
from shared.events import Lane
from shared.ops import Level, Panel, Problem

PENDING_WITHIN: Final = timedelta(minutes=15)
"""As the alert HubOldestPendingStudy."""
DELIVERED_WITHIN: Final = timedelta(minutes=15)
"""Beyond the first four retries the hospital's server is away, not busy."""


def panels() -> list[Panel]:
    """Studies that wait, reports on their way, cases by state."""
    now = datetime.now(UTC)
    with store.transaction() as session:
        levels = store.service_level(session, now)
        deliveries = store.deliveries(session)
        counted = store.reconciliation(session, now)
    return [_waiting(levels, now), _deliveries(deliveries, now), _cases(counted)]


def _waiting(levels: dict[Lane, ServiceLevel], now: datetime) -> Panel:
    rows = [(str(lane), one.pending, _age(one.oldest_pending, now)) for lane, one in levels.items()]
    problems = [
        Problem(Level.WRONG, f"a {lane} study has waited {age // timedelta(minutes=1)} min for a result")
        for lane, _, age in rows
        if age is not None and age > PENDING_WITHIN
    ]
    return Panel("Studies that wait for a result", ("Lane", "Waiting", "Oldest"), rows, problems)


def _deliveries(counted: Deliveries, now: datetime) -> Panel:
    oldest = _age(counted.oldest, now)
    rows = [
        ("due", counted.due),
        ("oldest due", oldest),
        ("given up", counted.failed),
        ("last problem", counted.problem),
    ]
    problems = []
    if counted.failed:
        problems.append(Problem(Level.WRONG, f"deliveries to the hospital given up: {counted.failed}"))
    if oldest is not None and oldest > DELIVERED_WITHIN:
        problems.append(Problem(Level.WATCH, f"reports that wait for the hospital's server: {counted.due}"))
    return Panel("Deliveries to the hospital", ("Reports", "Now"), rows, problems)


def _cases(counted: Reconciliation) -> Panel:
    rows = [(str(state), count) for state, count in counted.states.items()]
    totals = [("accepted", counted.accepted), ("unexplained", counted.unexplained)]
    return Panel("Cases", ("State", "Cases"), [*rows, *totals], list(_unexplained(counted)))


def _unexplained(counted: Reconciliation) -> Iterator[Problem]:
    if counted.unexplained:
        words = (
            f"unexplained cases: {counted.unexplained}, of which beyond their time: {counted.stuck}; see `hub cases`"
        )
        yield Problem(Level.WRONG, words)


def _age(since: datetime | None, now: datetime) -> timedelta | None:
    return max(now - since, timedelta(0)) if since else None
