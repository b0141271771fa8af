"""The HTTP door of every service: who may pass, how big, what is said on error, what operators see.

The door is one ASGI layer around FastAPI, so that a refusal costs no routing and nothing can be served around it.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import quote, urlsplit
from uuid import uuid4

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import audit, db, migrate, telemetry
from shared.errors import Forbidden, HubError, InvalidResource, NotFound, TooLarge, Unauthenticated, Unavailable
from shared.fhir import outcome
from shared.routes import Route, route_of
from shared.security import COOKIE, Expired, Principal, verify
from shared.settings import ServiceSettings
from shared.telemetry import log

FHIR_JSON: Final = "application/fhir+json"
HEALTH: Final = frozenset({"/healthz", "/readyz", "/metrics"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

REQUESTS: Final = Counter("hub_http_requests", "Requests answered", ["service", "route", "method", "status"])
SECONDS: Final = Histogram(
    "hub_http_request_seconds",
    "Time from request to the end of the answer",
    ["service", "route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")

ErrorPage = Callable[[Request, HubError], Response]


@dataclass(frozen=True)
class Door:
    """What the door of one service must know.

    Attributes:
        settings: called at the first request, never at import.
        error_page: how people are told of an error; None where a service has no pages.
    """

    service: str
    settings: Callable[[], ServiceSettings]
    error_page: ErrorPage | None = None


def create_app(door: Door, routers: Sequence[APIRouter], *, ready: Sequence[Callable[[], None]] = ()) -> FastAPI:
    """The application of a service's api process.

    Args:
        ready: more checks for `/readyz`; each raises Unavailable when the service cannot work.
    """
    telemetry.configure(door.service, "api")
    door.settings()
    app = FastAPI(
        title=f"Consilium {door.service}",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        default_response_class=JSONResponse,
    )
    for router in routers:
        app.include_router(router)
    app.include_router(_operations(door.service, [partial(_current, door.service), *ready]))
    app.add_exception_handler(HubError, partial(_told, door))
    app.add_exception_handler(RequestValidationError, partial(_told, door))
    app.add_exception_handler(HTTPException, partial(_told, door))
    app.add_middleware(_DoorLayer, door=door)
    return app


def principal(request: Request) -> Principal:
    """The caller whom the door let in.

    Raises:
        Unauthenticated: the path is public and nobody is signed in.
    """
    found: Principal | None = request.scope.get("hub.principal")
    if found is None:
        raise Unauthenticated("Nobody is signed in", fix="Sign in, or send a bearer token.")
    return found


def visitor(request: Request) -> Principal | None:
    """The caller of a public path, when the door knows one."""
    found: Principal | None = request.scope.get("hub.principal")
    return found


def correlation(request: Request) -> str:
    """The request id, which is the correlation id of what the request starts."""
    return str(request.scope["hub.correlation"])


def _operations(service: str, checks: Sequence[Callable[[], None]]) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "service": service}

    @router.get("/readyz")
    def readyz() -> dict[str, str]:
        for check in checks:
            check()
        return {"status": "ready", "service": service}

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(telemetry.registry()), media_type=CONTENT_TYPE_LATEST)

    return router


def _current(service: str) -> None:
    """Not ready while the database is older than this code needs; a newer one is no reason to stop serving."""
    if not migrate.is_current(service):
        raise Unavailable(f"The database of {service} is older than the code", fix=f"Run `hub migrate {service}`.")


def _told(door: Door, request: Request, error: Exception) -> Response:
    """Tell the caller, in the form it understands."""
    known = _as_hub_error(error)
    if isinstance(known, Forbidden):
        _record_refusal(door, request.scope)
    return _answer(door, request, known)


def _as_hub_error(error: Exception) -> HubError:
    match error:
        case HubError():
            return error
        case RequestValidationError():
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            return InvalidResource(f"The request is not as it should be: {first['msg']}", expression=place)
        case HTTPException():
            return NotFound("There is nothing here") if error.status_code == NotFound.status else _Other(error)
        case _:
            return HubError("Something broke inside the hub", fix="Tell the operators the X-Request-Id of this answer.")


class _Other(HubError):
    """What the framework itself refuses, such as a method that a path does not have."""

    code = "not-supported"

    def __init__(self, error: HTTPException) -> None:
        super().__init__(str(error.detail))
        self.status = error.status_code
        self.allow = (error.headers or {}).get("Allow")


def _answer(door: Door, request: Request, error: HubError) -> Response:
    """A page for people, an OperationOutcome for programs."""
    if door.error_page and "text/html" in request.headers.get("accept", ""):
        if isinstance(error, Unauthenticated) and request.method in SAFE:
            way = "/sign-in/renew" if isinstance(error, Expired) else "/sign-in"
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return Response(status_code=303, headers={"Location": f"{way}?next={quote(target, safe='')}"})
        return door.error_page(request, error)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004 (HTTP)
    if error.status in {429, 503}:
        headers["Retry-After"] = "5"
    if isinstance(error, _Other) and error.allow:
        headers["Allow"] = error.allow  # RFC 9110 15.5.6
    return Response(
        orjson.dumps(outcome.from_error(error)), status_code=error.status, media_type=FHIR_JSON, headers=headers
    )


def _record_refusal(door: Door, scope: Scope) -> None:
    """A refused caller is a security event, kept like any access; an anonymous one is only logged and counted."""
    who: Principal | None = scope.get("hub.principal")
    route: Route | None = scope.get("hub.route")
    if who is None:
        return
    event = audit.audit_event(
        service=door.service,
        who=who,
        kind="refusal",
        action="E",
        entities=[],
        outcome="4",
        detail=f"{scope['method']} {route.path if route else 'unknown'} refused",
    )
    try:
        with db.transaction(door.service) as session:
            audit.record(session, event, service=door.service, correlation=scope["hub.correlation"])
    except Unavailable:
        log.error("refusal_not_recorded", subject=who.subject)


class _DoorLayer:
    """Identity, roles, origin, size, correlation, headers and metrics around one application."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        sent = headers.get("x-request-id", "")
        scope["hub.correlation"] = sent if _SAFE_ID.fullmatch(sent) else str(uuid4())
        started = time.perf_counter()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *_headers(scope, message.get("headers", []))]
            await send(message)

        with telemetry.bound(correlation=scope["hub.correlation"]):
            try:
                if scope["path"] not in HEALTH:
                    receive = self._admit(scope, headers, receive)
                await self.app(scope, receive, answer)
            except HubError as error:
                told = await run_in_threadpool(_told, self.door, Request(scope, receive), error)
                await told(scope, receive, answer)
            except Exception as error:  # noqa: BLE001 (the last net: a bug must answer, and be seen)
                log.exception("request_failed", error=type(error).__name__)
                if status == 500:  # noqa: PLR2004 (nothing has been answered yet)
                    await _answer(self.door, Request(scope, receive), _as_hub_error(error))(scope, receive, answer)
            finally:
                self._observe(scope, status, time.perf_counter() - started)

    def _admit(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """Let the caller in, or say why not.

        Raises:
            HubError: nobody known, a role that the route does not name, a foreign origin, too large a body.
        """
        route = route_of(scope["path"], self.door.service)
        if route is None or "\0" in scope["path"]:  # which no database takes, and no address of ours has
            raise NotFound("There is nothing here")
        scope["hub.route"] = route
        try:
            scope["hub.principal"] = self._who(headers)
        except Unauthenticated:
            if "public" not in route.roles:
                raise
        who: Principal | None = scope.get("hub.principal")
        if "public" not in route.roles:
            if who is None:
                raise Unauthenticated("Nobody is signed in", fix="Sign in, or send a bearer token.")
            if (str(who.role) if who.role else who.audience) not in route.roles:
                raise Forbidden("This is not for your role", fix="Ask an administrator for the role you need.")
        if scope["method"] not in SAFE and (who is None or who.audience == "user"):
            self._same_origin(headers)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > route.body:
            raise TooLarge(f"The body is over {route.body} bytes", fix="Send less at a time.")
        return _counted(receive, route.body)

    def _who(self, headers: dict[str, str]) -> Principal | None:
        settings = self.door.settings()
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if token and scheme.lower() == "bearer":
            return verify(token.strip(), settings.session_public_key_file, "system")
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return verify(cookie.value, settings.session_public_key_file, "user") if cookie else None

    def _same_origin(self, headers: dict[str, str]) -> None:
        """A form of another site must not act with our cookie (OWASP: verify Origin)."""
        origin = headers.get("origin")
        own = urlsplit(self.door.settings().public_url)
        if origin is None and headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}:
            if "cookie" in headers:
                raise Forbidden("The request does not say where it comes from", fix="Send the Origin header.")
            return
        if origin != f"{own.scheme}://{own.netloc}":
            raise Forbidden("The request comes from another site", fix="Use the hub's own pages.")

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        template = getattr(scope.get("route"), "path", None) or (
            scope["hub.route"].path if "hub.route" in scope else "unknown"
        )
        if template in HEALTH:
            return
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.labels(self.door.service, template, method, str(status)).inc()
        SECONDS.labels(self.door.service, template, method).observe(seconds)
        log.info("request_served", route=template, method=method, status=status, ms=round(seconds * 1000, 1))


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

CONTENT_SECURITY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def _headers(scope: Scope, given: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What every answer carries; a door that set its own Cache-Control keeps it."""
    names = {name.lower() for name, _ in given}
    made = [
        (b"x-request-id", scope["hub.correlation"].encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"content-security-policy", CONTENT_SECURITY.encode()),
    ]
    if b"cache-control" not in names:
        made.append((b"cache-control", b"no-store"))
    return made


def _counted(receive: Receive, limit: int) -> Receive:
    """A body that says no when it grows over the limit, whatever its Content-Length claimed."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLarge(f"The body is over {limit} bytes", fix="Send less at a time.")
        return message

    return counted
