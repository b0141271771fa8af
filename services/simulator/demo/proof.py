"""Whether the demo's story came to its end: every step, reports and results at the hospital, cases accounted for."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

import httpx
from rich.console import Console

from services.simulator.demo.display import Display, name
from services.simulator.demo.steps import Progress, Step
from shared.embedded import Hub
from shared.fhir.codes import REPORT_SYSTEM


def judge(hub: Hub, cases: Sequence[Progress], console: Console) -> int:
    """Print the timeline, what is missing, and the reconciliation; 0 when nothing is missing."""
    Display(console, cases).close_with_table()
    problems = [f"{name(case)}: {step} did not come" for case in cases for step in case.missing(Step)]
    problems += _at_the_hospital(hub, cases)
    problems += _at_the_archive(hub, cases)
    problems += [] if any(Step.BOOKED in case.at for case in cases) else ["no follow-up was booked"]
    denied = [case for case in cases if case.examination.refuses_ai]
    problems += [f"{name(case)}: analysed against the patient's will" for case in denied if case.refused != "consent"]
    counted = _reconciliation(hub)
    console.print(f"Reconciliation: {json.dumps(counted)}", highlight=False, soft_wrap=True)
    if counted.get("unexplained") != 0:
        problems.append("the reconciliation has unexplained cases")
    for problem in problems:
        console.print(f"[red]{problem}[/red]", highlight=False)
    if not problems:
        console.print("[green]Every step came, and every report is at the hospital, once.[/green]")
    return 1 if problems else 0


def _at_the_hospital(hub: Hub, cases: Sequence[Progress]) -> list[str]:
    """What the hospital's own server lacks, or has twice."""
    problems = []
    received = httpx.get(f"{hub.url('simulator-api')}/control/received", timeout=30).raise_for_status().json()
    for case in cases:
        versions = [one for one in received if one["key"] == f"{REPORT_SYSTEM}|{case.case_id}"]
        if len(versions) != 1:
            problems.append(f"{name(case)}: the hospital received the report {len(versions)} times")
    return problems


def _at_the_archive(hub: Hub, cases: Sequence[Progress]) -> list[str]:
    """Which of the answers that were given the hospital's archive cannot show."""
    held = httpx.get(f"{hub.url('simulator-api')}/control/archive", timeout=30).raise_for_status().json()
    shown = {(one["study"], one["modality"]) for one in held}
    return [
        f"{name(case)}: the archive has no {modality} of it"
        for case in cases
        if case.expects(Step.ARCHIVED)
        for modality in ("SR", "KO")
        if (case.examination.study_uid, modality) not in shown
    ]


def _reconciliation(hub: Hub) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "shared.cli", "cases", "--json"],
        env={**os.environ, **hub.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found: dict[str, object] = json.loads(done.stdout) if done.stdout else {}
    return found
