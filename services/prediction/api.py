"""HTTP in: health and metrics only; what prediction says is read at the gateway and on the review page."""

from fastapi import FastAPI

from services.prediction.settings import settings
from shared.http import Door, create_app


def app() -> FastAPI:
    """The api process: `uvicorn --factory services.prediction.api:app`."""
    return create_app(Door("prediction", settings), [])
