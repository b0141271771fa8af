"""Every picture of the dashboard has something to show when a real Prometheus looks at the running hub."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from services.simulator.demo.forms import Browser
from services.simulator.demo.people import People
from services.simulator.demo.reader import Reader
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.embedded.machine import free_port

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
PANELS = [p for p in json.loads((FOLDER / "dashboards" / "hub.json").read_text())["panels"] if p["type"] != "row"]
SHOWN_WITHIN_S = 150
"""Recorded figures are made every 30 s, and a rate needs two looks."""
MOST_SERIES = 5000
"""Of a whole hub; a label that grows with patients or studies passes it soon."""


@pytest.fixture
def prometheus(hub: Hub, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes every process and the broker, with the rules of the hub; its address."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    processes = [urlsplit(hub.url(name)).netloc for name in hub.processes]
    broker = f"127.0.0.1:{hub.stack.rabbitmq.metrics_port}"
    jobs = [
        {"job_name": "hub", "honor_labels": True, "static_configs": [{"targets": processes}]},
        {
            "job_name": "rabbitmq",
            "metrics_path": "/metrics/detailed",
            "params": {"family": ["queue_coarse_metrics", "queue_consumer_count"]},
            "static_configs": [{"targets": [broker]}],
        },
    ]
    told = {"global": {"scrape_interval": "1s"}, "rule_files": [f"{FOLDER}/rules/*.yaml"], "scrape_configs": jobs}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(told))
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("w") as log:
        child = subprocess.Popen(
            [
                program,
                f"--config.file={tmp_path}/prometheus.yaml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            assert until(lambda: bool(value(f"http://{address}", "up == 1")), 60), (tmp_path / "log").read_text()
            yield f"http://{address}"
        finally:
            child.terminate()
            child.wait(30)


def test_every_panel_shows_something_of_a_study_that_went_all_the_way(
    hub: Hub,
    cast: People,
    hospital: Hospital,
    new_study: Callable[..., Examination],
    prometheus: str,
) -> None:
    case = Progress(new_study("pneumonia", "stat", "announcement"))
    assert until(lambda: len(value(prometheus, "up == 1")) == len(hub.processes) + 1, 60)
    send(hospital, case.examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    with Browser(hub.public_url) as browser:
        Reader(browser, cast.synthetic).sign(case)
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    asked = {(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]}

    def empty() -> list[tuple[str, str]]:
        return sorted((title, query) for title, query in asked if not value(prometheus, query))

    until(lambda: not empty(), SHOWN_WITHIN_S)
    assert empty() == []
    assert [alert["labels"]["alertname"] for alert in firing(prometheus)] == []
    assert value(prometheus, f'count({{__name__=~"hub_.+"}}) < {MOST_SERIES}')


def value(prometheus: str, query: str) -> list[object]:
    """What a query finds now.

    Raises:
        AssertionError: the query is not one.
    """
    try:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query}, trust_env=False)
    except httpx.TransportError:
        return []
    assert answer.status_code in {200, 503}, answer.text
    return list(answer.json()["data"]["result"]) if answer.status_code == httpx.codes.OK else []


def firing(prometheus: str) -> list[dict[str, dict[str, str]]]:
    told = httpx.get(f"{prometheus}/api/v1/alerts", trust_env=False).json()["data"]["alerts"]
    return [alert for alert in told if alert["state"] == "firing"]


def until(true: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
