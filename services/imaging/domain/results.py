"""The DICOM objects that an answer becomes, and how far they are on their way to the hospital's archive.

Sources: PS3.5 B.2 (UIDs made of UUIDs); PS3.4 B.2.3, PS3.7 annex C (what an archive answers).
"""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from services.imaging.domain.model import Model, Task
from services.imaging.domain.reading import Finding

LEASE: Final = timedelta(minutes=3)
"""Longer than any one try may take (`pacs.TOTAL`), so that a lease outlives only a dead sender."""


class Fate(StrEnum):
    """What an archive's word on an instance means for it."""

    THERE = "there"
    LATER = "later"
    NEVER = "never"


_DUPLICATE: Final = 0x0111
_PROCESSING_FAILURE: Final = 0x0110
_OUT_OF_RESOURCES: Final = range(0xA700, 0xA800)
_WARNINGS: Final = range(0xB000, 0xC000)
_OTHER_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})
"""Requested optional attributes are not supported; attribute list error; attribute value out of range."""


def fate(status: int) -> Fate:
    """Of an instance, by a C-STORE status or STOW-RS Failure Reason (they are alike); what is unknown is final."""
    if status in {0, _DUPLICATE, *_OTHER_WARNINGS} or status in _WARNINGS:
        return Fate.THERE
    return Fate.LATER if status == _PROCESSING_FAILURE or status in _OUT_OF_RESOURCES else Fate.NEVER


def refusal(statuses: Iterable[int]) -> str:
    """Final statuses in words."""
    return ", ".join(f"{status:04X}H" for status in sorted(set(statuses)))


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
        *([] if marked else [Kind.SEGMENTATION]),
    }
    return [kind for kind in Kind if kind not in absent]
