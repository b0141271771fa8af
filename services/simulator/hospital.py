"""The hospital's sending side: its EHR announces, its PACS sends files, its laboratory results, until the hub has them.

Sources: http://hl7.org/fhir/R4/messageheader-operation-process-message.html, DICOM PS3.18 10.5 (STOW-RS).
"""

import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import httpx
import orjson

from services.simulator import fhir, instances, laboratory
from services.simulator.domain import Examination
from shared.errors import HubError, InvalidResource, Unavailable

PATIENCE: Final = timedelta(minutes=2)
"""How long the hospital keeps sending what the hub does not take."""

_PAUSE_S: Final = 0.5
_LATER: Final = frozenset({425, 429, 500, 502, 503, 504})


class Hospital:
    """A hospital's connection to the hub, with the token of a system.

    Args:
        hub: the hub's public address.
        wait: called between two tries with the pause in seconds.
    """

    def __init__(
        self, hub: str, token: str, *, patience: timedelta = PATIENCE, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._http = httpx.Client(
            base_url=hub, headers={"Authorization": f"Bearer {token}"}, timeout=30, follow_redirects=False
        )
        self._patience = patience
        self._wait = wait

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def announce(self, examination: Examination) -> None:
        """Say that a study is available; saying it again changes nothing.

        Raises:
            InvalidResource: the hub refuses the message.
            Unavailable: the hub did not take it in time.
        """
        bundle = fhir.announcement(examination)
        self._send(
            "/fhir/$process-message",
            orjson.dumps(bundle),
            {"Content-Type": "application/fhir+json", "Idempotency-Key": bundle["id"]},
        )

    def send_files(self, examination: Examination, *, file: bytes | None = None) -> None:
        """Send the DICOM files of a study by STOW-RS.

        Args:
            file: instead of the examination's own.

        Raises:
            InvalidResource: the hub refuses the files.
            Unavailable: the hub did not take them in time.
        """
        boundary = uuid4().hex
        body = b"".join(
            [
                f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
                file or instances.part10(examination),
                f"\r\n--{boundary}--\r\n".encode(),
            ]
        )
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        self._send("/dicomweb/studies", body, {"Content-Type": kind, "Accept": "application/dicom+json"})

    def send_consent(self, examination: Examination) -> None:
        """Say that the patient denies analysis by AI; saying it again changes nothing.

        Raises:
            InvalidResource: the hub refuses the patient or the Consent.
            Unavailable: the hub did not take it in time.
        """
        for resource in (fhir.patient(examination), fhir.consent(examination)):
            self._create(resource)

    def send_results(self, examination: Examination) -> None:
        """Send what was measured of a patient whom the hub knows; sending it again changes nothing.

        Raises:
            InvalidResource: the hub refuses a result.
            Unavailable: the hub did not take it in time.
        """
        for result in laboratory.results(examination):
            self._create(result)

    def search(self, type_: str, **criteria: str) -> list[dict[str, Any]]:
        """The matches of a FHIR search at the hub."""
        answer = self._http.get(f"/fhir/{type_}", params=criteria)
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"The hub answered a search for {type_} with {answer.status_code}")
        return [entry["resource"] for entry in answer.json().get("entry", [])]

    def read(self, path: str) -> httpx.Response:
        """Any door of the hub, as this system sees it."""
        return self._http.get(path)

    def write(self, method: str, path: str, resource: dict[str, object]) -> httpx.Response:
        """Any resource to any door, whatever comes of it."""
        content = {"Content-Type": "application/fhir+json"}
        return self._http.request(method, path, content=orjson.dumps(resource), headers=content)

    def _create(self, resource: dict[str, Any]) -> None:
        """Once: by its identifier the hub knows what it has already."""
        known = resource["identifier"][0]
        headers = {
            "Content-Type": "application/fhir+json",
            "If-None-Exist": f"identifier={known['system']}|{known['value']}",
        }
        self._send(f"/fhir/{resource['resourceType']}", orjson.dumps(resource), headers)

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        deadline = time.monotonic() + self._patience.total_seconds()
        while True:
            problem = self._try(path, body, headers)
            if problem is None:
                return
            if not isinstance(problem, Unavailable) or time.monotonic() > deadline:
                raise problem
            self._wait(_PAUSE_S)

    def _try(self, path: str, body: bytes, headers: dict[str, str]) -> HubError | None:
        try:
            answer = self._http.post(path, content=body, headers=headers)
        except httpx.TransportError as error:
            return Unavailable(f"The hub does not answer at {path} ({type(error).__name__})", fix="Is it started?")
        if answer.status_code in _LATER:
            return Unavailable(f"The hub answered {answer.status_code} at {path}", fix="Look at `hub doctor`.")
        if not answer.is_success or answer.status_code == httpx.codes.ACCEPTED:
            return InvalidResource(f"The hub answered {answer.status_code} at {path}", fix=answer.text[:500])
        return None
