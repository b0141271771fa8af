"""What came of a method, as messages: preliminary or unsigned, labelled as a machine's, with what it is made of.

Sources: http://hl7.org/fhir/R4/riskassessment.html, flag.html, observation.html; AI Transparency on FHIR.
"""

from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from services.prediction.domain.estimate import Estimate, Method, Model
from services.prediction.domain.record import Person
from services.prediction.fhir.elements import (
    DATA_ABSENT,
    concept,
    contributions,
    device,
    extension,
    provenance,
    reference,
    text_note,
)
from shared.events import Event, Lane
from shared.fhir import codes
from shared.fhir.message import Message

Resource = dict[str, Any]

EGFR_UNIT: Final = "mL/min/{1.73_m2}"
METHOD_SYSTEM: Final = f"{codes.BASE}/CodeSystem/risk-method"
KIND_SYSTEM: Final = f"{codes.BASE}/CodeSystem/risk-kind"
AKI: Final = {"system": codes.SNOMED, "code": "14669001", "display": "Acute kidney injury"}
CARDIOVASCULAR: Final = {
    "system": codes.SNOMED,
    "code": "49601007",
    "display": "Disorder of cardiovascular system",
}
UNSIGNED: Final = "Unsigned automatic alert, for clinicians only."
_LAB: Final = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "lab"}
_LABORATORY: Final = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}


def risk_estimated(
    person: Person, estimate: Estimate, model: Model, codes_of: dict[str, Resource], correlation: str, at: datetime
) -> Message:
    """A figure, or why there is none.

    Args:
        codes_of: the codes of the package's equations, by name.
        at: when it was estimated.
    """
    about = _About(person, estimate, model, at)
    made = about.risk() if estimate.method is Method.SCORE2 else about.egfr(codes_of[estimate.variant or ""])
    return about.message(Event.RISK_ESTIMATED, Lane.ROUTINE, made, correlation)


def flag_raised(person: Person, estimate: Estimate, model: Model, correlation: str, at: datetime) -> Message:
    """An alert for clinicians."""
    about = _About(person, estimate, model, at)
    return about.message(Event.FLAG_RAISED, Lane.URGENT, about.flag("active"), correlation)


def flag_lowered(person: Person, estimate: Estimate, model: Model, correlation: str, at: datetime) -> Message:
    """The alert does not hold any more."""
    about = _About(person, estimate, model, at)
    return about.message(Event.FLAG_LOWERED, Lane.URGENT, about.flag("inactive"), correlation)


