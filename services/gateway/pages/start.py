"""`/`: people go to where their work is; everybody else reads what this is."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from shared import web
from shared.http import visitor
from shared.security import COOKIE, Role

router = APIRouter()

WORK: Final = {
    Role.RADIOLOGIST: "/worklist",
    Role.SECRETARY: "/appointments/day",
    Role.ADMINISTRATOR: "/ops",
    Role.PATIENT: "/me",
}
"""Where the work of a role is."""


@router.get("/")
def start(request: Request) -> Response:
    """The start page of a role, or of none."""
    who = visitor(request)
    if who is None and request.cookies.get(COOKIE):
        return RedirectResponse("/sign-in/renew?next=%2F", status_code=303)
    if who is not None and who.role in WORK:
        return RedirectResponse(WORK[who.role], status_code=303)
    return web.render("gateway/start.html", request)
