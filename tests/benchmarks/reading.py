"""Images a second through the workers, beside a bare torch loop over the same files; and how long a study waits."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import psycopg
import torch
from pydicom import dcmread
from pydicom.uid import generate_uid
from servers import address

from services.imaging import store
from services.imaging.dicom import pixels
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Stage
from services.imaging.inference import reader
from services.simulator import instances
from services.simulator.domain import Examination, Priority, examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.ops.queues import ask

WORKER = "imaging-worker"
MODEL = "cxr-pneumonia-paediatric"


class Latency(NamedTuple):
    """Seconds from the hub's last 2xx about a study to its preliminary result standing in the case."""

    p50: float
    p95: float
    inference: float


class Depth(NamedTuple):
    """Images a second with so many studies on their way at a time, each sent when another is answered."""

    studies: int
    images: float


class Wait(NamedTuple):
    """Seconds from the hub's last 2xx about a study to its answer, which is later than the begin of its reading."""

    lane: str
    studies: int
    p50: float
    p95: float


def children(seed: int, count: int, priority: Priority = "routine") -> list[Examination]:
    """Synthetic children's radiographs, announced first."""
    now = datetime.now(UTC)
    return [
        examination(seed, number, now, "pneumonia" if number % 2 else "normal", priority, "announcement")
        for number in range(count)
    ]


def draw(study: Examination, pictures: int = 1) -> list[bytes]:
    """The files of a study of so many different radiographs; drawing one takes longer than reading it."""
    drawn = []
    for number in range(pictures):
        made = dcmread(BytesIO(instances.part10(replace(study, sample=study.sample + 1000 * number))))
        if number:
            made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made.InstanceNumber = number + 1
        file = BytesIO()
        made.save_as(file, enforce_file_format=True)
        drawn.append(file.getvalue())
    return drawn


def send(hospital: Hospital, study: Examination, files: Sequence[bytes]) -> None:
    """Bring a study's files, then announce it: it is complete with the announcement."""
    for file in files:
        hospital.send_files(study, file=file)
    hospital.announce(study)


def through_worker(hub: Hub, hospital: Hospital, studies: Sequence[Examination], pictures: int = 1) -> float:
    """Queue all studies with the worker stopped, start it, and time images from its first answer to its last."""
    hub.supervisor.stop(WORKER)
    for study in studies:
        send(hospital, study, draw(study, pictures))
    hub.supervisor.start_again(WORKER)
    answers = _answered(hub, studies).values()
    settle(hub)
    return (len(answers) - 1) * pictures / (max(answers) - min(answers)).total_seconds()


def in_flight(hub: Hub, token: str, studies: Sequence[Examination], depth: int) -> Depth:
    """Keep so many studies on their way; from the first one sent to the last answer."""
    drawn = {study.study_uid: draw(study) for study in studies}
    began = datetime.now(UTC)

    def carry(own: Sequence[Examination]) -> None:
        with Hospital(hub.public_url, token) as hospital:
            for study in own:
                send(hospital, study, drawn[study.study_uid])
                _answered(hub, [study], pause=0.02)

    with ThreadPoolExecutor(depth) as carriers:
        list(carriers.map(carry, [studies[number::depth] for number in range(depth)]))
    ended = max(_answered(hub, studies).values())
    settle(hub)
    return Depth(depth, len(studies) / (ended - began).total_seconds())


def under_flood(
    hub: Hub, hospital: Hospital, routine: Sequence[Examination], stat: Sequence[Examination]
) -> list[Wait]:
    """Fill the routine queue with the worker stopped, start it, and send stat studies, two a second, meanwhile."""
    hub.supervisor.stop(WORKER)
    arrived = {}
    for study in routine:
        send(hospital, study, draw(study))
    drawn = [draw(study) for study in stat]
    hub.supervisor.start_again(WORKER)
    hub.wait_ready(WORKER)
    began = datetime.now(UTC)
    for number, (study, files) in enumerate(zip(stat, drawn, strict=True)):
        time.sleep(max(0.0, number / 2 - (datetime.now(UTC) - began).total_seconds()))
        send(hospital, study, files)
        arrived[study.study_uid] = datetime.now(UTC)
    found = []
    for lane, studies in (("stat", stat), ("routine", routine)):
        answers = _answered(hub, studies)
        waits = sorted((at - arrived.get(uid, began)).total_seconds() for uid, at in answers.items())
        cuts = quantiles(waits, n=20, method="inclusive")
        found.append(Wait(lane, len(studies), cuts[9], cuts[18]))
    settle(hub)
    return found


