"""What the relay's `/metrics` adds for scheduling: follow-ups that wait for staff, read from SQL at each scrape."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from services.scheduling import store
from services.scheduling.store import Session


def gauges(session: Session) -> Iterator[GaugeMetricFamily]:
    """How many wait, and how many of them too long."""
    waiting, overdue = store.appointments.proposed_counts(session)
    yield GaugeMetricFamily("hub_follow_ups_waiting", "Follow-ups that wait for staff", value=waiting)
    yield GaugeMetricFamily("hub_follow_ups_overdue", "Follow-ups beyond their deadline", value=overdue)
