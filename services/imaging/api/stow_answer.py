"""What a sender is told of each file that it sent.

Source: DICOM PS3.18 10.5.3 (response of the Store transaction), annex I (its attributes and reasons).
"""

from collections.abc import Sequence
from typing import Any, Final

from services.imaging.domain.instance import Failure, Instance, Refused

_REASONS: Final = {
    Failure.NOT_DICOM: 0xC000,
    Failure.DAMAGED: 0xC000,
    Failure.INCOMPLETE_HEADER: 0xA900,
    Failure.TRANSFER_SYNTAX: 0xC122,
    Failure.OTHER_STUDY: 0xA900,
    Failure.CONFLICT: 0x0111,
    Failure.OTHER_OBJECT: 0xA900,
    Failure.TOO_LARGE: 0xA700,
}
"""Failure Reason (0008,1197): cannot understand, data set does not match, transfer syntax, duplicate SOP Instance,
out of resources."""


def status(stored: Sequence[Instance], refused: Sequence[Refused]) -> int:
    """200 all stored, 202 some, 409 none."""
    return 200 if not refused else 202 if stored else 409


def body(stored: Sequence[Instance], refused: Sequence[Refused], public_url: str) -> dict[str, Any]:
    """Retrieve URL, Referenced SOP Sequence, Failed SOP Sequence; Other Failures Sequence for files without a UID."""
    made: dict[str, Any] = {"00081190": _study(stored, public_url.rstrip("/"))}
    if stored:
        made["00081199"] = _sequence([_referenced(instance, public_url.rstrip("/")) for instance in stored])
    named = [_failed(file) for file in refused if file.uid]
    nameless = [{"00081197": _short(_REASONS[file.reason])} for file in refused if not file.uid]
    if named:
        made["00081198"] = _sequence(named)
    if nameless:
        made["0008119A"] = _sequence(nameless)
    return made


def _study(stored: Sequence[Instance], public_url: str) -> dict[str, Any]:
    """Retrieve URL of the study; empty when it is none, or several."""
    studies = {instance.study for instance in stored}
    found = {"Value": [f"{public_url}/dicomweb/studies/{studies.pop()}"]} if len(studies) == 1 else {}
    return {"vr": "UR"} | found


def _referenced(instance: Instance, public_url: str) -> dict[str, Any]:
    place = f"/dicomweb/studies/{instance.study}/series/{instance.series}/instances/{instance.uid}"
    return {
        "00081150": {"vr": "UI", "Value": [instance.sop_class]},
        "00081155": {"vr": "UI", "Value": [instance.uid]},
        "00081190": {"vr": "UR", "Value": [public_url + place]},
    }


def _failed(file: Refused) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [file.sop_class]},
        "00081155": {"vr": "UI", "Value": [file.uid]},
        "00081197": _short(_REASONS[file.reason]),
    }


def _short(number: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [number]}


def _sequence(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": items}
