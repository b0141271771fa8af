"""Values of an Observation and of its components; what cannot be used says why.

Sources: http://hl7.org/fhir/R4/observation.html; LOINC codes as bound in `CODES`; SNOMED CT for smoking.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from services.prediction.domain.record import Reading
from services.prediction.domain.units import WORDS, Analyte, convert
from shared.fhir import codes

Resource = dict[str, Any]

CODES: Final = {
    "2160-0": Analyte.CREATININE,
    "14682-9": Analyte.CREATININE,
    "33863-2": Analyte.CYSTATIN_C,
    "2093-3": Analyte.TOTAL_CHOLESTEROL,
    "14647-2": Analyte.TOTAL_CHOLESTEROL,
    "2085-9": Analyte.HDL_CHOLESTEROL,
    "14646-4": Analyte.HDL_CHOLESTEROL,
    "8480-6": Analyte.SYSTOLIC,
    "72166-2": Analyte.SMOKING,
}
"""LOINC → what is measured."""

ANALYTES: Final = {str(analyte): code for code, analyte in reversed(CODES.items())}
"""The first LOINC code of each analyte, for what is said of it."""

_COUNTS: Final = frozenset({"final", "amended", "corrected"})
_SMOKES: Final = {
    "449868002": True,
    "428041000124106": True,
    "77176002": True,
    "160603005": True,
    "160604004": True,
    "8517006": False,
    "266919005": False,
}
"""SNOMED CT: smokes daily, some days, smoker, light, moderate; ex-smoker, never."""
_DAY: Final = len("2026-11-24")


def readings_of(observation: Resource) -> tuple[Reading, ...]:
    """Its values that a method looks at; none of what is preliminary, cancelled or entered in error."""
    if observation.get("status") not in _COUNTS:
        return ()
    return tuple(_readings(observation))


def _readings(observation: Resource) -> Iterator[Reading]:
    for holder in (observation, *(observation.get("component") or [])):
        analyte = next((CODES[code] for system, code in codings(holder.get("code")) if _known(system, code)), None)
        if analyte is not None:
            yield _reading(observation, holder, analyte)


def _known(system: str, code: str) -> bool:
    return system == codes.LOINC and code in CODES


def _reading(observation: Resource, holder: Resource, analyte: Analyte) -> Reading:
    at, only_day = _taken(observation)
    issued = moment(observation.get("issued"))
    source = str(observation["id"])
    if analyte is Analyte.SMOKING:
        smokes = _smokes(holder.get("valueCodeableConcept"))
        problem = f"{WORDS[analyte]}: the answer is not understood" if smokes is None else None
        return Reading(source, analyte, at, issued, None if smokes is None else float(smokes), problem=problem)
    given = holder.get("valueQuantity") or {}
    if "value" not in given:
        return Reading(source, analyte, at, issued, problem=f"{WORDS[analyte]}: no value")
    unit = _unit(given)
    found = convert(analyte, float(given["value"]), unit)
    low, high = _interval(holder, analyte, unit)
    comparator = given.get("comparator")
    censored = f"{WORDS[analyte]} is reported as {comparator}: the limit is used"
    notes = [
        *([found.note] if found.note else []),
        *([censored] if comparator else []),
        *([f"{WORDS[analyte]}: only the day is known, not the hour"] if only_day else []),
    ]
    return Reading(source, analyte, at, issued, found.value, low, high, "; ".join(notes) or None, found.problem)


def _unit(quantity: Resource) -> str | None:
    """The UCUM code; without one the unit as it is printed."""
    if quantity.get("code") and quantity.get("system") in {codes.UCUM, None}:
        return str(quantity["code"])
    return quantity.get("unit")


def _interval(holder: Resource, analyte: Analyte, unit: str | None) -> tuple[float | None, float | None]:
    """The normal range, in the unit of the equations; in the value's unit where it gives none."""
    for given in holder.get("referenceRange") or []:
        if any(code != "normal" for _, code in codings(given.get("type"))):
            continue
        low, high = (given.get(end) or {} for end in ("low", "high"))
        ends = [
            convert(analyte, float(end["value"]), _unit(end) or unit).value if "value" in end else None
            for end in (low, high)
        ]
        return ends[0], ends[1]
    return None, None


def _smokes(concept: Resource | None) -> bool | None:
    return next(
        (_SMOKES[code] for system, code in codings(concept) if system == codes.SNOMED and code in _SMOKES), None
    )


def _taken(observation: Resource) -> tuple[datetime | None, bool]:
    """When the sample was taken, and whether only its day is known (midnight UTC then)."""
    text = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    text = text or (observation.get("effectivePeriod") or {}).get("start")
    return moment(text), bool(text) and len(str(text)) == _DAY


def moment(text: str | None) -> datetime | None:
    """A point in time to the day or better; UTC where no zone is given."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def codings(concept: Resource | None) -> Iterator[tuple[str, str]]:
    """System and code of a CodeableConcept's codings."""
    for coding in (concept or {}).get("coding") or []:
        if coding.get("code"):
            yield str(coding.get("system") or ""), str(coding["code"])
