"""Refusals that only the FHIR door knows."""

from typing import Any

from shared.errors import HubError, InvalidResource


class Malformed(InvalidResource):
    """Not readable at all: no JSON, or a search that makes no sense (FHIR answers these 400, rules 422)."""

    status = 400
    code = "structure"


class Unsupported(Malformed):
    """Well said, and not offered here."""

    code = "not-supported"


class NotAcceptable(HubError):
    """The caller wants a format that the hub does not speak."""

    status = 406
    code = "not-supported"


class Invalid(InvalidResource):
    """Several things are wrong at once, each with its place.

    Attributes:
        issues: OperationOutcome.issue elements, which the door answers as they are.
    """

    def __init__(self, issues: list[dict[str, Any]]) -> None:
        super().__init__("The content is not as FHIR R4 wants it")
        self.issues = issues
