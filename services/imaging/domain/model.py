"""A model as the rest of imaging knows it: who it is, what it says, and for which pictures it was made."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Task(StrEnum):
    """What kind of answer a model gives."""

    CLASSIFICATION = "classification"
    SEGMENTATION = "segmentation"


class Code(NamedTuple):
    """A concept in a code system, such as SNOMED CT or RadLex."""

    system: str
    code: str
    display: str


@dataclass(frozen=True)
class Concept:
    """What is meant, for people and for programs."""

    text: str
    codes: tuple[Code, ...]


@dataclass(frozen=True)
class Category:
    """One class that a model tells apart.

    Attributes:
        threshold: calibrated probability from which it is flagged; in a segmentation, from which a pixel belongs to it.
        flags: whether it is a finding that a reader is to be told of; "no tumour" is none.
        marks: in a segmentation, whether its pixels are marked; those of the background are not.
    """

    what: Concept
    threshold: float
    flags: bool
    marks: bool = True


@dataclass(frozen=True)
class Measure:
    """What a segmentation measures.

    Attributes:
        unit: UCUM.
        of: `picture` or `field of view`; empty for what is no share.
    """

    what: Concept
    unit: str
    of: str


@dataclass(frozen=True)
class Spacing:
    """Pixel spacing in millimetres; None leaves a side open."""

    at_least: float | None
    at_most: float | None

    def holds(self, distance: float) -> bool:
        """Whether a distance is within them."""
        return (self.at_least or 0.0) <= distance <= (self.at_most or math.inf)


@dataclass(frozen=True)
class VolumeUse:
    """A series is one input.

    Attributes:
        slices: at least.
        apart: millimetres between slices; None: any.
    """

    slices: int
    apart: Spacing | None = None


@dataclass(frozen=True)
class IntendedUse:
    """For which pictures a model was made, as its package says.

    Attributes:
        modalities: Modality (0008,0060).
        body_parts: Body Part Examined (0018,0015).
        views: View Position (0018,5101); a picture that names none may be read. Empty: any.
        at_least: age in completed years from which on it reads; None: from birth.
        below: age in completed years from which on it reads no more; None: no end.
        photometric: Photometric Interpretation (0028,0004). Empty: any.
        spacing: None: any, also unknown.
        frames: an instance of more frames is not read; each frame is a picture.
        volume: which series are one input each; None: each picture is one.
    """

    modalities: frozenset[str]
    body_parts: frozenset[str]
    views: frozenset[str] = frozenset()
    at_least: int | None = None
    below: int | None = None
    photometric: frozenset[str] = frozenset()
    spacing: Spacing | None = None
    frames: int = 1
    volume: VolumeUse | None = None

    def overlaps(self, other: "IntendedUse") -> bool:
        """Whether a study could be meant for both: by modality, body part and age."""
        return (
            bool(self.modalities & other.modalities)
            and bool(self.body_parts & other.body_parts)
            and (self.below is None or other.at_least is None or other.at_least < self.below)
            and (other.below is None or self.at_least is None or self.at_least < other.below)
        )


@dataclass(frozen=True)
class Model:
    """Which model speaks.

    Attributes:
        digest: SHA-256, in hex, of the package's metadata, which names the digest of every other file.
        categories: one for each channel of its answer.
        region: the part of the body that its answer is about.
        limits: what it does not check, in sentences for the reader.
    """

    name: str
    version: str
    digest: str
    title: str
    task: Task
    categories: tuple[Category, ...]
    use: IntendedUse
    region: Concept | None = None
    measure: Measure | None = None
    limits: tuple[str, ...] = ()

    @property
    def finding(self) -> Concept:
        """What it looks for, when it has not looked."""
        flagging = [category.what for category in self.categories if category.flags]
        if flagging:
            return flagging[0]
        return self.measure.what if self.measure else Concept(self.title, ())


NOBODY = Model(
    "unknown", "unknown", "unknown", "Image analysis", Task.CLASSIFICATION, (), IntendedUse(frozenset(), frozenset())
)
"""Speaks where no model is there to speak: the study then says so, instead of silence."""
