"""What the relay's `/metrics` adds for results_sharing: reconciliation and service level, from SQL at each scrape."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from services.results_sharing import store
from services.results_sharing.store import Session

Family = CounterMetricFamily | GaugeMetricFamily


def gauges(session: Session) -> Iterator[Family]:
    """Cases by state, accepted cases, those that are in no state, and who had a preliminary result in time."""
    now = datetime.now(UTC)
    counted = store.reconciliation(session, now)
    states = GaugeMetricFamily("hub_cases", "Cases by state", labels=["state"])
    for state, count in counted.states.items():
        states.add_metric([str(state)], count)
    yield states
    yield GaugeMetricFamily("hub_cases_accepted", "Cases accepted so far", value=counted.accepted)
    yield GaugeMetricFamily("hub_cases_unexplained", "Accepted cases in no state", value=counted.unexplained)
    yield GaugeMetricFamily("hub_cases_stuck", "Cases that run beyond their time", value=counted.stuck)
    yield from _service_level(session, now)


def _service_level(session: Session, now: datetime) -> Iterator[Family]:
    """By lane. Both counts survive a restart, and neither needs a worker that is alive."""
    accepted = CounterMetricFamily("hub_studies_accepted", "Studies heard of", labels=["lane"])
    judged = CounterMetricFamily("hub_studies_judged", "Studies no longer waited for, or out of time", labels=["lane"])
    in_time = CounterMetricFamily("hub_studies_in_time", "Judged studies with an end in time", labels=["lane"])
    pending = GaugeMetricFamily("hub_studies_pending", "Studies that wait for a preliminary result", labels=["lane"])
    oldest = GaugeMetricFamily("hub_oldest_pending_study_seconds", "Age of the oldest of them", labels=["lane"])
    flagged = GaugeMetricFamily(
        "hub_oldest_flagged_unsigned_seconds", "Age of the oldest flagged study that nobody signed", labels=["lane"]
    )
    for lane, level in store.service_level(session, now).items():
        accepted.add_metric([lane], level.accepted)
        judged.add_metric([lane], level.judged)
        in_time.add_metric([lane], level.in_time)
        pending.add_metric([lane], level.pending)
        oldest.add_metric([lane], _age(level.oldest_pending, now))
        flagged.add_metric([lane], _age(level.oldest_flagged, now))
    yield from (accepted, judged, in_time, pending, oldest, flagged)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
