"""What happens to a case, step by step, as the hub's timeline tells it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from services.simulator.domain import Examination
from shared.events import Event
from shared.fhir.consent import REFUSED


class Step(StrEnum):
    """In the order in which a person expects them; announcement and files may swap."""

    ANNOUNCED = "announced"
    STORED = "files stored"
    COMPLETE = "complete"
    ANALYSED = "analysed"
    READY = "ready to review"
    RISK = "risk estimated"
    ARCHIVED = "DICOM results archived"
    SIGNED = "signed"
    DELIVERED = "delivered"
    PROPOSED = "follow-up proposed"
    BOOKED = "follow-up booked"
    SEEN = "seen by the patient"


BY_EVENT: Final = {
    Event.STUDY_AVAILABLE: Step.ANNOUNCED,
    Event.INSTANCES_STORED: Step.STORED,
    Event.STUDY_COMPLETED: Step.COMPLETE,
    Event.ANALYSIS_COMPLETED: Step.ANALYSED,
    Event.ANALYSIS_REFUSED: Step.ANALYSED,
    Event.RESULTS_STORED: Step.ARCHIVED,
    Event.REPORT_SIGNED: Step.SIGNED,
    Event.REPORT_DELIVERED: Step.DELIVERED,
    Event.FOLLOW_UP_PROPOSED: Step.PROPOSED,
    Event.APPOINTMENT_BOOKED: Step.BOOKED,
}

FOLLOW_UP: Final = frozenset({Step.PROPOSED, Step.BOOKED})
OF_SOME: Final = FOLLOW_UP | {Step.RISK, Step.SEEN}
"""Steps that only some cases take."""


@dataclass
class Progress:
    """How far one case is.

    Attributes:
        case_id: the hub's, once it has opened the case.
        refused: why it was not analysed, in short; None while that is not so.
        held: why it waits for a human instead of going on.
        flagged: whether the page that was read says that the model flagged a finding.
        awaits: those of `OF_SOME` that this case has to take.
    """

    examination: Examination
    case_id: str | None = None
    refused: str | None = None
    held: str | None = None
    flagged: bool = False
    awaits: set[Step] = field(default_factory=set)
    at: dict[Step, datetime] = field(default_factory=dict)

    def learn(self, timeline: dict[str, Any]) -> list[Step]:
        """Take in what the hub's timeline says; returns the steps that are new, the earliest first."""
        self.case_id = str(timeline["case"])
        self.held = timeline.get("hold")
        reason = timeline.get("not_analysed")
        self.refused = "consent" if reason == REFUSED else reason
        new: dict[Step, datetime] = {}
        for moment in timeline["moments"]:
            step = BY_EVENT.get(moment["event"])
            if step is not None and step not in self.at:
                new.setdefault(step, datetime.fromisoformat(moment["at"]))
            if step is Step.ANALYSED and Step.READY not in self.at:
                new.setdefault(Step.READY, datetime.fromisoformat(moment["heard"]))
        self.at |= new
        return sorted(new, key=lambda step: (new[step].replace(microsecond=0), list(Step).index(step)))

    @property
    def began(self) -> datetime | None:
        """When the hub first heard of it."""
        return min(self.at.values(), default=None)

    def seconds(self, step: Step) -> float | None:
        """From the beginning of the case to a step; None while it has not come."""
        if step not in self.at or self.began is None:
            return None
        return (self.at[step] - self.began).total_seconds()

    def word(self, step: Step) -> str:
        """The step as it went for this case."""
        if step is Step.ANALYSED and self.refused:
            return f"not analysed ({self.refused})"
        return str(step)

    def missing(self, steps: Iterable[Step]) -> list[Step]:
        """Those that have not come, and have to."""
        return [step for step in steps if step not in self.at and self.expects(step)]

    def expects(self, step: Step) -> bool:
        """Whether the case has to take a step."""
        if step is Step.ARCHIVED:
            return self.refused is None and self.held is None
        return step not in OF_SOME or step in self.awaits
