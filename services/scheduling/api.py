"""HTTP in: IHE ITI Scheduling's `$find`, `$hold` and `$book`, the calendar file, and the pages for staff and patients.

Source: https://profiles.ihe.net/ITI/Scheduling (ITI-115 to ITI-117); search (ITI-118) is the repository's, /fhir.
"""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request, Response

from services.scheduling import booking, pages, panels
from services.scheduling.domain.appointment import STAFF, Appointment
from services.scheduling.fhir.requests import Find, Wanted, find_from_body, find_from_query, wanted_from
from services.scheduling.fhir.resources import searchset, to_appointment, to_offer
from services.scheduling.settings import settings
from services.scheduling.store import SERVICE
from shared import ops
from shared.errors import Forbidden, InvalidResource, UnsupportedMedia
from shared.http import FHIR_JSON, Door, create_app, principal
from shared.security import Principal, require_scope
from shared.web import error_page

router = APIRouter()
Who = Annotated[Principal, Depends(principal)]


async def fhir_body(request: Request) -> bytes:
    """The bytes of a FHIR body; reading them is all that is asynchronous.

    Raises:
        UnsupportedMedia: not JSON.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in {FHIR_JSON, "application/json"}:
        raise UnsupportedMedia("This media type is not read here", fix=f"Send {FHIR_JSON} in UTF-8.")
    return await request.body()


Body = Annotated[bytes, Depends(fhir_body)]


@router.get("/appointments/fhir/Appointment/$find")
def find_by_query(request: Request, who: Who) -> Response:
    """Free time, asked for in the address."""
    _require(who, "s")
    return _offers(find_from_query(request.query_params.multi_items()))


@router.post("/appointments/fhir/Appointment/$find")
def find(who: Who, body: Body) -> Response:
    """Free time, asked for in a Parameters resource."""
    _require(who, "s")
    return _offers(find_from_body(body))


@router.post("/appointments/fhir/Appointment/$hold")
def hold(who: Who, body: Body) -> Response:
    """Keep what `$find` offered until it is booked, cancelled, or the hold ends."""
    _require(who, "c")
    return _answer(booking.hold(who, wanted_from(body)))


@router.post("/appointments/fhir/Appointment/$book")
def book(who: Who, body: Body) -> Response:
    """Book (named, or sent along as `pending`), move (`booked`) or cancel (`cancelled`)."""
    wanted = wanted_from(body)
    match wanted:
        case Wanted(status="cancelled", number=str(number)):
            _require(who, "u")
            return _answer(booking.cancel(who, number, wanted.reason))
        case Wanted(status="booked", number=str()):
            _require(who, "u")
        case Wanted(status=None | "pending" | "proposed"):
            _require(who, "c")
        case _:
            raise InvalidResource(
                "$book does not know this status",
                expression="Appointment.status",
                fix="Send pending to book, booked to move, cancelled to cancel; the latter two with an id.",
            )
    return _answer(booking.book(who, wanted))


@router.get("/appointments/fhir/Appointment/{number}")
def read(who: Who, number: str) -> Response:
    """An appointment as it is now."""
    _require(who, "r")
    found, schedule = booking.appointment(who, number)
    return _json(to_appointment(found, schedule), headers={"ETag": f'W/"{found.version}"'})


def _offers(wanted: Find) -> Response:
    return _json(searchset([to_offer(slot, schedule) for slot, schedule in booking.find(wanted)], _base()))


def _answer(made: Appointment) -> Response:
    return _json(searchset([to_appointment(made, booking.schedule_of(made))], _base()))


def _json(resource: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(resource), media_type=FHIR_JSON, headers=headers)


def _base() -> str:
    return f"{settings().public_url}/appointments/fhir"


def _require(who: Principal, right: Literal["r", "s", "c", "u"]) -> None:
    """Systems by scope, people by role.

    Raises:
        Forbidden: neither covers it.
    """
    if who.audience == "system":
        require_scope(who, "Appointment", right)
    elif right in {"c", "u"} and str(who.role) not in STAFF:
        raise Forbidden("Secretaries and clinicians make appointments", fix="Ask one of them.")


def app() -> FastAPI:
    """What `uvicorn --factory services.scheduling.api:app` serves."""
    routers = [router, pages.router, ops.door(SERVICE, panels.panels)]
    return create_app(Door(SERVICE, settings, error_page=error_page), routers)
