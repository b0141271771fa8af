"""What becomes of appointments, the same for every door: looking, holding, booking, moving, cancelling, proposing.

Whoever changes one locks first all slots that are involved, in sorted order, and then the appointment: bookings of one
slot wait for each other and never deadlock. The exclusion constraint stands behind that.
"""

from services.scheduling.booking.follow_ups import forget_report, propose, release
from services.scheduling.booking.looking import (
    Day,
    Waiting,
    appointment,
    appointments_of,
    day,
    find,
    open_days,
    schedule_of,
)
from services.scheduling.booking.placing import book, cancel, hold

__all__ = [
    "Day",
    "Waiting",
    "appointment",
    "appointments_of",
    "book",
    "cancel",
    "day",
    "find",
    "forget_report",
    "hold",
    "open_days",
    "propose",
    "release",
    "schedule_of",
]
