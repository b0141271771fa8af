"""HTML for people: the day's page on which staff decide, and a patient's own appointments with their calendar file."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.scheduling import booking, ics
from services.scheduling.domain.appointment import STAFF, Appointment, Status
from services.scheduling.domain.calendar import Schedule, zone_of
from services.scheduling.fhir.messages import Placed
from services.scheduling.fhir.requests import Wanted
from shared import web
from shared.errors import Forbidden, InvalidResource, NotFound
from shared.http import principal
from shared.security import Principal, Role, require_scope
from shared.web.language import language, time_in

router = APIRouter()
Who = Annotated[Principal, Depends(principal)]
SEE_OTHER: Final = 303


@router.get("/appointments")
def start() -> Response:
    """Today."""
    return RedirectResponse("/appointments/day", SEE_OTHER)


@router.get("/appointments/day")
def day(request: Request, who: Who, date_: str = "", schedule: str = "", done: str = "") -> Response:
    """What waits for a decision, and the day's slots."""
    _require_person(who)
    found = booking.day(who, _date(request.query_params.get("date") or date_), schedule or None)
    zone = found.schedule.zone if found.schedule else "UTC"
    return web.render(
        "scheduling/day.html",
        request,
        day=found.day,
        before=found.day - timedelta(days=1),
        after=found.day + timedelta(days=1),
        schedule=found.schedule,
        schedules=found.schedules,
        rows=[{"time": _clock(slot.span.start, zone), "slot": slot, "appointment": one} for slot, one in found.rows],
        waiting=[
            {
                "appointment": one.proposal,
                "overdue": one.overdue,
                "deadline": _moment(one.proposal.deadline, zone),
                "choices": [_choice(placed) for placed in one.choices],
            }
            for one in found.waiting
        ],
        free=[_choice(placed) for placed in found.free],
        decides=str(who.role) in STAFF,
        done=done if done in {"booked", "moved", "cancelled"} else "",
    )


@router.post("/appointments/{number}/book")
def book(who: Who, number: str, slot: Annotated[str, Form()], version: Annotated[int, Form()]) -> Response:
    """Confirm a proposal, or move what is booked."""
    _require_staff(who)
    made = booking.book(who, Wanted(number=number, slots=(slot,)), seen=version)
    return _back(made, "booked")


@router.post("/appointments/{number}/cancel")
def cancel(
    who: Who, number: str, version: Annotated[int, Form()], reason: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Cancel what is booked, or decide that a proposal is not needed."""
    _require_staff(who)
    return _back(booking.cancel(who, number, reason, seen=version), "cancelled")


@router.get("/appointments/{number}.ics")
def calendar(who: Who, number: str) -> Response:
    """The calendar file, for staff and the hospital's systems."""
    if who.audience == "system":
        require_scope(who, "Appointment", "r")
    return _file(*booking.appointment(who, number), "en")


@router.get("/appointments/mine")
def mine(request: Request, who: Who, lang: str = "") -> Response:
    """A patient's own appointments, in their language."""
    return _mine("scheduling/mine.html", request, who, lang)


@router.get("/appointments/mine/part")
def part_of_mine(request: Request, who: Who, lang: str = "") -> Response:
    """The same as a part of a page of another service; that page fetches it from the browser."""
    return _mine("scheduling/_mine.html", request, who, lang)


def _mine(template: str, request: Request, who: Principal, lang: str) -> Response:
    found, spoken = booking.appointments_of(who, _own(who)), language(request, lang)
    rows = [
        {
            "appointment": one,
            "when": time_in(spoken, one.span.start, zone_of(one.zone)) if one.span else "",
            "schedule": schedule,
        }
        for one, schedule in found
    ]
    return web.render(template, request, rows=rows, lang=spoken)


@router.get("/appointments/mine/{number}.ics")
def my_calendar(request: Request, who: Who, number: str, lang: str = "") -> Response:
    """The calendar file of one's own appointment.

    Raises:
        NotFound: it is none of theirs.
    """
    found = next((pair for pair in booking.appointments_of(who, _own(who)) if pair[0].id == number), None)
    if found is None:
        raise NotFound("There is no such appointment of yours", fix="Go back to your appointments.")
    return _file(*found, language(request, lang))


def _file(appointment: Appointment, schedule: Schedule | None, language: str) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return Response(
        ics.to_calendar(appointment, schedule, language), media_type="text/calendar; charset=utf-8", headers=headers
    )


def _back(made: Appointment, done: str) -> Response:
    where = f"?done={done}"
    if made.span and made.status is Status.BOOKED:
        local = made.span.start.astimezone(zone_of(made.zone)).date()
        where += f"&date={local.isoformat()}&schedule={made.schedule_id}"
    return RedirectResponse(f"/appointments/day{where}", SEE_OTHER)


def _own(who: Principal) -> str:
    kind, _, number = (who.fhir_user or "").partition("/")
    if who.role is not Role.PATIENT or kind != "Patient" or not number:
        raise Forbidden("This page is for patients", fix="Sign in with the account of a patient.")
    return number


def _require_person(who: Principal) -> None:
    if who.audience != "user":
        raise Forbidden("This page is for people", fix="Systems use /appointments/fhir.")


def _require_staff(who: Principal) -> None:
    _require_person(who)
    if str(who.role) not in STAFF:
        raise Forbidden("Secretaries and clinicians decide on appointments", fix="Ask one of them.")


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidResource("This is not a day", expression="date", fix="Give YYYY-MM-DD.") from None


def _choice(placed: Placed) -> dict[str, Any]:
    slot, schedule = placed
    return {"slot": slot.id, "words": f"{_moment(slot.span.start, schedule.zone)}, {schedule.name}"}


def _clock(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(zone_of(zone)):%H:%M}"


def _moment(moment: datetime | None, zone: str) -> str:
    return f"{moment.astimezone(zone_of(zone)):%a %d %b %Y, %H:%M}" if moment else ""
