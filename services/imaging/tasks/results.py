"""After the answer is said: its DICOM objects are made, and sent to the archive; no transaction is open meanwhile."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import dist
from pathlib import Path
from typing import Any
from uuid import uuid4

from prometheus_client import Counter, Histogram

from services.imaging import dimse, fhir, files, pacs, store
from services.imaging.dicom import derived, header, pixels, results
from services.imaging.dicom.placing import numbers
from services.imaging.dicom.told import Slice, Told
from services.imaging.domain import registry
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Coverage, Extent, Finding, Opinion, Region, best
from services.imaging.domain.results import Way
from services.imaging.domain.study import State
from services.imaging.inference import masks
from services.imaging.settings import settings
from services.imaging.tasks import answering
from services.imaging.tasks.worker import worker
from shared import inbox, outbox
from shared.errors import HubError, Unavailable
from shared.events import Event
from shared.fhir.message import Message
from shared.telemetry import log

RETRIES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    *([timedelta(hours=1)] * 25),
)
"""When results that the archive did not take are sent again: soon, then hourly for a day."""

SECONDS = Histogram(
    "hub_imaging_results_seconds",
    "Time to make the DICOM objects of one answer",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
SENT = Counter("hub_imaging_results_sent", "Tries to send the objects of a study to the archive", ["outcome"])

Send = Callable[[Sequence[Path]], None]
"""Give the archive these files, or raise Unavailable (again later) or InvalidResource (never)."""


def _to_archive(paths: Sequence[Path]) -> None:
    """The way that the site chose: STOW-RS or C-STORE."""
    chosen = settings()
    if chosen.pacs_url is not None:
        pacs.send(paths, chosen.pacs_url, chosen.pacs_credentials_file)
    elif chosen.pacs_ae is not None:
        dimse.store(chosen, chosen.pacs_ae, paths)


@worker.on(Event.RESULTS_DUE)
def make_results(message: Message) -> None:
    """Make the objects of a study's answer and keep them beside its pixels."""
    uid = fhir.study_uid(message)
    with store.transaction() as session:
        study, instances = store.find(session, uid), store.list_instances(session, uid)
        found, known = store.find_answer(session, uid), store.models(session)
    if found is None or found[0].instance is None or study.state is not State.ANSWERED or fhir.is_test_subject(study):
        return  # a refusal has nothing to show; a study on hold awaits a human; of a phantom nobody wants any
    answer, at = found
    model = registry.find(known, answer.model, answer.version).model
    with SECONDS.time():
        made = _make(answer, at, model, {instance.uid: instance for instance in instances}, settings().store_dir)
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        store.lock(session, uid)
        for instance in made:
            store.add(session, instance)
        named = store.Answerer(uid, answer.model, answer.version)
        store.add_results(session, named, [instance.uid for instance in made])
        outbox.add(session, fhir.results_made(study, answering.issuers(), made, message))
    log.info("results_made", study=uid, objects=len(made))


def give_up(session: store.Session, message: Message) -> None:
    """The last retry failed: the results stay here until a human replays the dead letter."""
    uid = fhir.study_uid(message)
    store.lock(session, uid)
    store.fail_results(session, uid)


@worker.on(Event.RESULTS_MADE, retries=RETRIES, exhausted=give_up)
def send_results(message: Message, *, send: Send = _to_archive) -> None:
    """Bring what the archive does not have yet to it, whatever the message says that was made.

    Raises:
        Unavailable: the archive did not take it, or another worker is sending; the worker tries again.
        InvalidResource: the archive refuses it; a human must look.
    """
    uid, owner = fhir.study_uid(message), str(uuid4())
    with store.transaction() as session:
        study = store.lock(session, uid)
        if study.state is not State.ANSWERED:
            raise Unavailable("The study awaits a human")
        wanted = store.lease_results(session, uid, owner, store.now(session))
        if wanted and (not settings().has_archive or fhir.is_test_subject(study)):
            store.settle_results(session, uid, owner, Way.KEPT)
            wanted = []
        known = {instance.uid: instance for instance in store.list_instances(session, uid)}
    instances = [known[each] for each in wanted]  # in the order of making: what is pointed at comes before who points
    if not instances:
        return
    try:
        send([files.find(settings().store_dir, instance.digest) for instance in instances])
    except HubError as error:
        _missed(uid, owner, error)
        raise
    with store.transaction() as session:
        if store.settle_results(session, uid, owner, Way.STORED):
            outbox.add(session, fhir.results_stored(study, answering.issuers(), instances, message))
    SENT.labels("stored").inc()
    log.info("results_stored", study=uid, objects=len(instances))


def _missed(uid: str, owner: str, error: HubError) -> None:
    way = Way.WAITING if isinstance(error, Unavailable) else Way.FAILED
    with store.transaction() as session:
        store.settle_results(session, uid, owner, way, error.message)
    SENT.labels("missed" if way is Way.WAITING else "refused").inc()
    log.warning("results_not_stored", study=uid, reason=error.message, final=way is Way.FAILED)


def _make(
    answer: store.Answer, at: datetime, model: Model, instances: dict[str, Instance], folder: Path
) -> list[Instance]:
    """The objects on disk; the same when they are made again.

    Raises:
        Unavailable: the store is away or full.
        Unreadable: the picture was whole when it was read, and is not now.
    """
    source = instances[answer.instance or ""]
    path = files.find(folder, source.digest)
    heat = instances[answer.heat_map] if answer.heat_map else None
    kept = files.find(folder, answer.mask, files.MASK).read_bytes() if answer.mask else None
    told = Told(
        model=model,
        finding=_finding(answer, model, source),
        source=header.source_header(path),
        picture=pixels.picture(path, answer.frame),
        heat=pixels.picture(files.find(folder, heat.digest)) if heat else None,
        mask=masks.from_bytes(kept) if kept else None,
        at=at,
        planes=_slices(masks.planes_from(kept), instances, folder) if kept else (),
    )
    made = []
    for one in results.make(told):
        written = files.write(folder, derived.part10(one))
        made.append(header.describe(one, written.digest, written.size))
    return made


def _slices(named: Sequence[tuple[str, int]], instances: dict[str, Instance], folder: Path) -> list[Slice]:
    """The slices of a volume as they were read."""
    headers = {
        uid: header.source_header(files.find(folder, instances[uid].digest))
        for uid in dict.fromkeys(uid for uid, _ in named)
    }
    corners = [numbers(headers[uid], frame, "ImagePositionPatient") for uid, frame in named]
    apart = dist(corners[0], corners[-1]) / max(1, len(corners) - 1) if corners else 0.0
    return [Slice(headers[uid], frame, instances[uid].frames, apart) for uid, frame in named]


def _finding(answer: store.Answer, model: Model, source: Instance) -> Finding:
    """The finding as it was said, from its row."""
    scores = tuple(answer.scores or ())
    category, flagged = best(scores, model)
    region = Region(*answer.region) if answer.region else None
    coverage = Coverage(*(answer.coverage or [1]))  # those of before this was kept
    opinion = Opinion(source, scores, True, region, answer.frame, answer.measure, extent=_extent(answer.extent))
    return Finding(opinion, category, flagged, coverage)


def _extent(kept: dict[str, Any] | None) -> Extent | None:
    return Extent(**kept | {"millilitres": tuple(kept["millilitres"])}) if kept else None
