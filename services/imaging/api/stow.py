"""STOW-RS: files come in, are on disk and in the database, and only then is the sender told so.

Source: DICOM PS3.18 10.5 (Store transaction), annex I (status codes).
"""

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from services.imaging import arrivals
from services.imaging.api import stow_answer
from services.imaging.api.accepting import DICOM_JSON, require_json
from services.imaging.api.multipart import Malformed, Receiver
from services.imaging.arrivals import Arrival, Sender
from services.imaging.domain.instance import Instance, Refused, Stored
from services.imaging.files import Keeping, Spooled
from services.imaging.settings import settings
from shared.fhir import codes
from shared.http import principal
from shared.security import require_scope
from shared.telemetry import bound, log

router = APIRouter(prefix="/dicomweb")


async def spooled(request: Request) -> AsyncIterator[list[Spooled]]:
    """The parts of the body, each a file on disk; written as they arrive, in a thread.

    Raises:
        Malformed: not a multipart body, or one that ends early.
        UnsupportedMedia: no DICOM.
        Unavailable: the disk is full.
    """
    require_scope(principal(request), "Study", "c")
    require_json(request)
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
    sender, chosen = Sender(principal(request)), settings()
    kept: dict[str, list[Arrival]] = {}
    refused: list[Refused] = []
    stored: list[Instance] = []
    with Keeping() as keeping:
        for part in parts:
            taken = arrivals.take(part, chosen, sender, keeping, study=study)
            if isinstance(taken, Arrival):
                kept.setdefault(taken.instance.study, []).append(taken)
            else:
                refused.append(taken)
        for uid in sorted(kept):
            with bound(correlation=codes.correlation_of(uid)):
                outcomes = arrivals.commit(kept[uid], chosen)
                log.info("instances_stored", study=uid, stored=len(outcomes), sent=len(kept[uid]))
            for arrival, outcome in zip(kept[uid], outcomes, strict=True):
                if isinstance(outcome, Stored):
                    stored.append(arrival.instance)
                else:
                    refused.append(Refused(outcome, arrival.instance.sop_class, arrival.instance.uid))
    return Response(
        orjson.dumps(stow_answer.body(stored, refused, chosen.public_url)),
        status_code=stow_answer.status(stored, refused),
        media_type=DICOM_JSON,
    )
