"""What every page shares: one Jinja2 environment, the base page, the style, the error page and the static files.

A template is named by its owner: `base.html` lies here, `results_sharing/case.html` in that service's templates.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from shared.errors import HubError

HERE: Final = Path(__file__).parent
SERVICES: Final = HERE.parent.parent / "services"
STATIC: Final = HERE / "static"

BROWSERS_KEEP: Final = "public, max-age=3600"
"""How long a browser keeps a static file; its address carries its digest, so a new version is fetched at once."""


def render(template: str, request: Request, *, status: int = 200, **context: object) -> HTMLResponse:
    """A page.

    Args:
        template: `base.html`, or `<service>/<name>.html` of that service's `templates/`.
        request: whose `hub.principal` (the person signed in, if any) the page names in its header.
        status: HTTP status of the answer.
        context: what the template shows; escaped there.
    """
    found = environment().get_template(template)
    return HTMLResponse(
        found.render(who=request.scope.get("hub.principal"), path=request.url.path, **context), status_code=status
    )


def error_page(request: Request, error: HubError) -> Response:
    """What happened, what to do now, and the id under which the operators find it."""
    title, advice = _TOLD.get(error.status, _TOLD[500])
    return render(
        "error.html",
        request,
        status=error.status,
        title=title,
        what=error.message,
        advice=error.fix or advice,
        request_id=request.scope.get("hub.correlation", "unknown"),
        code=error.status,
    )


_TOLD: Final = {
    401: ("You are signed out", "Sign in again; what you were looking at is still there."),
    403: ("This is not for your role", "Ask an administrator for the role you need."),
    404: ("Nothing is here", "Check the address, or go back to the start."),
    405: ("This cannot be done here", "Go back and use the buttons of the page."),
    409: ("Something changed meanwhile", "Open the page again to see the present state."),
    413: ("That is too long", "Shorten it and send it again."),
    422: ("Something is missing or not readable", "Go back, correct it and send it again."),
    429: ("Too many tries", "Wait a moment, then try again."),
    500: (
        "Something broke inside the hub",
        "Try again; if it happens again, tell the operators the id below.",
    ),
    503: ("A part of the hub is away", "Nothing was lost. Try again in a moment."),
}


class _KeptFiles(StaticFiles):
    """Static files that may be kept: the door gives every other answer `no-store`."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 (Starlette's signature)
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = BROWSERS_KEEP
        return response


def static_files() -> StaticFiles:
    """What the gateway serves under `/static`."""
    return _KeptFiles(directory=STATIC)


@cache
def environment() -> Environment:
    """The templates of `shared/web` and of every service that is installed here."""
    owners = {folder.parent.name: FileSystemLoader(folder) for folder in sorted(SERVICES.glob("*/templates"))}
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(HERE / "templates"), PrefixLoader(owners)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = _address
    made.filters["when"] = when
    made.filters["duration"] = duration
    return made


@cache
def _address(name: str) -> str:
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def when(moment: datetime) -> Markup:
    """A time for people: UTC here, turned by `hub.js` into the reader's own zone."""
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%d %b %Y, %H:%M")
    )


def duration(length: timedelta) -> str:
    """A length of time for people: `4 min`, `1 h`, `2 h 05 min`, `3 days`."""
    minutes = max(int(length.total_seconds() // 60), 0)
    hours, rest = divmod(minutes, 60)
    if hours >= 48:  # noqa: PLR2004 (two days: hours say little from here on)
        return f"{hours // 24} days"
    if hours and not rest:
        return f"{hours} h"
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"
