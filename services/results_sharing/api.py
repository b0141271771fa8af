"""HTTP in: the door of results_sharing, behind which the pages for readers are served."""

from fastapi import FastAPI

from services.results_sharing.settings import settings
from services.results_sharing.store import SERVICE
from shared.http import Door, create_app
from shared.web import error_page


def app() -> FastAPI:
    """What `uvicorn --factory services.results_sharing.api:app` serves."""
    return create_app(Door(SERVICE, settings, error_page=error_page), [])
