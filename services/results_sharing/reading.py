"""A reader's acts, each one transaction: look, first impression, decision, signature, addendum, hold.

The doors call these; nothing here knows HTML or HTTP. Who serves patient data records it first: no commit, no data.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram

from services.results_sharing import store
from services.results_sharing.domain import hold, report, review
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.report import Signer, Version
from services.results_sharing.domain.review import Decision, Impression, Review
from services.results_sharing.domain.state import state
from services.results_sharing.domain.worklist import Row, Targets
from services.results_sharing.fhir import messages
from services.results_sharing.fhir.report import to_provenance, to_report
from services.results_sharing.settings import settings
from services.results_sharing.store import SERVICE, Session, transaction
from shared import audit, outbox, telemetry
from shared.audit import Action, Entity, Kind
from shared.errors import Forbidden
from shared.fhir.codes import study_identifier
from shared.security import Principal, Role
from shared.telemetry import log

SIGNED = Counter("hub_reports_signed", "Signed versions of reports", ["status"])
TO_SIGN = Histogram(
    "hub_time_to_sign_seconds",
    "From a reader's first look at a case to the signature",
    ["lane"],
    buckets=(30, 60, 120, 300, 600, 1200, 3600, 14400, 86400),
)
DECISIONS = Counter(
    "hub_ai_decisions", "What signing readers made of a model's answer", ["model", "version", "flagged", "decision"]
)
REVEALED_EARLY = Counter("hub_ai_shown_early", "Times the model's answer was shown before a first impression")


@dataclass(frozen=True)
class Lists:
    """What the worklist page shows.

    Attributes:
        waiting: everything that waits for a reader, in reading order.
        finished: signed lately; failed deliveries first.
    """

    waiting: list[Row]
    finished: list[Row]


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def targets() -> Targets:
    """The times within which this house reports."""
    return Targets(settings().target_stat, settings().target_urgent, settings().target_routine)


def open_worklist(who: Principal) -> Lists:
    """The worklist as this reader may see it; recorded once a sitting."""
    _require_radiologist(who)
    with transaction() as session:
        if store.first_look(session, who.session, "worklist"):
            _record(session, who, "rest", "R", [], detail="worklist")
        at = now()
        return Lists(
            store.worklist(session, who.subject, targets(), at), store.finished(session, who.subject, targets(), at)
        )


def open_case(who: Principal, case_id: str) -> store.CaseView:
    """One case as this reader may see it; recorded once a sitting, and the reader's clock starts.

    Raises:
        NotFound: there is no such case.
    """
    _require_radiologist(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        if store.first_look(session, who.session, case_id):
            _record(session, who, "rest", "R", _entities(case))
        begun = store.review_of(session, case_id, who.subject)
        looked = review.looked(case, begun or Review(who.subject, now()), now())
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
    _require_radiologist(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        store.save_review(session, case, review.with_reveal(case, _mine(session, case, who), now()))
        _record(session, who, "rest", "R", _entities(case), detail="AI result shown before a first impression")
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


def sign(who: Principal, case_id: str, text: str) -> Version:
    """Sign the report: it is the human's, final, and on its way to the hospital when this returns.

    Raises:
        Forbidden: not a named radiologist.
        Conflict: somebody else signed first, the case has ended or is on hold, or there is no first impression.
        InvalidResource: no text.
    """
    signer = _signer(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        mine = store.review_of(session, case_id, who.subject)
        version = report.signed(case, mine, text, signer, now())
        seconds = (version.signed_at - mine.opened_at).total_seconds() if mine else None
        kept = _keep(session, who, case, version, seconds)
    if mine and seconds is not None:
        TO_SIGN.labels(case.lane).observe(seconds)
    if mine and mine.decision and case.answer:
        answer = case.answer
        flagged = "yes" if answer.flagged else "no"
        DECISIONS.labels(answer.model or "", answer.model_version or "", flagged, mine.decision).inc()
    return kept


def amend(who: Principal, case_id: str, addendum: str, seen: int) -> Version:
    """Add to a signed report, under a new signature.

    Args:
        seen: number of the version on the reader's screen.

    Raises:
        Conflict: it is not the current version any more, or entered in error.
    """
    signer = _signer(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        current = store.current_report(session, case_id)
        version = report.amended(current, case, addendum, signer, now(), seen=seen)
        return _keep(session, who, case, version, None)


def withdraw(who: Principal, case_id: str, reason: str, seen: int) -> Version:
    """Mark a signed report as entered in error, under a new signature.

    Raises:
        Conflict: it is not the current version any more, or was withdrawn before.
    """
    signer = _signer(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        current = store.current_report(session, case_id)
        version = report.withdrawn(current, case, reason, signer, now(), seen=seen)
        return _keep(session, who, case, version, None)


def resolve_hold(who: Principal, case_id: str, action: hold.Action, reason: str) -> None:
    """Close a held case without a report (`reject`), or let what is there be read (`read`).

    Raises:
        Conflict: nothing is on hold, or the guard does not allow it.
    """
    signer = _signer(who)
    with transaction() as session:
        case = hold.resolved(store.load(session, case_id, lock=True), action, reason, signer, now())
        store.save(session, case, now())
        _record(session, who, "rest", "U", _entities(case), detail=f"hold resolved: {action}")
        if action == "reject":
            outbox.add(session, messages.case_closed(case, state(case)))
    log.info("hold_resolved", case=case_id, action=action)


def _keep(session: Session, who: Principal, case: Case, version: Version, seconds: float | None) -> Version:
    """Store a version, say it, record it; all or nothing."""
    patient = store.patients_of(session, [case]).get(case.patient_id or "")
    resource = to_report(case, patient, version)
    canonical = report.canonical_json(resource)
    kept = replace(version, canonical=canonical, sha256=report.digest(canonical))
    provenance = to_provenance(case, kept)
    store.add_report(session, kept, provenance, seconds)
    signed = replace(
        case,
        signed=kept.number,
        signed_at=kept.signed_at,
        report_status=str(kept.status),
        delivery=replace(case.delivery, failed=False, problem=None),
    )
    store.save(session, signed, now())
    outbox.add(session, messages.report_signed(signed, kept, resource, provenance))
    _record(session, who, "sign", "C" if kept.number == 1 else "U", _entities(case), detail=str(kept.status))
    SIGNED.labels(kept.status).inc()
    log.info("report_signed", case=case.id, version=kept.number, status=str(kept.status))
    return kept


def _work(who: Principal, case_id: str, step: Callable[[Case, Review], Review]) -> None:
    _require_radiologist(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        store.save_review(session, case, step(case, _mine(session, case, who)))


def _mine(session: Session, case: Case, who: Principal) -> Review:
    return store.review_of(session, case.id, who.subject) or Review(who.subject, now())


def _signer(who: Principal) -> Signer:
    return report.signer(who.subject, who.name, who.role, who.fhir_user)


def _require_radiologist(who: Principal) -> None:
    if who.role is not Role.RADIOLOGIST:
        raise Forbidden("Only radiologists read cases", fix="Sign in with a radiologist's account.")


def _entities(case: Case) -> list[Entity]:
    made = [Entity(reference=f"Patient/{case.patient_id}")] if case.patient_id else []
    return [*made, Entity(identifier=study_identifier(case.study_uid))] if case.study_uid else made


def _record(
    session: Session, who: Principal, kind: Kind, action: Action, entities: list[Entity], *, detail: str | None = None
) -> None:
    event = audit.audit_event(service=SERVICE, who=who, kind=kind, action=action, entities=entities, detail=detail)
    audit.record(session, event, service=SERVICE, correlation=telemetry.correlation() or who.session)
