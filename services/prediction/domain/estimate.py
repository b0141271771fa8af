"""What a method says of a patient: a figure with what it is made of, or what is missing; always preliminary."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.prediction.domain.record import Reading, Record
from services.prediction.domain.units import Analyte

NO_DAY: Final = "the birth date to the day"
NO_SEX: Final = "the sex"


class Method(StrEnum):
    """The methods, each named after its package."""

    EGFR = "egfr-ckd-epi"
    AKI = "nhs-aki"
    SCORE2 = "score2"


@dataclass(frozen=True)
class Model:
    """A method's package, as far as a reader of results must know it.

    Attributes:
        digest: SHA-256 of its coefficients.
        limits: what it does not check.
    """

    name: str
    version: str
    title: str
    digest: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class Contribution:
    """One term of a sum.

    Attributes:
        factor: name, for machines.
        text: the factor with its value, for people.
        linear: its term of the linear predictor.
        difference: its share of the risk's difference from the reference person; None where there is no risk.
    """

    factor: str
    text: str
    linear: float
    difference: float | None = None


@dataclass(frozen=True)
class Estimate:
    """What came of a method.

    Attributes:
        at: when the newest input was taken.
        value: None when nothing could be estimated; with `high` the lower end of an interval.
        words: the result or the refusal, as people read it.
        label: the guideline's own word for it.
        contributions: sum to `linear`; with `reference` their differences sum to the value.
        missing: inputs without which there is no figure.
        refused: why the method is not for this patient.
        notes: units converted, old inputs, values left out, what else must be known.
        basis: ids of the Observations used.
        withheld: nothing was estimated, and nothing said before stands, since the patient denies it.
    """

    method: Method
    at: datetime | None
    words: str
    value: float | None = None
    high: float | None = None
    label: str | None = None
    age: int | None = None
    linear: float | None = None
    reference: float | None = None
    contributions: tuple[Contribution, ...] = ()
    missing: tuple[str, ...] = ()
    refused: str | None = None
    notes: tuple[str, ...] = ()
    basis: tuple[str, ...] = ()
    variant: str | None = None
    withheld: bool = False


def remarks(record: Record, *analytes: Analyte) -> tuple[str, ...]:
    """The notes that every result carries: conversions, old inputs, values left out."""
    used = [reading for analyte in analytes if (reading := record.latest(analyte))]
    converted = [reading.note for reading in used if reading.note]
    old = record.old(*analytes)
    left_out = record.problems(*analytes)
    return (
        f"Unit conversions and remarks: {'; '.join(converted) or 'none'}.",
        f"Inputs older than 12 months: {', '.join(old) or 'none'}.",
        *([f"Values left out: {'; '.join(left_out)}."] if left_out else []),
    )


def newest(readings: Iterable[Reading]) -> datetime | None:
    """When the newest of some readings was taken."""
    return max((reading.at for reading in readings if reading.at), default=None)
