"""What prediction says of a patient beside the image: a figure or an alert, what it is made of, what is missing."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Contribution:
    """One term of a figure.

    Attributes:
        text: the factor with its value.
        linear: its term of the linear predictor (of ln(eGFR) for the eGFR).
        difference: its share of the risk's difference from the reference person, 0..1; None where there is no risk.
    """

    text: str
    linear: float
    difference: float | None = None


@dataclass(frozen=True)
class Risk:
    """The last word of one method on one patient.

    Attributes:
        resource: `Type/<hub id>` under which the repository keeps it.
        method: name of the model.
        at: when it was said; of two words the later one stays.
        taken_at: when the newest input was taken, as FHIR has it.
        title: what it is about.
        result: as people read it; for a missing figure, why there is none.
        value: the figure; None without one.
        label: the guideline's word for it.
        reference: risk of the reference person, to which the contributions' differences add.
        missing: inputs without which there is no figure.
        preliminary: nobody has signed it.
        active: False for an alert that does not hold any more.
        assessed: False where nothing was estimated because the patient denies it, and nothing said before stands.
    """

    resource: str
    patient: str
    method: str
    at: datetime
    title: str
    result: str
    taken_at: str | None = None
    value: float | None = None
    label: str | None = None
    reference: float | None = None
    contributions: tuple[Contribution, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    model: str | None = None
    model_version: str | None = None
    preliminary: bool = True
    active: bool = True
    assessed: bool = True

    @property
    def alert(self) -> bool:
        """It warns of the patient now, from the laboratory's record; no figure, and no reading of an image."""
        return self.resource.startswith("Flag/")

    @property
    def shown_as(self) -> str:
        """What stands in the provenance of a report whose reader saw it: which word of which method."""
        return f"{self.resource}|{self.at.isoformat(timespec='milliseconds')}"
