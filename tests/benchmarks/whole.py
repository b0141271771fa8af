"""Studies an hour through the whole hub, from the first announcement to the last preliminary result in its case."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from reading import WORKER, draw, preliminary_at

from services.simulator.domain import Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub

SENDERS = 4
Drawn = tuple[Examination, bytes]
CHILDREN = "--concurrency"


def studies_per_hour(hub: Hub, token: str, studies: Sequence[Examination], workers: int) -> float:
    """Send studies as fast as four senders can, with so many children of the worker that reads them.

    The first of each child go before the clock starts: loading the model is no part of the figure.
    """
    command = list(hub.processes[WORKER].command)
    command[command.index(CHILDREN) + 1] = str(workers)
    hub.supervisor.stop(WORKER)
    hub.supervisor.start_again(WORKER, command)
    hub.wait_ready(WORKER)
    drawn = [(study, draw(study)[0]) for study in studies]
    _through(hub, token, drawn[: 2 * workers])
    began = datetime.now(UTC)
    measured = drawn[2 * workers :]
    ended = _through(hub, token, measured)
    return len(measured) * 3600 / (ended - began).total_seconds()


def _through(hub: Hub, token: str, studies: Sequence[Drawn]) -> datetime:
    """Send all and wait for their results; when the last one stood in its case."""
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda own: _send(hub, token, own), [studies[number::SENDERS] for number in range(SENDERS)]))
    uids = [study.study_uid for study, _ in studies]
    while len(stood := preliminary_at(hub, uids)) < len(uids):
        time.sleep(0.1)
    return max(stood.values())


def _send(hub: Hub, token: str, studies: Sequence[Drawn]) -> None:
    with Hospital(hub.public_url, token) as hospital:
        for study, file in studies:
            hospital.announce(study)
            hospital.send_files(study, file=file)
