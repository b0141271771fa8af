"""HTTP in: DICOMweb, for the hospital's systems and the hub's viewer."""

from fastapi import FastAPI

from services.imaging import files
from services.imaging.api import frames, qido, rendered, stow, wado
from services.imaging.settings import settings
from shared.http import Door, create_app


def app() -> FastAPI:
    """The api process: `uvicorn --factory services.imaging.api:app`."""
    return create_app(
        Door("imaging", settings),
        [stow.router, qido.router, wado.router, frames.router, rendered.router],
        ready=[lambda: files.check_writable(settings().store_dir)],
    )
