"""Follows the cases through public doors: the hub's timelines, and what the hospital's server holds."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import httpx

from services.simulator.demo.steps import Progress, Step
from services.simulator.domain import MRN_SYSTEM, Examination
from services.simulator.hospital import Hospital
from shared.errors import Unavailable

LOOK_EVERY_S: Final = 0.3
PATIENCE: Final = timedelta(minutes=3)
"""How long the demo waits for the next step of any case."""

Moved = Callable[[Progress, Sequence[Step]], None]


def send(hospital: Hospital, examination: Examination) -> None:
    """What the patient denies; announcement and files, as the examination wants; then what the laboratory has."""
    if examination.refuses_ai:
        hospital.send_consent(examination)
    first, second = hospital.announce, hospital.send_files
    if examination.first == "files":
        first, second = second, first
    first(examination)
    second(examination)
    hospital.send_results(examination)


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


def look_for_risk(ward: Hospital, case: Progress) -> list[Step]:
    """Whether a risk of the case's patient can be read; it belongs to a patient, and so to no study's timeline."""
    if Step.RISK not in case.missing([Step.RISK]):
        return []
    try:
        for patient in ward.search("Patient", identifier=f"{MRN_SYSTEM}|{case.examination.mrn}"):
            for risk in ward.search("RiskAssessment", subject=f"Patient/{patient['id']}"):
                if risk.get("prediction"):
                    case.at[Step.RISK] = datetime.fromisoformat(risk["meta"]["lastUpdated"])
                    return [Step.RISK]
    except (httpx.TransportError, Unavailable):
        pass
    return []


def follow(
    hospital: Hospital,
    cases: Sequence[Progress],
    until: Iterable[Step],
    moved: Moved,
    *,
    check: Callable[[], None] = lambda: None,
    patience: timedelta = PATIENCE,
    ward: Hospital | None = None,
) -> bool:
    """Look until every case has come so far.

    Args:
        check: called at each look; raises when waiting longer makes no sense.
        ward: a system that may see what nobody has signed, where risks are awaited.

    Returns:
        False when none moved for as long as `patience`.
    """
    wanted = list(until)
    deadline = time.monotonic() + patience.total_seconds()
    while any(case.missing(wanted) for case in cases):
        check()
        for case in cases:
            if new := [*look(hospital, case), *(look_for_risk(ward, case) if ward else [])]:
                deadline = time.monotonic() + patience.total_seconds()
                moved(case, new)
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
