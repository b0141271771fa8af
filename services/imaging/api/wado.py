"""WADO-RS: files, metadata and bulk data; who looks is recorded before a byte goes out.

Source: DICOM PS3.18 10.4 (Retrieve transaction), 8.7.3 (DICOM media types).
"""

from collections.abc import Iterable, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.imaging import files
from services.imaging.api.accepting import (
    DICOM_JSON,
    EXPLICIT,
    OCTETS,
    Chosen,
    Offer,
    choose,
    require_json,
)
from services.imaging.api.multipart import DICOM, compose
from services.imaging.api.seen import path_of, seen, tag_of, unchanged
from services.imaging.dicom import metadata, pixels, transcoding
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.settings import settings
from shared.telemetry import log

router = APIRouter(prefix="/dicomweb/studies/{study}")


@router.get("/metadata")
def study_metadata(request: Request, study: str) -> Response:
    """The headers of a study."""
    return _metadata(request, seen(request, study))


@router.get("/series/{series}/metadata")
def series_metadata(request: Request, study: str, series: str) -> Response:
    """The headers of a series."""
    return _metadata(request, seen(request, study, series))


@router.get("/series/{series}/instances/{instance}/metadata")
def instance_metadata(request: Request, study: str, series: str, instance: str) -> Response:
    """The header of an instance."""
    return _metadata(request, seen(request, study, series, instance))


@router.get("")
def study_instances(request: Request, study: str) -> Response:
    """The files of a study."""
    return _files(request, seen(request, study))


@router.get("/series/{series}")
def series_instances(request: Request, study: str, series: str) -> Response:
    """The files of a series."""
    return _files(request, seen(request, study, series))


@router.get("/series/{series}/instances/{instance}")
def instance_file(request: Request, study: str, series: str, instance: str) -> Response:
    """The file of an instance."""
    return _files(request, seen(request, study, series, instance))


@router.get("/series/{series}/instances/{instance}/bulkdata/{place:path}")
def bulk_data(request: Request, study: str, series: str, instance: str, place: str) -> Response:
    """A long value that metadata name by this address; of Pixel Data, every frame as `/frames` gives it."""
    [found] = seen(request, study, series, instance)
    chosen = choose(request, [Offer(OCTETS, EXPLICIT)], parts=1, fix=f"Accept {OCTETS}.")
    path = path_of(found)
    value: Iterable[bytes]
    if place == metadata.PIXELS and found.has_pixels:
        pixels.frame(path, 1)  # what cannot be decoded is said before the answer begins
        value = pixels.frames_of(path, found.frames)
    else:
        value = [metadata.bulk(path, place)]
    if not chosen.multipart:
        return StreamingResponse(value, media_type=OCTETS)
    kind, body = compose(OCTETS, [(f"{OCTETS}; transfer-syntax={EXPLICIT}", value)])
    return StreamingResponse(body, media_type=kind)


def place_of(instance: Instance) -> str:
    """The address of an instance."""
    place = f"/dicomweb/studies/{instance.study}/series/{instance.series}/instances/{instance.uid}"
    return f"{settings().public_url.rstrip('/')}{place}"


def _metadata(request: Request, instances: Sequence[Instance]) -> Response:
    require_json(request)
    tag = tag_of(request, instances)
    if same := unchanged(request, tag):
        return same
    headers = [_header(one, given=len(instances) == 1) for one in instances]
    return Response(b"[" + b",".join(headers) + b"]", media_type=DICOM_JSON, headers={"ETag": tag})


def _header(instance: Instance, *, given: bool) -> bytes:
    """One header.

    Args:
        given: whether it must be whole; otherwise of one that cannot be read its names come alone.
    """
    try:
        place = f"{place_of(instance)}/bulkdata"
        return metadata.to_json(path_of(instance), place, has_pixels=instance.has_pixels)
    except Unreadable:
        if given:
            raise
        log.warning("header_not_shown", instance=instance.uid)
        return metadata.names(instance)


def _files(request: Request, instances: Sequence[Instance]) -> Response:
    """The files as they came, unless the caller takes Explicit VR Little Endian alone."""
    chosen = [_choose(request, instance, len(instances)) for instance in instances]
    tag = tag_of(request, instances)
    if same := unchanged(request, tag):
        return same
    headers = {"ETag": tag}
    if len(instances) == 1:
        kind, content = _part(instances[0], chosen[0].offer, given=True)  # what cannot be given is said at once
        if not chosen[0].multipart:
            return StreamingResponse(iter(content), media_type=kind, headers=headers)
        whole, body = compose(DICOM, [(kind, content)])
    else:
        parts = (_part(one, each.offer, given=False) for one, each in zip(instances, chosen, strict=True))
        whole, body = compose(DICOM, parts)
    return StreamingResponse(body, media_type=whole, headers=headers)


def _choose(request: Request, instance: Instance, parts: int) -> Chosen:
    """In which transfer syntax an instance is given.

    Raises:
        NotAcceptable: the caller takes neither its own nor the one that everybody must know.
    """
    offers = [Offer(DICOM, instance.transfer_syntax), Offer(DICOM, EXPLICIT)]
    return choose(request, offers, parts=parts, fix=f'Accept multipart/related; type="{DICOM}"; transfer-syntax=*.')


def _part(instance: Instance, offer: Offer, *, given: bool) -> tuple[str, Iterable[bytes]]:
    """One file, and its media type.

    Args:
        given: whether it must be as offered; otherwise one that cannot be decoded comes as it lies, and says so.
    """
    own = (f"{DICOM}; transfer-syntax={instance.transfer_syntax}", files.read(settings().store_dir, instance.digest))
    if offer.syntax == instance.transfer_syntax:
        return own
    try:
        return f"{DICOM}; transfer-syntax={EXPLICIT}", [transcoding.explicit(path_of(instance))]
    except Unreadable:
        if given:
            raise
        log.warning("instance_not_transcoded", instance=instance.uid)
        return own
