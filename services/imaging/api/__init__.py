"""HTTP in: DICOMweb, for the hospital's systems and the hub's viewer; behind the same door the page of the models."""

from fastapi import FastAPI

from services.imaging import files, pages
from services.imaging.api import stow, wado
from services.imaging.settings import settings
from shared import web
from shared.http import Door, create_app


def app() -> FastAPI:
    """The api process: `uvicorn --factory services.imaging.api:app`."""
    return create_app(
        Door("imaging", settings, error_page=web.error_page),
        [stow.router, wado.router, pages.router],
        ready=[lambda: files.check_writable(settings().store_dir)],
    )
