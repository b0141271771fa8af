"""Signing in, staying signed in, signing out; each audited, and guessing made slow.

Sources: NIST SP 800-63B 5.2.2 (throttling); OWASP Authentication Cheat Sheet (the same answer for every failure).
"""

import hashlib
from functools import cache
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway import store
from services.gateway.domain import accounts
from services.gateway.fhir.patients import is_active
from services.gateway.pages.session import drop_cookie, patient_principal, principal_of, set_cookie, signed_in_before
from services.gateway.store import Account, Session
from shared import audit, web
from shared.errors import TooMany, Unauthenticated
from shared.http import correlation, visitor
from shared.security import Principal

router = APIRouter()

_WRONG = "The name or the password is not right."


@router.get("/sign-in")
def form(request: Request, next: str = "/") -> Response:  # noqa: A002 (its name in the address)
    """The form; who is signed in already goes on."""
    if visitor(request):
        return RedirectResponse(accounts.local_path(next), status_code=303)
    if accounts.is_of_patients(next):
        return RedirectResponse(f"/sign-in/code?next={quote(accounts.local_path(next), safe='')}", status_code=303)
    return web.render("gateway/sign_in.html", request, next=accounts.local_path(next), problem=None, username="")


@router.post("/sign-in")
def sign_in(
    request: Request,
    username: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 (its name in the form)
) -> Response:
    """Let a person in, or say no: in the same words and the same time whether the name exists or not.

    Raises:
        TooMany: too many tries under this name, or from this address.
    """
    name = username.strip().lower()
    _count_tries(request, name)
    with store.transaction() as session:
        account = store.find_account(session, name) if name.isprintable() else None
    right = _is_right(account, password)
    if account is None or not right or not account.enabled:
        with store.transaction() as session:
            _record(session, request, None, "sign-in", outcome="4", detail="sign-in refused")
        target = accounts.local_path(next)
        return web.render("gateway/sign_in.html", request, status=401, next=target, problem=_WRONG, username="")
    who = principal_of(account, str(uuid4()))
    with store.transaction() as session:
        store.forget_tries(session, _name_key(name))
        store.begin_sign_in(session, who.session, account.name)
        _record(session, request, who, "sign-in")
    answer = RedirectResponse(accounts.local_path(next), status_code=303)
    set_cookie(answer, who)
    return answer


@router.get("/sign-in/renew")
def renew(request: Request, next: str = "/") -> Response:  # noqa: A002 (its name in the address)
    """A fresh token, and back to where the person was; or the form."""
    target = accounts.local_path(next)
    who = _still_signed_in(request)
    if who is None:
        answer = RedirectResponse(f"/sign-in?next={quote(target, safe='')}", status_code=303)
        drop_cookie(answer)
        return answer
    answer = RedirectResponse(target, status_code=303)
    set_cookie(answer, who)
    return answer


@router.post("/sign-in/renew", status_code=204)
def renew_in_place(request: Request) -> Response:
    """A fresh token for a page that stays open.

    Raises:
        Unauthenticated: the sign-in has ended, or the account is disabled.
    """
    who = _still_signed_in(request)
    if who is None:
        raise Unauthenticated("You are signed out", fix="Sign in again.")
    answer = Response(status_code=204)
    set_cookie(answer, who)
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the sign-in: its cookie is not renewed any more, wherever it may be."""
    who = signed_in_before(request)
    if who:
        with store.transaction() as session:
            store.end_sign_in(session, who.session)
            _record(session, request, who, "sign-out")
    answer = RedirectResponse("/sign-in", status_code=303)
    drop_cookie(answer)
    return answer


def _still_signed_in(request: Request) -> Principal | None:
    before = signed_in_before(request)
    if before is None:
        return None
    with store.transaction() as session:
        account = store.find_signed_in(session, before.session, accounts.SITTING_ENDS)
        patient = store.find_signed_in_patient(session, before.session, accounts.PATIENT_SITTING_ENDS)
    if account:
        return principal_of(account, before.session)
    return patient_principal(patient, before.session) if patient and is_active(patient.resource) else None


def _count_tries(request: Request, name: str) -> None:
    """Counted and committed before the password is looked at, so that tries at the same time count too."""
    address = request.client.host if request.client else "unknown"
    with store.transaction() as session:
        from_here = store.count_try(session, f"address {address}", accounts.TRIES_WINDOW)
        with_name = store.count_try(session, _name_key(name), accounts.TRIES_WINDOW)
    if with_name > accounts.TRIES_A_NAME or from_here > accounts.TRIES_AN_ADDRESS:
        raise TooMany("Too many tries", fix="Wait five minutes, then try again.")


def _name_key(name: str) -> str:
    """A name that was tried, known or not, without keeping it: people type passwords into name fields."""
    return f"name {hashlib.sha256(name.encode()).hexdigest()}"


def _is_right(account: Account | None, password: str) -> bool:
    """Whether the password is the account's; for no account the same work is done."""
    try:
        return _hasher().verify(account.password_hash if account else _nobody(), password) and account is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash(str(uuid4()))


def _record(
    session: Session,
    request: Request,
    who: Principal | None,
    kind: Literal["sign-in", "sign-out"],
    *,
    outcome: Literal["0", "4"] = "0",
    detail: str | None = None,
) -> None:
    event = audit.audit_event(
        service="gateway", who=who, kind=kind, action="E", entities=[], outcome=outcome, detail=detail
    )
    audit.record(session, event, service="gateway", correlation=correlation(request))
