"""An appointment as a calendar file: the same UID for life, a SEQUENCE that grows, and no word on why.

Sources: RFC 5545 (iCalendar) 3.6.1, 3.8.7.4; RFC 5546 (iTIP) 3.2
"""

from icalendar import Calendar, Event

from services.scheduling.domain.appointment import Appointment, Status
from services.scheduling.domain.calendar import Schedule
from shared.errors import Conflict

PRODUCT = "-//Consilium//Appointments//EN"
SUMMARY = {"en": "Hospital appointment", "fr": "Rendez-vous à l'hôpital"}


def to_calendar(appointment: Appointment, schedule: Schedule | None, language: str = "en") -> bytes:
    """The file, in UTC; the same appointment gives the same bytes.

    Raises:
        Conflict: it has no time.
    """
    if appointment.span is None or appointment.status not in {Status.BOOKED, Status.CANCELLED}:
        raise Conflict("The appointment is not booked yet", fix="Wait until it is confirmed.")
    gone = appointment.status is Status.CANCELLED
    entry = Event()
    entry.add("uid", f"{appointment.id}@consilium.example")
    entry.add("sequence", appointment.version)
    entry.add("dtstamp", appointment.updated_at)
    entry.add("dtstart", appointment.span.start)
    entry.add("dtend", appointment.span.end)
    entry.add("summary", SUMMARY.get(language, SUMMARY["en"]))
    entry.add("status", "CANCELLED" if gone else "CONFIRMED")
    entry.add("class", "PRIVATE")
    if schedule:
        entry.add("location", schedule.location)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if gone else "PUBLISH")
    calendar.add_component(entry)
    made: bytes = calendar.to_ical()
    return made
