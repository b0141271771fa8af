"""HTML for people: the start page, signing in, renewing and signing out."""

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway import sign_in as door
from services.gateway.domain.accounts import SITTING_ENDS, local_path
from services.gateway.settings import settings
from shared import http, web
from shared.errors import TooMany, Unauthenticated
from shared.security import COOKIE, Principal, Role, holder_of

router = APIRouter(include_in_schema=False)

START = {Role.RADIOLOGIST: "/worklist"}
"""Where a role's work begins; the others find words on the start page."""

SEE_OTHER = 303


@router.get("/")
def start(request: Request) -> Response:
    """Where to go from here."""
    who = http.visitor(request)
    if who and who.role in START:
        return RedirectResponse(START[who.role], SEE_OTHER)
    return web.render("gateway/start.html", request)


@router.get("/sign-in")
def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 (the name that the doors send)
    """The form."""
    return web.render("gateway/sign_in.html", request, next=local_path(next), name="", problem=None)


@router.post("/sign-in")
def enter(
    request: Request,
    username: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=256)],
    next: Annotated[str, Form()] = "/",  # noqa: A002 (see `ask`)
) -> Response:
    """Sign in and go where one wanted to be."""
    address = request.client.host if request.client else "unknown"
    try:
        token = door.sign_in(username.strip().lower(), password, address, http.correlation(request))
    except (Unauthenticated, TooMany) as error:
        return web.render(
            "gateway/sign_in.html",
            request,
            status=error.status,
            next=local_path(next),
            name=username,
            problem=f"{error.message}. {error.fix}",
        )
    return _with_cookie(RedirectResponse(local_path(next), SEE_OTHER), token)


@router.get("/sign-in/renew")
def renew_and_return(request: Request, next: str = "/") -> Response:  # noqa: A002 (see `ask`)
    """A page was asked for with a token that has expired: go on, or sign in again."""
    who = _renewed(request)
    if who is None:
        return RedirectResponse(f"/sign-in?next={quote(local_path(next), safe='')}", SEE_OTHER)
    return _with_cookie(RedirectResponse(local_path(next), SEE_OTHER), door.token(who))


@router.post("/sign-in/renew")
def renew(request: Request) -> Response:
    """A page that is open asks for more time, so that nothing typed is lost.

    Raises:
        Unauthenticated: the sign-in is over.
    """
    who = _renewed(request)
    if who is None:
        raise Unauthenticated("The sign-in is over", fix="Sign in again in another tab; what you typed stays here.")
    return _with_cookie(Response(status_code=204), door.token(who))


@router.post("/sign-out")
def leave(request: Request) -> Response:
    """End the sign-in."""
    holder = _holder(request)
    if holder:
        door.sign_out(holder, http.correlation(request))
    answer = RedirectResponse("/sign-in", SEE_OTHER)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=_secure())
    return answer


def mount(app: FastAPI) -> None:
    """Serve what every page shares."""
    app.mount("/static", web.static_files())


def _renewed(request: Request) -> Principal | None:
    holder = _holder(request)
    return door.renew(holder) if holder else None


def _holder(request: Request) -> Principal | None:
    try:
        return holder_of(request.cookies.get(COOKIE, ""), settings().session_public_key_file, "user")
    except Unauthenticated:
        return None


def _with_cookie(answer: Response, token: str) -> Response:
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(SITTING_ENDS.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=_secure(),
    )
    return answer


def _secure() -> bool:
    return urlsplit(settings().public_url).scheme == "https"
