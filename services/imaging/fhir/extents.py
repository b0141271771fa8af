"""What a model says of a volume, as components of its Observation: on how many slices, how long, millilitres of each.

Source: http://hl7.org/fhir/R4/observation.html (component), https://ucum.org
"""

from typing import Any, Final

from services.imaging.domain.model import Concept, Model
from services.imaging.domain.reading import Extent
from shared.fhir import codes

COMPONENT_SYSTEM: Final = f"{codes.BASE}/CodeSystem/finding-component"


def extent_of(model: Model, extent: Extent | None) -> list[dict[str, Any]]:
    """The components; none for a picture."""
    if extent is None:
        return []
    made: list[dict[str, Any]] = [_component("slices-marked") | {"valueInteger": extent.marked}]
    if extent.marked:
        made.append(_component("largest-extent") | {"valueQuantity": _quantity(extent.longest_mm, "mm")})
    several = [
        (category.what, size)
        for category, size in zip(model.categories, extent.millilitres, strict=False)
        if category.marks
    ]
    if len(several) > 1:
        made += [{"code": concept(what), "valueQuantity": _quantity(size, "mL")} for what, size in several]
    return made


def concept(what: Concept) -> dict[str, Any]:
    """A CodeableConcept."""
    codings = [
        {"system": code.system, "code": code.code} | ({"display": code.display} if code.display else {})
        for code in what.codes
    ]
    return ({"coding": codings} if codings else {}) | {"text": what.text}


def _component(name: str) -> dict[str, Any]:
    return {"code": {"coding": [{"system": COMPONENT_SYSTEM, "code": name}]}}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": round(value, 2), "unit": unit, "system": codes.UCUM, "code": unit}
