"""Gauges from SQL, read at each scrape: one process a service serves them, so they are never counted twice.

A service adds its own by an entry point of group `hub.gauges` under its name: a function that takes a session
and yields metric families.
"""

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared import db, dead_letters, outbox
from shared.errors import Unavailable
from shared.telemetry import log


class Gauges(Collector):
    """What waits in a service's database."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._own = [point.load() for point in entry_points(group="hub.gauges", name=service)]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing beforehand: registering must not need a database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All or nothing: a database that is away shows as `hub_database_up` 0, not as zeros."""
        try:
            with db.transaction(self._service) as session:
                families = [*self._plumbing(session), *(family for own in self._own for family in own(session))]
        except (Unavailable, DBAPIError) as error:
            log.warning("gauges_away", error=type(error).__name__)
            families = []
        yield self._family("hub_database_up", "Whether the service's database answers", float(bool(families)))
        yield from families

    def _plumbing(self, session: Session) -> Iterator[GaugeMetricFamily]:
        waiting = outbox.backlog(session)
        yield self._family("hub_outbox_pending", "Outbox rows that are due and not published", waiting.due)
        yield self._family("hub_outbox_delayed", "Outbox rows that wait for their time", waiting.delayed)
        yield self._family("hub_outbox_refused", "Outbox rows that the broker did not take", waiting.refused)
        yield self._family("hub_outbox_oldest_seconds", "Age of the oldest row that is due", waiting.oldest_seconds)
        yield self._family(
            "hub_dead_letters", "Dead letters that wait for a decision", dead_letters.count_open(session)
        )

    def _family(self, name: str, help_: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, help_, labels=["service"])
        family.add_metric([self._service], value)
        return family
