"""The page about the day, with the machine and the date."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Final

from day import BEFORE, Day, Recovery
from judge import Count
from strikes import Site

PAGE: Final = Template("""\
# A bad day

`make faults` lets a simulated hospital send at a steady pace and a synthetic reader sign, breaks one thing after
another, compares the hospital's own ledger (what got a 2xx) with the hub's books, and writes this page.

$when, $machine; $pace study/s over all lanes, with orders, laboratory values and signatures; $minutes minutes.
All of it, load and servers too, on these cores.

| fault | accepted | sent again | lost | twice | unexplained | down | first result | backlog gone | slowest |
|---|---|---|---|---|---|---|---|---|---|
$rows

`hub cases` at the end: $unexplained unexplained. Dead letters that wait for an operator: $letters.
Stored files that are not what their digest says: $damaged. Reports that the hospital got once more with the same
content, by the same conditional PUT: $again. Faults for which there was no time: $skipped.

- *Accepted*: studies of which announcement and files got a 2xx. *Sent again*: how often a sender got none and
  repeated.
- *Lost*: accepted, and without a case, an answer or a laboratory value; signed, and not at the hospital or not in the
  repository. *Twice*: a second answer, Observation, DiagnosticReport or Appointment, or reports that differ at the
  hospital. *Unexplained*: at the end neither delivered nor with a human nor a dead letter. Any of these makes the
  exit status 1.
- In seconds. *Down*: until it was mended. *First result*: from the strike until a study that was accepted after the
  mending has its preliminary result (aim for the broker: 30). *Backlog gone*: from the mending until every study
  accepted before has its result, and every report signed before is at the hospital. *Slowest*: from the hub's first
  sign of a study to its preliminary result, of the studies sent between this strike and the next.

| fault | how |
|---|---|
$hows

Disk of the pixels: $pixels. Disk of the database: $data.
""")

NO_DATA_DISK: Final = "not filled; that takes a small file system, which only root can mount"


def write(day: Day, site: Site, *, pace: float, minutes: float) -> str:
    """The page."""
    windows = day.verdict.windows
    rows = [_row(one, windows.get(one.fault.name, Count())) for one in day.recoveries]
    letters = [f"{count} of {what}" for what, count in sorted(day.verdict.letters.items())]
    return PAGE.substitute(
        when=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=machine(),
        pace=f"{pace:g}",
        minutes=f"{minutes:.0f}",
        rows="\n".join([*rows, _quiet(windows.get(BEFORE, Count())), _total(day)]),
        unexplained=day.verdict.unexplained,
        letters="; ".join(letters) or "none",
        skipped=", ".join(fault.name for fault in day.skipped) or "none",
        damaged=len(day.verdict.damaged),
        again=sum(count.again for count in windows.values()),
        hows="\n".join(f"| {one.fault.name} | {one.fault.how} |" for one in day.recoveries),
        pixels=site.pixels.words,
        data=site.data.words if site.data else NO_DATA_DISK,
    )


def _row(one: Recovery, count: Count) -> str:
    times = [f"{one.broken_s:.1f}", _seconds(one.first_s), _seconds(one.drained_s), f"{count.slowest_s:.1f}"]
    return _cells(one.fault.name, str(count.accepted), str(one.refused), *_wrong([count]), *times)


def _quiet(count: Count) -> str:
    return _cells("(none yet)", str(count.accepted), "", *_wrong([count]), "", "", "", f"{count.slowest_s:.1f}")


def _total(day: Day) -> str:
    counts = list(day.verdict.windows.values())
    accepted, refused = sum(count.accepted for count in counts), sum(one.refused for one in day.recoveries)
    figures = [str(accepted), str(refused), *_wrong(counts)]
    return _cells("**all day**", *(f"**{figure}**" for figure in figures), "", "", "", "")


def _wrong(counts: list[Count]) -> list[str]:
    kinds = ("lost", "twice", "unexplained")
    return [str(sum(len(getattr(count, kind)) for count in counts)) for kind in kinds]


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _seconds(value: float | None) -> str:
    return "not in time" if value is None else f"{value:.1f}"


def machine() -> str:
    """The machine in words: processor, cores, memory."""
    named = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    model = next(named, f":{platform.machine()}").partition(":")[2].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB"
