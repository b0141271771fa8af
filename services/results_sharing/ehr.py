"""The hospital's FHIR server: a conditional PUT by the hub's report identifier, acknowledged by 200 or 201.

Source: http://hl7.org/fhir/R4/http.html#cond-update
"""

import threading
from collections.abc import Iterator
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


def send_report(
    case_id: str,
    canonical: str,
    url: HttpUrl,
    token: SecretStr | None,
    *,
    step: timedelta = STEP,
    total: timedelta = TOTAL,
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
    address = f"{str(url).rstrip('/')}/DiagnosticReport"
    patience = httpx.Timeout(step.total_seconds(), connect=CONNECT.total_seconds())
    with httpx.Client(timeout=patience, headers=headers, trust_env=False) as client:
        try:
            with _ended_after(client, total):
                request = client.build_request(
                    "PUT", address, params={"identifier": f"{REPORT_SYSTEM}|{case_id}"}, content=canonical.encode()
                )
                status = client.send(request, stream=True).status_code
        except (httpx.HTTPError, RuntimeError, OSError) as error:
            raise Unavailable(f"The hospital's server did not answer ({type(error).__name__})") from None
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
