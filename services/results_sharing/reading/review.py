"""Looking at a case and making up one's mind: the worklist, a case, the first impression, the decision, the draft."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from services.results_sharing import store
from services.results_sharing.domain import review
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.review import Decision, Impression, Review
from services.results_sharing.domain.worklist import Row, Targets
from services.results_sharing.reading.sitting import begun_review, entities, now, record, require_radiologist
from services.results_sharing.settings import settings
from services.results_sharing.store import transaction
from shared import sittings
from shared.security import Principal

REVEALED_EARLY = Counter("hub_ai_shown_early", "Times the model's answer was shown before a first impression")


@dataclass(frozen=True)
class Lists:
    """What the worklist page shows.

    Attributes:
        waiting: everything that waits for a reader, in reading order.
        finished: signed lately; failed deliveries first.
        tests: phantoms and test patients.
    """

    waiting: list[Row]
    finished: list[Row]
    tests: list[Row]


def targets() -> Targets:
    """The times within which this house reports."""
    return Targets(settings().target_stat, settings().target_urgent, settings().target_routine)


def open_worklist(who: Principal) -> Lists:
    """The worklist as this reader may see it; recorded once a sitting."""
    require_radiologist(who)
    with transaction() as session:
        if sittings.begin(session, who, ["worklist"]):
            record(session, who, "rest", "R", [], detail="worklist")
        at = now()
        return Lists(
            store.worklist(session, who.subject, targets(), at),
            store.finished(session, who.subject, targets(), at),
            store.phantoms(session, who.subject, targets(), at),
        )


def open_case(who: Principal, case_id: str) -> store.CaseView:
    """One case as this reader may see it; recorded once a sitting, and the reader's clock starts.

    Raises:
        NotFound: there is no such case.
    """
    require_radiologist(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        if sittings.begin(session, who, [case_id]):
            record(session, who, "rest", "R", entities(case))
        begun = store.review_of(session, case_id, who.subject)
        looked = review.looked(case, begun or Review(who.subject, now()), now())
        looked = looked if case.signed else review.with_risks(looked, store.risks_of(session, case.patient_id))
        if looked != begun:
            store.save_review(session, case, looked)
        return store.case_view(session, case_id, who.subject)


def give_impression(who: Principal, case_id: str, impression: Impression) -> None:
    """Record the first impression; from now on the model's answer may be shown.

    Raises:
        Conflict: given before, or the case has ended.
    """
    _work(who, case_id, lambda case, mine: review.with_impression(case, mine, impression, now()))


def show_now(who: Principal, case_id: str) -> None:
    """Show the model's answer before a first impression, because it is urgent; audited.

    Raises:
        Conflict: the case has ended.
    """
    require_radiologist(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        store.save_review(session, case, review.with_reveal(case, begun_review(session, case, who), now()))
        record(session, who, "rest", "R", entities(case), detail="AI result shown before a first impression")
    REVEALED_EARLY.inc()


def decide(who: Principal, case_id: str, decision: Decision, reason: str | None = None) -> None:
    """Accept, correct or reject the model's answer.

    Raises:
        Conflict: this reader has not seen an answer, or the case has ended.
    """
    _work(who, case_id, lambda case, mine: review.with_decision(case, mine, decision, reason, now()))


def keep_draft(who: Principal, case_id: str, text: str) -> None:
    """Keep the report that this reader is writing.

    Raises:
        Conflict: the case has ended.
    """
    _work(who, case_id, lambda case, mine: review.with_draft(case, mine, text))


def _work(who: Principal, case_id: str, step: Callable[[Case, Review], Review]) -> None:
    require_radiologist(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        store.save_review(session, case, step(case, begun_review(session, case, who)))
