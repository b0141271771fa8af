"""What `hub doctor` looks at in imaging: what reads is what was admitted, pixels can be written, results get away."""

import os
from collections.abc import Iterator

from services.imaging import store
from services.imaging.domain.registry import Stage
from services.imaging.domain.results import Way
from services.imaging.packages import shelf
from services.imaging.settings import settings
from shared.cli.check import Check, failure, well
from shared.errors import HubError


def look() -> Iterator[Check]:
    """The models that read, and the store of pixels."""
    folder = settings().store_dir
    yield from _models()
    yield from _archive()
    if os.access(folder, os.W_OK):
        yield well("pixels", "the store can be written")
    else:
        yield failure("pixels", "the store cannot be written", "Correct HUB_IMAGING_STORE_DIR or its owner.")


def _archive() -> Iterator[Check]:
    try:
        with store.transaction() as session:
            failed = store.count_results(session).get(Way.FAILED, 0)
    except HubError as error:
        yield failure("archive", error.message, error.fix or "Start the database of imaging.")
        return
    if not settings().has_archive:
        yield well("archive", "none is configured (HUB_IMAGING_PACS_URL or _PACS_AE): DICOM results stay in the hub")
    elif failed:
        yield failure(
            "archive",
            f"{failed} set(s) of DICOM results did not reach it",
            "See `hub dead-letters list --service imaging`; correct the cause, then replay.",
        )
    else:
        yield well("archive", "no DICOM result was given up")


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
