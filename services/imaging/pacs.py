"""The hospital's archive: instances that the hub made go to it by STOW-RS; what it has already is as good as sent.

Source: DICOM PS3.18 10.5 (Store transaction), annex I; PS3.4 B.2.3 and PS3.7 annex C (Failure Reason 0008,1197).
"""

import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson
from pydantic import HttpUrl

from services.imaging.domain.results import Fate, fate, refusal
from shared.errors import InvalidResource, Unavailable
from shared.settings import LOOPBACK

STEP: Final = timedelta(seconds=20)
"""Patience with one write or read."""

CONNECT: Final = timedelta(seconds=3)
"""Patience with the connect: an archive that is away must not keep a worker from reading."""

TOTAL: Final = timedelta(seconds=60)
"""Patience with one try as a whole; below `domain.results.LEASE`."""

LATER: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
"""Refusals that the same request can survive later: a credential renewed, less load."""

_UNNAMED: Final = 0xC000
"""A failure without a reason: cannot understand."""

_CHUNK: Final = 1 << 16
_LONGEST_ANSWER: Final = 1 << 20


def send(
    paths: Sequence[Path], url: HttpUrl, credentials_file: Path | None = None, *, total: timedelta = TOTAL
) -> None:
    """Store the files; returns when the archive says that it has every one of them.

    Raises:
        Unavailable: no answer in time, or one that can be different later.
        InvalidResource: the archive refuses an instance for good.
    """
    deadline = time.monotonic() + total.total_seconds()
    boundary = uuid4().hex
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
        **_authorization(url, credentials_file),
    }
    patience = httpx.Timeout(STEP.total_seconds(), connect=CONNECT.total_seconds())
    with httpx.Client(timeout=patience, headers=headers, trust_env=False) as client:
        try:
            with client.stream(
                "POST", f"{str(url).rstrip('/')}/studies", content=_body(paths, boundary, deadline)
            ) as answer:
                status, said = answer.status_code, _read(answer, deadline)
        except httpx.HTTPError as error:
            raise Unavailable(f"The archive did not answer ({type(error).__name__})") from None
    _judge(status, said)


def _body(paths: Sequence[Path], boundary: str, deadline: float) -> Iterator[bytes]:
    for path in paths:
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                _in_time(deadline)
                yield piece
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _read(answer: httpx.Response, deadline: float) -> bytes:
    said = b""
    for piece in answer.iter_bytes():
        _in_time(deadline)
        said += piece
        if len(said) > _LONGEST_ANSWER:
            return b""
    return said


def _in_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise httpx.ReadTimeout("too slow")


def _judge(status: int, said: bytes) -> None:
    if status in LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"The archive answered {status}")
    reasons = _reasons(said)
    final = [reason for reason in reasons if fate(reason) is Fate.NEVER]
    if final:
        raise InvalidResource(
            f"The archive refused an instance with {status}, Failure Reason {refusal(final)}",
            fix="See its conformance statement for the reason; correct the cause there, then replay.",
        )
    if any(fate(reason) is Fate.LATER for reason in reasons):
        raise Unavailable("The archive could not store an instance now")
    if not reasons and status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        raise InvalidResource(
            f"The archive refused the results with {status}",
            fix="Check HUB_IMAGING_PACS_URL and its credentials, or correct the cause there, then replay.",
        )


def _reasons(said: bytes) -> list[int]:
    """Failure Reason of each Failed SOP Sequence and Other Failures Sequence item."""
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(answer, dict):
        return []
    items = [item for tag in ("00081198", "0008119A") for item in (answer.get(tag) or {}).get("Value") or []]
    return [_reason(item) for item in items]


def _reason(item: Mapping[str, Any]) -> int:
    values = (item.get("00081197") or {}).get("Value") or [_UNNAMED]
    return values[0] if isinstance(values[0], int) and values[0] else _UNNAMED


def _authorization(url: HttpUrl, credentials_file: Path | None) -> dict[str, str]:
    """Read anew for each try, so that a renewed credential counts at once."""
    if credentials_file is None:
        return {}
    if url.scheme != "https" and url.host not in LOOPBACK:
        raise InvalidResource(
            "Credentials would travel in the clear", fix="Give an https address in HUB_IMAGING_PACS_URL."
        )
    try:
        line = credentials_file.read_text().strip()
    except OSError as error:
        raise Unavailable(f"The credentials of the archive cannot be read ({type(error).__name__})") from None
    if line.lower().startswith("bearer "):
        return {"Authorization": line}
    return {"Authorization": f"Basic {b64encode(line.encode()).decode()}"}
