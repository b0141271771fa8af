"""HTTP in: DICOMweb, for the hospital's systems and the hub's viewer; behind the same door the page of the models."""

from fastapi import FastAPI

from services.imaging import files, pages, panels
from services.imaging.api import frames, qido, rendered, stow, wado
from services.imaging.settings import settings
from shared import ops, web
from shared.http import Door, create_app
from shared.telemetry import log


def app() -> FastAPI:
    """The api process: `uvicorn --factory services.imaging.api:app`."""
    ready = [lambda: files.check_writable(settings().store_dir)]
    dicomweb = [stow.router, qido.router, wado.router, frames.router, rendered.router]
    routers = [*dicomweb, pages.router, ops.door("imaging", panels.panels, ready=ready)]
    made = create_app(Door("imaging", settings, error_page=web.error_page), routers, ready=ready)
    log.info("spool_swept", files=files.sweep(settings().store_dir))
    return made
