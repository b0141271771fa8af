"""What every FHIR interaction asks first: who is it, in which format, and with which bytes."""

import time
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from services.gateway import store
from services.gateway.domain.refusals import NotAcceptable
from services.gateway.settings import settings
from shared.errors import Unauthenticated, UnsupportedMedia
from shared.http import principal
from shared.security import Principal

CLIENT_KNOWN_S: Final = 5.0
"""How long a client's row is believed: a disabled client is refused within this time."""

_JSON: Final = frozenset({"application/fhir+json", "application/json"})
_FORM: Final = "application/x-www-form-urlencoded"
_ACCEPTED: Final = ("json", "*/*", "application/*", "text/html")


class _Clients:
    """The tokens lately found good, so that not every request asks the database."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def is_known(self, who: Principal) -> bool:
        """Whether the token was found good a moment ago."""
        return self._until.get((who.subject, who.session), 0.0) > time.monotonic()

    def require(self, who: Principal) -> None:
        """Refuse the token of a client that is disabled, or that got another one since.

        Raises:
            Unauthenticated: it is.
        """
        with store.transaction() as session:
            client = store.find_client(session, who.subject)
        if client is None or not client.enabled or client.token_id != who.session:
            self._until.pop((who.subject, who.session), None)
            raise Unauthenticated("This token is no longer good", fix="Ask for a new one: `hub clients add`.")
        self._until[(who.subject, who.session)] = time.monotonic() + CLIENT_KNOWN_S


_CLIENTS = _Clients()


async def caller(request: Request) -> Principal:
    """Who asks; a system's token must still be the one that its client has.

    Asynchronous because it rarely waits: a thread for each look at a dictionary costs more than the look.

    Raises:
        Unauthenticated: nobody, or a token that was taken back.
        NotAcceptable: it wants another format than JSON.
    """
    who = principal(request)
    if who.audience == "system" and not _CLIENTS.is_known(who):
        await run_in_threadpool(_CLIENTS.require, who)
    accept = request.headers.get("accept", "*/*").lower()
    if not any(form in accept for form in _ACCEPTED):
        raise NotAcceptable("The hub answers in JSON only", fix="Send Accept: application/fhir+json.")
    return who


async def fhir_body(request: Request) -> bytes:
    """The bytes of a FHIR body.

    Reading them is all that is asynchronous: Starlette offers no other way, and a JSON model as a parameter would
    parse what is to be parsed once, in `fhir`.

    Raises:
        UnsupportedMedia: not JSON, or compressed.
    """
    _require_media(request, _JSON)
    return await request.body()


async def form_body(request: Request) -> bytes:
    """The bytes of a search that came as a form.

    Raises:
        UnsupportedMedia: no form.
    """
    _require_media(request, {_FORM})
    return await request.body()


def _require_media(request: Request, media: frozenset[str] | set[str]) -> None:
    given, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace('"', "").partition("charset=")[2].strip()
    if given.strip().lower() not in media or charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMedia("This media type is not read here", fix=f"Send {' or '.join(sorted(media))} in UTF-8.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("Compressed bodies are not read here", fix="Send the body as it is.")


def base() -> str:
    """The address of the FHIR door as clients use it."""
    return f"{settings().public_url}/fhir"


Caller = Annotated[Principal, Depends(caller)]
Body = Annotated[bytes, Depends(fhir_body)]
Form = Annotated[bytes, Depends(form_body)]
