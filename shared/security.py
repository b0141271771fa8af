"""Who is calling: ES256 tokens that the gateway signs and every service verifies with the public key alone.

Sources: RFC 7519 (JWT), RFC 7518 3.4 (ES256), SMART App Launch 2.2 scopes (`system/Patient.cruds`).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.errors import Forbidden, Unauthenticated
from shared.settings import MissingSettings

COOKIE: Final = "hub_session"
SESSION_LIFETIME: Final = timedelta(minutes=15)
"""How long a session token is good before the gateway must look again whether the account is enabled."""

Audience = Literal["user", "system"]


class Role(StrEnum):
    """What a person is in the hospital."""

    RADIOLOGIST = "radiologist"
    CLINICIAN = "clinician"
    SECRETARY = "secretary"
    PRIVACY_OFFICER = "privacy-officer"
    ADMINISTRATOR = "administrator"
    PATIENT = "patient"


@dataclass(frozen=True)
class Principal:
    """The caller, as its token says.

    Attributes:
        subject: account name, or the client's id.
        fhir_user: reference to the person's resource, such as `Practitioner/<id>`; None for systems.
        audience: a person in a browser, or a system.
        session: id of the sign-in, so that one sitting is audited once.
    """

    subject: str
    name: str
    role: Role | None
    fhir_user: str | None
    audience: Audience
    scopes: frozenset[str]
    session: str


def make_key() -> tuple[bytes, bytes]:
    """A new P-256 pair as PEM: private (PKCS 8) and public."""
    key = ECKey.generate_key("P-256")
    return key.as_pem(private=True), key.as_pem(private=False)


def sign(private_pem: bytes, principal: Principal, lifetime: timedelta) -> str:
    """A token for a caller.

    Args:
        lifetime: from now until the token is no longer good.
    """
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": "hub",
        "aud": principal.audience,
        "sub": principal.subject,
        "name": principal.name,
        "sid": principal.session,
        "jti": str(uuid4()),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    if principal.role:
        claims["role"] = str(principal.role)
    if principal.fhir_user:
        claims["fhirUser"] = principal.fhir_user
    if principal.scopes:
        claims["scope"] = " ".join(sorted(principal.scopes))
    return jwt.encode({"alg": "ES256"}, claims, _private(private_pem))


@lru_cache(maxsize=4)
def _private(pem: bytes) -> ECKey:
    return ECKey.import_key(pem)


@cache
def public_key(file: Path) -> ECKey:
    """The gateway's public key.

    Raises:
        MissingSettings: the file is not there or holds no P-256 key.
    """
    try:
        return ECKey.import_key(file.read_bytes())
    except (OSError, ValueError, JoseError):
        raise MissingSettings(
            "HUB_SESSION_PUBLIC_KEY_FILE names no readable public key", fix="Run `hub keys` first."
        ) from None


@lru_cache(maxsize=4096)
def _claims(token: str, file: Path) -> dict[str, Any]:
    """The signed claims; a signature once checked stays good, only the clock is asked again."""
    try:
        return dict(jwt.decode(token, public_key(file), algorithms=["ES256"]).claims)
    except (JoseError, ValueError, KeyError):
        raise Unauthenticated("The token is not one of this hub", fix="Sign in again.") from None


def verify(token: str, file: Path, audience: Audience, *, now: datetime | None = None) -> Principal:
    """Who a token speaks for.

    Args:
        file: PEM of the gateway's public key.
        audience: what the door takes: a cookie is for people, a bearer token for systems.

    Raises:
        Unauthenticated: foreign, altered, expired, or meant for another kind of caller.
    """
    claims = _claims(token, file)
    if claims.get("iss") != "hub" or claims.get("aud") != audience:
        raise Unauthenticated("The token is meant for another door", fix="Use a token of the right kind.")
    if float(claims.get("exp", 0)) <= (now or datetime.now(UTC)).timestamp():
        raise Expired("The token has expired", fix="Sign in again.")
    role = claims.get("role")
    return Principal(
        subject=str(claims["sub"]),
        name=str(claims.get("name", claims["sub"])),
        role=Role(role) if role else None,
        fhir_user=claims.get("fhirUser"),
        audience=audience,
        scopes=frozenset(str(claims.get("scope", "")).split()),
        session=str(claims.get("sid", "")),
    )


class Expired(Unauthenticated):
    """It was good: the gateway may renew it."""


_SCOPE = re.compile(r"^(?:system|user)/(?P<type>\*|[A-Za-z]+)\.(?P<rights>[cruds]+|\*)$")


def require_scope(principal: Principal, type_: str, right: Literal["c", "r", "u", "d", "s"]) -> None:
    """Refuse a system whose token does not cover an interaction.

    Args:
        type_: FHIR resource type, or a name of ours for what is no resource (`Message`, `Study`).
        right: SMART's letter: create, read, update, delete, search.

    Raises:
        Forbidden: no scope covers it.
    """
    for scope in principal.scopes:
        found = _SCOPE.match(scope)
        if found and found["type"] in {"*", type_} and (found["rights"] == "*" or right in found["rights"]):
            return
    raise Forbidden(f"This client may not do that with {type_}", fix=f"Ask for the scope system/{type_}.{right}.")
