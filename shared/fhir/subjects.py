"""Who is a phantom or a test patient: stored and shown as such, never read by a clinical model, never on a worklist.

A hospital says so by a label (`HTEST` of v3-ActReason, or a tag `test-data`), or by the names and numbers that its
staff give phantoms: `HUB_TEST_PATIENTS`, a JSON list of patterns, searched in every identifier and name.
Sources: http://hl7.org/fhir/R4/valueset-security-labels.html; DICOM PS3.3 C.7.1.1 (Quality Control Subject).
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import read

LABELS: Final = frozenset({"HTEST", "test-data"})
TEST_LABEL: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
"""What the hub puts on a study of which it found out by itself."""

USUAL: Final = (
    r"phantoms?(?![a-z])",
    r"^(zz)?test[\^ _-]*(patient|subject|test|\d|$)",
    r"^(patient|dummy|service)[\^ _-]+(test|patient)",
    r"^zzz",
    r"^q[ac](_|-|\d)",
    r"^(daily|weekly|monthly|annual)[\^ _-]+q[ac](?![a-z])",
    r"^q[ac][\^ _-]+(daily|weekly|monthly|annual|test)(?![a-z])",
    r"quality.?(control|assurance)",
)
"""Narrow on purpose: a real patient who is taken for a phantom waits for no reader. Mrs Test and Mr Qa are read."""


def _compiled(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error:
            raise ValueError("give regular expressions") from None
    return patterns


class Rules(BaseSettings):
    """The site's patterns, without regard to case."""

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore", hide_input_in_errors=True)

    test_patients: Annotated[tuple[str, ...], AfterValidator(_compiled)] = USUAL


@cache
def rules() -> re.Pattern[str] | None:
    """Read the environment once."""
    patterns = read(Rules).test_patients
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE) if patterns else None


def is_named_as_test(texts: Iterable[str]) -> bool:
    """Whether any number or name is one that staff give phantoms and test patients."""
    known = rules()
    return known is not None and any(known.search(text) for text in texts)


def is_labelled(resource: dict[str, Any]) -> bool:
    """Whether a resource says itself that it is no real patient's."""
    meta = resource.get("meta") or {}
    codings = [*(meta.get("security") or []), *(meta.get("tag") or [])]
    return any(coding.get("code") in LABELS for coding in codings)


def is_test_patient(patient: dict[str, Any]) -> bool:
    """Whether a FHIR Patient is a test patient, by label, identifier or name."""
    numbers = [str(identifier.get("value", "")) for identifier in patient.get("identifier") or []]
    names = [text for name in patient.get("name") or [] for text in _spelled(name)]
    return is_labelled(patient) or is_named_as_test([*numbers, *names])


def _spelled(name: dict[str, Any]) -> list[str]:
    """A name as the hospital writes it, and as DICOM would: family^given."""
    parts = [name.get("family") or "", *(name.get("given") or [])]
    return [text for text in (name.get("text"), "^".join(parts)) if text]
