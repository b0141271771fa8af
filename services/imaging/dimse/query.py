"""C-FIND at study level (DICOM PS3.4 C.4.1, Study Root)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time
    StudyRootQueryRetrieveInformationModelFind,
)

from services.imaging.dimse.calling import calling
from services.imaging.settings import Settings
from shared.errors import InvalidResource, Unavailable

MOST: Final = 500
"""Studies of one question that are read; more mean that the question was too wide."""

_PENDING: Final = frozenset({0xFF00, 0xFF01})


@dataclass(frozen=True)
class Found:
    """A study as an archive describes it; empty text where it says nothing.

    Attributes:
        date: YYYYMMDD.
        modalities: as in the file, such as CT, with a backslash between several.
    """

    uid: str
    patient_id: str
    accession: str
    date: str
    modalities: str
    description: str
    instances: int | None


def find_studies(
    chosen: Settings, peer: str, *, study: str = "", accession: str = "", patient_id: str = ""
) -> list[Found]:
    """The studies that match exactly, newest first.

    Raises:
        InvalidResource: nothing or a wildcard is asked for, or there is no such peer.
        Unavailable: the peer is away, refuses or fails.
    """
    asked = {"StudyInstanceUID": study, "AccessionNumber": accession, "PatientID": patient_id}
    if not any(asked.values()) or any(letter in value for value in asked.values() for letter in "*?\\"):
        raise InvalidResource("A study is asked for by one exact value", fix="Give a UID or an accession number.")
    question = Dataset()
    question.QueryRetrieveLevel = "STUDY"
    for keyword, value in asked.items():
        setattr(question, keyword, value)
    for keyword in ("StudyDate", "ModalitiesInStudy", "StudyDescription", "NumberOfStudyRelatedInstances"):
        setattr(question, keyword, None)
    found = [study for study in _ask(chosen, peer, question) if _fits(study, asked)]
    return sorted(found, key=lambda study: study.date, reverse=True)


def _ask(chosen: Settings, peer: str, question: Dataset) -> Iterator[Found]:
    model = StudyRootQueryRetrieveInformationModelFind
    with calling(chosen, peer, [build_context(model)]) as association:
        for number, (status, answer) in enumerate(association.send_c_find(question, model)):
            code = status.get("Status") if status else None
            if code in _PENDING and answer is not None and number < MOST:
                yield _found(answer)
            elif code == 0:
                return
            else:
                told = (
                    "broke off" if code is None else "has too much to say" if number >= MOST else f"answered {code:04X}"
                )
                raise Unavailable(f"{peer} did not finish its answer: it {told}", fix="Look at its log; try again.")


def _found(answer: Dataset) -> Found:
    count = _text(answer, "NumberOfStudyRelatedInstances")
    return Found(
        uid=_text(answer, "StudyInstanceUID"),
        patient_id=_text(answer, "PatientID"),
        accession=_text(answer, "AccessionNumber"),
        date=_text(answer, "StudyDate"),
        modalities=_text(answer, "ModalitiesInStudy"),
        description=_text(answer, "StudyDescription"),
        instances=int(count) if count.isdecimal() else None,
    )


def _text(answer: Dataset, keyword: str) -> str:
    value = answer.get(keyword)
    parts = value if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(part) for part in parts if part is not None).strip()


def _fits(study: Found, asked: dict[str, str]) -> bool:
    """Archives may match loosely; a study of another patient must not slip in."""
    told = {"StudyInstanceUID": study.uid, "AccessionNumber": study.accession, "PatientID": study.patient_id}
    return bool(study.uid) and all(not value or told[keyword] == value for keyword, value in asked.items())
