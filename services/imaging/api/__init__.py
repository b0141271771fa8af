"""HTTP in: DICOMweb, for the hospital's systems and the hub's viewer."""

from fastapi import FastAPI

from services.imaging import files
from services.imaging.api import stow, wado
from services.imaging.settings import settings
from shared.http import Door, create_app
from shared.telemetry import log


def app() -> FastAPI:
    """The api process: `uvicorn --factory services.imaging.api:app`."""
    made = create_app(
        Door("imaging", settings),
        [stow.router, wado.router],
        ready=[lambda: files.check_writable(settings().store_dir)],
    )
    log.info("spool_swept", files=files.sweep(settings().store_dir))
    return made
