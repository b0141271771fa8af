"""A short piece of the bad day (`make faults`), with the same code, on the hub of the tests."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `day` and what it uses

import day
import disks
from strikes import FAULTS, Site

from services.simulator.demo.operator import open_a_schedule
from services.simulator.demo.people import People
from shared.embedded import Hub

NAMES = ("database killed", "pixel disk full")


def test_a_bad_hour_loses_nothing_and_does_nothing_twice(hub: Hub, cast: People) -> None:
    open_a_schedule(hub.environment)
    site = Site(hub, disks.Capped(hub, "imaging-api"))
    short = [replace(fault, lasts_s=2) for fault in FAULTS if fault.name in NAMES]
    lived = day.live(site, cast, short, pace=1, limit_s=240, tell=lambda _: None)
    assert lived.verdict.problems == []
    assert lived.verdict.windows[NAMES[1]].accepted > 0
    for recovery in lived.recoveries:
        assert recovery.refused > 0, f"{recovery.fault.name} did not hurt"
        assert None not in {recovery.first_s, recovery.drained_s}, f"{recovery.fault.name}: the hub did not recover"
