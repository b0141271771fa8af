"""The DICOM objects that an answer becomes, and how far they are on their way to the hospital's archive.

Source: PS3.5 B.2 (UIDs made of UUIDs).
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from services.imaging.domain.model import Model, Task
from services.imaging.domain.reading import Finding

LEASE: Final = timedelta(minutes=3)
"""Longer than any one try may take (`pacs.TOTAL`), so that a lease outlives only a dead sender."""


class Kind(StrEnum):
    """What kind of object; in the order in which they are made, each in a series of its own."""

    OVERLAY = "overlay"
    SEGMENTATION = "segmentation"
    REPORT = "report"
    KEY_OBJECTS = "key-objects"

    @property
    def description(self) -> str:
        """Series Description (0008,103E)."""
        return {
            Kind.OVERLAY: "AI overlay - not for diagnosis",
            Kind.SEGMENTATION: "AI segmentation - unsigned",
            Kind.REPORT: "AI result - unsigned",
            Kind.KEY_OBJECTS: "AI key images - unsigned",
        }[self]


class Way(StrEnum):
    """How far the objects of an answer are on their way to the archive.

    KEPT: they lie in the hub alone, as no archive is configured. FAILED: refused, or not taken at the last retry.
    """

    WAITING = "waiting"
    KEPT = "kept"
    STORED = "stored"
    FAILED = "failed"


def uid_of(*parts: str) -> str:
    """The same UID for the same parts, under the root of UUIDs: what is made again is recognised."""
    return f"2.25.{uuid5(NAMESPACE_OID, '|'.join(parts)).int}"


def instance_uid(study: str, model: Model, *what: str) -> str:
    """The UID of an object, known before it is made."""
    return uid_of(study, model.name, model.version, *what)


def kinds(model: Model, finding: Finding, *, explained: bool) -> list[Kind]:
    """Which objects an answer becomes.

    Args:
        explained: whether there is a heat map.
    """
    marked = model.task is Task.SEGMENTATION and finding.opinion.region is not None
    absent = {
        *([] if explained else [Kind.OVERLAY]),
        *([] if marked and finding.opinion.instance.frames == 1 else [Kind.SEGMENTATION]),
    }
    return [kind for kind in Kind if kind not in absent]
