"""The session cookie: made, read back and taken away.

Source: OWASP Session Management Cheat Sheet.
"""

from datetime import UTC, datetime

from fastapi import Request, Response

from services.gateway.domain.accounts import SITTING_ENDS
from services.gateway.fhir.patients import name_of
from services.gateway.settings import settings
from services.gateway.store import Account, Stored
from shared.errors import Unauthenticated
from shared.security import COOKIE, SESSION_LIFETIME, Principal, Role, sign, verify

_ANY_TIME = datetime.fromtimestamp(0, tz=UTC)
"""At which no token has expired yet: renewing asks the sign-in's row, not the token's clock."""


def principal_of(account: Account, sid: str) -> Principal:
    """The person of an account, in one sign-in."""
    return Principal(
        account.name, account.display_name, Role(account.role), account.fhir_user, "user", frozenset(), sid
    )


def patient_principal(patient: Stored, sid: str) -> Principal:
    """A patient who came with a code; without an account, the sign-in itself is the subject."""
    who = f"Patient/{patient.id}"
    return Principal(f"code:{sid}", name_of(patient.resource), Role.PATIENT, who, "user", frozenset(), sid)


def set_cookie(answer: Response, who: Principal) -> None:
    """Give a person a fresh token; the cookie lasts a working day, the token a quarter of an hour."""
    answer.set_cookie(
        COOKIE,
        sign(settings().private_key(), who, SESSION_LIFETIME),
        max_age=int(SITTING_ENDS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings().public_url.startswith("https:"),
        path="/",
    )


def drop_cookie(answer: Response) -> None:
    """Take the cookie away."""
    answer.delete_cookie(
        COOKIE, httponly=True, samesite="lax", secure=settings().public_url.startswith("https:"), path="/"
    )


def signed_in_before(request: Request) -> Principal | None:
    """Whose cookie it is, even if its token has expired; None when it is not one of ours."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    try:
        return verify(token, settings().session_public_key_file, "user", now=_ANY_TIME)
    except Unauthenticated:
        return None
