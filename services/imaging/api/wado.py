"""WADO-RS: metadata, whole instances, and single frames; who looks is recorded before a byte goes out.

Source: DICOM PS3.18 10.4 (Retrieve transaction), 8.7.4 (media types of answers).
"""

from collections.abc import Sequence
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.imaging import files, store
from services.imaging.api.multipart import DICOM, MediaType, compose
from services.imaging.dicom import header, pixels
from services.imaging.domain.instance import Instance
from services.imaging.settings import settings
from shared import audit, sittings
from shared.errors import HubError, NotFound
from shared.fhir import codes
from shared.http import principal
from shared.security import require_scope

DICOM_JSON: Final = "application/dicom+json"
OCTETS: Final = "application/octet-stream"
EXPLICIT: Final = "1.2.840.10008.1.2.1"

router = APIRouter(prefix="/dicomweb/studies/{study}")


class NotAcceptable(HubError):
    """None of the media types that the caller takes is offered here (PS3.18 8.7.4: 406)."""

    status = 406
    code = "not-supported"


@router.get("/metadata")
def study_metadata(request: Request, study: str) -> Response:
    """The headers of a study."""
    return _metadata(request, _seen(request, study))


@router.get("/series/{series}/metadata")
def series_metadata(request: Request, study: str, series: str) -> Response:
    """The headers of a series."""
    return _metadata(request, _seen(request, study, series))


@router.get("/series/{series}/instances/{instance}/metadata")
def instance_metadata(request: Request, study: str, series: str, instance: str) -> Response:
    """The header of an instance."""
    return _metadata(request, _seen(request, study, series, instance))


@router.get("")
def study_instances(request: Request, study: str) -> Response:
    """The files of a study."""
    return _files(request, _seen(request, study))


@router.get("/series/{series}")
def series_instances(request: Request, study: str, series: str) -> Response:
    """The files of a series."""
    return _files(request, _seen(request, study, series))


@router.get("/series/{series}/instances/{instance}")
def instance_file(request: Request, study: str, series: str, instance: str) -> Response:
    """The file of an instance."""
    return _files(request, _seen(request, study, series, instance))


@router.get("/series/{series}/instances/{instance}/frames/{frames}")
def instance_frames(request: Request, study: str, series: str, instance: str, frames: str) -> Response:
    """Frames (`1` or `1,3`): values as stored, decompressed, little endian, not rescaled."""
    [found] = _seen(request, study, series, instance)
    accepted = _accepted(request)
    if not all(number.isdecimal() for number in frames.split(",")):
        raise NotFound("Frames are numbered from 1")
    wanted = [int(number) for number in frames.split(",")]
    multipart = any(_takes(media, OCTETS) for media in accepted)
    if not multipart and not (len(wanted) == 1 and any(media.name == OCTETS for media in accepted)):
        raise NotAcceptable("Frames are octets", fix=f'Accept multipart/related; type="{OCTETS}".')
    path = files.path_of(settings().store_dir, found.digest)
    if not found.has_pixels or any(not 1 <= number <= found.frames for number in wanted):
        raise NotFound("There is no such frame")
    contents = [pixels.frame(path, number) for number in wanted]
    if not multipart:
        return Response(contents[0], media_type=OCTETS)
    kind, body = compose(f"{OCTETS}; transfer-syntax={EXPLICIT}", [[content] for content in contents])
    return StreamingResponse(body, media_type=kind)


def _seen(request: Request, study: str, series: str | None = None, instance: str | None = None) -> list[Instance]:
    """What is asked for, once it is on record who asks: no commit, no data.

    Raises:
        Forbidden: a system without the scope.
        NotFound: there is nothing of these UIDs.
    """
    who = principal(request)
    if who.audience == "system":
        require_scope(who, "Study", "r")
    with store.transaction() as session:
        if series and instance:
            found = [store.find_instance(session, study, series, instance)]
        else:
            found = store.list_instances(session, study, series)
        if not found:
            raise NotFound("There is no such study or series")
        if sittings.begin(session, who, [f"read {study}"]):
            entity = audit.Entity(identifier=codes.study_identifier(study))
            event = audit.audit_event(service="imaging", who=who, kind="dicom-read", action="R", entities=[entity])
            audit.record(session, event, service="imaging", correlation=codes.correlation_of(study))
    return found


def _metadata(request: Request, instances: Sequence[Instance]) -> Response:
    if not any(media.name in {DICOM_JSON, "application/json", "*/*"} for media in _accepted(request)):
        raise NotAcceptable("Metadata are JSON", fix=f"Accept {DICOM_JSON}.")
    folder = settings().store_dir
    headers = [header.to_json(files.path_of(folder, instance.digest)) for instance in instances]
    return Response(orjson.dumps(headers), media_type=DICOM_JSON)


def _files(request: Request, instances: Sequence[Instance]) -> Response:
    """The files as they came: a transfer syntax that differs from theirs is not made."""
    accepted = _accepted(request)
    if not all(any(_takes(media, DICOM, instance.transfer_syntax) for media in accepted) for instance in instances):
        raise NotAcceptable(
            "The files are given as they are stored",
            fix=f'Accept multipart/related; type="{DICOM}"; transfer-syntax=*.',
        )
    folder = settings().store_dir
    kind, body = compose(DICOM, (files.read(folder, instance.digest) for instance in instances))
    return StreamingResponse(body, media_type=kind)


def _accepted(request: Request) -> list[MediaType]:
    """The ranges of Accept; everything when there is none."""
    text = ",".join(request.headers.getlist("accept")) or "*/*"
    return [MediaType.parse(part) for part in text.split(",")]


def _takes(media: MediaType, kind: str, transfer_syntax: str | None = None) -> bool:
    """Whether a range takes a multipart answer of a kind; one that names no transfer syntax takes any."""
    if media.name == "*/*":
        return True
    wanted = media.parameters.get("transfer-syntax", "*")
    right = media.name in {"multipart/related", "multipart/*"} and media.parameters.get("type", kind).lower() == kind
    return right and (transfer_syntax is None or wanted in {"*", transfer_syntax})
