"""How models do is looked up once a while, however often Prometheus asks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily

from services.imaging.gauges import Remembered


def test_a_costly_look_is_remembered_for_a_while_and_then_taken_anew() -> None:
    looked: list[float] = []
    now = [100.0]

    def look(_: Any) -> Iterator[GaugeMetricFamily]:
        looked.append(now[0])
        yield GaugeMetricFamily("looks", "How often", value=len(looked))

    remembered, session = Remembered(look, timedelta(minutes=1), clock=lambda: now[0]), Any

    def shown() -> float:
        return remembered.families(session)[0].samples[0].value

    assert shown() == 1
    now[0] += 59
    assert shown() == 1
    now[0] += 1
    assert shown() == 2
    remembered.forget()
    assert shown() == 3
    assert looked == [100.0, 160.0, 160.0]
