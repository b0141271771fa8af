"""An appointment and what may become of it: proposed, held, booked, moved, cancelled.

Source: http://hl7.org/fhir/R4/valueset-appointmentstatus.html
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from services.scheduling.domain.calendar import Span
from services.scheduling.domain.refusals import SlotTaken
from shared.errors import Conflict, Forbidden, InvalidResource, PreconditionFailed
from shared.events import Lane

STAFF: Final = frozenset({"secretary", "clinician"})
"""Who confirms, moves and cancels for patients; a program alone moves nobody."""


class Status(StrEnum):
    """FHIR's codes, those that are used here."""

    PROPOSED = "proposed"
    PENDING = "pending"
    BOOKED = "booked"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Patient:
    """Whom it is about, as this service knows them.

    Attributes:
        id: the hub's id.
        system, value: the hospital's identifier.
    """

    id: str
    system: str
    value: str
    name: str = ""
    birth_date: str | None = None


@dataclass(frozen=True)
class Slot:
    """A piece of a schedule's time; `busy` says whether an appointment has it now (FHIR slotstatus)."""

    id: str
    schedule_id: str
    span: Span
    busy: str = "free"


@dataclass(frozen=True)
class Appointment:
    """One appointment.

    Attributes:
        version: counts its changes; the SEQUENCE of its calendar entry.
        slots: ids of the slots that it takes, in order of time; none while it is only proposed.
        held_until: until when slots are kept without a booking.
        held_by: account or system that holds.
        deadline: a follow-up has to be before.
        case_id: the signed report that asks for it.
        study_uid: the study which that report is about.
    """

    id: str
    status: Status
    zone: str
    correlation: str
    created_at: datetime
    updated_at: datetime
    version: int = 0
    schedule_id: str | None = None
    slots: tuple[str, ...] = ()
    span: Span | None = None
    patient: Patient | None = None
    held_until: datetime | None = None
    held_by: str | None = None
    deadline: datetime | None = None
    lane: Lane = Lane.ROUTINE
    case_id: str | None = None
    study_uid: str | None = None
    cancel_reason: str | None = None

    @property
    def is_follow_up(self) -> bool:
        """Whether a signed report asks for it."""
        return self.case_id is not None


def is_over(appointment: Appointment, now: datetime) -> bool:
    """Whether its hold has ended."""
    return appointment.held_until is not None and appointment.held_until <= now


def placed(appointment: Appointment, slots: list[Slot], now: datetime) -> Appointment:
    """The appointment at slots that were found free.

    Raises:
        InvalidResource: they are not one piece of one schedule's time, or it has begun.
    """
    ordered = sorted(slots, key=lambda slot: slot.span)
    if any(
        one.schedule_id != other.schedule_id or one.span.end != other.span.start for one, other in pairwise(ordered)
    ):
        raise InvalidResource("The slots do not follow each other", expression="Appointment.slot")
    span = Span(ordered[0].span.start, ordered[-1].span.end)
    if span.start <= now:
        raise InvalidResource("The slot has begun already", expression="Appointment.slot", fix="Choose a later one.")
    return replace(appointment, slots=tuple(slot.id for slot in ordered), span=span, schedule_id=ordered[0].schedule_id)


def booked(appointment: Appointment, who: str, role: str | None, now: datetime) -> Appointment:
    """Booked, at the slots that it has.

    Raises:
        Forbidden: a follow-up is confirmed by staff.
        Conflict: cancelled, or held by somebody else.
    """
    if appointment.status is Status.CANCELLED:
        raise Conflict("The appointment was cancelled, or its hold has ended", fix="Call $find again.")
    if appointment.status is Status.PROPOSED and role not in STAFF:
        raise Forbidden("Staff confirm a follow-up", fix="A secretary or a clinician confirms it on the day's page.")
    if appointment.status is Status.PENDING:
        if is_over(appointment, now):
            raise Conflict("The hold has ended", fix="Call $find again.")
        if appointment.held_by != who:
            raise SlotTaken
    if appointment.patient is None:
        raise InvalidResource("It is not said for whom", expression="Appointment.participant", fix="Name a patient.")
    return _changed(replace(appointment, status=Status.BOOKED, held_until=None, held_by=None), now)


def cancelled(appointment: Appointment, reason: str | None, now: datetime) -> Appointment:
    """Cancelled: its slots are free again.

    Raises:
        Conflict: it is over.
    """
    if appointment.status is Status.BOOKED and appointment.span and appointment.span.start <= now:
        raise Conflict("The appointment has begun already")
    return _changed(
        replace(appointment, status=Status.CANCELLED, held_until=None, held_by=None, cancel_reason=reason or None), now
    )


def ended(appointment: Appointment, now: datetime) -> Appointment:
    """Its hold is over: a proposal stays and waits for staff, without a place; anything else is gone."""
    if appointment.status is Status.PROPOSED:
        free = replace(appointment, schedule_id=None, slots=(), span=None, held_until=None, held_by=None)
        return _changed(free, now)
    return _changed(replace(appointment, status=Status.CANCELLED, held_until=None, held_by=None), now)


def _changed(appointment: Appointment, now: datetime) -> Appointment:
    return replace(appointment, version=appointment.version + 1, updated_at=now)


def require_version(appointment: Appointment, seen: int | None) -> None:
    """Refuse a decision made on an older page.

    Raises:
        PreconditionFailed: somebody changed it since.
    """
    if seen is not None and seen != appointment.version:
        raise PreconditionFailed("Somebody changed this appointment meanwhile", fix="Look at it again, then decide.")
