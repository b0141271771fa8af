"""The hospital's archive: takes DICOM instances by STOW-RS, keeps what it knows of each, and no instance twice.

Source: DICOM PS3.18 10.5 (Store transaction), annex I.
"""

import re
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from shared.errors import InvalidResource

_CANNOT_UNDERSTAND: Final = 0xC000


@dataclass(frozen=True)
class Kept:
    """One instance, by its header; its pixels are not kept.

    Attributes:
        size: of the file in bytes.
    """

    uid: str
    series: str
    study: str
    sop_class: str
    modality: str
    description: str
    size: int


class Archive:
    """What the archive holds, by SOP Instance UID, in the order in which it came."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def all(self) -> list[Kept]:
        """Every instance."""
        with self._lock:
            return list(self._kept.values())

    def store(self, body: bytes, content_type: str) -> tuple[int, dict[str, Any]]:
        """Take the parts of a STOW-RS body.

        Returns:
            Status, and the answer in the DICOM JSON model.

        Raises:
            InvalidResource: no multipart body.
        """
        taken, failed = [], 0
        for part in _parts(body, content_type):
            kept = _read(part)
            if kept is None:
                failed += 1
                continue
            with self._lock:
                self._kept.setdefault(kept.uid, kept)
            taken.append(kept)
        answer: dict[str, Any] = {}
        if taken:
            answer["00081199"] = {"vr": "SQ", "Value": [_referenced(kept) for kept in taken]}
        if failed:
            reason = {"00081197": {"vr": "US", "Value": [_CANNOT_UNDERSTAND]}}
            answer["0008119A"] = {"vr": "SQ", "Value": [reason] * failed}
        return 200 if not failed else 202 if taken else 409, answer


def _parts(body: bytes, content_type: str) -> list[bytes]:
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if not content_type.startswith("multipart/related") or boundary is None:
        raise InvalidResource("This door takes multipart/related")
    pieces = body.split(f"--{boundary[1]}".encode())[1:-1]
    return [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces]


def _read(part: bytes) -> Kept | None:
    try:
        header = dcmread(BytesIO(part), stop_before_pixels=True)
        return Kept(
            uid=str(header.SOPInstanceUID),
            series=str(header.SeriesInstanceUID),
            study=str(header.StudyInstanceUID),
            sop_class=str(header.SOPClassUID),
            modality=str(header.get("Modality", "")),
            description=str(header.get("SeriesDescription", "")),
            size=len(part),
        )
    except (InvalidDicomError, AttributeError, EOFError):
        return None


def _referenced(kept: Kept) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [kept.sop_class]},
        "00081155": {"vr": "UI", "Value": [kept.uid]},
    }
