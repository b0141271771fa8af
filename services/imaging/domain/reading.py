"""What a model may read, and what its opinions on the pictures of a study amount to.

The age is Study Date (0008,0020) minus Patient's Birth Date (0010,0030), else minus the birth date that the hospital
announced; without either nothing is read by a model that was made for an age.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.imaging.domain.instance import Instance
from services.imaging.domain.model import IntendedUse, Model

ADULT_YEARS = 18
_BIRTHDAY_KEY = "%m%d"


class Reason(StrEnum):
    """Why a study was not analysed; codes of CodeSystem/not-analysed-reason.

    In the order of the look: of two models' reasons the later one says more, as that model came closer to reading.
    """

    TEST_SUBJECT = "test-subject"
    CONSENT = "consent"
    NO_MODEL = "no-model"
    NO_PIXELS = "no-pixels"
    MODALITY = "modality"
    BODY_PART = "body-part"
    AGE_UNKNOWN = "age-unknown"
    ADULT = "adult"
    TOO_YOUNG = "too-young"
    PHOTOMETRIC = "photometric"
    PIXEL_SPACING = "pixel-spacing"
    FRAMES = "frames"
    SERIES = "series"
    VOLUME = "volume"
    UNLIKE_TRAINING_DATA = "unlike-training-data"
    DISABLED = "disabled"
    UNREADABLE = "unreadable"
    MODEL_FAILED = "model-failed"


@dataclass(frozen=True)
class Refusal:
    """A study was not analysed.

    Attributes:
        text: the reason for a person, after "not analysed".
        looks: of the picture that was looked at before, as in `Opinion`.
    """

    reason: Reason
    text: str
    looks: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def closeness(self) -> int:
        """How far the look came; larger is closer to a reading."""
        return list(Reason).index(self.reason)


class Region(NamedTuple):
    """A place on a picture, in fractions 0..1 of its height and width."""

    row: float
    column: float
    height: float
    width: float


class Coverage(NamedTuple):
    """How many images of a study a model read, and how many not and why; each frame of an instance is one.

    Attributes:
        undecodable: their pixels cannot be decoded.
        unlike: they were looked at, and do not resemble what the model learnt from.
        others: not for this model: of another kind, part of the body, view or form.
    """

    read: int
    undecodable: int = 0
    unlike: int = 0
    others: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return self.read == sum(self)

    @property
    def why(self) -> str:
        """Why not all, for a person; empty when nothing was left out."""
        reasons = {
            "could not be decoded": self.undecodable,
            "unlike the images that the model learnt from": self.unlike,
            "not of a kind that the model reads": self.others,
        }
        return ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count)

    @property
    def words(self) -> str:
        """How many, and why not all, for a person."""
        return f"Read {self.read} of {sum(self)} image{'' if sum(self) == 1 else 's'}{self.why and f': {self.why}'}"


@dataclass(frozen=True)
class Extent:
    """What a model says of a volume.

    Attributes:
        slices: how many were read, as one.
        marked: how many of them show what it marked.
        first, last: the outermost of these, as the scanner numbers them.
        longest_mm: between the centres of the two marked voxels that are farthest apart.
        millilitres: of each category; empty where nothing is segmented.
    """

    slices: int
    marked: int = 0
    first: str = ""
    last: str = ""
    longest_mm: float = 0.0
    millilitres: tuple[float, ...] = ()

    @property
    def words(self) -> str:
        """Where, for a person; empty where nothing is marked."""
        if not self.marked:
            return ""
        where = self.first if self.first == self.last else f"{self.first} to {self.last}"
        longest = f", largest extent {self.longest_mm:.0f} mm" if self.longest_mm else ""
        return f"on {self.marked} of {self.slices} slices, {where}{longest}"


@dataclass(frozen=True)
class Opinion:
    """What the model says of one picture.

    Attributes:
        scores: calibrated probability of each category, 0..1; in a segmentation, of its most probable pixel.
        familiar: whether the picture resembles those that the model learnt from.
        region: the strongest evidence; None when there is none.
        frame: from 1.
        measure: what a segmentation measured, in the model's unit.
        looks: statistics of the picture, see `domain.drift.STATISTICS`.
        extent: of a volume, whose most telling slice `instance`, `frame` and `region` name; None of a picture.
    """

    instance: Instance
    scores: tuple[float, ...]
    familiar: bool
    region: Region | None = None
    frame: int = 1
    measure: float | None = None
    looks: Mapping[str, float] = field(default_factory=dict, compare=False)
    extent: Extent | None = None


@dataclass(frozen=True)
class Finding:
    """What the model says of a study: its opinion on the picture that counts.

    Attributes:
        category: index of the category that counts.
        coverage: how much of the study it is about.
    """

    opinion: Opinion
    category: int
    flagged: bool
    coverage: Coverage

    @property
    def probability(self) -> float:
        """Of the category that counts."""
        return self.opinion.scores[self.category]

    def beside(self, others: int) -> "Finding":
        """The same, told that the study has so many images that were not for this model."""
        return replace(self, coverage=self.coverage._replace(others=others))


def eligible(
    instances: Sequence[Instance], announced_birth: date | None, announced_parts: Sequence[str], use: IntendedUse
) -> list[Instance] | Refusal:
    """The instances of a study that a model may read, or why it may read none; for volumes `series.readable` is next.

    Args:
        announced_parts: body parts as the announcement says, for files that say none.
    """
    own = [instance for instance in instances if not instance.hub_made and not instance.is_secondary()]
    if not any(instance.has_pixels for instance in own):
        return Refusal(Reason.NO_PIXELS, "no picture in the study")
    pictures = [instance for instance in own if instance.has_pixels and instance.modality in use.modalities]
    if not pictures:
        return Refusal(Reason.MODALITY, "another kind of picture")
    pictures = [picture for picture in pictures if _shows(picture, announced_parts, use)]
    if not pictures:
        return Refusal(Reason.BODY_PART, "not known to show the part of the body")
    return _refuse_age(own, announced_birth, use) or _refuse_form(pictures, use)


def best(scores: Sequence[float], model: Model) -> tuple[int, bool]:
    """The category that counts, and whether it is flagged: flagged before unflagged, then the most probable."""
    ranked = [
        (score >= category.threshold, score, -index)
        for index, (score, category) in enumerate(zip(scores, model.categories, strict=True))
        if category.flags
    ]
    flagged, _, index = max(ranked, default=(False, 0.0, 0))
    return -index, flagged


def weigh(opinion: Opinion, model: Model) -> tuple[bool, bool, float, float]:
    """Of several opinions the greatest counts: familiar, flagged, then by probability, then by measure."""
    category, flagged = best(opinion.scores, model)
    return opinion.familiar, flagged, opinion.scores[category], opinion.measure or 0.0


def left_out(instances: Sequence[Instance], pictures: Sequence[Instance]) -> int:
    """How many images of a study are not among those that a model may read."""
    own = [instance for instance in instances if instance.has_pixels and not instance.hub_made]
    return sum(max(1, instance.frames) for instance in own) - sum(max(0, picture.frames) for picture in pictures)


def conclude(opinions: Sequence[Opinion], unread: int, model: Model) -> Finding | Refusal:
    """The highest flagged probability counts; a picture that could not be read never adds to a "not flagged"."""
    familiar = sum(opinion.familiar for opinion in opinions)
    coverage = Coverage(familiar, unread, len(opinions) - familiar)
    broken = f"{unread} of {len(opinions) + unread} images could not be decoded"
    highest = max(opinions, key=lambda opinion: weigh(opinion, model), default=None)
    if highest is None or not highest.familiar:
        if unread:
            return Refusal(Reason.UNREADABLE, broken)
        looks = highest.looks if highest else {}
        return Refusal(Reason.UNLIKE_TRAINING_DATA, "unlike the pictures that the model learnt from", looks)
    category, flagged = best(highest.scores, model)
    if unread and not flagged:
        return Refusal(Reason.UNREADABLE, broken)
    return Finding(highest, category, flagged, coverage)


def not_checked(model: Model, coverage: Coverage) -> list[str]:
    """What an answer is silent about, for the reader: images that were not read first, then the model's limits."""
    left = f"{sum(coverage) - coverage.read} of {sum(coverage)} images: {coverage.why}"
    return [*([] if coverage.is_whole else [left]), *model.limits]