def settle(hub: Hub) -> None:
    """Wait until the DICOM results of what was read are made: they are work for later, and would be in the way now."""
    while any(queue.ready for queue in ask("imaging", url=lambda: hub.environment["HUB_BROKER_URL"]) or ()):
        time.sleep(0.2)


def bare_loop(hub: Hub, studies: Sequence[Examination]) -> tuple[float, float]:
    """The same files in one process with nothing around: decode, predict, heat map.

    The workers have every core, so the loop has them too: torch on one thread or on all, whichever is faster.

    Returns:
        Images a second, and seconds of one image.
    """
    rows = _ask(
        hub,
        "imaging",
        "SELECT digest FROM instance WHERE study = ANY(%s) AND NOT hub_made",
        [study.study_uid for study in studies],
    )
    folder = Path(hub.environment["HUB_IMAGING_STORE_DIR"])
    files = [next(folder.rglob(f"{digest}.dcm")) for (digest,) in rows]
    os.environ.update(hub.environment)
    with store.transaction() as session:
        [model] = [
            entry.model for entry in store.models(session) if entry.stage is Stage.LIVE and entry.model.name == MODEL
        ]
    reader.load([model])
    seconds = min(_loop(model, files, threads) for threads in {1, os.cpu_count() or 1})
    return len(files) / seconds, seconds / len(files)


def _loop(model: Model, files: Sequence[Path], threads: int) -> float:
    torch.set_num_threads(threads)
    reader.predict(model, [pixels.picture(files[0])])
    started = time.perf_counter()
    for file in files:
        [said] = reader.predict(model, [pixels.picture(file)])
        if not isinstance(said, ValueError):
            said.explained()
    return time.perf_counter() - started


def latency(hub: Hub, hospital: Hospital, studies: Sequence[Examination]) -> tuple[float, float]:
    """Send one study a second and see when its preliminary result stands in the case: median and 95 %, seconds."""
    accepted: dict[str, datetime] = {}
    begun = time.perf_counter()
    for number, study in enumerate(studies):
        time.sleep(max(0.0, begun + number - time.perf_counter()))
        hospital.announce(study)
        hospital.send_files(study)
        accepted[study.study_uid] = datetime.now(UTC)
    uids = list(accepted)
    while len(stood := preliminary_at(hub, uids)) < len(uids):
        time.sleep(0.2)
    waits = sorted((stood[uid] - accepted[uid]).total_seconds() for uid in uids)
    cuts = quantiles(waits, n=20, method="inclusive")
    return cuts[9], cuts[18]


def _answered(hub: Hub, studies: Sequence[Examination], pause: float = 0.2) -> dict[str, datetime]:
    """When each study was answered, once all are."""
    uids = [study.study_uid for study in studies]
    query = "SELECT study, made_at FROM analysis WHERE study = ANY(%s)"
    with psycopg.connect(address(hub, "imaging"), autocommit=True) as connection:
        while len(answers := dict(connection.execute(query, (uids,)).fetchall())) < len(uids):
            time.sleep(pause)
    return answers


def preliminary_at(hub: Hub, uids: list[str]) -> dict[str, datetime]:
    """When each study's preliminary result stood in its case, by study; those that have none are not in it."""
    return dict(
        _ask(
            hub,
            "results_sharing",
            "SELECT c.study_uid, min(t.recorded_at) FROM cases c JOIN timeline t ON t.case_id = c.id"
            " WHERE c.study_uid = ANY(%s) AND t.event LIKE 'imaging.analysis-%%' GROUP BY 1",
            uids,
        )
    )


def _ask(hub: Hub, service: str, query: str, uids: list[str]) -> list[tuple[Any, ...]]:
    with psycopg.connect(address(hub, service)) as connection:
        return connection.execute(query, (uids,)).fetchall()
