"""OperationOutcome: the words in which every door says no.

Source: http://hl7.org/fhir/R4/operationoutcome.html
"""

from typing import Any

from shared.errors import HubError


def issue(code: str, text: str, *, expression: str | None = None, fix: str | None = None) -> dict[str, Any]:
    """One issue: what is wrong, where as FHIRPath, and how to fix it; never a value that was sent."""
    made: dict[str, Any] = {"severity": "error", "code": code, "details": {"text": text}}
    if fix:
        made["diagnostics"] = fix
    if expression:
        made["expression"] = [expression]
    return made


def outcome(*issues: dict[str, Any]) -> dict[str, Any]:
    """The resource around its issues."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def from_error(error: HubError) -> dict[str, Any]:
    """The outcome that tells a caller of an error."""
    problems = getattr(error, "issues", None)
    if problems:
        return outcome(*problems)
    return outcome(issue(error.code, error.message, expression=error.expression, fix=error.fix))
