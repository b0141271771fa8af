"""Which media type an answer has: what the caller takes, the best first, against what can be given.

Sources: DICOM PS3.18 8.3.3.1 (accept parameter), 8.7.3 to 8.7.5 (DICOM and rendered media types), RFC 9110 12.5.1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from services.imaging.api.multipart import MediaType
from shared.errors import HubError

DICOM_JSON: Final = "application/dicom+json"
OCTETS: Final = "application/octet-stream"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
"""Explicit VR Little Endian, the transfer syntax of uncompressed frames."""

ANY: Final = "*"

_RANGE: Final = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
"""One range of an Accept header: a comma inside quotes separates nothing."""


class NotAcceptable(HubError):
    """None of the media types that the caller takes is offered here (PS3.18 8.7.4: 406)."""

    status = 406
    code = "not-supported"


@dataclass(frozen=True)
class Offer:
    """What can be given.

    Attributes:
        kind: media type of each part.
        syntax: transfer syntax in which it is; None where there is none to speak of.
    """

    kind: str
    syntax: str | None = None


@dataclass(frozen=True)
class Chosen:
    """What is given: an offer, alone or in parts."""

    offer: Offer
    multipart: bool


def accepted(request: Request) -> list[MediaType]:
    """The ranges that the caller takes, the best first; everything when it names none."""
    asked = request.query_params.getlist("accept") or request.headers.getlist("accept")
    ranges = [MediaType.parse(part) for part in _RANGE.findall(",".join(asked)) if part.strip()] or [
        MediaType("*/*", {})
    ]
    return sorted((media for media in ranges if _quality(media) > 0), key=_quality, reverse=True)


def choose(request: Request, offers: Sequence[Offer], *, parts: int, fix: str, alone: bool = False) -> Chosen:
    """The offer for the range that the caller likes best; of several for one range, the first.

    Args:
        parts: how many the answer has; one can be given alone, where the caller asks for it alone.
        fix: what else to ask for.
        alone: whether a caller who takes anything gets a single part without its envelope, as browsers need it.

    Raises:
        NotAcceptable: nothing fits.
    """
    for media in accepted(request):
        for offer in offers:
            bare = parts == 1 and _fits(media.name, offer.kind) and _takes_syntax(media, offer)
            if _takes_parts(media, offer) and not (bare and alone):
                return Chosen(offer, multipart=True)
            if bare:
                return Chosen(offer, multipart=False)
    raise NotAcceptable("None of the accepted media types can be given", fix=fix)


def _takes_parts(media: MediaType, offer: Offer) -> bool:
    """Whether a range takes a multipart answer of an offer; one that names no transfer syntax takes any."""
    if media.name == "*/*":
        return True
    named = media.parameters.get("type", offer.kind).lower()
    multipart = media.name in {"multipart/related", "multipart/*"}
    return multipart and _fits(named, offer.kind) and _takes_syntax(media, offer)


def require_json(request: Request) -> None:
    """Refuse a caller who does not take JSON.

    Raises:
        NotAcceptable: as when it wants XML.
    """
    if not any(_fits(media.name, DICOM_JSON) or media.name == "application/json" for media in accepted(request)):
        raise NotAcceptable("The answer is JSON", fix=f"Accept {DICOM_JSON}.")


def _fits(name: str, kind: str) -> bool:
    return name in {kind, "*/*", f"{kind.split('/', maxsplit=1)[0]}/*"}


def _takes_syntax(media: MediaType, offer: Offer) -> bool:
    wanted = media.parameters.get("transfer-syntax", ANY)
    return offer.syntax is None or wanted in {ANY, offer.syntax}


def _quality(media: MediaType) -> float:
    try:
        return float(media.parameters.get("q", "1"))
    except ValueError:
        return 1.0
