"""What the relay's `/metrics` adds for results_sharing: the reconciliation, read from SQL at each scrape."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily

from services.results_sharing import store
from services.results_sharing.store import Session


def gauges(session: Session) -> Iterator[GaugeMetricFamily]:
    """Cases by state, accepted cases, and those that are in no state."""
    counted = store.reconciliation(session, datetime.now(UTC))
    states = GaugeMetricFamily("hub_cases", "Cases by state", labels=["state"])
    for state, count in counted.states.items():
        states.add_metric([str(state)], count)
    yield states
    yield GaugeMetricFamily("hub_cases_accepted", "Cases accepted so far", value=counted.accepted)
    yield GaugeMetricFamily("hub_cases_unexplained", "Accepted cases in no state", value=counted.unexplained)
    yield GaugeMetricFamily("hub_cases_stuck", "Cases that run beyond their time", value=counted.stuck)
