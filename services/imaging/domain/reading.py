"""What a model may read, and what its opinions on the pictures of a study amount to.

The age is Study Date (0008,0020) minus Patient's Birth Date (0010,0030), else minus the birth date that the hospital
announced; without either nothing is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.imaging.domain.instance import Instance

ADULT_YEARS = 18
_BIRTHDAY_KEY = "%m%d"


class Reason(StrEnum):
    """Why a study was not analysed; codes of CodeSystem/not-analysed-reason."""

    CONSENT = "consent"
    ADULT = "adult"
    AGE_UNKNOWN = "age-unknown"
    TOO_YOUNG = "too-young"
    MODALITY = "modality"
    BODY_PART = "body-part"
    UNLIKE_TRAINING_DATA = "unlike-training-data"
    UNREADABLE = "unreadable"
    NO_PIXELS = "no-pixels"
    MODEL_FAILED = "model-failed"


@dataclass(frozen=True)
class Refusal:
    """A study was not analysed.

    Attributes:
        text: the reason for a person, after "not analysed".
    """

    reason: Reason
    text: str


@dataclass(frozen=True)
class IntendedUse:
    """For which pictures a model was made, as its package says.

    Attributes:
        modalities: Modality (0008,0060).
        body_parts: Body Part Examined (0018,0015).
        views: View Position (0018,5101); a picture that names none may be read.
        at_least: age in completed years from which on it reads.
        below: age in completed years from which on it reads no more.
    """

    modalities: frozenset[str]
    body_parts: frozenset[str]
    views: frozenset[str]
    at_least: int
    below: int


class Region(NamedTuple):
    """A place on a picture, in fractions 0..1 of its height and width."""

    row: float
    column: float
    height: float
    width: float


@dataclass(frozen=True)
class Model:
    """Which model speaks.

    Attributes:
        digest: SHA-256 of its weights, in hex.
        threshold: calibrated probability from which a finding is flagged.
        limits: what it does not check, in sentences for the reader.
    """

    name: str
    version: str
    digest: str
    threshold: float
    use: IntendedUse
    limits: tuple[str, ...]


@dataclass(frozen=True)
class Opinion:
    """What the model says of one picture.

    Attributes:
        probability: calibrated, 0..1.
        familiar: whether the picture resembles those that the model learnt from.
        region: the strongest evidence; None when there is none.
    """

    instance: Instance
    probability: float
    familiar: bool
    region: Region | None


@dataclass(frozen=True)
class Finding:
    """What the model says of a study: its opinion on the picture that counts.

    Attributes:
        pictures: how many were read.
        unread: how many eligible ones could not be.
    """

    opinion: Opinion
    flagged: bool
    pictures: int
    unread: int


def eligible(
    instances: Sequence[Instance], announced_birth: date | None, announced_parts: Sequence[str], use: IntendedUse
) -> list[Instance] | Refusal:
    """The pictures of a study that the model may read, or why it may read none.

    Args:
        announced_parts: body parts as the announcement says, for files that say none.
    """
    own = [instance for instance in instances if not instance.hub_made and not instance.is_secondary()]
    if not any(instance.has_pixels for instance in own):
        return Refusal(Reason.NO_PIXELS, "no picture in the study")
    refusal = _refuse_age(own, announced_birth, use)
    if refusal:
        return refusal
    pictures = [instance for instance in own if instance.has_pixels and instance.modality in use.modalities]
    if not pictures:
        return Refusal(Reason.MODALITY, "not a plain radiograph")
    pictures = [picture for picture in pictures if _shows(picture, announced_parts, use)]
    if not pictures:
        return Refusal(Reason.BODY_PART, "not known to be a chest")
    pictures = [picture for picture in pictures if not picture.view or picture.view in use.views]
    if not pictures:
        return Refusal(Reason.UNLIKE_TRAINING_DATA, "no frontal view")
    return pictures


def conclude(opinions: Sequence[Opinion], unread: int, threshold: float) -> Finding | Refusal:
    """The highest probability counts; a picture that could not be read never adds to a "not flagged"."""
    familiar = [opinion for opinion in opinions if opinion.familiar]
    highest = max(familiar, key=lambda opinion: opinion.probability, default=None)
    flagged = highest is not None and highest.probability >= threshold
    if unread and not flagged:
        return Refusal(Reason.UNREADABLE, "a picture could not be decoded")
    if highest is None:
        return Refusal(Reason.UNLIKE_TRAINING_DATA, "unlike the pictures that the model learnt from")
    return Finding(highest, flagged, len(familiar), unread)


def age_in_years(born: date, on: date) -> int:
    """Completed years; negative when the dates contradict each other."""
    return on.year - born.year - (on.strftime(_BIRTHDAY_KEY) < born.strftime(_BIRTHDAY_KEY))


def parse_date(text: str) -> date | None:
    """A DICOM date (PS3.5 DA, YYYYMMDD); None when it is none."""
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007 (a date has no zone)
    except ValueError:
        return None


def _refuse_age(own: Sequence[Instance], announced_birth: date | None, use: IntendedUse) -> Refusal | None:
    """The oldest age that any picture gives counts."""
    ages = [_age(instance, announced_birth) for instance in own]
    known = [age for age in ages if age is not None and age >= 0]
    if len(known) < len(ages) or not known:
        return Refusal(Reason.AGE_UNKNOWN, "age unknown")
    if max(known) >= ADULT_YEARS:
        return Refusal(Reason.ADULT, "adult")
    if max(known) >= use.below:
        return Refusal(Reason.UNLIKE_TRAINING_DATA, "older than the children the model learnt from")
    if min(known) < use.at_least:
        return Refusal(Reason.TOO_YOUNG, "younger than the children the model learnt from")
    return None


def _age(instance: Instance, announced_birth: date | None) -> int | None:
    born = parse_date(instance.birth_date) or announced_birth
    taken = parse_date(instance.study_date)
    return age_in_years(born, taken) if born and taken else None


def _shows(picture: Instance, announced: Sequence[str], use: IntendedUse) -> bool:
    if picture.body_part:
        return picture.body_part in use.body_parts
    return any(part in use.body_parts for part in announced)
