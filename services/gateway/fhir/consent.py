"""Which Consents are taken in: those whose every word the hub honours; none is stored and then ignored.

Sources: http://hl7.org/fhir/R4/consent.html (required bindings, ppc-1 to ppc-5); StructureDefinition-ai-consent.json.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from shared.fhir import outcome
from shared.fhir.consent import PURPOSE, moment

STATUSES: Final = ("draft", "proposed", "active", "rejected", "inactive", "entered-in-error")
SCOPE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
SCOPES: Final = ("patient-privacy", "treatment")
HONOURED: Final = frozenset({"id", "type", "period", "purpose"})
_PURPOSE: Final = f"{PURPOSE['system']}|{PURPOSE['code']}"


class _Rule(NamedTuple):
    kept: bool
    place: str
    code: str
    text: str
    fix: str


def issues(at: str, resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """An issue for each rule that a Consent of R4's structure breaks.

    Args:
        at: FHIRPath at which the caller finds it.
    """
    for rule in (*_whole(resource), *_provision(resource)):
        if not rule.kept:
            yield outcome.issue(rule.code, rule.text, expression=f"{at}{rule.place}", fix=rule.fix)


def _whole(resource: dict[str, Any]) -> Iterator[_Rule]:
    yield _Rule(
        resource.get("status") in STATUSES,
        ".status",
        "code-invalid",
        "The status is none of R4",
        f"Use {', '.join(STATUSES)}.",
    )
    scope = {(one.get("system"), one.get("code")) for one in resource.get("scope", {}).get("coding") or []}
    yield _Rule(
        not scope.isdisjoint((SCOPE_SYSTEM, code) for code in SCOPES),
        ".scope",
        "not-supported",
        "Consents of this scope are not honoured here",
        f"Use {' or '.join(SCOPES)} of {SCOPE_SYSTEM}.",
    )
    coded = (coding for one in resource.get("category") or [] for coding in one.get("coding") or [])
    yield _Rule(
        any(one.get("system") and one.get("code") for one in coded),
        ".category",
        "required",
        "No category is coded",
        "Add a coding, such as http://loinc.org|59284-0.",
    )
    yield _Rule(
        bool(resource.get("policy") or resource.get("policyRule")),
        "",
        "invariant",
        "There is neither a policy nor a policyRule (ppc-1)",
        "Add policyRule, such as v3-ActCode OPTOUT or OPTIN.",
    )
    yield _Rule(
        bool(resource.get("patient")),
        ".patient",
        "invariant",
        "It is not said whose Consent it is (ppc-2, ppc-5)",
        "Refer to the Patient.",
    )
    yield _when(resource.get("dateTime"), ".dateTime", needed=True)
    yield _Rule(
        "modifierExtension" not in resource,
        ".modifierExtension",
        "not-supported",
        "A modifier extension is not understood here",
        "Say it without one, or keep it where it is honoured.",
    )


def _provision(resource: dict[str, Any]) -> Iterator[_Rule]:
    provision = resource.get("provision")
    if provision is None:
        yield _Rule(
            resource.get("status") != "active",
            ".provision",
            "required",
            "An active Consent permits or denies nothing",
            f"Add a provision with type and purpose {_PURPOSE}.",
        )
        return
    yield _Rule(
        HONOURED.issuperset(provision),
        ".provision",
        "not-supported",
        "The provision limits what the hub cannot limit",
        "Honoured are type (permit, deny), period and purpose; actors, actions, data and nested provisions are not.",
    )
    yield _Rule(
        provision.get("type") in {"permit", "deny"},
        ".provision.type",
        "code-invalid",
        "The provision neither permits nor denies",
        "Use permit or deny.",
    )
    purposes = [(one.get("system"), one.get("code")) for one in provision.get("purpose") or []]
    yield _Rule(
        purposes == [(PURPOSE["system"], PURPOSE["code"])],
        ".provision.purpose",
        "not-supported",
        "The provision is not about analysis by AI",
        f"Its one purpose is {_PURPOSE}.",
    )
    period = provision.get("period") or {}
    for name in ("start", "end"):
        yield _when(period.get(name), f".provision.period.{name}")


def _when(text: Any, place: str, *, needed: bool = False) -> _Rule:  # noqa: ANN401 (JSON)
    kept = moment(text) is not None if isinstance(text, str) else text is None and not needed
    return _Rule(kept, place, "value", "This is neither a day nor a time with its zone", "Give YYYY-MM-DD or a time.")
