"""The follow-up of an accepted finding: only what a named human accepted asks for one, and by when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.scheduling.domain.appointment import Appointment, Patient, Status
from shared.events import Lane


@dataclass(frozen=True)
class Signed:
    """What a signed report says that matters here.

    Attributes:
        accepted: the signer accepted a model's finding, or coded a conclusion.
        withdrawn: it is entered in error.
    """

    case_id: str
    study_uid: str | None
    patient: Patient | None
    signed_at: datetime
    lane: Lane
    correlation: str
    accepted: bool
    withdrawn: bool = False


def proposed(signed: Signed, within: Mapping[Lane, timedelta], number: str) -> Appointment:
    """The proposal: no time yet, and a day before which it has to be."""
    return Appointment(
        id=number,
        status=Status.PROPOSED,
        zone="UTC",
        correlation=signed.correlation,
        created_at=signed.signed_at,
        updated_at=signed.signed_at,
        version=1,
        patient=signed.patient,
        deadline=signed.signed_at + within[signed.lane],
        lane=signed.lane,
        case_id=signed.case_id,
        study_uid=signed.study_uid,
    )


def is_held_at_once(lane: Lane) -> bool:
    """Whether the earliest fitting slot is kept for it until staff have decided."""
    return lane is not Lane.ROUTINE
