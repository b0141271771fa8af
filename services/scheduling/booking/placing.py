"""Hold, book, move and cancel."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from prometheus_client import Counter, Histogram

from services.scheduling import store
from services.scheduling.booking import claiming
from services.scheduling.booking.audited import note_act
from services.scheduling.domain import appointment as rules
from services.scheduling.domain.appointment import STAFF, Appointment, Patient, Status
from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.fhir import messages
from services.scheduling.fhir.requests import Wanted
from services.scheduling.settings import settings
from services.scheduling.store import Session, transaction
from shared import outbox
from shared.errors import Conflict, Forbidden, InvalidResource
from shared.security import Principal
from shared.telemetry import log

DECIDED = Histogram(
    "hub_booking_seconds",
    "From a booking's request to its decision",
    ["outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10),
)
CHANGED = Counter("hub_appointments", "What became of appointments", ["change"])


def hold(who: Principal, wanted: Wanted) -> Appointment:
    """Keep a slot for a few minutes; the hold ends by itself.

    Raises:
        SlotTaken: somebody else was first.
    """
    if wanted.number is None:
        raise InvalidResource("$hold takes the reference of what $find offered", expression="Parameters.parameter")
    with transaction() as session:
        if store.appointments.find_if_there(session, wanted.number):
            raise InvalidResource("This appointment exists already", fix="Hold what $find offers; book what you hold.")
        store.appointments.require_free(session, [wanted.number])
        offered = _fresh(who.subject, None)
        taken = claiming.claim(session, offered, [wanted.number], new=True)
        until = store.now(session) + settings().hold
        kept = replace(taken, held_until=until, version=1)
        store.appointments.save(session, kept)
        note_act(session, who, "C", kept, "held a slot")
        _say_held(session, kept)
    CHANGED.labels("held").inc()
    return kept


def _say_held(session: Session, kept: Appointment) -> None:
    slots = claiming.placed(session, kept.slots)
    outbox.add(session, messages.slots_changed(slots, kept.correlation, kept.lane))
    outbox.add(session, messages.hold_ended(kept, slots[0][1]), due_at=kept.held_until)


def book(who: Principal, wanted: Wanted, *, seen: int | None = None) -> Appointment:
    """Book what is offered, held or proposed; move what is booked; the same booking again is the same answer.

    Args:
        seen: version that the caller decided on.

    Raises:
        SlotTaken: somebody else was first.
        Forbidden: a follow-up that is no member of staff's to confirm.
        PreconditionFailed: it was changed meanwhile.
    """
    began = time.perf_counter()
    try:
        with transaction() as session:
            before, after = _booked(session, who, wanted, seen)
    except SlotTaken:
        DECIDED.labels("taken").observe(time.perf_counter() - began)
        raise
    DECIDED.labels("booked").observe(time.perf_counter() - began)
    CHANGED.labels("moved" if before and before.status is Status.BOOKED else "booked").inc()
    log.info("appointment_booked", appointment=after.id, version=after.version)
    return after


def _booked(
    session: Session, who: Principal, wanted: Wanted, seen: int | None
) -> tuple[Appointment | None, Appointment]:
    if asked := wanted.slots or ((wanted.number,) if wanted.number else ()):
        store.appointments.require_free(session, asked, wanted.number)  # most losers of a race for a slot end here
    before = store.appointments.find_if_there(session, wanted.number) if wanted.number else None
    whom = _patient(session, wanted)
    if before is None:
        slots = wanted.slots or ((wanted.number,) if wanted.number else ())
        start = _fresh(who.subject, whom)
    else:
        slots = wanted.slots or before.slots
        start = before
    if not slots:
        raise InvalidResource("No slot is chosen", expression="Appointment.slot", fix="Call $find, and name a slot.")
    taken = claiming.claim(session, start, slots, new=before is None)
    if before and before.status is Status.BOOKED and taken.status is Status.BOOKED and set(slots) == set(before.slots):
        rules.require_version(taken, seen)
        note_act(session, who, "R", taken, "booked again")
        return before, taken
    rules.require_version(taken, seen)
    result = rules.booked(_for(taken, whom), who.subject, str(who.role) if who.role else None, store.now(session))
    store.appointments.save(session, result)
    note_act(session, who, "U" if before else "C", result, "booked an appointment")
    decides = before is not None and before.status is Status.PROPOSED
    claiming.say(session, result, {*result.slots, *start.slots}, decides=decides)
    return before, result


def cancel(who: Principal, number: str, reason: str | None, *, seen: int | None = None) -> Appointment:
    """Cancel: its slots are free for others at once; cancelling again changes nothing.

    Raises:
        Forbidden: a proposal is staff's to refuse.
        PreconditionFailed: it was changed meanwhile.
    """
    with transaction() as session:
        before = claiming.lock(session, number)
        if before.status is Status.CANCELLED:
            note_act(session, who, "R", before, "cancelled again")
            return before
        rules.require_version(before, seen)
        if before.status is Status.PROPOSED and (who.role is None or str(who.role) not in STAFF):
            raise Forbidden("Staff decide on a follow-up", fix="A secretary or a clinician does it on the day's page.")
        if before.status is Status.PENDING and before.held_by != who.subject:
            raise Conflict("Somebody else holds it", fix="It ends by itself within minutes.")
        after = rules.cancelled(before, reason, store.now(session))
        store.appointments.save(session, after)
        note_act(session, who, "U", after, "cancelled an appointment")
        claiming.say(session, after, before.slots, decides=before.status is Status.PROPOSED)
    CHANGED.labels("cancelled").inc()
    log.info("appointment_cancelled", appointment=after.id, version=after.version)
    return after


def _fresh(holder: str, whom: Patient | None) -> Appointment:
    number, now = str(uuid4()), datetime.now(UTC)
    return Appointment(number, Status.PENDING, "UTC", number, now, now, patient=whom, held_by=holder)


def _patient(session: Session, wanted: Wanted) -> Patient | None:
    if not (wanted.patient or wanted.identifiers):
        return None
    found = store.patient(session, wanted.patient, wanted.identifiers)
    if found is None:
        raise InvalidResource(
            "The patient is not known to the hub",
            expression="Appointment.participant",
            fix="Send the Patient to /fhir first, or name one that the hub knows.",
        )
    return found


def _for(appointment: Appointment, whom: Patient | None) -> Appointment:
    """The appointment with its patient: one that has a patient keeps that one."""
    if whom and appointment.patient and whom.id != appointment.patient.id:
        raise Conflict("The appointment is another patient's", expression="Appointment.participant")
    return replace(appointment, patient=appointment.patient or whom)
