"""What the simulated hospital has measured, as FHIR R4 Observations: LOINC codes, units in UCUM, one value without any.

Sources: http://hl7.org/fhir/R4/observation.html, https://loinc.org, https://ucum.org
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from services.simulator.domain import MRN_SYSTEM, Examination
from shared.fhir import codes

SYSTEM: Final = "https://st-luke.example/laboratory"
"""Identifier system of this hospital's results."""

_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_BEFORE: Final = timedelta(minutes=45)
_EARLIER: Final = timedelta(days=2)


@dataclass(frozen=True)
class Measured:
    """One result of somebody.

    Attributes:
        number: tells apart the results of one examination.
        ago: before the radiograph.
        value: of FHIR's value[x], with the element's name.
        normal: reference interval, in the value's unit.
    """

    number: int
    category: str
    loinc: str
    text: str
    ago: timedelta
    value: dict[str, Any]
    normal: tuple[float, float] | None = None


def _quantity(value: float, unit: str | None) -> dict[str, Any]:
    known = {"unit": unit, "system": codes.UCUM, "code": unit} if unit else {}
    return {"valueQuantity": {"value": value, **known}}


_EX_SMOKER: Final = {"system": codes.SNOMED, "code": "8517006", "display": "Ex-smoker"}
_KIDNEY: Final = ("laboratory", "14682-9", "Creatinine in serum or plasma")
_OF_THE_ADULT: Final[tuple[Measured, ...]] = (
    Measured(1, *_KIDNEY, _EARLIER + _BEFORE, _quantity(84, "umol/L"), (45, 84)),
    Measured(2, "vital-signs", "8480-6", "Systolic blood pressure", _BEFORE, _quantity(142, "mm[Hg]")),
    Measured(3, "laboratory", "14647-2", "Total cholesterol", _BEFORE, _quantity(5.6, "mmol/L")),
    Measured(4, "laboratory", "14646-4", "HDL cholesterol", _BEFORE, _quantity(1.3, "mmol/L")),
    Measured(
        5,
        "social-history",
        "72166-2",
        "Tobacco smoking status",
        _BEFORE,
        {"valueCodeableConcept": {"coding": [_EX_SMOKER], "text": "Ex-smoker"}},
    ),
    Measured(6, *_KIDNEY, _BEFORE, _quantity(132, "umol/L"), (45, 84)),
)
"""All that a cardiovascular risk takes, and a creatinine that has risen to 1.6 times in two days (AKI stage 1)."""

_OF_A_CHILD: Final = (
    Measured(1, "laboratory", "2160-0", "Creatinine in serum or plasma", _BEFORE, _quantity(38, None)),
)
"""A value without a unit, as old interfaces send: nobody may guess which."""


def _of(examination: Examination) -> tuple[Measured, ...]:
    if examination.picture == "adult":
        return _OF_THE_ADULT
    return _OF_A_CHILD if (examination.picture, examination.priority) == ("pneumonia", "stat") else ()


def results(examination: Examination) -> list[dict[str, Any]]:
    """The results of an invented patient, the oldest first; of most children none."""
    return [_observation(examination, one) for one in _of(examination)]


def _observation(examination: Examination, one: Measured) -> dict[str, Any]:
    made = {
        "resourceType": "Observation",
        "identifier": [{"system": SYSTEM, "value": f"{examination.accession}-{one.number}"}],
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": one.category}]}],
        "code": {"coding": [{"system": codes.LOINC, "code": one.loinc, "display": one.text}], "text": one.text},
        "subject": {"type": "Patient", "identifier": {"system": MRN_SYSTEM, "value": examination.mrn}},
        "effectiveDateTime": (examination.started - one.ago).isoformat(),
        **one.value,
    }
    if one.normal:
        low, high = one.normal
        made["referenceRange"] = [{"low": {"value": low}, "high": {"value": high}}]
    return made
