"""What a model says of a study."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class AiState(StrEnum):
    """What a model has to say; a model that failed is `NOT_ANALYSED`, never `NOT_FLAGGED`."""

    RUNNING = "running"
    FLAGGED = "flagged"
    NOT_FLAGGED = "no flag"
    NOT_ANALYSED = "not analysed"


@dataclass(frozen=True)
class Answer:
    """What a model said, or why it said nothing.

    Attributes:
        flagged: None when it did not analyse.
        reason: why not analysed, in words.
        probability, threshold: 0..1.
        region: "row,column,height,width" of the strongest area, as fractions of the image.
        heat_map: SOP Instance UID of the derived instance; heat_map_series its series.
        image: which one counts, in words, as the hospital numbers them; its frame, where it has several.
        images: how many were `read`, and how many not because `undecodable`, `unlike` or `others`; empty when not said.
        instances: how many the study had when the model looked.
        unchecked: what the model does not look for.
        observation: the preliminary Observation as it came.
        report: identifier value of the preliminary DiagnosticReport.
    """

    at: datetime
    flagged: bool | None
    reason: str | None = None
    finding: str | None = None
    model: str | None = None
    model_version: str | None = None
    model_digest: str | None = None
    probability: float | None = None
    threshold: float | None = None
    region: str | None = None
    heat_map: str | None = None
    heat_map_series: str | None = None
    image: str | None = None
    images: dict[str, int] = field(default_factory=dict)
    instances: int | None = None
    unchecked: tuple[str, ...] = ()
    report: str | None = None
    observation: dict[str, Any] = field(default_factory=dict)
