"""What `hub doctor` looks at in imaging: what reads is what was admitted, and pixels can be written."""

import os
from collections.abc import Iterator

from services.imaging import store
from services.imaging.domain.registry import Stage
from services.imaging.packages import shelf
from services.imaging.settings import settings
from shared.cli.check import Check, failure, well
from shared.errors import HubError


def look() -> Iterator[Check]:
    """The models that read, and the store of pixels."""
    folder = settings().store_dir
    yield from _models()
    if os.access(folder, os.W_OK):
        yield well("pixels", "the store can be written")
    else:
        yield failure("pixels", "the store cannot be written", "Correct HUB_IMAGING_STORE_DIR or its owner.")


def _models() -> Iterator[Check]:
    try:
        with store.transaction() as session:
            known = store.models(session)
    except HubError as error:
        yield failure("models", error.message, error.fix or "Start the database of imaging.")
        return
    reading = [entry.model for entry in known if entry.stage in {Stage.LIVE, Stage.CANARY}]
    for model in reading:
        try:
            shelf.open_package(settings().store_dir, model.digest)
        except HubError as error:
            yield failure(f"model {model.name}", error.message, error.fix or "Add the released package again.")
        else:
            yield well(f"model {model.name}", f"{model.version}, every digest matches")
    if not reading:
        yield failure("models", "no model reads", "Promote one: `hub models list`, `hub models promote`.")
