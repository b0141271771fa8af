"""When a patient may read a signed report: at once, unless its signer chose to tell them at an appointment.

No blanket delay: 96 % of 7 859 patients want results at once, even before a clinician speaks with them (JAMA Netw
Open 2023); some news is better told, so one signer may hold one report until one appointment, and never for ever.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.results_sharing.domain.report import Status
from shared.errors import Conflict, InvalidResource

LONGEST: Final = timedelta(days=90)
"""An appointment later than that is a slip of the finger, and would hide a result for ever."""


@dataclass(frozen=True)
class Hold:
    """A report that is to be told at an appointment.

    Attributes:
        until: the appointment; from then on the patient can read the report, whatever happens.
        held_by: name of the signer who chose so.
        wished_at: when the patient asked to see it sooner.
        released_at, released_by: when and by whom it was let go before the appointment.
    """

    until: datetime
    held_by: str
    held_at: datetime
    wished_at: datetime | None = None
    released_at: datetime | None = None
    released_by: str | None = None


def is_released(hold: Hold | None, now: datetime) -> bool:
    """Whether the patient may read the signed report: nothing holds it, or no longer."""
    return hold is None or hold.released_at is not None or hold.until <= now


def shows(status: Status, hold: Hold | None, now: datetime) -> bool:
    """Whether the patient is shown what became of a report: a withdrawn one has nothing left to tell first."""
    return status is Status.ENTERED_IN_ERROR or is_released(hold, now)


def hold_from(appointment: str, zone: ZoneInfo, who: str, now: datetime, *, announced: bool) -> Hold | None:
    """What the signer chose on the form; None for *at once*.

    Args:
        appointment: local date and time (`2026-12-01T14:30`), empty when none was given.
        announced: the box *to be announced at the appointment* is ticked.

    Raises:
        InvalidResource: box and date do not go together, or the date is no day ahead of us.
    """
    if not announced and not appointment:
        return None
    if not announced:
        raise InvalidResource(
            "There is an appointment, but the box is not ticked", fix="Tick the box, or clear the date."
        )
    try:
        local = datetime.fromisoformat(appointment)
    except ValueError:
        raise InvalidResource(
            "A result that is to be announced needs an appointment", fix="Give its date and time, or clear the box."
        ) from None
    until = local.replace(tzinfo=zone) if local.tzinfo is None else local
    if until <= now:
        raise InvalidResource("The appointment is not in the future", fix="Correct its date, or clear the box.")
    if until > now + LONGEST:
        raise InvalidResource(
            f"The appointment is more than {LONGEST.days} days away",
            fix="Correct its date, or tell the patient sooner.",
        )
    return Hold(until, who, now)


def wished(hold: Hold | None, now: datetime) -> Hold:
    """The patient wants it sooner; the first wish counts.

    Raises:
        Conflict: nothing holds the report.
    """
    if hold is None or is_released(hold, now):
        raise Conflict("This result can be read already", fix="Open your page again.")
    return hold if hold.wished_at else replace(hold, wished_at=now)


def released(hold: Hold | None, who: str, now: datetime) -> Hold:
    """A radiologist lets the patient read it now.

    Raises:
        Conflict: the patient can read it already.
    """
    if hold is None or is_released(hold, now):
        raise Conflict("The patient can read this report already")
    return replace(hold, released_at=now, released_by=who)
