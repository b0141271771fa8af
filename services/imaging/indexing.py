"""Read out of files that came before searches did what searches find them by."""

from pathlib import Path
from typing import Final

from services.imaging import files, store
from services.imaging.dicom import header
from services.imaging.dicom.whole import NotTaken
from shared.errors import Unavailable
from shared.telemetry import log

TOGETHER: Final = 100
"""Instances that commit together."""


def index(folder: Path) -> tuple[int, int]:
    """Every instance that no search knows yet; one that is described already is left alone, so it may run again.

    Returns:
        How many are described now, and how many could not be read.
    """
    done, unreadable, last = 0, 0, ""
    while True:
        with store.transaction() as session:
            found = store.list_unindexed(session, TOGETHER, last)
            for last, digest in found:  # noqa: B007 (the next page begins after it)
                try:
                    store.describe(session, header.parse(files.find(folder, digest), digest, 0))
                    done += 1
                except (NotTaken, Unavailable) as error:
                    log.warning("instance_not_indexed", digest=digest, error=type(error).__name__)
                    unreadable += 1
        if len(found) < TOGETHER:
            return done, unreadable
