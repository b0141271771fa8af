"""Signing in and out: what is checked, counted, remembered and audited, each in one transaction.

Sources: OWASP Authentication and Session Management Cheat Sheets; argon2id with the library's defaults (RFC 9106).
"""

from functools import cache
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from services.gateway import store
from services.gateway.domain.accounts import SITTING_ENDS, TRIES_A_NAME, TRIES_AN_ADDRESS, TRIES_WINDOW
from services.gateway.settings import settings
from shared import audit
from shared.errors import TooMany, Unauthenticated
from shared.security import SESSION_LIFETIME, Principal, Role, sign


@cache
def hasher() -> PasswordHasher:
    """Argon2id; each hash carries its own parameters, so they can be raised later."""
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """Checked when a name is unknown, so that the time of an answer tells nothing."""
    return hasher().hash(str(uuid4()))


def sign_in(name: str, password: str, address: str, correlation: str) -> str:
    """Check a person's password and begin a sign-in.

    Returns:
        The session token.

    Raises:
        TooMany: too many tries under this name or from this address.
        Unauthenticated: the name or the password is wrong, or the account is disabled; which is not said.
    """
    with store.transaction() as session:
        tries = store.count_try(session, f"name:{name}", TRIES_WINDOW)
        from_there = store.count_try(session, f"address:{address}", TRIES_WINDOW)
        account = store.find_account(session, name)
    if tries > TRIES_A_NAME or from_there > TRIES_AN_ADDRESS:
        raise TooMany("Too many tries to sign in", fix="Wait five minutes, then try again.")
    right = _matches(account.password_hash if account else _nobodys_hash(), password)
    who = _principal(account, str(uuid4())) if account else None
    if who is None or account is None or not (right and account.enabled):
        with store.transaction() as session:
            _audit(session, who, "sign-in", correlation, failed=True)
        raise Unauthenticated("The name or the password is not right", fix="Try again, or ask an administrator.")
    with store.transaction() as session:
        store.forget_tries(session, f"name:{name}")
        store.begin_sign_in(session, who.session, account.name)
        _audit(session, who, "sign-in", correlation)
    return token(who)


def renew(holder: Principal) -> Principal | None:
    """The same sign-in a while longer: while it lasts, was not ended, and the account is enabled."""
    with store.transaction() as session:
        account = store.find_signed_in(session, holder.session, SITTING_ENDS)
    return _principal(account, holder.session) if account and account.name == holder.subject else None


def sign_out(holder: Principal, correlation: str) -> None:
    """End a sign-in for good, whatever tokens of it are still about."""
    with store.transaction() as session:
        store.end_sign_in(session, holder.session)
        _audit(session, holder, "sign-out", correlation)


def token(who: Principal) -> str:
    """A session token, good for a quarter of an hour."""
    return sign(settings().session_private_key_file.read_bytes(), who, SESSION_LIFETIME)


def _matches(kept: str, password: str) -> bool:
    try:
        return hasher().verify(kept, password)
    except VerificationError:
        return False


def _principal(account: store.Account, sid: str) -> Principal:
    return Principal(
        account.name, account.display_name, Role(account.role), account.fhir_user, "user", frozenset(), sid
    )


def _audit(
    session: store.Session, who: Principal | None, kind: audit.Kind, correlation: str, *, failed: bool = False
) -> None:
    event = audit.audit_event(
        service="gateway", who=who, kind=kind, action="E", entities=[], outcome="4" if failed else "0"
    )
    audit.record(session, event, service="gateway", correlation=correlation)
