"""Taking slots for an appointment, and letting them go."""

from collections.abc import Collection
from dataclasses import replace

from services.scheduling import store
from services.scheduling.domain import appointment as rules
from services.scheduling.domain.appointment import Appointment, Status
from services.scheduling.fhir import messages
from services.scheduling.fhir.messages import Placed
from services.scheduling.store import Session
from shared import outbox


def claim(session: Session, seen: Appointment, slot_ids: Collection[str], *, new: bool = False) -> Appointment:
    """Give slots to an appointment; they, and those that it has, stay locked until the transaction ends.

    Args:
        seen: as it was read before anything was locked.
        new: it is not stored yet.

    Raises:
        SlotTaken: somebody else has one, or moved the appointment meanwhile.
        InvalidResource: the slots do not follow each other, or have begun.
    """
    locked = store.lock_slots(session, {*slot_ids, *seen.slots})
    current = seen if new else store.appointments.lock(session, seen)
    wanted = [slot for slot in locked if slot.id in slot_ids]
    store.appointments.require_free(session, slot_ids, current.id)
    now = store.now(session)
    for over in store.appointments.ended_on(session, wanted):
        if over.id != current.id:
            keep_ended(session, over)
    taken = rules.placed(current, wanted, now)
    return replace(taken, zone=store.schedule(session, wanted[0].schedule_id).zone)


def lock(session: Session, number: str) -> Appointment:
    """Lock an appointment behind its slots.

    Raises:
        NotFound: there is none.
        SlotTaken: somebody moved it meanwhile.
    """
    seen = store.appointments.find(session, number)
    if seen.slots:
        store.lock_slots(session, seen.slots)
    return store.appointments.lock(session, seen)


def keep_ended(session: Session, over: Appointment) -> Appointment:
    """Write that a hold has ended; a proposal without its place is said again."""
    ended = rules.ended(over, store.now(session))
    store.appointments.save(session, ended)
    if ended.status is Status.PROPOSED:
        say(session, ended, over.slots)
    return ended


def say(session: Session, appointment: Appointment, slot_ids: Collection[str], *, decides: bool = True) -> None:
    """Say what an appointment has become, with the slots that it took or gave up as they are now.

    Args:
        decides: see `messages.appointment_changed`.
    """
    schedule = store.schedule(session, appointment.schedule_id) if appointment.schedule_id else None
    slots = placed(session, slot_ids)
    outbox.add(session, messages.appointment_changed(appointment, schedule, slots, decides=decides))


def placed(session: Session, slot_ids: Collection[str]) -> list[Placed]:
    """Slots as they are now, each with its schedule."""
    slots = store.slots_by_id(session, slot_ids) if slot_ids else []
    schedules = {number: store.schedule(session, number) for number in {slot.schedule_id for slot in slots}}
    return [(slot, schedules[slot.schedule_id]) for slot in slots]
