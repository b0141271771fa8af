"""HTTP in: health, metrics and the operator's page; what it says is read elsewhere."""

from fastapi import FastAPI

from services.prediction import panels
from services.prediction.settings import settings
from shared import ops, web
from shared.http import Door, create_app


def app() -> FastAPI:
    """The api process: `uvicorn --factory services.prediction.api:app`."""
    return create_app(Door("prediction", settings, error_page=web.error_page), [ops.door("prediction", panels.panels)])
