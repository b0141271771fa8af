"""`/ops/<service>`: a part of the operator's page, a page by itself without a script, or JSON for programs.

Who may pass is `deploy/routes.yaml`'s to say (the administrator), and the door's (`shared.http`) to enforce.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from shared import web
from shared.errors import Conflict, NotFound
from shared.http import correlation, principal
from shared.ops.looking import Panels, Ready, Seen, Subject, Wanted, look
from shared.ops.panel import as_json
from shared.ops.replaying import replay
from shared.ops.verdict import headline
from shared.security import Principal

MOST_LETTERS = 500


def _wanted(event: str = "", limit: Annotated[int, Query(ge=1, le=MOST_LETTERS)] = Wanted.limit) -> Wanted:
    return Wanted(event or None, limit)


Asked = Annotated[Wanted, Depends(_wanted)]


def door(service: str, panels: Panels = tuple, *, ready: Ready = ()) -> APIRouter:
    """The two paths of a service; its api includes them.

    Args:
        panels: what the service shows of itself besides the plumbing.
        ready: the checks that its `/readyz` makes.
    """
    subject = Subject(service, panels, ready)
    router = APIRouter(include_in_schema=False)

    @router.get(subject.path)
    def show(request: Request, wanted: Asked) -> Response:
        return _told(request, look(subject, wanted))

    @router.post(f"{subject.path}/dead-letters/{{number}}/replay")
    def give_back(
        request: Request, wanted: Asked, who: Annotated[Principal, Depends(principal)], number: int
    ) -> Response:
        note, status = f"Dead letter {number} goes back to its queue.", 200
        try:
            replay(service, number, who, correlation(request))
        except (Conflict, NotFound) as error:
            if not _in_page(request):
                raise
            note, status = error.message, error.status
        if "text/html" in _accepts(request) and not _in_page(request):
            return RedirectResponse(subject.path, status_code=303)
        return _told(request, look(subject, wanted), note=note, status=status)

    return router


def _told(request: Request, seen: Seen, *, note: str | None = None, status: int = 200) -> Response:
    if "application/json" in _accepts(request) and "text/html" not in _accepts(request):
        return JSONResponse(to_json(seen), status_code=status)
    template = "ops_part.html" if _in_page(request) else "ops_page.html"
    return web.render(template, request, status=status, seen=seen, headline=headline(seen.problems), note=note)


def to_json(seen: Seen) -> dict[str, object]:
    """The same for programs."""
    standing = seen.standing
    return {
        "service": seen.subject.service,
        "at": as_json(seen.at),
        "verdict": headline(seen.problems),
        "problems": [{"level": problem.level.name.lower(), "text": problem.text} for problem in seen.problems],
        "schema": {"revisions": standing.revisions, "current": standing.current},
        "held": standing.held and {name: as_json(value) for name, value in vars(standing.held).items()},
        "queues": standing.queues
        and [{"name": one.name, "ready": one.ready, "consumers": one.consumers} for one in standing.queues],
        "dead_letters": [
            {
                "number": stored.id,
                "event": stored.letter.task,
                "reason": stored.letter.reason,
                "lane": stored.letter.lane,
                "attempt": stored.letter.attempt,
                "received": as_json(stored.received_at),
            }
            for stored in seen.letters
        ],
        "panels": [panel.as_json() for panel in seen.panels],
    }


def _accepts(request: Request) -> str:
    return request.headers.get("accept", "")


def _in_page(request: Request) -> bool:
    """Whether htmx asks, for a part of a page that is open."""
    return request.headers.get("hx-request") == "true"