def age_in_years(born: date, on: date) -> int:
    """Completed years; negative when the dates contradict each other."""
    return on.year - born.year - (on.strftime(_BIRTHDAY_KEY) < born.strftime(_BIRTHDAY_KEY))


def parse_date(text: str) -> date | None:
    """A DICOM date (PS3.5 DA, YYYYMMDD); None when it is none."""
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007 (a date has no zone)
    except ValueError:
        return None


def age_of(instances: Sequence[Instance], announced_birth: date | None) -> int | None:
    """The oldest age that any picture of a study gives, in completed years; None when none does."""
    ages = [_age(instance, announced_birth) for instance in instances if not instance.hub_made]
    return max((age for age in ages if age is not None and age >= 0), default=None)


def _refuse_age(own: Sequence[Instance], announced_birth: date | None, use: IntendedUse) -> Refusal | None:
    """The oldest age that any picture gives counts."""
    if use.at_least is None and use.below is None:
        return None
    ages = [_age(instance, announced_birth) for instance in own]
    known = [age for age in ages if age is not None and age >= 0]
    if len(known) < len(ages) or not known:
        return Refusal(Reason.AGE_UNKNOWN, "age unknown")
    if use.below is not None and max(known) >= use.below:
        if max(known) >= ADULT_YEARS >= use.below:
            return Refusal(Reason.ADULT, "adult")
        return Refusal(Reason.UNLIKE_TRAINING_DATA, "older than the patients the model learnt from")
    if use.at_least is not None and min(known) < use.at_least:
        return Refusal(Reason.TOO_YOUNG, "younger than the patients the model learnt from")
    return None


