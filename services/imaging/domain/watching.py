"""What is kept of each answer to watch a model by, and what the readers' signed word makes of it.

The reader had seen the model's answer when deciding, after an own first impression: this is agreement, which is not
accuracy. *Right in part* says nothing of whether the finding is there and is counted apart. Of readers nothing is kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.imaging.domain.intervals import Share, wilson
from services.imaging.domain.model import Model
from services.imaging.domain.reading import Reason

SMALLEST: Final = 10
"""Studies below which no share of a group is shown: its interval would span half of what is possible."""

BANDS: Final = ((0, "under 1"), (1, "1 to 5"), (6, "6 to 17"), (18, "18 to 39"), (40, "40 to 64"), (65, "65 and over"))
"""From which completed years on, in words."""

NOT_ASKED: Final = frozenset(
    {
        *(Reason.TEST_SUBJECT, Reason.CONSENT, Reason.NO_MODEL, Reason.NO_PIXELS),
        *(Reason.MODALITY, Reason.BODY_PART, Reason.ADULT, Reason.TOO_YOUNG),
    }
)
"""Refusals of studies that a model was never meant for: said in its name, and nothing that it is watched by."""

MEASURES: Final = ("sensitivity", "specificity", "PPV", "NPV")


class Decision(StrEnum):
    """What the signing reader made of a model's answer; codes of CodeSystem/reader-decision."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"


@dataclass(frozen=True)
class ReaderWord:
    """What a signed report says of a model's answer about a study.

    Attributes:
        decision: None when the signer decided nothing.
        withdrawn: the report was entered in error.
    """

    study: str
    model: str
    version: str
    decision: Decision | None
    withdrawn: bool = False


@dataclass(frozen=True)
class Watched:
    """One answer of a model, as small numbers.

    Attributes:
        stage: where the model stood then.
        outcome: flagged, not-flagged, measured, or the reason of a refusal.
        flagged: None when it said nothing of a finding.
        score: 0..1; None of a refusal.
        looks: statistics of the picture that counts, see `domain.drift.STATISTICS`; empty when none was looked at.
        age: completed years; None when unknown.
        sex: FHIR administrative gender.
    """

    study: str
    model: str
    version: str
    stage: str
    outcome: str
    flagged: bool | None = None
    score: float | None = None
    looks: Mapping[str, float] = field(default_factory=dict)
    age: int | None = None
    sex: str = "unknown"
    at: datetime | None = None

    @property
    def refused(self) -> bool:
        """Whether it did not analyse."""
        return self.outcome not in {"flagged", "not-flagged", "measured"}


@dataclass(frozen=True)
class Judged:
    """An answer beside the readers' word.

    Attributes:
        present: whether the reader says that the finding is there; None: right in part.
        own: whether the reader decided on this answer, or, without seeing it, on another model's to the same question.
    """

    answer: Watched
    present: bool | None
    own: bool


def present(flagged: bool, decision: Decision) -> bool | None:  # noqa: FBT001 (what the model said)
    """Whether the finding is there, by a reader who accepted or rejected what a model said."""
    return None if decision is Decision.CORRECT else flagged is (decision is Decision.ACCEPT)


def asks_the_same(one: Model, other: Model) -> bool:
    """Whether two models look for the same findings, by code."""
    return _asked(one) == _asked(other) != frozenset()


def performance(judged: Iterable[Judged]) -> dict[str, Share | None]:
    """The four shares at the model's own threshold."""
    cells = [(each.answer.flagged, each.present) for each in judged if each.present is not None]
    hit, false = cells.count((True, True)), cells.count((True, False))
    missed, clear = cells.count((False, True)), cells.count((False, False))
    shares = (
        wilson(hit, hit + missed),
        wilson(clear, clear + false),
        wilson(hit, hit + false),
        wilson(clear, clear + missed),
    )
    return dict(zip(MEASURES, shares, strict=True))


def agreement(judged: Iterable[Judged]) -> Share | None:
    """How often model and reader said the same of the finding."""
    cells = [each.answer.flagged is each.present for each in judged if each.present is not None]
    return wilson(sum(cells), len(cells))


def groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """By age band, then by sex; those of unknown age or sex under that name."""
    by: dict[str, Callable[[Watched], str]] = {"age": lambda a: band(a.age), "sex": lambda a: a.sex}
    names = {"age": [*(name for _, name in BANDS), "unknown"], "sex": ["female", "male", "other", "unknown"]}
    found = {
        f"{what} {name}": [each for each in judged if of(each.answer) == name]
        for what, of in by.items()
        for name in names[what]
    }
    return {name: members for name, members in found.items() if members}


def band(age: int | None) -> str:
    """The name of an age's band."""
    return next((name for start, name in reversed(BANDS) if age is not None and age >= start), "unknown")


def _asked(model: Model) -> frozenset[tuple[str, str]]:
    return frozenset((code.system, code.code) for c in model.categories if c.flags for code in c.what.codes)
