"""How far a reader is with a case: which step is next, which stand open, and what is in the boxes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from services.results_sharing.domain.answer import AiState
from services.results_sharing.domain.report import Status
from services.results_sharing.domain.state import ai_state, is_open, not_analysed_reason
from services.results_sharing.store import CaseView

Where = Literal["done", "now", "later"]

SOON_S = 4
"""A page that expects something looks again after these seconds."""

LATER_S = 30
"""While a case is read, an alert or a figure of the patient may come at any time."""


class Step(StrEnum):
    """The work on a case, in its order."""

    IMPRESSION = "impression"
    AI = "ai"
    DECISION = "decision"
    REPORT = "report"


@dataclass(frozen=True)
class Typed:
    """What a reader had typed into a form that was refused."""

    report: str | None = None
    decision_reason: str | None = None
    addendum: str | None = None
    withdrawal: str | None = None
    hold_reason: str | None = None
    announced: bool = False
    appointment: str = ""


@dataclass(frozen=True)
class CasePage:
    """What the page of a case shows beside the case itself.

    Attributes:
        kind: `review` while a reader works, `hold` while a human must decide, `signed`, or `closed` without a report.
        steps: where each step of the review stands.
        ai: `hidden` before the first impression, `running`, `refused`, or `answer`.
        refusal: why no model analysed it.
        typed: texts to put back into boxes.
        waits: seconds after which the page looks again by itself; 0 for never.
    """

    kind: Literal["review", "hold", "signed", "closed"]
    steps: dict[Step, Where]
    ai: Literal["hidden", "running", "refused", "answer"]
    refusal: str | None
    typed: Typed
    report: str
    withdrawn: bool
    waits: int

    def where(self, step: str) -> Where:
        """Where a step stands."""
        return self.steps[Step(step)]


def page_of(view: CaseView, typed: Typed) -> CasePage:
    """The page for what a reader may see of a case."""
    kind = _kind(view)
    ai = _ai(view)
    way = view.case.delivery
    coming = kind == "review" and view.case.answer is None
    on_its_way = kind == "signed" and not way.failed and way.acknowledged < view.case.signed
    draft = typed.report if typed.report is not None else (view.review.draft if view.review else "")
    if kind == "signed" and typed.report and not typed.addendum:
        typed = Typed(addendum=typed.report)
    return CasePage(
        kind=kind,
        steps=_steps(view, ai),
        ai=ai,
        refusal=not_analysed_reason(view.case),
        typed=typed,
        report=draft,
        withdrawn=bool(view.versions) and view.versions[0].status is Status.ENTERED_IN_ERROR,
        waits=SOON_S if on_its_way or coming else LATER_S if kind == "review" else 0,
    )


def _kind(view: CaseView) -> Literal["review", "hold", "signed", "closed"]:
    if view.versions:
        return "signed"
    if not is_open(view.case):
        return "closed"
    return "hold" if view.hold else "review"


def _ai(view: CaseView) -> Literal["hidden", "running", "refused", "answer"]:
    if ai_state(view.case) is AiState.NOT_ANALYSED:
        return "refused"
    may_see = view.answer is not None or (
        view.review is not None and (view.review.impression is not None or view.review.urgent)
    )
    if not may_see:
        return "hidden"
    return "running" if view.answer is None else "answer"


def _steps(view: CaseView, ai: str) -> dict[Step, Where]:
    review = view.review
    impression = review is not None and review.impression is not None
    decided = ai != "answer" or (review is not None and review.decision is not None)
    seen = impression or (review is not None and review.urgent)
    now = (
        Step.IMPRESSION if not impression else Step.AI if ai == "running" else Step.REPORT if decided else Step.DECISION
    )
    done = {
        Step.IMPRESSION: impression,
        Step.AI: seen and ai in {"answer", "refused"},
        Step.DECISION: review is not None and review.decision is not None,
        Step.REPORT: False,
    }
    return {step: "done" if done[step] else "now" if step is now else "later" for step in Step}
