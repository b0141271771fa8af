"""A case: everything about one order and its study, from the first event to the acknowledged report.

Each field is a register: of two values the one with the later source time stays, whatever order they arrive in.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.events import Lane


class AiState(StrEnum):
    """What a model has to say; a model that failed is `NOT_ANALYSED`, never `NOT_FLAGGED`."""

    RUNNING = "running"
    FLAGGED = "flagged"
    NOT_FLAGGED = "no flag"
    NOT_ANALYSED = "not analysed"


@dataclass(frozen=True)
class Identifier:
    """A business identifier of the hospital.

    Attributes:
        type: HL7 v2-0203 code, such as ACSN (accession) or PLAC (placer), when the hospital gave one.
    """

    system: str
    value: str
    type: str | None = None

    @property
    def key(self) -> str:
        """The identifier as one string, to compare and to look up."""
        return f"{self.system}|{self.value}"


@dataclass(frozen=True)
class Patient:
    """The demographics that a reader needs.

    Attributes:
        id: the hub's own id of the patient.
        birth_date: FHIR date, possibly a year only.
        at: when the source said so; an older statement never replaces a newer one.
    """

    id: str
    identifiers: tuple[Identifier, ...]
    name: str
    birth_date: str | None
    sex: str | None
    at: datetime


@dataclass(frozen=True)
class Order:
    """What the hospital asked for.

    Attributes:
        reference: the hub's `urn:uuid:` of the ServiceRequest.
        priority: FHIR request-priority.
    """

    reference: str
    identifiers: tuple[Identifier, ...]
    priority: str | None
    code: str | None
    reason: str | None
    requester: str | None
    at: datetime


@dataclass(frozen=True)
class Study:
    """The imaging study, as the hospital announced it or as its pixels say.

    Attributes:
        instances: number of instances, when known.
        started: FHIR dateTime.
    """

    description: str | None
    modality: str | None
    started: str | None
    instances: int | None
    at: datetime


@dataclass(frozen=True)
class Answer:
    """What a model said, or why it said nothing.

    Attributes:
        flagged: None when it did not analyse.
        reason: why not analysed, in words.
        probability, threshold: 0..1.
        region: "row,column,height,width" of the strongest area, as fractions of the image.
        heat_map: SOP Instance UID of the derived instance; heat_map_series its series.
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
    unchecked: tuple[str, ...] = ()
    report: str | None = None
    observation: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Hold:
    """Why imaging did not let the study be read by a model."""

    code: str
    at: datetime


@dataclass(frozen=True)
class Resolution:
    """What a named human did about a hold: `reject` closes the case, `read` takes what is there."""

    action: str
    hold: str
    reason: str
    who: str
    at: datetime


@dataclass(frozen=True)
class Delivery:
    """How far the hospital has the report.

    Attributes:
        acknowledged: the version that the hospital's server last confirmed; 0 is none, or unknown.
        lease: who is sending now, until `lease_until`.
        problem: what the last try met, in words.
        failed: no more tries by themselves; a human replays.
    """

    acknowledged: int = 0
    lease: str | None = None
    lease_until: datetime | None = None
    problem: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class Case:
    """One order and its study.

    Attributes:
        patient_at: when the hospital said whose it is.
        ordered_at, heard_at: when the order, the study was first heard of (source time).
        lane_seen: most urgent lane among the study's messages; stands until the order is known.
        announced, stored: the study as the hospital, as imaging describes it.
        completed_at: imaging has all instances and the wrong-patient guard passed.
        answer_due_at: when a missing answer becomes *not analysed (no answer)*.
        overdue: that time passed without an answer.
        late_answer: came after the signature; shown as a discrepancy, changes nothing.
        signed: version of the current report; 0 is none.
    """

    id: str
    correlation: str
    study_uid: str | None = None
    keys: frozenset[str] = frozenset()
    patient_id: str | None = None
    patient_at: datetime | None = None
    order: Order | None = None
    ordered_at: datetime | None = None
    revoked_at: datetime | None = None
    lane_seen: Lane = Lane.ROUTINE
    heard_at: datetime | None = None
    announced: Study | None = None
    stored: Study | None = None
    completed_at: datetime | None = None
    hold: Hold | None = None
    resolution: Resolution | None = None
    answer_due_at: datetime | None = None
    overdue: bool = False
    answer: Answer | None = None
    late_answer: Answer | None = None
    signed: int = 0
    signed_at: datetime | None = None
    report_status: str | None = None
    delivery: Delivery = Delivery()

    @property
    def lane(self) -> Lane:
        """How urgent: as the order says, else as its messages travelled."""
        if self.order is None:
            return self.lane_seen
        return PRIORITY_LANES.get(self.order.priority or "routine", Lane.ROUTINE)

    @property
    def study(self) -> Study | None:
        """What is known of the study: the hospital's words first."""
        return self.announced or self.stored

    @property
    def received_at(self) -> datetime | None:
        """From when on somebody waits: the study's first sign, else the order's."""
        return self.heard_at or self.ordered_at

    @property
    def accession(self) -> Identifier | None:
        """The order's accession number, when the hospital marked one."""
        known = self.order.identifiers if self.order else ()
        return next((identifier for identifier in known if identifier.type == "ACSN"), None)


PRIORITY_LANES = {"stat": Lane.STAT, "asap": Lane.URGENT, "urgent": Lane.URGENT, "routine": Lane.ROUTINE}
"""FHIR request-priority to lane."""

NO_ANSWER = "no answer"
"""Why a study is not analysed when no model answered in time."""

NO_IMAGES = "no images yet"
"""The same, when imaging has not said that it has any."""

ON_HOLD = {
    "wrong-patient": "the images do not belong to the announced patient",
    "incomplete": "not all images arrived in time",
    "unannounced": "images without an announced study",
    "no-images": "the study was announced, its images never came",
}
"""A hold's code in words."""


def active_hold(case: Case) -> Hold | None:
    """The hold that stands: not lifted by a later completion, nor by a human who reads what is there."""
    if case.hold is None or (case.completed_at and case.completed_at >= case.hold.at):
        return None
    if case.resolution and case.resolution.action == "read" and case.resolution.hold == case.hold.code:
        return None
    return case.hold


def ai_state(case: Case) -> AiState:
    """One of the four states of the worklist."""
    if case.answer is not None:
        if case.answer.flagged is None:
            return AiState.NOT_ANALYSED
        return AiState.FLAGGED if case.answer.flagged else AiState.NOT_FLAGGED
    return AiState.NOT_ANALYSED if case.overdue or (case.hold and not case.completed_at) else AiState.RUNNING


def not_analysed_reason(case: Case) -> str | None:
    """Why no model looked, in words; None when one did, or still may."""
    if ai_state(case) is not AiState.NOT_ANALYSED:
        return None
    if case.answer is not None:
        return case.answer.reason or "no reason given"
    if case.hold and not case.completed_at:
        return ON_HOLD.get(case.hold.code, case.hold.code)
    return NO_ANSWER if case.stored or case.completed_at else NO_IMAGES
