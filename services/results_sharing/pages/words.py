"""The hub's facts in the words of the people who read them."""

from datetime import UTC, date, datetime
from typing import Final

from markupsafe import Markup

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.order import Patient
from services.results_sharing.domain.release import shows
from services.results_sharing.domain.state import late_images
from services.results_sharing.store import CaseView, Moment
from shared.events import Event, Lane
from shared.web import when

PRIORITY: Final = {Lane.STAT: "Stat", Lane.URGENT: "Urgent", Lane.ROUTINE: "Routine"}
COLOUR: Final = {Lane.STAT: "red", Lane.URGENT: "amber", Lane.ROUTINE: ""}

STATE_COLOUR: Final = {
    "ready": "accent",
    "flagged": "amber",
    "no flag": "",
    "running": "",
    "not analysed": "amber",
    "on hold": "red",
    "delivered": "green",
    "signed, on its way": "accent",
    "signed, delivery failed": "red",
}

ENOUGH: Final = 20
"""Decisions from which on a share is given in per cent; of fewer it would say more than is known."""

HAPPENED: Final = {
    Event.ORDER_PLACED: "The hospital ordered the exam",
    Event.ORDER_REVOKED: "The hospital took the order back",
    Event.STUDY_AVAILABLE: "The hospital announced the study",
    Event.INSTANCES_STORED: "Images arrived",
    Event.STUDY_COMPLETED: "The study was complete",
    Event.STUDY_HELD: "The study was put on hold",
    Event.ANALYSIS_COMPLETED: "The AI answered",
    Event.ANALYSIS_REFUSED: "The AI did not analyse it",
    Event.RESULTS_STORED: "The archive has the AI's DICOM results",
    Event.ANSWER_DUE: "The time for an AI answer was over",
    Event.REPORT_SIGNED: "The report was signed",
    Event.REPORT_AMENDED: "The signed report was changed",
    Event.REPORT_DELIVERED: "The hospital acknowledged the report",
    Event.DELIVERY_FAILED: "The delivery was given up",
    Event.CASE_CLOSED: "The case was closed",
}
"""What of a timeline people need to see."""

NOT_READ: Final = {
    "undecodable": "could not be decoded",
    "unlike": "unlike the images that the model learned from",
    "others": "not of a kind that the model reads",
}
"""Why an image was not read."""

HOLD_ADVICE: Final = {
    "wrong-patient": "Do not report these images for this patient. Close the case and have the sender correct it.",
    "incomplete": "You can read what is there, or close the case and have the rest sent.",
    "unannounced": "Nobody has said whose images these are. Close the case, or wait for the announcement.",
    "no-images": "The images never came. Close the case and ask the sender, or wait for them.",
}


def age(patient: Patient | None, today: date | None = None) -> str | None:
    """A patient's age: years, under two years months; None without a birth date."""
    if patient is None or not patient.birth_date:
        return None
    day = today or datetime.now(UTC).date()
    parts = [int(part) for part in patient.birth_date.split("-")]
    if len(parts) == 1:
        return f"about {day.year - parts[0]} years"
    months = (day.year - parts[0]) * 12 + day.month - parts[1]
    if len(parts) > 2 and day.day < parts[2]:  # noqa: PLR2004 (year, month, day)
        months -= 1
    return f"{months // 12} years" if months >= 24 else f"{max(months, 0)} months"  # noqa: PLR2004 (two years)


def number(patient: Patient | None) -> str | None:
    """The hospital's number of a patient."""
    return patient.identifiers[0].value if patient and patient.identifiers else None


def taken(moment: str) -> str | Markup:
    """When a value was taken: FHIR's dateTime with its time of day, or the date alone."""
    return when(datetime.fromisoformat(moment)) if "T" in moment else moment


def moments(timeline: list[Moment]) -> list[tuple[datetime, str]]:
    """The timeline's lines that say something to a reader."""
    return [(one.at, HAPPENED[event]) for one in timeline if (event := Event(one.event)) in HAPPENED]


def delivery(case: Case) -> tuple[str, str]:
    """How far the hospital has the report, with a colour."""
    way = case.delivery
    if way.failed:
        return "Delivery to the hospital was given up; an operator has to send it again.", "red"
    if way.acknowledged >= case.signed:
        return "The hospital has acknowledged this report.", "green"
    if way.problem:
        return "Not at the hospital yet; the hub keeps trying by itself.", "amber"
    return "On its way to the hospital.", "accent"


def can_read(view: CaseView) -> bool:
    """Whether the patient of a signed case is shown what became of it."""
    return shows(view.versions[0].status, view.release, datetime.now(UTC))


def score(probability: float) -> str:
    """A score with two digits; no number is written as certain."""
    if probability > 0.99:  # noqa: PLR2004 (the last that two digits tell from 1)
        return "over 0.99"
    return "under 0.01" if probability < 0.01 else f"{probability:.2f}"  # noqa: PLR2004 (the same at the other end)


def images(answer: Answer) -> str | None:
    """How many images of the study an answer is about, and why not about the others; None when it does not say."""
    if "read" not in answer.images:
        return None
    total, read = sum(answer.images.values()), answer.images["read"]
    why = [f"{answer.images[name]} {reason}" for name, reason in NOT_READ.items() if answer.images.get(name)]
    plural = "" if total == 1 else "s"
    return f"it read {read} of {total} image{plural}" + (f"; {', '.join(why)}" if why else "")


def is_partial(answer: Answer) -> bool:
    """Whether images of the study were left out."""
    return sum(answer.images.values()) > answer.images.get("read", 0)


def late(case: Case) -> str | None:
    """How many images no model has looked at, because they came later; None when all were there."""
    count = late_images(case)
    return f"{count} image{'' if count == 1 else 's'} came" if count else None


SPREAD: Final = 0.6
"""From this share of the image on, an area is no place."""

_THIRDS: Final = (("upper", "middle", "lower"), ("left", "centre", "right"))


def stands_out(region: str | None) -> bool:
    """Whether an area is small enough to be pointed at."""
    if region is None:
        return False
    _, _, height, width = map(float, region.split(","))
    return height * width < SPREAD


def place(region: str) -> str:
    """Where an area lies, as the image is shown."""
    if not stands_out(region):
        return "spread over most of the image; no one area stands out."
    row, column, height, width = map(float, region.split(","))
    third = [
        names[min(int(3 * middle), 2)]
        for names, middle in zip(_THIRDS, (row + height / 2, column + width / 2), strict=True)
    ]
    return f"{' '.join(third)} of the image, inside the dashed outline."
