"""The parts that all results share: the program, where it came from, what it is made of.

Sources: http://hl7.org/fhir/R4/device.html, provenance.html
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from services.prediction.domain.estimate import Contribution, Model
from services.prediction.fhir.observations import ANALYTES
from shared.fhir import codes

Resource = dict[str, Any]

DATA_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ASSEMBLER: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "assembler",
}


def extension(name: str, **value: Any) -> Resource:  # noqa: ANN401 (value[x])
    """An extension of the hub's."""
    return {"url": f"{codes.BASE}/StructureDefinition/{name}", **value}


def concept(system: str, code: str, text: str) -> Resource:
    """A CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}], "text": text}


def text_note(text: str) -> Resource:
    """An Annotation."""
    return {"text": text}


def contributions(made: Iterable[Contribution]) -> list[Resource]:
    """One extension for each term; they sum to `linear-predictor`, and with `reference-risk` to the probability."""
    return [extension("contribution", extension=[_factor(one), *_numbers(one)]) for one in made]


def _factor(one: Contribution) -> Resource:
    loinc = ANALYTES.get(one.factor)
    coding = {"coding": [{"system": codes.LOINC, "code": loinc}]} if loinc else {}
    return {"url": "factor", "valueCodeableConcept": {**coding, "text": one.text}}


def _numbers(one: Contribution) -> list[Resource]:
    made: list[Resource] = [{"url": "linearPredictor", "valueDecimal": round(one.linear, 6)}]
    if one.difference is not None:
        made.append({"url": "riskDifference", "valueDecimal": round(one.difference, 6)})
    return made


def device(model: Model) -> Resource:
    """The program that said it."""
    name = f"{model.name}|{model.version}"
    return {
        "resourceType": "Device",
        "id": str(uuid5(NAMESPACE_OID, f"{codes.MODEL_SYSTEM}|{name}")),
        "identifier": [{"system": codes.MODEL_SYSTEM, "value": name}],
        "deviceName": [{"name": model.name, "type": "model-name"}],
        "type": {"coding": [codes.AI_DEVICE], "text": "Clinical prediction software"},
        "version": [
            {"value": model.version},
            {"type": {"text": f"{model.name} coefficient table sha256"}, "value": model.digest},
        ],
    }


def reference(program: Resource) -> Resource:
    """To the program; logical too, so that nobody needs a look-up."""
    return {"reference": f"urn:uuid:{program['id']}", "identifier": program["identifier"][0]}


def provenance(number: str, made: Resource, program: Resource, basis: list[Resource], at: str) -> Resource:
    """Which program made a result of which Observations, when."""
    said: Resource = {
        "resourceType": "Provenance",
        "id": number,
        "target": [{"reference": f"urn:uuid:{made['id']}"}],
        "recorded": at,
        "agent": [{"type": {"coding": [_ASSEMBLER]}, "who": reference(program)}],
    }
    return said | ({"entity": [{"role": "source", "what": what} for what in basis]} if basis else {})
