"""A case: everything about one order and its study, from the first event to the acknowledged report.

Each field is a register: of two values the one with the later source time stays, whatever order they arrive in.
"""

from dataclasses import dataclass
from datetime import datetime

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.order import Identifier, Order, Study
from shared.events import Lane


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
        test: it shows a phantom or a test patient, and so stands on no worklist.
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
    test: bool = False
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
