"""WADO-RS frames: stored values, decompressed or as they lie in the file.

Source: DICOM PS3.18 10.4.1.1.6 (frames), 8.7.3.4 (table 8.7.3-5, media types of compressed frames).
"""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.imaging.api.accepting import EXPLICIT, OCTETS, Offer, choose
from services.imaging.api.multipart import compose
from services.imaging.api.seen import path_of, seen, tag_of, unchanged
from services.imaging.dicom import pixels
from services.imaging.domain.instance import Instance
from shared.errors import NotFound

COMPRESSED: Final = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
"""Media type of a frame by the transfer syntax in which it is stored."""

router = APIRouter(prefix="/dicomweb/studies/{study}/series/{series}/instances/{instance}/frames")


@router.get("/{frames}")
def instance_frames(request: Request, study: str, series: str, instance: str, frames: str) -> Response:
    """Frames (`1` or `1,3`): decompressed, little endian, not rescaled; or compressed as they are stored."""
    [found] = seen(request, study, series, instance)
    offers = [Offer(OCTETS, EXPLICIT)]
    if found.transfer_syntax in COMPRESSED:
        offers.append(Offer(COMPRESSED[found.transfer_syntax], found.transfer_syntax))
    kinds = " or ".join(offer.kind for offer in offers)
    chosen = choose(request, offers, parts=frames.count(",") + 1, fix=f'Accept multipart/related; type="{kinds}".')
    numbers = frame_numbers(found, frames)
    tag = tag_of(request, [found])
    if same := unchanged(request, tag):
        return same
    path, given = path_of(found), pixels.frame if chosen.offer is offers[0] else pixels.stored_frame
    first = given(path, numbers[0])  # what cannot be decoded is said before the answer begins
    if not chosen.multipart:
        return Response(first, media_type=chosen.offer.kind, headers={"ETag": tag})
    media = f"{chosen.offer.kind}; transfer-syntax={chosen.offer.syntax}"
    parts = ((media, [given(path, number) if place else first]) for place, number in enumerate(numbers))
    kind, body = compose(chosen.offer.kind, parts)
    return StreamingResponse(body, media_type=kind, headers={"ETag": tag})


def frame_numbers(instance: Instance, asked: str) -> list[int]:
    """The frames of a list such as `1,3`.

    Raises:
        NotFound: one of them is not there.
    """
    numbers = [int(number) if number.isdecimal() and len(number) <= 9 else 0 for number in asked.split(",")]  # noqa: PLR2004
    if not instance.has_pixels or any(not 1 <= number <= instance.frames for number in numbers):
        raise NotFound("There is no such frame", fix=f"Frames are numbered from 1; here are {instance.frames}.")
    return numbers
