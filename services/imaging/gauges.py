"""How many studies stand where, for the relay's `/metrics` (entry point of group `hub.gauges`)."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from services.imaging import store
from services.imaging.domain.instance import Failure
from services.imaging.domain.study import State


def studies(session: store.Session) -> Iterator[GaugeMetricFamily]:
    """One figure a state or reason, zero included, so that an alert can tell none from unknown."""
    counted = store.count_studies(session)
    family = GaugeMetricFamily("hub_imaging_studies", "Studies by state", labels=["state"])
    for state in State:
        family.add_metric([str(state)], float(counted.get(str(state), 0)))
    yield family
    waiting = store.count_put_aside(session)
    aside = GaugeMetricFamily("hub_imaging_quarantined", "Files in quarantine, undecided", labels=["outcome"])
    for reason in Failure:
        aside.add_metric([str(reason)], float(waiting.get(str(reason), 0)))
    yield aside
