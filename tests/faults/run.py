"""A bad day of the whole hub: faults under load, on private servers; writes `docs/faults.md`.

Usage: python tests/faults/run.py [--only WORDS]; exit 1 when anything was lost, happened twice or is unexplained.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import day
import disks
import page
from strikes import FAULTS, Fault, Site, database_full

from services.simulator.demo.operator import open_a_schedule
from services.simulator.demo.people import people
from shared import embedded
from shared.embedded.machine import free_port, server_folder

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "faults.md"
PACE = 1.0
"""Studies a second: twelve times a busy hospital's hour."""

LIMIT_S = 540.0
"""The last fault strikes by then, so that the whole run ends within twelve minutes also on a slow machine."""

PIXELS_MIB = 1024
DATA_MIB = 1024


def main() -> int:
    """Run the day; returns the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", action="append", default=[], help="only faults whose name has these words in it")
    only: list[str] = arguments.parse_args().only
    disks.own_mounts([sys.executable, *sys.argv])
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hub-faults-") as folder, ExitStack() as until:
        state = Path(folder)
        until.callback(embedded.reset, state)
        pixels = disks.small(until, state / "imaging", PIXELS_MIB)
        data = disks.small(until, server_folder(state) / "postgres", DATA_MIB)
        hub = until.enter_context(
            embedded.run_hub(state, environment={**os.environ, "HUB_PORT": str(free_port())}, tell=tell)
        )
        open_a_schedule(hub.environment)
        who = people(hub.state, hub.environment)
        site = Site(hub, pixels or disks.Capped(hub, "imaging-api"), data)
        faults = [fault for fault in FAULTS if possible(fault, site) and wanted(fault, only)]
        lived = day.live(site, who, faults, pace=PACE, limit_s=LIMIT_S, tell=tell)
        text = page.write(lived, site, pace=PACE, minutes=(time.monotonic() - started) / 60)
    sys.stdout.write(text)
    if not only:
        REPORT.write_text(text)
    for problem in lived.verdict.problems:
        tell(problem)
    return 1 if lived.verdict.problems else 0


def possible(fault: Fault, site: Site) -> bool:
    """The database can only be full where it has a disk of its own."""
    return fault.strike is not database_full or site.data is not None


def wanted(fault: Fault, only: list[str]) -> bool:
    """Whether it was asked for."""
    return not only or any(words in fault.name for words in only)


def tell(sentence: str) -> None:
    """Say how far it is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
