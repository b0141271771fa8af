"""WADO-RS rendered pictures and thumbnails, as any browser shows them.

Source: DICOM PS3.18 10.4.1.1.3 (rendered resources), 10.4.1.1.4 (thumbnails), 8.3.5 (their parameters).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.imaging.api import picture
from services.imaging.api.accepting import Chosen, Offer, choose
from services.imaging.api.frames import frame_numbers
from services.imaging.api.multipart import compose
from services.imaging.api.picture import Wanted
from services.imaging.api.seen import path_of, seen, tag_of, unchanged
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from shared.errors import NotFound
from shared.telemetry import log

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
THUMBNAIL: Final = 128
"""Pixels of the longer edge, unless the caller names a viewport."""

router = APIRouter(prefix="/dicomweb/studies/{study}")

Shown = tuple[Instance, int]
"""An instance and one of its frames, from 1."""


@router.get("/rendered")
def rendered_study(request: Request, study: str) -> Response:
    """The pictures of a study, the first frame of each, in parts."""
    return _rendered(request, _first_frames(seen(request, study)))


@router.get("/series/{series}/rendered")
def rendered_series(request: Request, study: str, series: str) -> Response:
    """The pictures of a series, the first frame of each, in parts."""
    return _rendered(request, _first_frames(seen(request, study, series)))


@router.get("/series/{series}/instances/{instance}/rendered")
def rendered_instance(request: Request, study: str, series: str, instance: str) -> Response:
    """An instance: its first frame, or all of them as an animated GIF."""
    [found] = seen(request, study, series, instance)
    offers = [Offer(JPEG), Offer(PNG), Offer(GIF)]
    chosen = choose(request, offers, parts=1, fix=f"Accept {JPEG}, {PNG} or {GIF}.", alone=True)
    shown = _first_frames([found])
    if chosen.offer.kind != GIF:
        return _rendered(request, shown)
    tag, wanted = tag_of(request, [found]), picture.wanted(request)
    if same := unchanged(request, tag):
        return same
    return _answer(chosen, [picture.animated(path_of(found), found.frames, wanted)], tag, wanted)


@router.get("/series/{series}/instances/{instance}/frames/{frames}/rendered")
def rendered_frames(request: Request, study: str, series: str, instance: str, frames: str) -> Response:
    """Frames of an instance."""
    [found] = seen(request, study, series, instance)
    return _rendered(request, [(found, number) for number in frame_numbers(found, frames)])


@router.get("/thumbnail")
def study_thumbnail(request: Request, study: str) -> Response:
    """A small picture for a study: of its first series with pictures, the one in the middle."""
    return _thumbnail(request, _middle(seen(request, study)))


@router.get("/series/{series}/thumbnail")
def series_thumbnail(request: Request, study: str, series: str) -> Response:
    """A small picture for a series: the one in the middle."""
    return _thumbnail(request, _middle(seen(request, study, series)))


@router.get("/series/{series}/instances/{instance}/thumbnail")
def instance_thumbnail(request: Request, study: str, series: str, instance: str) -> Response:
    """A small picture for an instance: its middle frame."""
    return _thumbnail(request, _middle(seen(request, study, series, instance)))


@router.get("/series/{series}/instances/{instance}/frames/{frame}/thumbnail")
def frame_thumbnail(request: Request, study: str, series: str, instance: str, frame: str) -> Response:
    """A small picture of a frame."""
    [found] = seen(request, study, series, instance)
    return _thumbnail(request, (found, frame_numbers(found, frame)[0]))


def _first_frames(instances: Sequence[Instance]) -> list[Shown]:
    shown = [(instance, 1) for instance in instances if instance.has_pixels]
    if not shown:
        raise NotFound("There is no picture here")
    return shown


def _middle(instances: Sequence[Instance]) -> Shown:
    """Of the first series with pictures; the hub's own pictures come last in the list."""
    pictures = [instance for instance, _ in _first_frames(instances)]
    series = [instance for instance in pictures if instance.series == pictures[0].series]
    middle = series[len(series) // 2]
    return middle, middle.frames // 2 + 1


def _thumbnail(request: Request, shown: Shown) -> Response:
    return _rendered(request, [shown], edge=THUMBNAIL)


def _rendered(request: Request, shown: Sequence[Shown], edge: int | None = None) -> Response:
    chosen = choose(request, [Offer(JPEG), Offer(PNG)], parts=len(shown), fix=f"Accept {JPEG} or {PNG}.", alone=True)
    wanted = picture.wanted(request, edge)
    tag = tag_of(request, [instance for instance, _ in shown])
    if same := unchanged(request, tag):
        return same
    if len(shown) == 1:
        [(instance, number)] = shown
        return _answer(chosen, [picture.encoded(path_of(instance), number, wanted, chosen.offer.kind)], tag, wanted)
    return _answer(chosen, _each(shown, wanted, chosen.offer.kind), tag, wanted)


def _each(shown: Sequence[Shown], wanted: Wanted, kind: str) -> Iterator[bytes]:
    """One that cannot be decoded is left out of many, as a browser has no use for its file."""
    for instance, number in shown:
        try:
            yield picture.encoded(path_of(instance), number, wanted, kind)
        except Unreadable:
            log.warning("picture_not_rendered", instance=instance.uid)


def _answer(chosen: Chosen, contents: Sequence[bytes] | Iterator[bytes], tag: str, wanted: Wanted) -> Response:
    headers = {"ETag": tag} | ({"Warning": wanted.warning} if wanted.warning else {})
    kind = chosen.offer.kind
    if not chosen.multipart:
        return Response(b"".join(contents), media_type=kind, headers=headers)
    whole, body = compose(kind, ((kind, [content]) for content in contents))
    return StreamingResponse(body, media_type=whole, headers=headers)
