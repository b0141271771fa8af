"""People and systems: what a name, a password and an address to return to must look like, and how often one may try."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs

from services.gateway.domain.access import PRELIMINARY_SCOPE
from shared.errors import InvalidResource

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
"""Longer ones would only make the hash slow."""

SITTING_ENDS: Final = timedelta(hours=8)
"""A working day: after it one signs in again."""

PATIENT_SITTING_ENDS: Final = timedelta(hours=1)
"""Of a patient who came with a code: often on a telephone, and the next code is a minute away."""

TRIES_WINDOW: Final = timedelta(minutes=5)
TRIES_A_NAME: Final = 10
TRIES_AN_ADDRESS: Final = 200
"""Behind the proxy all people share its address, so this only stops floods; a name has its own, lower limit."""

_SCOPE: Final = re.compile(rf"system/(?:\*|[A-Za-z]+)\.[cruds]+|{re.escape(PRELIMINARY_SCOPE)}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


def require_name(name: str) -> str:
    """An account's or client's name.

    Raises:
        InvalidResource: it has other than small letters, digits, dot, underscore and hyphen.
    """
    if not _NAME.fullmatch(name):
        raise InvalidResource(
            "The name cannot be used", fix="Use 2 to 64 small letters, digits, dots, underscores and hyphens."
        )
    return name


def require_password(password: str) -> str:
    """A password that is long enough (length counts, not signs: NIST SP 800-63B 5.1.1.2).

    Raises:
        InvalidResource: too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidResource(
            "The password is too short or too long", fix=f"Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        )
    return password


def require_scopes(scopes: Iterable[str]) -> None:
    """Scopes that mean something here.

    Raises:
        InvalidResource: one does not.
    """
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise InvalidResource(
            "A scope is not one of this hub", fix=f"Use system/<Type or *>.<cruds> or {PRELIMINARY_SCOPE}."
        )


def local_path(wanted: str) -> str:
    """Where to go after signing in: a path of this hub, never another site's address."""
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/sign-")) and wanted.isprintable()
    return wanted if plain and "\\" not in wanted else "/"


def is_of_patients(wanted: str) -> bool:
    """Whether an address to go on to is a patient's: they sign in with a code, not with a password."""
    path = wanted.partition("?")[0]
    return any(path == own or path.startswith(f"{own}/") for own in ("/me", "/appointments/mine"))


def language_in(wanted: str) -> str:
    """The language that an address to go on to asks for; empty when it does not."""
    return parse_qs(wanted.partition("?")[2]).get("lang", [""])[0]
