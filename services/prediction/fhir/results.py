"""What came of a method, as messages: preliminary or unsigned, labelled as a machine's, with what it is made of.

Sources: http://hl7.org/fhir/R4/riskassessment.html, flag.html, observation.html; AI Transparency on FHIR.
"""

from datetime import datetime
from typing import Any, Final

from services.prediction.domain.estimate import Estimate, Method, Model
from services.prediction.domain.record import Person
from services.prediction.fhir.about import About
from services.prediction.fhir.elements import DATA_ABSENT, concept, extension, reference, text_note
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
    about = About(person, estimate, model, at)
    made = _risk(about) if estimate.method is Method.SCORE2 else _egfr(about, codes_of[estimate.variant or ""])
    return about.message(Event.RISK_ESTIMATED, Lane.ROUTINE, made, correlation)


def flag_raised(person: Person, estimate: Estimate, model: Model, correlation: str, at: datetime) -> Message:
    """An alert for clinicians."""
    about = About(person, estimate, model, at)
    return about.message(Event.FLAG_RAISED, Lane.URGENT, _flag(about, "active"), correlation)


def flag_lowered(person: Person, estimate: Estimate, model: Model, correlation: str, at: datetime) -> Message:
    """The alert does not hold any more."""
    about = About(person, estimate, model, at)
    return about.message(Event.FLAG_LOWERED, Lane.URGENT, _flag(about, "inactive"), correlation)


def _risk(about: About) -> Resource:
    own, model = about.estimate, about.model
    method = concept(METHOD_SYSTEM, model.name, f"{model.title}, {(own.variant or '').replace('_', ' ')}-risk region")
    method["coding"][0]["version"] = model.version
    made: Resource = {
        "resourceType": "RiskAssessment",
        "id": about.id_of("risk"),
        "meta": about.meta("risk-assessment"),
        "extension": about.extensions(),
        "status": _status(own),
        "method": method,
        "code": concept(KIND_SYSTEM, "cvd-10y", "10-year risk of fatal and non-fatal cardiovascular disease"),
        "subject": about.subject(),
        "occurrenceDateTime": about.taken,
        "performer": reference(about.device),
        "basis": about.basis(),
        "prediction": _prediction(about),
        "mitigation": [] if own.withheld else f"Decision aid only, unsigned. Not checked: {'; '.join(model.limits)}.",
        "note": [text_note(own.words), *(text_note(one) for one in own.notes)],
    }
    return {name: value for name, value in made.items() if value != []}


def _status(own: Estimate) -> str:
    """Cancelled is what is not available because it was not made; what stood before is no error."""
    return "cancelled" if own.withheld else "preliminary"


def _prediction(about: About) -> list[Resource]:
    own = about.estimate
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


def _egfr(about: About, code: Resource) -> Resource:
    own, model = about.estimate, about.model
    made: Resource = {
        "resourceType": "Observation",
        "id": about.id_of("observation"),
        "meta": about.meta("estimated-observation"),
        "extension": about.extensions(),
        "status": _status(own),
        "category": [{"coding": [_LABORATORY]}],
        "code": {"coding": [code], "text": "Estimated glomerular filtration rate"},
        "subject": about.subject(),
        "effectiveDateTime": about.taken,
        "issued": about.at,
        "device": reference(about.device),
        "method": concept(METHOD_SYSTEM, model.name, f"{model.title}: {own.variant}"),
        "derivedFrom": about.basis(),
        "note": [text_note(own.words), *(text_note(one) for one in own.notes)],
    }
    return {name: value for name, value in made.items() if value != []} | _figure(about)


def _figure(about: About) -> Resource:
    own = about.estimate
    if own.value is None:
        code = "masked" if own.withheld else "not-applicable" if own.refused else "unknown"
        return {"dataAbsentReason": concept(DATA_ABSENT, code, own.words)}
    if own.high is not None:
        return {"valueRange": {"low": _quantity(own.value), "high": _quantity(own.high)}}
    return {"valueQuantity": _quantity(own.value)}


def _flag(about: About, status: str) -> Resource:
    own = about.estimate
    notes = [extension("note", valueString=one) for one in own.notes]
    period = {"start": about.taken} if status == "active" else {"end": about.at}
    return {
        "resourceType": "Flag",
        "id": about.id_of("flag"),
        "meta": about.meta("unsigned-alert"),
        "extension": [*about.extensions(), *notes],
        "status": status,
        "category": [{"coding": [_LAB]}],
        "code": {"coding": [AKI], "text": own.words if own.withheld else f"{own.words.removesuffix('.')}. {UNSIGNED}"},
        "subject": about.subject(),
        "period": period,
        "author": reference(about.device),
    }


def _quantity(value: float) -> Resource:
    return {"value": round(value), "unit": EGFR_UNIT, "system": codes.UCUM, "code": EGFR_UNIT}
