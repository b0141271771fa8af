"""What every act of a reader shares: who may, whose review it is, and its record."""

from datetime import UTC, datetime

from services.results_sharing import store
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.review import Review
from services.results_sharing.store import SERVICE, Session
from shared import audit, telemetry
from shared.audit import Action, Entity, Kind
from shared.errors import Forbidden
from shared.fhir.codes import study_identifier
from shared.security import Principal, Role


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def begun_review(session: Session, case: Case, who: Principal) -> Review:
    """The reader's review, begun now if it was not before."""
    return store.review_of(session, case.id, who.subject) or Review(who.subject, now())


def require_radiologist(who: Principal) -> None:
    """Let readers through.

    Raises:
        Forbidden: somebody else.
    """
    if who.role is not Role.RADIOLOGIST:
        raise Forbidden("Only radiologists read cases", fix="Sign in with a radiologist's account.")


def entities(case: Case) -> list[Entity]:
    """What an AuditEvent about a case names."""
    made = [Entity(reference=f"Patient/{case.patient_id}")] if case.patient_id else []
    return [*made, Entity(identifier=study_identifier(case.study_uid))] if case.study_uid else made


def record(
    session: Session, who: Principal, kind: Kind, action: Action, entities: list[Entity], *, detail: str | None = None
) -> None:
    """Say who looked or acted, in the transaction that lets them."""
    event = audit.audit_event(service=SERVICE, who=who, kind=kind, action=action, entities=entities, detail=detail)
    audit.record(session, event, service=SERVICE, correlation=telemetry.correlation() or who.session)
