"""The gateway's HTTP door: FHIR for systems and clinicians, and the pages of people."""

from fastapi import FastAPI

from services.gateway.api import capabilities, messages, reading, refused, writing
from services.gateway.pages import router as pages
from services.gateway.settings import settings
from shared import ops, web
from shared.http import Door, create_app


def app() -> FastAPI:
    """What uvicorn runs."""
    routers = [capabilities.router, messages.router, reading.router, writing.router, refused.router, pages]
    routers.append(ops.door("gateway"))
    made = create_app(Door("gateway", settings, error_page=web.error_page), routers)
    made.mount("/static", web.static_files())
    return made
