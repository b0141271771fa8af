"""Follows the cases through public doors: the hub's timelines, and what the hospital's server holds."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import httpx

from services.simulator.demo.steps import Progress, Step
from services.simulator.domain import Examination
from services.simulator.hospital import Hospital

LOOK_EVERY_S: Final = 0.3
PATIENCE: Final = timedelta(minutes=3)
"""How long the demo waits for the next step of any case."""

Moved = Callable[[Progress, Sequence[Step]], None]


def send(hospital: Hospital, examination: Examination) -> None:
    """Announcement and files, in the order that the examination wants."""
    first, second = hospital.announce, hospital.send_files
    if examination.first == "files":
        first, second = second, first
    first(examination)
    second(examination)


def send_all(hospital: Hospital, examinations: Iterable[Examination]) -> None:
    """Two departments at once, as in a hospital."""
    with ThreadPoolExecutor(max_workers=2) as departments:
        for sent in [departments.submit(send, hospital, examination) for examination in examinations]:
            sent.result()


def look(hospital: Hospital, case: Progress) -> list[Step]:
    """What is new about a case; nothing while the hub does not know it, or does not answer."""
    try:
        answer = hospital.read(f"/timelines/{case.examination.study_uid}")
    except httpx.TransportError:
        return []
    return case.learn(answer.json()) if answer.status_code == httpx.codes.OK else []


def follow(
    hospital: Hospital,
    cases: Sequence[Progress],
    until: Iterable[Step],
    moved: Moved,
    *,
    check: Callable[[], None] = lambda: None,
    patience: timedelta = PATIENCE,
) -> bool:
    """Look until every case has come so far.

    Args:
        check: called at each look; raises when waiting longer makes no sense.

    Returns:
        False when none moved for as long as `patience`.
    """
    wanted = list(until)
    deadline = time.monotonic() + patience.total_seconds()
    while any(case.missing(wanted) for case in cases):
        check()
        for case in cases:
            if new := look(hospital, case):
                deadline = time.monotonic() + patience.total_seconds()
                moved(case, new)
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
