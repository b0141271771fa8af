"""The signed report: whose it is, what exactly was signed, and how it may change afterwards.

Sources: http://hl7.org/fhir/R4/valueset-diagnostic-report-status.html, RFC 8785 (canonical JSON)
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.results_sharing.domain.case import Case
from services.results_sharing.domain.review import Review, require_open, within_limit
from services.results_sharing.domain.state import active_hold
from shared.errors import Conflict, Forbidden, InvalidResource


class Status(StrEnum):
    """FHIR status of a signed report."""

    FINAL = "final"
    AMENDED = "amended"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True)
class Signer:
    """The named human.

    Attributes:
        practitioner: reference, such as `Practitioner/<id>`.
    """

    account: str
    name: str
    practitioner: str


@dataclass(frozen=True)
class Version:
    """One signed version of a report; it never changes.

    Attributes:
        text: the whole report as of this version, addenda included.
        ai_report: identifier of the preliminary report that the signer had seen, if any.
        canonical: the DiagnosticReport, byte for byte as signed.
        sha256: of `canonical`, in hex.
        risks: what prediction said and the signer had seen, see `domain.risk.Risk.shown_as`.
    """

    case_id: str
    number: int
    status: Status
    text: str
    signer: Signer
    signed_at: datetime
    ai_report: str | None = None
    canonical: str = ""
    sha256: str = ""
    risks: tuple[str, ...] = ()


def canonical_json(resource: dict[str, Any]) -> str:
    """The one way to write a resource: keys sorted, no spaces, no escapes beyond JSON's own.

    RFC 8785 for what occurs here: keys are ASCII, numbers are integers or short decimals.
    """
    return json.dumps(resource, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(canonical: str) -> str:
    """SHA-256 of the UTF-8 bytes, in hex."""
    return hashlib.sha256(canonical.encode()).hexdigest()


def signer(account: str, name: str, role: str | None, practitioner: str | None) -> Signer:
    """Who signs.

    Raises:
        Forbidden: it is not a radiologist with a Practitioner of their own: a program never signs.
    """
    if role != "radiologist" or not practitioner or not practitioner.startswith("Practitioner/"):
        raise Forbidden(
            "Only a named radiologist signs", fix="Sign in with the account of a radiologist who has a Practitioner."
        )
    return Signer(account, name, practitioner)


def signed(case: Case, review: Review | None, text: str, who: Signer, now: datetime) -> Version:
    """The first signature.

    Raises:
        Conflict: already signed, closed, on hold, without images, or without a first impression.
        InvalidResource: no own text.
    """
    require_open(case)
    if case.study_uid is None:
        raise Conflict("There is no study to report on yet", fix="Wait until the images are announced.")
    if active_hold(case):
        raise Conflict("The study is on hold", fix="Resolve the hold first: reject it, or read what is there.")
    if review is None or review.impression is None:
        raise Conflict("Give your first impression before you sign", fix="Choose normal, abnormal or cannot tell.")
    seen = case.answer.report if case.answer and review.revealed_at else None
    return Version(case.id, 1, Status.FINAL, _own_words(text), who, now, ai_report=seen, risks=review.risks)


def amended(current: Version, case: Case, addendum: str, who: Signer, now: datetime, *, seen: int) -> Version:
    """The next version: the text stays and the addendum follows it.

    Args:
        seen: number of the version that the signer had on the screen.

    Raises:
        Conflict: not the current version, or entered in error.
        InvalidResource: no text.
    """
    _require_current(current, case, seen)
    stamp = f"Addendum, {who.name}, {now:%Y-%m-%d %H:%M} UTC:"
    text = within_limit(f"{current.text}\n\n{stamp}\n{_own_words(addendum)}")
    return _next(current, Status.AMENDED, text, who, now)


def withdrawn(current: Version, case: Case, reason: str, who: Signer, now: datetime, *, seen: int) -> Version:
    """The report was entered in error: it stays readable and says so.

    Raises:
        Conflict: not the current version, or withdrawn before.
        InvalidResource: no reason.
    """
    _require_current(current, case, seen)
    stamp = f"Entered in error, {who.name}, {now:%Y-%m-%d %H:%M} UTC:"
    text = f"{current.text}\n\n{stamp}\n{_own_words(reason)}"
    return _next(current, Status.ENTERED_IN_ERROR, text, who, now)


def _next(current: Version, status: Status, text: str, who: Signer, now: datetime) -> Version:
    """The version after this one: of the same case, and its signer saw what the first one's saw."""
    return Version(
        current.case_id, current.number + 1, status, text, who, now, ai_report=current.ai_report, risks=current.risks
    )


def _require_current(current: Version, case: Case, seen: int) -> None:
    if seen != case.signed or current.number != case.signed:
        raise Conflict("Somebody changed this report meanwhile", fix="Look at the current version first.")
    if current.status is Status.ENTERED_IN_ERROR:
        raise Conflict("This report was entered in error and is closed")


def _own_words(text: str) -> str:
    written = within_limit(text.replace("\r\n", "\n").strip())
    if not written:
        raise InvalidResource(
            "The text is empty", expression="DiagnosticReport.conclusion", fix="Write the report in your own words."
        )
    return written
