"""STOW-RS: files come in, are on disk and in the database, and only then is the sender told so.

Source: DICOM PS3.18 10.5 (Store transaction), annex I (status codes).
"""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from services.imaging import completion, fhir, files, store
from services.imaging.api import stow_answer
from services.imaging.api.multipart import Malformed, Receiver
from services.imaging.api.stow_answer import Refused
from services.imaging.dicom import header
from services.imaging.dicom.whole import NotTaken
from services.imaging.domain.instance import Failure, Instance, Stored
from services.imaging.domain.study import Issuers
from services.imaging.files import Spooled
from services.imaging.settings import Settings, settings
from shared import audit, outbox, sittings
from shared.fhir import codes
from shared.http import principal
from shared.security import Principal, require_scope
from shared.telemetry import bound, log

DICOM_JSON: Final = "application/dicom+json"

INSTANCES: Final = Counter("hub_imaging_instances", "Instances that came, by what became of them", ["outcome"])
BYTES: Final = Counter("hub_imaging_stored_bytes", "Bytes of new instances")

router = APIRouter(prefix="/dicomweb")


async def spooled(request: Request) -> AsyncIterator[list[Spooled]]:
    """The parts of the body, each a file on disk; written as they arrive, in a thread.

    Raises:
        Malformed: not a multipart body, or one that ends early.
        UnsupportedMedia: no DICOM.
        Unavailable: the disk is full.
    """
    require_scope(principal(request), "Study", "c")
    with Receiver(request.headers.get("content-type", ""), settings().store_dir) as receiver:
        try:
            async for data in request.stream():
                if receiver.gather(data):
                    await run_in_threadpool(receiver.write)
        except ClientDisconnect:
            raise Malformed("The sender went away") from None
        yield await run_in_threadpool(receiver.finish)


@router.post("/studies")
@router.post("/studies/{study}")
def store_instances(
    request: Request, parts: Annotated[list[Spooled], Depends(spooled, scope="request")], study: str | None = None
) -> Response:
    """Take files in."""
    kept: dict[str, list[Instance]] = {}
    refused: list[Refused] = []
    for part in parts:
        taken = _take(part, study)
        if isinstance(taken, Instance):
            kept.setdefault(taken.study, []).append(taken)
        else:
            refused.append(taken)
    stored: list[Instance] = []
    for uid in sorted(kept):
        with bound(correlation=codes.correlation_of(uid)):
            outcomes = _commit(uid, kept[uid], principal(request), settings())
            log.info("instances_stored", study=uid, stored=len(outcomes), sent=len(kept[uid]))
        stored += [instance for instance, outcome in outcomes if isinstance(outcome, Stored)]
        refused += [Refused(o, i.sop_class, i.uid) for i, o in outcomes if isinstance(o, Failure)]
    return Response(
        orjson.dumps(stow_answer.body(stored, refused, settings().public_url)),
        status_code=stow_answer.status(stored, refused),
        media_type=DICOM_JSON,
    )


def _take(part: Spooled, study: str | None) -> Instance | Refused:
    """Put one file where it belongs: under its content, or aside."""
    try:
        instance = header.parse(part.path, part.digest, part.size)
    except NotTaken as error:
        return _put_aside(part, Refused(error.reason))
    if study is not None and instance.study != study:
        return _put_aside(part, Refused(Failure.OTHER_STUDY, instance.sop_class, instance.uid))
    files.keep(settings().store_dir, part)
    return instance


def _put_aside(part: Spooled, refused: Refused) -> Refused:
    files.quarantine(settings().store_dir, part.digest, part.path)
    with store.transaction() as session:
        store.quarantine(session, part.digest, part.size, refused.reason)
    log.warning("file_quarantined", reason=refused.reason, digest=part.digest)
    return refused


def _commit(
    uid: str, instances: Sequence[Instance], who: Principal, chosen: Settings
) -> list[tuple[Instance, Stored | Failure]]:
    """Record the instances of one study, and take its next step, in one transaction."""
    with store.transaction() as session:
        store.lock(session, uid)
        outcomes = [(instance, store.add(session, instance)) for instance in instances]
        for instance, outcome in outcomes:
            if outcome is Failure.CONFLICT:
                files.quarantine(chosen.store_dir, instance.digest)
                store.quarantine(session, instance.digest, instance.size, outcome)
        new = [instance for instance, outcome in outcomes if outcome is Stored.NEW]
        if new:
            study = completion.advance(session, uid, store.now(session), chosen)
            known = [i for i in store.list_instances(session, uid) if not i.hub_made]
            outbox.add(session, fhir.instances_stored(study, Issuers(chosen.issuers, chosen.default_issuer), known))
        _record(session, uid, who)
    for instance, outcome in outcomes:
        INSTANCES.labels(str(outcome)).inc()
        BYTES.inc(instance.size if outcome is Stored.NEW else 0)
    return outcomes


def _record(session: store.Session, uid: str, who: Principal) -> None:
    """Who brought pixels of a study: once a sitting."""
    if sittings.begin(session, who, [f"store {uid}"]):
        entity = audit.Entity(identifier=codes.study_identifier(uid))
        event = audit.audit_event(service="imaging", who=who, kind="dicom-store", action="C", entities=[entity])
        audit.record(session, event, service="imaging", correlation=codes.correlation_of(uid))
