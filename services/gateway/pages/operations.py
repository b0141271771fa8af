"""`/ops`: the operator's page; it holds no figure itself, and loads each service's part from that service."""

from fastapi import APIRouter, Request, Response

from shared import web
from shared.events import SUBSCRIPTIONS

router = APIRouter()


@router.get("/ops")
def operations(request: Request) -> Response:
    """One section a service."""
    return web.render("gateway/ops.html", request, services=sorted(SUBSCRIPTIONS))
