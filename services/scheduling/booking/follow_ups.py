"""The follow-up of a signed report: proposed once, withdrawn with the report, and the end of holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import NAMESPACE_OID, uuid5

from prometheus_client import Counter

from services.scheduling import store
from services.scheduling.booking import claiming
from services.scheduling.booking.looking import earliest
from services.scheduling.domain import appointment as rules
from services.scheduling.domain.appointment import Appointment, Status
from services.scheduling.domain.follow_up import Signed, is_held_at_once, proposed
from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.fhir import messages
from services.scheduling.fhir.messages import Placed
from services.scheduling.settings import settings
from services.scheduling.store import Session, transaction
from shared import inbox, outbox
from shared.events import Lane
from shared.telemetry import log

PROPOSED = Counter("hub_follow_ups", "Follow-ups proposed for accepted findings", ["lane", "held"])
WITHDRAWN = "The report was entered in error"
TRIES = 5
"""Free slots that are tried for an urgent proposal; others book at the same time."""


def propose(message_id: str, signed: Signed) -> None:
    """Propose the follow-up of an accepted finding; for an urgent one the earliest fitting slot is kept for staff."""
    if not signed.accepted:
        return
    blank = proposed(signed, _within(), _number(signed))
    choices: Sequence[Placed] = ()
    if is_held_at_once(signed.lane) and blank.deadline:
        choices = [one for one in earliest(blank.deadline, TRIES) if one[0].span.end <= blank.deadline]
    with transaction() as session:
        if not inbox.claim(session, message_id):
            return
        if store.appointments.of_case(session, signed.case_id):
            return
        proposal = _held(session, blank, choices)
        store.appointments.save(session, proposal)
        claiming.say(session, proposal, proposal.slots)
        if proposal.slots:
            slots = claiming.placed(session, proposal.slots)
            outbox.add(session, messages.hold_ended(proposal, slots[0][1]), due_at=proposal.held_until)
    PROPOSED.labels(str(signed.lane), "yes" if proposal.slots else "no").inc()
    log.info("follow_up_proposed", appointment=proposal.id, lane=str(signed.lane), held=bool(proposal.slots))


def _held(session: Session, blank: Appointment, choices: Sequence[Placed]) -> Appointment:
    for slot, _ in choices:
        try:
            taken = claiming.claim(session, blank, [slot.id], new=True)
        except SlotTaken:
            continue
        return replace(taken, held_until=store.now(session) + settings().staff_hold, held_by=store.SERVICE)
    return blank


def forget_report(message_id: str, signed: Signed) -> None:
    """The report was entered in error: its proposal is withdrawn; what staff booked stays theirs to decide."""
    if not signed.withdrawn:
        return
    with transaction() as session:
        if not inbox.claim(session, message_id):
            return
        found = store.appointments.of_case(session, signed.case_id)
        if found is None:
            blank = proposed(signed, _within(), _number(signed))
            gone = replace(blank, status=Status.CANCELLED, cancel_reason=WITHDRAWN)
            store.appointments.save(session, gone)  # so that the signature, should it come later, proposes nothing
            return
        current = claiming.lock(session, found.id)
        if current.status is not Status.PROPOSED:
            log.warning("follow_up_of_withdrawn_report", appointment=current.id, status=str(current.status))
            return
        after = rules.cancelled(current, WITHDRAWN, store.now(session))
        store.appointments.save(session, after)
        claiming.say(session, after, current.slots)


def release(message_id: str, number: str) -> None:
    """A hold's time is over: unless it was booked, cancelled or held anew, its slots are free and said to be."""
    with transaction() as session:
        if not inbox.claim(session, message_id):
            return
        if store.appointments.find_if_there(session, number) is None:
            return
        current = claiming.lock(session, number)
        if current.status is Status.CANCELLED or not rules.is_over(current, store.now(session)):
            return
        claiming.keep_ended(session, current)
        if current.status is not Status.PROPOSED:
            slots = claiming.placed(session, current.slots)
            outbox.add(session, messages.slots_changed(slots, current.correlation, current.lane))
    log.info("hold_ended", appointment=number)


def _within() -> dict[Lane, timedelta]:
    told = settings()
    return {Lane.STAT: told.within_stat, Lane.URGENT: told.within_urgent, Lane.ROUTINE: told.within_routine}


def _number(signed: Signed) -> str:
    return str(uuid5(NAMESPACE_OID, f"{signed.case_id}/follow-up"))
