"""Measure the hub beside its own limits, in one run on one machine, and write `docs/benchmarks.md`.

Usage: python tests/benchmarks/run.py [--smoke]; a smoke run is small, writes nothing and only shows that it works.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import accept
import pika
import psycopg
import reading
import relaying
import torch
from servers import address

from services.simulator.hospital import Hospital
from shared import embedded
from shared.embedded import Hub
from shared.embedded.machine import free_port

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Size:
    """How much is sent."""

    messages: int
    relayed: int
    images: int
    seconds: int


FULL = Size(messages=1500, relayed=40_000, images=60, seconds=40)
SMOKE = Size(messages=24, relayed=600, images=4, seconds=2)


@dataclass(frozen=True)
class Ratio:
    """A figure beside its limit, measured in the same run."""

    what: str
    unit: str
    hub: float
    limit: float
    limit_is: str
    aim: str

    @property
    def row(self) -> str:
        """A line of the table."""
        limit = f"{self.limit:,.0f} ({self.limit_is})"
        return f"| {self.what} | {self.hub:,.0f} {self.unit} | {limit} | {self.hub / self.limit:.0%} | {self.aim} |"


def main() -> None:
    """Run all and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--smoke", action="store_true")
    smoke = arguments.parse_args().smoke
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        state = Path(folder)
        try:
            with embedded.run_hub(
                state, environment=dict(os.environ) | {"HUB_IMAGING_THREADS": "1", "HUB_PORT": str(free_port())}
            ) as hub:
                ratios, latency = measure(hub, SMOKE if smoke else FULL)
                versions = versions_of(hub)
        finally:
            embedded.reset(state)
    text = report(ratios, latency, versions)
    sys.stdout.write(text)
    if not smoke:
        REPORT.write_text(text)


def measure(hub: Hub, size: Size) -> tuple[list[Ratio], reading.Latency]:
    """All figures, each right beside its limit."""
    token = client_token(hub)
    with Hospital(hub.public_url, token) as hospital:
        studies = reading.children(seed=51, count=size.images)
        through = reading.through_worker(hub, hospital, studies)
        with only(hub):
            bare, inference = reading.bare_loop(hub, studies)
        latency = reading.latency(hub, hospital, reading.children(seed=52, count=size.seconds), inference)
    with only(hub, "gateway-api"):
        bodies = accept.bundles(size.messages)
        limit = accept.limit_per_second(hub, bodies)
        accepted = accept.accepted_per_second(hub, token, bodies)
    with only(hub):
        carried = relaying.relayed_per_second(hub, size.relayed)
        piped = relaying.bare_per_second(hub, size.relayed)
    return [
        Ratio(
            "Gateway, `$process-message` accepted",
            "messages/s",
            accepted,
            limit,
            "validation of the same resources and one commit, in one process on as many threads",
            "≥ 60 %",
        ),
        Ratio(
            "Relay, outbox to broker, 4 KiB, durable, confirmed",
            "messages/s",
            carried,
            piped,
            "the same messages by bare pipelined pika",
            "≥ 70 %",
        ),
        Ratio(
            "Imaging, studies of one image through the workers",
            "images/s",
            through,
            bare,
            "decode, predict, heat map of the same files in a bare loop, torch on one thread or all, the faster",
            "≥ 85 %",
        ),
    ], latency


@contextmanager
def only(hub: Hub, *kept: str) -> Iterator[None]:
    """Stop every process but these for a while: two cores are few."""
    stopped = [name for name in hub.processes if name not in kept]
    for name in stopped:
        hub.supervisor.stop(name)
    try:
        yield
    finally:
        for name in stopped:
            hub.supervisor.start_again(name)
        for name in stopped:
            hub.wait_ready(name)


def client_token(hub: Hub) -> str:
    """A system's token, as an administrator makes one."""
    command = [sys.executable, "-m", "shared.cli", "clients", "add", "bench", "--scope", "system/*.cruds"]
    done = subprocess.run(command, env=hub.environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def versions_of(hub: Hub) -> str:
    """What stands beside the hub."""
    with psycopg.connect(address(hub, "gateway")) as connection:
        postgres = connection.info.server_version // 10000
    with pika.BlockingConnection(pika.URLParameters(hub.environment["HUB_BROKER_URL"])) as line:
        broker = line._impl.server_properties["version"]  # noqa: SLF001 (pika keeps it there)
    return f"PostgreSQL {postgres}, RabbitMQ {broker}, Python {platform.python_version()}, torch {torch.__version__}"


def report(ratios: Sequence[Ratio], latency: reading.Latency, versions: str) -> str:
    """The page."""
    lines = [
        "# Benchmarks",
        "",
        "`make bench` measures each figure beside its own limit, in one run on one machine, and writes this page.",
        "Read the ratios: machines differ, and shared ones are noisy.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {versions}. All of it, load and servers too, on these cores.",
        "",
        "| what | hub | its limit | share | aim |",
        "|---|---|---|---|---|",
        *(one.row for one in ratios),
        "",
        "| event to preliminary result in the case, 1 study/s | seconds |",
        "|---|---|",
        f"| median | {latency.p50:.2f} |",
        f"| 95 % | {latency.p95:.2f} |",
        f"| of which one inference | {latency.inference:.2f} |",
        "",
        "Aim: 95 % within 2 s beyond inference.",
        "",
        "```json",
        json.dumps([asdict(one) for one in ratios] + [latency._asdict()], ensure_ascii=False),
        "```",
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """The machine in words: processor, cores, memory."""
    named = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    model = next(named, f":{platform.machine()}").partition(":")[2].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB"


if __name__ == "__main__":
    main()
