"""Images a second through the worker, and from event to result, beside a bare torch loop over the same files."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import psycopg
import torch
from servers import address

from services.imaging import store
from services.imaging.dicom import pixels
from services.imaging.domain.model import Model
from services.imaging.domain.registry import Stage
from services.imaging.inference import reader
from services.simulator.domain import Examination, examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub

WORKER = "imaging-worker"
MODEL = "cxr-pneumonia-paediatric"


class Latency(NamedTuple):
    """Seconds from the hub's last 2xx about a study to its preliminary result standing in the case."""

    p50: float
    p95: float
    inference: float


def children(seed: int, count: int) -> list[Examination]:
    """Synthetic children's radiographs, routine, announced first."""
    now = datetime.now(UTC)
    return [
        examination(seed, number, now, "pneumonia" if number % 2 else "normal", "routine", "announcement")
        for number in range(count)
    ]


def through_worker(hub: Hub, hospital: Hospital, studies: Sequence[Examination]) -> float:
    """Queue all studies with the worker stopped, start it, and time from its first answer to its last."""
    hub.supervisor.stop(WORKER)
    for study in studies:
        hospital.announce(study)
        hospital.send_files(study)
    hub.supervisor.start_again(WORKER)
    uids = [study.study_uid for study in studies]
    while len(answers := _answered(hub, uids)) < len(studies):
        time.sleep(0.2)
    return (len(answers) - 1) / (max(answers.values()) - min(answers.values())).total_seconds()


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
    reader.predict(model, pixels.picture(files[0]))
    started = time.perf_counter()
    for file in files:
        reader.predict(model, pixels.picture(file))
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


def _answered(hub: Hub, uids: list[str]) -> dict[str, datetime]:
    return dict(_ask(hub, "imaging", "SELECT study, made_at FROM analysis WHERE study = ANY(%s)", uids))


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
