"""C-MOVE of a study to ourselves (DICOM PS3.4 C.4.2, Study Root)."""

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time
    StudyRootQueryRetrieveInformationModelMove,
)

from services.imaging.dimse.calling import calling
from services.imaging.settings import Settings
from shared.errors import Unavailable

BETWEEN_ANSWERS_S: Final = 600.0
"""An archive may fetch a study from tape before it says anything."""

_PENDING: Final = 0xFF00
_WORDS: Final = {
    0xA701: "it cannot count what matches",
    0xA702: "it could not send to us; see that it knows our AE title, and that it is in HUB_IMAGING_DIMSE_SENDERS",
    0xA801: "it does not know our AE title as a destination",
    0xA900: "it does not understand the question",
    0xFE00: "it cancelled",
}


@dataclass(frozen=True)
class Moved:
    """How many instances an archive sent to us."""

    completed: int
    failed: int
    warned: int


def move(chosen: Settings, peer: str, study: str) -> Moved:
    """Have a peer send a study to our listener, and wait until it has.

    Raises:
        InvalidResource: no such peer.
        Unavailable: it is away, refuses, or could not send all.
    """
    model = StudyRootQueryRetrieveInformationModelMove
    question = Dataset()
    question.QueryRetrieveLevel = "STUDY"
    question.StudyInstanceUID = study
    last = Dataset()
    with calling(chosen, peer, [build_context(model)], answer_s=BETWEEN_ANSWERS_S) as association:
        for status, _ in association.send_c_move(question, chosen.ae_title, model):
            last = status
    code = last.get("Status")
    moved = Moved(
        int(last.get("NumberOfCompletedSuboperations") or 0),
        int(last.get("NumberOfFailedSuboperations") or 0),
        int(last.get("NumberOfWarningSuboperations") or 0),
    )
    if code == 0 and moved.failed == 0:
        return moved
    why = "it broke off" if code in {None, _PENDING} else _WORDS.get(code, f"it answered {code:04X}")
    if moved.failed:
        why = f"{moved.failed} of {moved.failed + moved.completed} instances did not come; {why}"
    raise Unavailable(f"{peer} did not send the study: {why}", fix="Look at its log and ours; then pull again.")
