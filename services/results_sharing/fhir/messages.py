"""The events that results_sharing says; each has an id made of what it is about, so that saying it twice is once."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from services.results_sharing.domain.case import Case
from services.results_sharing.domain.report import Version
from services.results_sharing.domain.state import State
from services.results_sharing.fhir.report import for_repository, to_practitioner
from shared.events import Event, Lane
from shared.fhir.codes import study_identifier
from shared.fhir.message import Message
from shared.fhir.outcome import issue, outcome

Resource = dict[str, Any]


def answer_due(case: Case) -> Message:
    """To be heard when a model should have answered."""
    return _message(Event.ANSWER_DUE, case, [_study(case)], "answer-due")


def report_signed(case: Case, version: Version, report: Resource, provenance: Resource) -> Message:
    """A named human signed: the first version, or a later one."""
    event = Event.REPORT_SIGNED if version.number == 1 else Event.REPORT_AMENDED
    said = [for_repository(case, report), provenance]
    return _message(event, case, said, f"report/{version.number}", others=[to_practitioner(version)])


def report_delivered(case: Case, report: Resource, number: int) -> Message:
    """The hospital acknowledged a version."""
    return _message(Event.REPORT_DELIVERED, case, [for_repository(case, report)], f"delivered/{number}")


def delivery_failed(case: Case, report: Resource, number: int, problem: str, attempt: str) -> Message:
    """The hospital did not take a version, and it is not tried again by itself.

    Args:
        attempt: tells a failure apart from the one after a replay.
    """
    said = [for_repository(case, report), outcome(issue("transient", problem, fix="Replay the dead letter."))]
    return _message(Event.DELIVERY_FAILED, case, said, f"failed/{number}/{attempt}")


def case_closed(case: Case, end: State) -> Message:
    """Nothing more is expected of a case."""
    about = _order(case) if case.order else _study(case)
    why: Resource = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational", "details": {"text": str(end)}}],
    }
    return _message(Event.CASE_CLOSED, case, [about], f"closed/{end}", others=[why])


def _message(
    event: Event, case: Case, focus: list[Resource], about: str, *, others: list[Resource] | None = None
) -> Message:
    number = str(uuid5(NAMESPACE_OID, f"{case.id}/{about}"))
    return Message.build(event, Lane(case.lane), case.correlation, focus, others or [], id=number)


def _study(case: Case) -> Resource:
    made: Resource = {"resourceType": "ImagingStudy", "status": "available", "id": _id(case, "study")}
    if case.study_uid:
        made["identifier"] = [study_identifier(case.study_uid)]
    return made | _subject(case)


def _order(case: Case) -> Resource:
    known = case.order.identifiers if case.order else ()
    made: Resource = {
        "resourceType": "ServiceRequest",
        "id": case.order.reference.removeprefix("urn:uuid:") if case.order else _id(case, "order"),
        "status": "revoked" if case.revoked_at else "active",
        "intent": "order",
        "identifier": [{"system": identifier.system, "value": identifier.value} for identifier in known],
    }
    return made | _subject(case)


def _subject(case: Case) -> Resource:
    return {"subject": {"reference": f"urn:uuid:{case.patient_id}"}} if case.patient_id else {}


def _id(case: Case, kind: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"{case.id}/{kind}"))
