"""The examinations of a simulated hospital: who, what, how urgent; the same for the same seed and day."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

Picture = Literal["normal", "pneumonia", "adult"]
"""What the files show: two kinds of synthetic child, or the one real radiograph, of an adult."""

Priority = Literal["stat", "urgent", "asap", "routine"]
"""FHIR R4 request-priority."""

First = Literal["announcement", "files"]

MRN_SYSTEM: Final = "https://st-luke.example/mrn"
ACCESSION_SYSTEM: Final = "https://st-luke.example/accession"
ORDER_SYSTEM: Final = "https://st-luke.example/order"
CONSENT_SYSTEM: Final = "https://st-luke.example/consent"
STAFF_SYSTEM: Final = "https://st-luke.example/staff"
ISSUER: Final = "ST-LUKE"
"""Issuer of Patient ID (0010,0021) in this hospital's files; it stands for `MRN_SYSTEM`."""

ADULT_BORN: Final = date(1940, 3, 5)
"""Patient's Birth Date of the real radiograph, as its file says."""

_GIVEN: Final = {"female": ("Ada", "Ines", "Mina", "Rosa", "Zoe"), "male": ("Ben", "Karim", "Leo", "Noah", "Theo")}
_FAMILY: Final = ("ALDER", "BIRCH", "CEDAR", "ELM", "HAZEL", "LARCH", "MAPLE", "OAK", "ROWAN", "WILLOW")
_YOUNGEST_DAYS: Final = 400
_OLDEST_DAYS: Final = 2100


@dataclass(frozen=True)
class Examination:
    """One radiograph of one invented patient, and how it reaches the hub.

    Attributes:
        sample: seed of the picture.
        first: what the hub gets first.
        refuses_ai: the patient denies analysis by AI, and the hospital says so before anything else.
    """

    picture: Picture
    sample: int
    priority: Priority
    first: First
    given: str
    family: str
    gender: Literal["female", "male"]
    born: date
    started: datetime
    mrn: str
    accession: str
    order: str
    root: UUID
    refuses_ai: bool = False

    @property
    def study_uid(self) -> str:
        """Study Instance UID (0020,000D), made of a UUID as in DICOM PS3.5 B.2."""
        return self._uid("study")

    @property
    def series_uid(self) -> str:
        """Series Instance UID (0020,000E)."""
        return self._uid("series")

    @property
    def instance_uid(self) -> str:
        """SOP Instance UID (0008,0018)."""
        return self._uid("instance")

    def id_of(self, thing: str) -> str:
        """The UUID of a resource about this examination, such as `patient` or `order`."""
        return str(uuid5(self.root, thing))

    def _uid(self, thing: str) -> str:
        return f"2.25.{uuid5(self.root, thing).int}"


MIX: Final[tuple[tuple[Picture, Priority, First], ...]] = (
    ("pneumonia", "stat", "announcement"),
    ("normal", "urgent", "files"),
    ("adult", "urgent", "announcement"),
    ("pneumonia", "routine", "announcement"),
    ("normal", "routine", "files"),
    ("pneumonia", "asap", "files"),
)
"""What comes in turn: each urgency, each kind of picture, either order of arrival."""


REFUSES_AI: Final = 4
"""Which one in turn is of a patient who denies analysis by AI."""


def examinations(seed: int, count: int, now: datetime) -> list[Examination]:
    """The first `count` examinations of a seed, taken in the minutes before `now`."""
    made = [examination(seed, number, now, *MIX[number % len(MIX)]) for number in range(count)]
    return [replace(one, refuses_ai=place % len(MIX) == REFUSES_AI) for place, one in enumerate(made)]


def examination(
    seed: int, number: int, now: datetime, picture: Picture, priority: Priority, first: First
) -> Examination:
    """One examination, the same for the same arguments."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 (an invented patient is no secret)
    gender: Literal["female", "male"] = "female" if picture == "adult" or chance.random() < 0.5 else "male"  # noqa: PLR2004
    started = now.astimezone(UTC).replace(microsecond=0) - timedelta(minutes=chance.randint(1, 10))
    child_born = started.date() - timedelta(days=chance.randint(_YOUNGEST_DAYS, _OLDEST_DAYS))
    digits = f"{seed % 10**6:06d}{number:03d}"
    return Examination(
        picture=picture,
        sample=seed * 1000 + number,
        priority=priority,
        first=first,
        given=chance.choice(_GIVEN[gender]),
        family=f"SYNTHETIC-{chance.choice(_FAMILY)}",
        gender=gender,
        born=ADULT_BORN if picture == "adult" else child_born,
        started=started,
        mrn=f"SYN{digits}",
        accession=f"A{digits}",
        order=f"O{digits}",
        root=uuid5(NAMESPACE_URL, f"https://st-luke.example/examination/{seed}/{number}"),
    )
