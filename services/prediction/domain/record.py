"""What is known of one patient: the person, the values measured, the conditions that matter to a method."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from services.prediction.domain.units import WORDS, Analyte

TOLERANCE: Final = timedelta(hours=1)
"""How far a clock of the hospital may be ahead; a sample later than that was not taken yet."""

WINDOW: Final = timedelta(days=365)
"""An input older than this is used and said."""


class Disease(StrEnum):
    """Conditions in which a method must not be used."""

    DIABETES = "diabetes"
    CARDIOVASCULAR = "cardiovascular disease"
    KIDNEY = "chronic kidney disease"


@dataclass(frozen=True)
class Person:
    """Who it is about.

    Attributes:
        id: of the hub.
        identifier: (system, value) by which the hospital knows them.
        born: None when unknown or not exact to the day.
        sex: `female`, `male`, another FHIR administrative gender, or None.
    """

    id: str
    identifier: tuple[str, str] | None = None
    born: date | None = None
    sex: str | None = None

    def age(self, day: date) -> int | None:
        """Completed years on a day."""
        if self.born is None:
            return None
        return day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))


@dataclass(frozen=True)
class Reading:
    """One value of one Observation.

    Attributes:
        source: id of the Observation.
        at: when the sample was taken; None when nobody said.
        issued: when the laboratory said it: of two values of one moment the later said counts.
        value: in the unit of the equations; smoking is 0 or 1.
        low, high: reference interval of the laboratory, same unit.
        note: what was done to the value.
        problem: why it is not used.
    """

    source: str
    analyte: Analyte
    at: datetime | None
    issued: datetime | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Input:
    """What one resource says: readings of an Observation, or a condition.

    Attributes:
        version: of the resource at the gateway; a higher one replaces a lower one.
    """

    id: str
    patient: str
    version: int
    readings: tuple[Reading, ...] = ()
    disease: Disease | None = None

    @property
    def says_something(self) -> bool:
        """Whether any method looks at it."""
        return bool(self.readings or self.disease)


@dataclass(frozen=True)
class Record:
    """Everything that is known of a patient at a moment."""

    person: Person
    inputs: tuple[Input, ...]
    now: datetime

    @property
    def diseases(self) -> frozenset[Disease]:
        """What the hospital has told; what it has not told is not known to be absent."""
        return frozenset(one.disease for one in self.inputs if one.disease)

    def usable(self, analyte: Analyte) -> list[Reading]:
        """The values of an analyte, the newest first; of one moment only the one said last."""
        found: dict[datetime, Reading] = {}
        for reading in self._of(analyte):
            if reading.at is None or reading.value is None or reading.at > self.now + TOLERANCE:
                continue
            other = found.get(reading.at)
            if other is None or (_when(reading.issued), reading.source) > (_when(other.issued), other.source):
                found[reading.at] = reading
        return [found[at] for at in sorted(found, reverse=True)]

    def latest(self, analyte: Analyte) -> Reading | None:
        """The newest value that can be used."""
        return next(iter(self.usable(analyte)), None)

    def problems(self, *analytes: Analyte) -> list[str]:
        """Why values that are newer than those used were left out."""
        said: list[str] = []
        for analyte in analytes:
            used = self.latest(analyte)
            for reading in self._of(analyte):
                if reading.at and used and used.at and reading.at <= used.at:
                    continue
                if reading.problem:
                    said.append(reading.problem)
                elif reading.at is None:
                    said.append(f"{WORDS[analyte]}: nobody said when it was taken")
                elif reading.at > self.now + TOLERANCE:
                    said.append(f"{WORDS[analyte]}: its time is in the future")
        return sorted(set(said))

    def old(self, *analytes: Analyte) -> list[str]:
        """Inputs in use that are older than their window."""
        read = ((analyte, self.latest(analyte)) for analyte in analytes)
        return [
            f"{WORDS[analyte]} of {reading.at:%Y-%m-%d}"
            for analyte, reading in read
            if reading and reading.at and self.now - reading.at > WINDOW
        ]

    def knows(self, *analytes: Analyte) -> bool:
        """Whether anything was ever said of one of them."""
        return any(self._of(analyte) for analyte in analytes)

    def _of(self, analyte: Analyte) -> list[Reading]:
        return [reading for one in self.inputs for reading in one.readings if reading.analyte is analyte]


def _when(moment: datetime | None) -> datetime:
    return moment or datetime.min.replace(tzinfo=UTC)
