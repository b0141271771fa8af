"""STOW-RS: files come in, are on disk and in the database, and only then is the sender told so.

Source: DICOM PS3.18 10.5 (Store transaction), annex I (status codes).
"""

from functools import lru_cache
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from services.imaging import arrivals
from services.imaging.api import stow_answer
from services.imaging.api.accepting import DICOM_JSON, require_json
from services.imaging.api.multipart import Malformed, Receiver
from services.imaging.arrivals import Arrival, Sender
from services.imaging.domain.instance import Instance, Refused, Stored
from services.imaging.files import Keeping
from services.imaging.settings import settings
from services.imaging.together import Together
from shared.errors import UnsupportedMedia
from shared.fhir import codes
from shared.http import principal
from shared.security import Principal, require_scope
from shared.telemetry import bound, log

router = APIRouter(prefix="/dicomweb")

SENDERS: Final = 256
"""Senders of whom a process remembers what is on record."""

_TOGETHER: Final = Together(settings)


@router.post("/studies")
@router.post("/studies/{study}")
async def store_instances(request: Request, study: str | None = None) -> Response:
    """Take files in."""
    who = principal(request)
    require_scope(who, "Study", "c")
    require_json(request)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("A compressed body is not read here", fix="Send it without Content-Encoding.")
    with Receiver(request.headers.get("content-type", ""), settings().store_dir) as receiver:
        try:
            async for data in request.stream():
                if receiver.gather(data):
                    await run_in_threadpool(receiver.write)
        except ClientDisconnect:
            raise Malformed("The sender went away") from None
        return await run_in_threadpool(_settle, receiver, _sender(who), study)


@lru_cache(SENDERS)
def _sender(who: Principal) -> Sender:
    return Sender(who)


def _settle(receiver: Receiver, sender: Sender, study: str | None) -> Response:
    """All bytes are there: what the sender is told.

    Raises:
        Malformed: not a multipart body, or one that ends early.
        UnsupportedMedia: no DICOM.
        Unavailable: the disk is full or away, or the database.
    """
    chosen = settings()
    with Keeping() as keeping:
        taken = [arrivals.take(part, chosen, sender, keeping, study=study) for part in receiver.finish()]
        kept = [one for one in taken if isinstance(one, Arrival)]
        outcomes = _TOGETHER.ask(kept) if kept else []
    refused = [one for one in taken if isinstance(one, Refused)]
    stored: list[Instance] = []
    for instance, outcome in zip((arrival.instance for arrival in kept), outcomes, strict=True):
        if isinstance(outcome, Stored):
            stored.append(instance)
        else:
            refused.append(Refused(outcome, instance.sop_class, instance.uid))
    for uid in sorted({instance.study for instance in stored}):
        with bound(correlation=codes.correlation_of(uid)):
            log.info("instances_stored", study=uid, stored=sum(instance.study == uid for instance in stored))
    return Response(
        orjson.dumps(stow_answer.body(stored, refused, chosen.public_url)),
        status_code=stow_answer.status(stored, refused),
        media_type=DICOM_JSON,
    )
