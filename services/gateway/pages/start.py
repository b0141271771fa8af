"""`/`: people go to where their work is; everybody else reads what this is."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from shared import web
from shared.http import visitor
from shared.security import COOKIE, Role

router = APIRouter()


@router.get("/")
def start(request: Request) -> Response:
    """The start page of a role, or of none."""
    who = visitor(request)
    if who is None and request.cookies.get(COOKIE):
        return RedirectResponse("/sign-in/renew?next=%2F", status_code=303)
    if who is not None and who.role is Role.RADIOLOGIST:
        return RedirectResponse("/worklist", status_code=303)
    if who is not None and who.role is Role.SECRETARY:
        return RedirectResponse("/appointments/day", status_code=303)
    if who is not None and who.role is Role.PATIENT:
        return RedirectResponse("/me", status_code=303)
    return web.render("gateway/start.html", request)