def _refuse_form(pictures: list[Instance], use: IntendedUse) -> list[Instance] | Refusal:
    """The pictures whose form the model takes; whoever says nothing of it may be read."""
    if use.photometric:
        pictures = [
            picture for picture in pictures if not picture.photometric or picture.photometric in use.photometric
        ]
        if not pictures:
            return Refusal(Reason.PHOTOMETRIC, "another kind of grey or colour")
    if use.views:
        pictures = [picture for picture in pictures if not picture.view or picture.view in use.views]
        if not pictures:
            return Refusal(Reason.UNLIKE_TRAINING_DATA, "no view that the model reads")
    if use.spacing:
        pictures = [picture for picture in pictures if _is_spaced(picture, use)]
        if not pictures:
            return Refusal(Reason.PIXEL_SPACING, "pixels too large, too small or of unknown size")
    if not use.volume and any(picture.frames > use.frames for picture in pictures):
        return Refusal(Reason.FRAMES, "more frames than the model reads")
    return pictures


def _age(instance: Instance, announced_birth: date | None) -> int | None:
    born = parse_date(instance.birth_date) or announced_birth
    taken = parse_date(instance.study_date)
    return age_in_years(born, taken) if born and taken else None


def _shows(picture: Instance, announced: Sequence[str], use: IntendedUse) -> bool:
    if picture.body_part:
        return picture.body_part in use.body_parts
    return any(part in use.body_parts for part in announced)


def _is_spaced(picture: Instance, use: IntendedUse) -> bool:
    if use.spacing is None:
        return True
    return bool(picture.spacing) and all(map(use.spacing.holds, picture.spacing))
