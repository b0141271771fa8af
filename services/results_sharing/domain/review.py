"""A reader's work on a case: the own first impression comes before anything a model said.

Evidence: wrong AI answers, shown first, raised radiologists' false negatives from 2.7 % to 20-33 % (Eur Radiol 2023).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.risk import Risk
from services.results_sharing.domain.state import is_open
from shared.errors import Conflict, InvalidResource


class Impression(StrEnum):
    """What the reader saw before any model's answer."""

    NORMAL = "normal"
    ABNORMAL = "abnormal"
    CANNOT_TELL = "cannot tell"


class Decision(StrEnum):
    """What the reader makes of a model's answer."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"


@dataclass(frozen=True)
class Review:
    """One reader's work on one case.

    Attributes:
        reader: account name.
        opened_at: first look; from here the time to sign counts.
        revealed_at: when the model's answer became visible to this reader.
        urgent: it was shown before a first impression, at the reader's wish.
        answer_at: which answer the decision is about.
        draft: the report so far.
        risks: what prediction said and this reader was shown, see `domain.risk.Risk.shown_as`.
    """

    reader: str
    opened_at: datetime
    impression: Impression | None = None
    impression_at: datetime | None = None
    revealed_at: datetime | None = None
    urgent: bool = False
    decision: Decision | None = None
    decision_reason: str | None = None
    decided_at: datetime | None = None
    answer_at: datetime | None = None
    draft: str = ""
    risks: tuple[str, ...] = ()


def require_open(case: Case) -> None:
    """Refuse work on a case that has ended.

    Raises:
        Conflict: it is signed, revoked or rejected.
    """
    if case.signed:
        raise Conflict("The report of this case is signed", fix="Add an addendum instead.")
    if not is_open(case):
        raise Conflict("This case is closed", fix="Go back to the worklist.")


def with_impression(case: Case, review: Review, impression: Impression, now: datetime) -> Review:
    """Record what the reader saw; it is given once, before the model's answer, and never changes.

    Raises:
        Conflict: the case has ended, or an impression was given before.
    """
    require_open(case)
    if review.impression is not None:
        raise Conflict("Your first impression is recorded and cannot be changed")
    given = replace(review, impression=impression, impression_at=now)
    return _revealed(case, given, now)


def with_reveal(case: Case, review: Review, now: datetime) -> Review:
    """Show the model's answer at once, because it is urgent; that it was shown early is kept.

    Raises:
        Conflict: the case has ended.
    """
    require_open(case)
    if review.revealed_at or review.impression:
        return _revealed(case, review, now)
    return _revealed(case, replace(review, urgent=True), now)


def ai_for(case: Case, review: Review | None) -> Answer | None:
    """The model's answer for this reader; None before the own first impression (or *show now*), or without answer."""
    return case.answer if sees_machines(review) else None


def sees_machines(review: Review | None) -> bool:
    """Whether this reader may see what machines said: after the own first impression, or at the reader's wish."""
    return review is not None and bool(review.impression or review.urgent)


def risks_for(review: Review | None, risks: Sequence[Risk]) -> list[Risk]:
    """What prediction said, for this reader: alerts at once, figures like all that machines say; docs/adr/0008."""
    return [risk for risk in risks if risk.alert or sees_machines(review)]


def with_risks(review: Review, risks: Sequence[Risk]) -> Review:
    """What prediction said and this reader may see is seen from now on; of each method the word on the screen."""
    return replace(review, risks=tuple(risk.shown_as for risk in risks_for(review, risks) if risk.assessed))


def looked(case: Case, review: Review, now: datetime) -> Review:
    """The reader sees the case: an answer that they may see is seen from now on."""
    return _revealed(case, review, now) if ai_for(case, review) else review


def _revealed(case: Case, review: Review, now: datetime) -> Review:
    return review if review.revealed_at or case.answer is None else replace(review, revealed_at=now)


def with_decision(case: Case, review: Review, decision: Decision, reason: str | None, now: datetime) -> Review:
    """Accept, correct or reject the model's answer; until the signature the reader may think again.

    Raises:
        Conflict: the case has ended, or the reader has not seen an answer.
    """
    require_open(case)
    answer = ai_for(case, review)
    if answer is None:
        raise Conflict("There is no answer of a model to decide on", fix="Give your first impression first.")
    return replace(
        _revealed(case, review, now),
        decision=decision,
        decision_reason=within_limit(reason or "").strip() or None,
        decided_at=now,
        answer_at=answer.at,
    )


def decision_on_answer(case: Case, review: Review | None) -> Decision | None:
    """What this reader made of the answer that the case has now; None when another answer came after the decision."""
    if review is None or case.answer is None or case.answer.at != review.answer_at:
        return None
    return review.decision


def accepted_finding(case: Case, review: Review | None) -> dict[str, Any] | None:
    """The code of the finding that a model flagged and this reader accepted; None for any other decision."""
    answer = case.answer
    if review is None or review.decision is not Decision.ACCEPT or answer is None or not answer.flagged:
        return None
    return answer.observation.get("code") if answer.at == review.answer_at else None


def with_draft(case: Case, review: Review, text: str) -> Review:
    """Keep the report that is being written.

    Raises:
        Conflict: the case has ended.
        InvalidResource: it is too long.
    """
    require_open(case)
    return replace(review, draft=within_limit(text))


LONGEST = 50_000
"""Characters of a report; the longest real ones have about a tenth of this."""


def within_limit(text: str) -> str:
    """The text, when a report may be that long and hold what it holds.

    Raises:
        InvalidResource: it may not; FHIR strings have no control characters but tab and line ends.
    """
    if any(ord(character) < ord(" ") and character not in "\t\n\r" for character in text):
        raise InvalidResource(
            "The text holds control characters", expression="DiagnosticReport.conclusion", fix="Type it again."
        )
    if len(text) > LONGEST:
        raise InvalidResource(f"A report has at most {LONGEST} characters", expression="DiagnosticReport.conclusion")
    return text
