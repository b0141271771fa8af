"""When a study is complete, and when it must await a human instead.

A step is decided under the lock of the study's row, so that of two doors one alone starts the reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from shared.events import Lane


class State(StrEnum):
    """Where a study stands; one at a time."""

    RECEIVING = "receiving"
    HELD = "held"
    COMPLETE = "complete"
    ANSWERED = "answered"
    REVOKED = "revoked"


class Hold(StrEnum):
    """Why a study awaits a human."""

    WRONG_PATIENT = "wrong-patient"
    INCOMPLETE = "incomplete"
    UNANNOUNCED = "unannounced"
    NO_IMAGES = "no-images"


class Person(NamedTuple):
    """A patient as one hospital knows them: who issued the number, and the number."""

    system: str | None
    value: str


@dataclass(frozen=True)
class Issuers:
    """Which identifier system stands behind an Issuer of Patient ID (0010,0021).

    Attributes:
        systems: issuer as written in DICOM → FHIR identifier system.
        default: the issuer meant by files that name none, as most do; None when that says nothing here.
    """

    systems: Mapping[str, str]
    default: str | None

    def person(self, patient_id: str, issuer: str) -> Person:
        """Whom a DICOM header names; an unknown issuer has no system and so matches nobody."""
        return Person(self.systems.get(issuer or self.default or ""), patient_id)


@dataclass(frozen=True)
class Announcement:
    """What the hospital says about a study.

    Attributes:
        version: of its resource; an older one never overwrites a newer.
        expected: how many instances belong to it; None when it does not say.
        persons: every identifier of its patient.
        orders: keys of the orders it is based on, see `order_keys` in fhir.py.
        study: the ImagingStudy as it came, for what we say about it.
        patient: the Patient as it came.
    """

    uid: str
    lane: Lane
    version: int
    expected: int | None
    persons: frozenset[Person]
    orders: tuple[str, ...]
    study: dict[str, Any]
    patient: dict[str, Any]


@dataclass(frozen=True)
class Study:
    """What is known about a study while its row is locked.

    Attributes:
        present: how many instances of the hospital are stored.
        pictured: each (Patient ID, issuer) that they name.
        test_subject: whether any of them shows a phantom or a test patient.
        look_at: when somebody looks again; None when nobody will.
        prior: fetched to be compared with, not to be read; an announcement makes it a study like any other.
        asked_at: the time of the database when this was true.
        said: how many instances were there when their arrival was last said.
        said_at: when that was.
        say_at: when it is said again; None when nothing waits to be said.
    """

    uid: str
    state: State
    hold: Hold | None
    lane: Lane
    announcement: Announcement | None
    first_seen_at: datetime
    last_instance_at: datetime | None
    look_at: datetime | None
    present: int
    pictured: frozenset[tuple[str, str]]
    asked_at: datetime
    test_subject: bool = False
    prior: bool = False
    said: int = 0
    said_at: datetime | None = None
    say_at: datetime | None = None

    def is_only_prior(self) -> bool:
        """Nobody awaits anything of it: it is no case."""
        return self.prior and self.announcement is None


@dataclass(frozen=True)
class Limits:
    """How long to wait.

    Attributes:
        quiet: without a further instance, when no number was announced.
        patience: for all that belongs to a study, before a human is asked.
    """

    quiet: timedelta
    patience: timedelta


@dataclass(frozen=True)
class Wait:
    """Look again at a time."""

    until: datetime


class Complete:
    """Everything is here, and it is the right patient's: it can be read."""


@dataclass(frozen=True)
class Await:
    """A human has to look."""

    reason: Hold


class Stay:
    """Nothing changes."""


Step = Wait | Complete | Await | Stay


def decide(study: Study, issuers: Issuers, limits: Limits, now: datetime) -> Step:
    """The next step of a study; wrong patients first, whatever else is true."""
    if study.state is State.REVOKED or study.hold is Hold.WRONG_PATIENT or study.is_only_prior():
        return Stay()
    if _is_of_another_patient(study, issuers):
        return Await(Hold.WRONG_PATIENT)
    if study.state in {State.COMPLETE, State.ANSWERED}:
        return Stay()
    patience_ends = study.first_seen_at + limits.patience
    missing = _missing(study)
    if missing is None:
        ready_at = _quiet_until(study, limits)
        return Complete() if ready_at is None or now >= ready_at else Wait(ready_at)
    if now < patience_ends:
        return Wait(patience_ends)
    return Stay() if study.hold is missing else Await(missing)


def _is_of_another_patient(study: Study, issuers: Issuers) -> bool:
    if study.announcement is None:
        return len(study.pictured) > 1
    return any(issuers.person(*named) not in study.announcement.persons for named in study.pictured)


def _missing(study: Study) -> Hold | None:
    if study.announcement is None:
        return Hold.UNANNOUNCED
    if study.present == 0:
        return Hold.NO_IMAGES
    if study.announcement.expected and study.present < study.announcement.expected:
        return Hold.INCOMPLETE
    return None


def _quiet_until(study: Study, limits: Limits) -> datetime | None:
    """When nothing more is expected of a study that came without a number."""
    if study.announcement is None or study.announcement.expected or study.last_instance_at is None:
        return None
    return study.last_instance_at + limits.quiet
