"""The one answer to everybody who came second.

Source: IHE ITI Scheduling 1.0, ITI-116 and ITI-117: an issue `fatal` and `not-found` for what is no longer available.
"""

from typing import Any, Final

from shared.errors import Conflict

FIX: Final = "Call $find again and choose another."


class SlotTaken(Conflict):
    """Somebody else was first."""

    def __init__(self) -> None:
        super().__init__("The slot is taken", fix=FIX)
        self.issues: list[dict[str, Any]] = [
            {"severity": "error", "code": "conflict", "details": {"text": self.message}, "diagnostics": FIX},
            {"severity": "fatal", "code": "not-found", "details": {"text": "The appointment is no longer available"}},
        ]
