"""Measure the hub beside its own limits, in one run on one machine, and write `docs/benchmarks.md`.

Usage: python tests/benchmarks/run.py [--smoke]; a smoke run is small, writes nothing and only shows that it works.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import accept
import booking
import pika
import psycopg
import reading
import receiving
import relaying
import risk
import torch
import whole
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
    series: int
    pictures: int
    flight: int
    flood: int
    stat: int
    seconds: int
    studies: int
    patients: int
    looped: int
    slots: int
    instances: tuple[int, int]


FULL = Size(
    messages=1500,
    relayed=40_000,
    images=60,
    series=8,
    pictures=32,
    flight=40,
    flood=150,
    stat=20,
    seconds=40,
    studies=200,
    patients=200_000,
    looped=500,
    slots=20,
    instances=(250, 40),
)
SMOKE = Size(
    messages=24,
    relayed=600,
    images=4,
    series=2,
    pictures=3,
    flight=4,
    flood=4,
    stat=2,
    seconds=2,
    studies=8,
    patients=2_000,
    looped=20,
    slots=2,
    instances=(4, 2),
)
"""Instances: of CT and of CR on each association."""


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
                size = SMOKE if smoke else FULL
                memory = memory_of(hub)
                token = client_token(hub)
                with Hospital(hub.public_url, token) as hospital:  # first: later the worker makes DICOM objects of many
                    waits = reading.latency(hub, hospital, reading.children(seed=55, count=size.seconds))
                hourly = {
                    workers: whole.studies_per_hour(
                        hub, token, reading.children(seed=52 + workers, count=size.studies), workers
                    )
                    for workers in (1, 2)
                }
                ratios, read, received = measure(hub, token, size)
                bookings = booked(hub, size)
                versions = versions_of(hub)
        finally:
            embedded.reset(state)
    rates = risk.measure(size.patients, size.looped)
    text = (
        report(ratios, reading.Latency(*waits, read.inference), versions)
        + depths(read)
        + more(hourly, rates, bookings, memory)
        + beside_orthanc(received)
    )
    sys.stdout.write(text)
    if not smoke:
        REPORT.write_text(text)


def took_in(hub: Hub, token: str, size: Size) -> list[receiving.Received]:
    """DICOM into the hub's two doors and into Orthanc; nothing else runs but the hub's servers."""
    folder = hub.state / "dicom"
    folder.mkdir()
    found = receiving.measure(hub, token, folder, size.instances)
    shutil.rmtree(folder)
    hub.supervisor.stop("imaging-dimse", "imaging-api")
    return found


def beside_orthanc(received: Sequence[receiving.Received]) -> str:
    """Instances a second beside Orthanc, the same files from the same sender in the same run."""
    if not received:
        return "\nDICOM beside Orthanc: not measured, DCMTK and Orthanc could not be had.\n"
    lines = ["", "| door | instances | connections | hub | Orthanc | share |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.door} | {one.kind} | {one.connections} | {one.hub:,.0f}/s | {one.orthanc:,.0f}/s "
        f"| {one.hub / one.orthanc:.0%} |"
        for one in sorted(received, key=lambda one: one.door)
    ]
    return "\n".join(
        [
            *lines,
            "",
            "Aim: at least Orthanc's rate; the hub's success means fsync and commit.",
            "",
        ]
    )


@dataclass(frozen=True)
class Read:
    """What reading showed beside its rates.

    Attributes:
        inference: seconds of one image in the bare loop.
    """

    inference: float
    depths: list[reading.Depth]
    waits: list[reading.Wait]


def measure(hub: Hub, token: str, size: Size) -> tuple[list[Ratio], Read, list[receiving.Received]]:
    """All figures, each with its limit; what a figure does not need is stopped for good: two cores are few."""
    with Hospital(hub.public_url, token) as hospital:
        studies = reading.children(seed=51, count=size.images)
        through = reading.through_worker(hub, hospital, studies)
        series = reading.children(seed=56, count=size.series)
        through_series = reading.through_worker(hub, hospital, series, size.pictures)
        depths = [
            reading.in_flight(hub, token, reading.children(seed=56 + depth, count=size.flight), depth)
            for depth in (1, 4)
        ]
        flood = reading.children(seed=61, count=size.flood)
        waits = reading.under_flood(hub, hospital, flood, reading.children(seed=62, count=size.stat, priority="stat"))
    hub.supervisor.stop(
        *(name for name in hub.processes if name not in {"gateway-api", "imaging-api", "imaging-dimse"})
    )
    bodies = accept.bundles(size.messages)
    limit = accept.limit_per_second(hub, bodies)
    accepted = accept.accepted_per_second(hub, token, bodies)
    hub.supervisor.stop("gateway-api")
    received = took_in(hub, token, size)
    bare, inference = reading.bare_loop(hub, studies)
    bare_series, _ = reading.bare_loop(hub, series)
    carried = relaying.relayed_per_second(hub, size.relayed)
    piped = relaying.bare_per_second(hub, size.relayed)
    ratios = [
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
            "≥ 90 %",
        ),
        Ratio(
            f"Imaging, studies of {size.pictures} images through the workers",
            "images/s",
            through_series,
            bare_series,
            "the same loop over their files",
            "≥ 90 %",
        ),
    ]
    return ratios, Read(inference, depths, waits), received


def depths(read: Read) -> str:
    """One study on its way or four, and how long a study of each lane waits while the routine queue is full."""
    lines = [
        "",
        "| studies of one image on their way at a time, sent, read and answered | images/s |",
        "|---|---|",
        *(f"| {one.studies} | {one.images:,.1f} |" for one in read.depths),
        "",
        "| arrival to answer under a full routine queue | studies | median | 95 % |",
        "|---|---|---|---|",
        *(f"| {one.lane} | {one.studies} | {one.p50:.2f} s | {one.p95:.2f} s |" for one in read.waits),
        "",
        "Aim: a stat study begins to be read within 5 s; its answer is later than that.",
        "Routine studies all lie there at the start, so their 95 % is the time that the queue takes.",
    ]
    return "\n".join(lines) + "\n"


def booked(hub: Hub, size: Size) -> booking.Bookings:
    """Fifty clients who want the same few slots, in one process with the service's code and its database."""
    os.environ.update(hub.environment)
    return booking.measure(size.slots, wishes=50)


