"""What `hub doctor` looks at in imaging: the model's weights are the released ones, and pixels can be written."""

import os
from collections.abc import Iterator

from services.imaging.panels import package
from services.imaging.settings import settings
from shared.cli.check import Check, failure, well


def look() -> Iterator[Check]:
    """The model package and the store of pixels."""
    try:
        found = package(settings().model_dir)
    except (OSError, ValueError, KeyError) as error:
        yield failure("model", f"the package cannot be read ({type(error).__name__})", "Put the released package back.")
    else:
        if found.whole:
            yield well("model", f"{found.name} {found.version}, the digest matches")
        else:
            yield failure("model", "the weights are not the released ones", "Put the released package back.")
    store = settings().store_dir
    if os.access(store, os.W_OK):
        yield well("pixels", "the store can be written")
    else:
        yield failure("pixels", "the store cannot be written", "Correct HUB_IMAGING_STORE_DIR or its owner.")