class _About:
    """What every result refers to; a patient has one resource of each method, which gets new versions."""

    def __init__(self, person: Person, estimate: Estimate, model: Model, at: datetime) -> None:
        self.person, self.estimate, self.model = person, estimate, model
        self.at = at.isoformat(timespec="milliseconds")
        self.taken = estimate.at.isoformat() if estimate.at else self.at
        self.device = device(model)

    def id_of(self, kind: str) -> str:
        return str(uuid5(NAMESPACE_OID, f"{self.person.id}|{self.estimate.method}|{kind}"))

    def subject(self) -> Resource:
        named = self.person.identifier
        known = {"identifier": {"system": named[0], "value": named[1]}} if named else {}
        return {"reference": f"urn:uuid:{self.person.id}"} | known

    def meta(self, profile: str) -> Resource:
        return {"profile": [f"{codes.BASE}/StructureDefinition/{profile}"], "security": [codes.AI_ASSERTED]}

    def extensions(self) -> list[Resource]:
        own, model = self.estimate, self.model
        made = [extension("model-card", valueUri=f"{codes.BASE}/models/{model.name}/{model.version}/card")]
        made += contributions(own.contributions)
        if own.linear is not None:
            made.append(extension("linear-predictor", valueDecimal=round(own.linear, 6)))
        if own.reference is not None:
            made.append(extension("reference-risk", valueDecimal=round(own.reference, 6)))
        return made + [extension("missing", valueString=one) for one in own.missing]

    def basis(self) -> list[Resource]:
        return [{"reference": f"urn:uuid:{source}", "type": "Observation"} for source in self.estimate.basis]

    def risk(self) -> Resource:
        own, model = self.estimate, self.model
        method = concept(
            METHOD_SYSTEM, model.name, f"{model.title}, {(own.variant or '').replace('_', ' ')}-risk region"
        )
        method["coding"][0]["version"] = model.version
        made: Resource = {
            "resourceType": "RiskAssessment",
            "id": self.id_of("risk"),
            "meta": self.meta("risk-assessment"),
            "extension": self.extensions(),
            "status": "preliminary",
            "method": method,
            "code": concept(KIND_SYSTEM, "cvd-10y", "10-year risk of fatal and non-fatal cardiovascular disease"),
            "subject": self.subject(),
            "occurrenceDateTime": self.taken,
            "performer": reference(self.device),
            "basis": self.basis(),
            "prediction": self.prediction(),
            "mitigation": f"Decision aid only, unsigned. Not checked: {'; '.join(model.limits)}.",
            "note": [text_note(own.words), *(text_note(one) for one in own.notes)],
        }
        return {name: value for name, value in made.items() if value != []}

    def prediction(self) -> list[Resource]:
        own = self.estimate
        if own.value is None or own.age is None:
            return []
        top = sorted(own.contributions, key=lambda one: -abs(one.linear))[:3]
        ends = {"low": own.age, "high": own.age + 10}
        years = {name: {"value": value, "unit": "a", "system": codes.UCUM, "code": "a"} for name, value in ends.items()}
        return [
            {
                "outcome": {
                    "coding": [CARDIOVASCULAR],
                    "text": "Myocardial infarction, stroke or cardiovascular death",
                },
                "probabilityDecimal": round(own.value, 6),
                "qualitativeRisk": {"text": own.label},
                "whenRange": years,
                "rationale": "Published equation, no local retraining. Top contributors: "
                f"{', '.join(one.text for one in top)}.",
            }
        ]

    def egfr(self, code: Resource) -> Resource:
        own, model = self.estimate, self.model
        made: Resource = {
            "resourceType": "Observation",
            "id": self.id_of("observation"),
            "meta": self.meta("estimated-observation"),
            "extension": self.extensions(),
            "status": "preliminary",
            "category": [{"coding": [_LABORATORY]}],
            "code": {"coding": [code], "text": "Estimated glomerular filtration rate"},
            "subject": self.subject(),
            "effectiveDateTime": self.taken,
            "issued": self.at,
            "device": reference(self.device),
            "method": concept(METHOD_SYSTEM, model.name, f"{model.title}: {own.variant}"),
            "derivedFrom": self.basis(),
            "note": [text_note(own.words), *(text_note(one) for one in own.notes)],
        }
        return {name: value for name, value in made.items() if value != []} | self.figure()

    def figure(self) -> Resource:
        own = self.estimate
        if own.value is None:
            code = "not-applicable" if own.refused else "unknown"
            return {"dataAbsentReason": concept(DATA_ABSENT, code, own.words)}
        if own.high is not None:
            return {"valueRange": {"low": _quantity(own.value), "high": _quantity(own.high)}}
        return {"valueQuantity": _quantity(own.value)}

    def flag(self, status: str) -> Resource:
        own = self.estimate
        notes = [extension("note", valueString=one) for one in own.notes]
        period = {"start": self.taken} if status == "active" else {"end": self.at}
        return {
            "resourceType": "Flag",
            "id": self.id_of("flag"),
            "meta": self.meta("unsigned-alert"),
            "extension": [*self.extensions(), *notes],
            "status": status,
            "category": [{"coding": [_LAB]}],
            "code": {"coding": [AKI], "text": f"{own.words.removesuffix('.')}. {UNSIGNED}"},
            "subject": self.subject(),
            "period": period,
            "author": reference(self.device),
        }

    def message(self, event: Event, lane: Lane, made: Resource, correlation: str) -> Message:
        said = provenance(self.id_of("provenance"), made, self.device, self.basis(), self.at)
        message = Message.build(event, lane, correlation, [made], [self.device, said])
        message.bundle["timestamp"] = self.at  # the database's clock, and later than what was said before
        return message


def _quantity(value: float) -> Resource:
    return {"value": round(value), "unit": EGFR_UNIT, "system": codes.UCUM, "code": EGFR_UNIT}
