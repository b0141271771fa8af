"""How many studies stand where, for the relay's `/metrics` (entry point of group `hub.gauges`)."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from services.imaging import store
from services.imaging.domain.study import State
from services.imaging.watching import shown


def studies(session: store.Session) -> Iterator[GaugeMetricFamily]:
    """One figure a state, zero included, so that an alert can tell none from unknown."""
    counted = store.count_studies(session)
    family = GaugeMetricFamily("hub_imaging_studies", "Studies by state", labels=["state"])
    for state in State:
        family.add_metric([str(state)], float(counted.get(str(state), 0)))
    yield family
    yield from shown.families(session)
