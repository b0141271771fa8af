"""How many studies stand where, and which models, for the relay's `/metrics` (entry point of group `hub.gauges`)."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from services.imaging import store
from services.imaging.domain.instance import Failure
from services.imaging.domain.results import Way
from services.imaging.domain.study import State
from services.imaging.watching import shown


class Remembered:
    """What costs a look over whole windows is looked up anew only when what is known is older than a while."""

    def __init__(
        self,
        look: Callable[[store.Session], Iterator[GaugeMetricFamily]],
        every: timedelta,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._every, self._clock = look, every.total_seconds(), clock
        self.forget()

    def forget(self) -> None:
        """Look anew next time."""
        self._known: list[GaugeMetricFamily] = []
        self._until = self._clock()

    def families(self, session: store.Session) -> list[GaugeMetricFamily]:
        """As they are now, or were a while ago."""
        if self._clock() >= self._until:
            self._known = list(self._look(session))
            self._until = self._clock() + self._every
        return self._known


WATCHED: Final = Remembered(shown.families, timedelta(minutes=1))
"""How models do moves over days; Prometheus asks every few seconds."""


def _results(session: store.Session) -> Iterator[GaugeMetricFamily]:
    counted = store.count_results(session)
    family = GaugeMetricFamily("hub_imaging_results", "Sets of DICOM results by how far they are", labels=["state"])
    for way in Way:
        family.add_metric([str(way)], float(counted.get(str(way), 0)))
    yield family


def studies(session: store.Session) -> Iterator[GaugeMetricFamily]:
    """One figure a state or reason, zero included, so that an alert can tell none from unknown; one a model."""
    counted = store.count_studies(session)
    yield from _results(session)
    family = GaugeMetricFamily("hub_imaging_studies", "Studies by state", labels=["state"])
    for state in State:
        family.add_metric([str(state)], float(counted.get(str(state), 0)))
    yield family
    standing = GaugeMetricFamily("hub_imaging_models", "Models by stage", labels=["model", "version", "stage"])
    for entry in store.models(session):
        standing.add_metric([entry.model.name, entry.model.version, str(entry.stage)], 1.0)
    yield standing
    waiting = store.count_put_aside(session)
    aside = GaugeMetricFamily("hub_imaging_quarantined", "Files in quarantine, undecided", labels=["outcome"])
    for reason in Failure:
        aside.add_metric([str(reason)], float(waiting.get(str(reason), 0)))
    yield aside
    yield from WATCHED.families(session)
