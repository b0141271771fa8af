"""A named human's word: the signature, the addendum, the withdrawal, and the end of a hold."""

from dataclasses import replace
from typing import Any

from prometheus_client import Counter, Histogram

from services.results_sharing import store
from services.results_sharing.domain import hold, release, report
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.looks import HELD_BACK, LET_GO
from services.results_sharing.domain.report import Signer, Version
from services.results_sharing.domain.review import Decision, accepted_finding, decision_on_answer
from services.results_sharing.domain.state import state
from services.results_sharing.fhir import messages
from services.results_sharing.fhir.report import to_provenance, to_report
from services.results_sharing.reading.sitting import entities, now, record
from services.results_sharing.settings import settings
from services.results_sharing.store import Session, transaction
from shared import outbox
from shared.security import Principal
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


def sign(who: Principal, case_id: str, text: str, *, announced: bool = False, appointment: str = "") -> Version:
    """Sign the report: it is the human's, final, and on its way to the hospital when this returns.

    Args:
        announced: the patient is to be told at an appointment, and reads it from then on.
        appointment: local date and time of it, see `domain.release.hold_from`.

    Raises:
        Forbidden: not a named radiologist.
        Conflict: somebody else signed first, the case has ended or is on hold, or there is no first impression.
        InvalidResource: no text, or no appointment at which it can be announced.
    """
    signer = _signer(who)
    held = release.hold_from(appointment, settings().time_zone, signer.name, now(), announced=announced)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        mine = store.review_of(session, case_id, who.subject)
        version = report.signed(case, mine, text, signer, now())
        seconds = (version.signed_at - mine.opened_at).total_seconds() if mine else None
        said = accepted_finding(case, mine), decision_on_answer(case, mine)
        kept = _keep(session, who, case, version, seconds, said)
        if held:
            store.save_hold(session, case_id, held)
            record(session, who, "rest", "U", entities(case), detail=HELD_BACK)
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


def let_go(who: Principal, case_id: str) -> None:
    """Let the patient read a signed report before the appointment.

    Raises:
        Conflict: the patient can read it already, or nobody has signed.
    """
    signer = _signer(who)
    with transaction() as session:
        case = store.load(session, case_id, lock=True)
        store.save_hold(session, case_id, release.released(store.hold_of(session, case_id), signer.name, now()))
        record(session, who, "rest", "U", entities(case), detail=LET_GO)
    log.info("report_released", case=case_id)


def resolve_hold(who: Principal, case_id: str, action: hold.Action, reason: str) -> None:
    """Close a held case without a report (`reject`), or let what is there be read (`read`).

    Raises:
        Conflict: nothing is on hold, or the guard does not allow it.
    """
    signer = _signer(who)
    with transaction() as session:
        case = hold.resolved(store.load(session, case_id, lock=True), action, reason, signer, now())
        store.save(session, case, now())
        record(session, who, "rest", "U", entities(case), detail=f"hold resolved: {action}")
        if action == "reject":
            outbox.add(session, messages.case_closed(case, state(case)))
    log.info("hold_resolved", case=case_id, action=action)


def _keep(
    session: Session,
    who: Principal,
    case: Case,
    version: Version,
    seconds: float | None,
    said: tuple[dict[str, Any] | None, Decision | None] = (None, None),
) -> Version:
    """Store a version, say it, record it; all or nothing.

    Args:
        said: the accepted finding, and the decision, of a first signature.
    """
    accepted, decision = said
    patient = store.patients_of(session, [case]).get(case.patient_id or "")
    resource = to_report(case, patient, version, accepted)
    canonical = report.canonical_json(resource)
    kept = replace(version, canonical=canonical, sha256=report.digest(canonical))
    provenance = to_provenance(case, kept, decision)
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
    record(session, who, "sign", "C" if kept.number == 1 else "U", entities(case), detail=str(kept.status))
    SIGNED.labels(kept.status).inc()
    log.info("report_signed", case=case.id, version=kept.number, status=str(kept.status))
    return kept


def _signer(who: Principal) -> Signer:
    return report.signer(who.subject, who.name, who.role, who.fhir_user)
