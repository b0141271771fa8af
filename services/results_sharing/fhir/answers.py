"""What a model said, from its Observation, Device and DiagnosticReport.

Sources: http://hl7.org/fhir/R4/observation.html, HL7 AI Transparency on FHIR
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from services.results_sharing.domain.answer import Answer
from services.results_sharing.fhir.elements import code_of, identifiers_of, said_at, words_of
from shared.errors import InvalidResource
from shared.fhir.codes import BASE
from shared.fhir.consent import REFUSED
from shared.fhir.message import Message

Resource = dict[str, Any]

REASONS: Final = {
    "consent": REFUSED,
    "adult": "adult",
    "age-unknown": "age unknown",
    "too-young": "too young",
    "modality": "another kind of image",
    "body-part": "another body part",
    "unlike-training-data": "unlike the images the model learned from",
    "unreadable": "the image cannot be read",
    "no-pixels": "no image in the study",
    "model-failed": "the model failed",
    "no-model": "no model for such a study",
    "disabled": "model stopped",
    "photometric": "another kind of grey or colour",
    "pixel-spacing": "pixels of another size than the model reads",
    "frames": "more frames than the model reads",
    "test-subject": "phantom or test patient",
    "series": "no series that the model reads",
    "volume": "the slices are no whole volume",
}
"""Codes of *not analysed* in words."""


_IMAGES: Final = "images-"
_DETAIL: Final = re.compile(r"not analysed \((.+)\)")


def answer_from(message: Message) -> Answer:
    """What a model said; of several findings the flagged one first.

    Raises:
        InvalidResource: the message carries neither a finding nor a reason.
    """
    answers = [_answer(observation, message) for observation in message.resources("Observation")]
    if not answers:
        message.resource("Observation")
    return max(answers, key=lambda answer: (bool(answer.flagged), answer.flagged is not None))


def _answer(observation: Resource, message: Message) -> Answer:
    extensions = {
        extension.get("url"): extension.get("valueString") for extension in observation.get("extension") or []
    }
    parts = {
        code_of(part.get("code")): part.get("valueInteger", (part.get("valueQuantity") or {}).get("value"))
        for part in observation.get("component") or []
    }
    study = next(iter(message.resources("ImagingStudy")), {})
    device = next(iter(message.resources("Device")), {})
    absent = observation.get("dataAbsentReason")
    state = code_of(observation.get("valueCodeableConcept"))
    measured = observation.get("valueQuantity")
    if absent is None and measured is None and state not in {"flagged", "not-flagged"}:
        raise InvalidResource("The finding has neither a state nor a reason", expression="Observation.value")
    reports = [found.value for report in message.resources("DiagnosticReport") for found in identifiers_of(report)]
    return Answer(
        at=said_at(message),
        flagged=None if absent is not None else state == "flagged",
        reason=_reason(absent) if absent is not None else None,
        finding=_finding(observation, measured),
        model=next((name.get("name") for name in device.get("deviceName") or []), None),
        model_version=next((version.get("value") for version in device.get("version") or []), None),
        model_digest=_digest(device),
        probability=parts.get("probability"),
        threshold=parts.get("threshold"),
        region=extensions.get(f"{BASE}/StructureDefinition/region"),
        heat_map=extensions.get(f"{BASE}/StructureDefinition/heat-map"),
        heat_map_series=extensions.get(f"{BASE}/StructureDefinition/heat-map-series"),
        image=_image(extensions),
        images={name.removeprefix(_IMAGES): n for name, n in parts.items() if name and name.startswith(_IMAGES)},
        instances=study.get("numberOfInstances"),
        unchecked=tuple(note["text"] for note in observation.get("note") or [] if note.get("text")),
        report=next(iter(reports), None),
        observation=observation,
    )


def _finding(observation: Resource, measured: Resource | None) -> str | None:
    """What was looked for; of a measure its value too, which flags nothing."""
    words = words_of(observation.get("code"))
    return f"{words} {measured.get('value')} {measured.get('unit', '')}".strip() if measured else words


def _image(extensions: Mapping[str | None, str | None]) -> str | None:
    """The picture that counts, in words."""
    number, frame = (extensions.get(f"{BASE}/StructureDefinition/image-{what}") for what in ("number", "frame"))
    return ", ".join([*([f"image {number}"] if number else []), *([f"frame {frame}"] if frame else [])]) or None


def _reason(absent: Resource) -> str:
    """In our words; which images were broken, and where slices are missing, say the sender's own."""
    code = code_of(absent)
    if code in {"unreadable", "series", "volume"} and (detail := _DETAIL.fullmatch(absent.get("text") or "")):
        return detail[1]
    return REASONS.get(code or "", (code or absent.get("text") or "no reason given").replace("-", " "))


def _digest(device: Resource) -> str | None:
    for property_ in device.get("property") or []:
        for value in property_.get("valueCode") or []:
            if text := value.get("text") or code_of(value):
                return str(text)
    return None
