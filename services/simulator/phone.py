"""The patients' telephones: what the hospital's notification door was asked to bring them, the newest last."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared.errors import InvalidResource

REMEMBERED: Final = 1000


@dataclass(frozen=True)
class Received:
    """One message.

    Attributes:
        to: the patient's number, as the hospital knows it.
    """

    at: str
    to: str
    language: str
    text: str


class Phone:
    """All telephones of the simulated patients; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: deque[Received] = deque(maxlen=REMEMBERED)

    def take(self, request: dict[str, Any]) -> Received:
        """Bring the text of a CommunicationRequest.

        Raises:
            InvalidResource: it names no patient, or has no text.
        """
        match request:
            case {"recipient": [{"identifier": {"value": str(number)}}], "payload": [{"contentString": str(text)}]}:
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                made = Received(now, number, str(request.get("language", "")), text)
            case _:
                raise InvalidResource("The request names no patient or no text", expression="CommunicationRequest")
        with self._lock:
            self._received.append(made)
        return made

    def all(self) -> list[Received]:
        """Every message, the oldest first."""
        with self._lock:
            return list(self._received)
