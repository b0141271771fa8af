"""The hospital's FHIR server: a conditional PUT by the hub's report identifier, acknowledged by 200 or 201.

Source: http://hl7.org/fhir/R4/http.html#cond-update
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import httpx
from pydantic import HttpUrl, SecretStr

from shared.errors import InvalidResource, Unavailable
from shared.fhir.codes import REPORT_SYSTEM

STEP: Final = timedelta(seconds=10)
"""Patience with one write or read."""

CONNECT: Final = timedelta(seconds=3)
"""Patience with the connect: a hospital that is away must not keep other cases waiting."""

TOTAL: Final = timedelta(seconds=30)
"""Patience with one try as a whole, however slowly the server drips; below the lease of a delivery."""

ACKNOWLEDGED: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})
LATER: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refusals that the same request can survive later: a token renewed, a version conflict gone, less load."""

REST: Final = 3
"""Times as long as a try waited in vain no other is made, so that a hospital that hangs takes at most a quarter of a
worker's time: the same worker opens cases and takes in results."""

CHEAP: Final = timedelta(seconds=1)
"""A failure that came sooner costs no rest."""


class Patience:
    """What a worker process remembers of a server that kept it waiting in vain."""

    def __init__(self, *, cheap: timedelta = CHEAP, clock: Callable[[], float] = time.monotonic) -> None:
        self._cheap_s = cheap.total_seconds()
        self._clock = clock
        self._rests_until = clock()

    @contextmanager
    def one_try(self) -> Iterator[None]:
        """Around one try.

        Raises:
            Unavailable: not now; or what the try raised.
        """
        began = self._clock()
        if began < self._rests_until:
            raise Unavailable("The hospital's server kept the hub waiting a moment ago")
        try:
            yield
        except Unavailable:
            waited = self._clock() - began
            if waited > self._cheap_s:
                self._rests_until = self._clock() + REST * waited
            raise


_PATIENCE: Final = Patience()


def send_report(
    case_id: str,
    canonical: str,
    url: HttpUrl,
    token: SecretStr | None,
    *,
    step: timedelta = STEP,
    total: timedelta = TOTAL,
    patience: Patience = _PATIENCE,
) -> None:
    """Put the report where the hospital keeps reports; returns when it is acknowledged.

    Args:
        canonical: the DiagnosticReport as signed.

    Raises:
        Unavailable: no answer in time, or one that can be different later.
        InvalidResource: the server refuses this report for good.
    """
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    request = httpx.Request(
        "PUT",
        f"{str(url).rstrip('/')}/DiagnosticReport",
        params={"identifier": f"{REPORT_SYSTEM}|{case_id}"},
        headers=headers,
        content=canonical.encode(),
        extensions={"timeout": httpx.Timeout(step.total_seconds(), connect=CONNECT.total_seconds()).as_dict()},
    )
    with patience.one_try():
        _check(_status(request, total))


def _status(request: httpx.Request, total: timedelta) -> int:
    with httpx.Client(trust_env=False) as client:
        try:
            with _ended_after(client, total):
                return client.send(request, stream=True).status_code
        except (httpx.HTTPError, RuntimeError, OSError) as error:
            raise Unavailable(f"The hospital's server did not answer ({type(error).__name__})") from None


def _check(status: int) -> None:
    if status in ACKNOWLEDGED:
        return
    if status in LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"The hospital's server answered {status}")
    raise InvalidResource(
        f"The hospital's server refused the report with {status}", fix="Correct the cause there, then replay."
    )


@contextmanager
def _ended_after(client: httpx.Client, total: timedelta) -> Iterator[None]:
    """Close the connection under a server that answers too slowly byte by byte."""
    timer = threading.Timer(total.total_seconds(), client.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