def memory_of(hub: Hub) -> dict[str, float]:
    """Resident memory of each process with its children, MiB, right after the start."""
    parents = {int(path.name): _status(path, "PPid") for path in Path("/proc").iterdir() if path.name.isdigit()}
    made = {}
    for name in hub.processes:
        family = {hub.supervisor.pid(name)}
        while grown := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= grown
        made[name] = sum(_status(Path(f"/proc/{pid}"), "VmRSS") for pid in family if pid) / 1024
    return made


def _status(process: Path, key: str) -> int:
    """A number of /proc/<pid>/status; 0 when the process is gone."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)


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


def more(hourly: dict[int, float], rates: risk.Rates, bookings: booking.Bookings, memory: dict[str, float]) -> str:
    """What has no limit of its own: risks beside a loop, bookings under conflict, memory."""
    lines = [
        "",
        "| whole hub, senders and servers on the same cores, children of the worker that reads | studies/h |",
        "|---|---|",
        *(f"| {workers} | {rate:,.0f} |" for workers, rate in hourly.items()),
        "",
        "| SCORE2, one thread | patients/s | of the vectorised |",
        "|---|---|---|",
        f"| vectorised | {rates.vectorised:,.0f} | 1 |",
        f"| vectorised, with contributions | {rates.explained:,.0f} | 1/{rates.vectorised / rates.explained:,.1f} |",
        f"| one patient a call | {rates.per_patient:,.0f} | 1/{rates.vectorised / rates.per_patient:,.0f} |",
        f"| a plain Python loop | {rates.plain:,.0f} | 1/{rates.vectorised / rates.plain:,.0f} |",
        "",
        "Aim: a hundred times the per-patient loop.",
        "",
        "| bookings, 50 clients on the same slots | |",
        "|---|---|",
        f"| decided | {bookings.decided_per_second:,.0f}/s |",
        f"| median, 95 % | {bookings.p50_s * 1000:,.0f} ms, {bookings.p95_s * 1000:,.0f} ms (aim: 300 ms) |",
        f"| slots booked twice | {bookings.twice} |",
        "",
        "| process, with its children | MiB |",
        "|---|---|",
        *(f"| {name} | {size:,.0f} |" for name, size in memory.items()),
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
