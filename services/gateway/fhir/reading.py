"""Bytes to validated FHIR: parsed once, each resource validated once, and no error repeats what was sent.

Sources: http://hl7.org/fhir/R4/json.html; RFC 8259 4 (names within an object should be unique).
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from services.gateway.domain.refusals import Invalid, Malformed
from services.gateway.domain.repository import FROM_OUTSIDE
from services.gateway.fhir import consent
from shared.errors import InvalidResource
from shared.fhir import outcome

DEEPEST: Final = 32
"""Levels of JSON that a resource may nest; FHIR's own deepest use is about half."""

MOST_ISSUES: Final = 20

_TOLD: Final = {
    "missing": ("required", "A required element is missing", "Add the element."),
    "extra_forbidden": ("structure", "There is an element that FHIR R4 does not have here", "Remove it."),
}
_FORM: Final = ("value", "The value does not have the form that FHIR R4 wants here", "See the type at hl7.org/fhir/R4.")
_WHOLE: Final = ("invariant", "The elements do not fit together", "See the resource's page at hl7.org/fhir/R4.")
_EMPTY: Final = ("structure", "An element is empty", "Leave it out, or give its value.")
_ELEMENT: Final = re.compile(r"_?[a-z][A-Za-z]{0,63}")


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        Malformed: no JSON object, too deep, or a name twice in an object.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("The body is not JSON", fix="Send UTF-8 JSON as RFC 8259 has it.") from None
    if not isinstance(parsed, dict):
        raise Malformed("The body is not a JSON object", fix="Send one FHIR resource.")
    if _is_deeper(parsed, DEEPEST):
        raise Malformed(f"The body nests deeper than {DEEPEST} levels", fix="Send a flatter resource.")
    if b"\\u0000" in body:
        raise Malformed("A text holds the character NUL", fix="Send text that FHIR strings allow.")
    if _count_texts(body) != _count_texts(orjson.dumps(parsed)):
        raise Malformed("A name stands twice in one JSON object", fix="Send each element once.")
    return parsed


def _count_texts(body: bytes) -> int:
    """How many string tokens a JSON text has: a repeated name that the parser dropped is missing when written again."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')


def _is_deeper(node: dict[str, Any], levels: int) -> bool:
    layer: list[dict[str, Any] | list[Any]] = [node]
    for _ in range(levels):
        layer = [
            child
            for one in layer
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, dict | list)
        ]
    return bool(layer)


def resource_of(body: bytes, kind: str) -> dict[str, Any]:
    """The resource of a type in a body.

    Raises:
        Malformed: not JSON.
        InvalidResource: another type, or not as FHIR R4 has it.
    """
    parsed = parse(body)
    if parsed.get("resourceType") != kind:
        raise InvalidResource(
            "The body is another type of resource than the address",
            expression="resourceType",
            fix=f"Send a {kind}, or use the address of the other type.",
        )
    require_valid([(kind, parsed)])
    return parsed


def require_valid(resources: list[tuple[str, dict[str, Any]]]) -> None:
    """Check the structure of resources.

    Args:
        resources: FHIRPath at which the caller finds each, and its JSON.

    Raises:
        Invalid: with an issue for each fault, up to `MOST_ISSUES`.
    """
    issues = [issue for at, resource in resources for issue in _issues(at, resource)]
    if issues:
        raise Invalid(issues[:MOST_ISSUES])


def _issues(at: str, resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = resource.get("resourceType")
    try:
        get_fhir_model_class(str(kind)).model_validate(resource)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_context=False, include_url=False):
            yield _issue(at, problem["type"], problem["loc"])
    except (LookupError, TypeError, ValueError, AttributeError):
        yield outcome.issue("structure", _WHOLE[1], expression=at, fix=_WHOLE[2])
    else:
        yield from (outcome.issue(*_EMPTY[:2], expression=place, fix=_EMPTY[2]) for place in _empty(resource, at))
        if kind == "Consent":
            yield from consent.issues(at, resource)


def _empty(node: Any, at: str) -> Iterator[str]:  # noqa: ANN401 (JSON)
    """Where a property is null, or an object or array is empty: FHIR's JSON has neither. All names are known here."""
    if node in ({}, []):
        yield at
    elif isinstance(node, dict):
        for name, child in node.items():
            if child is None:
                yield f"{at}.{name}"
            elif isinstance(child, dict | list):
                yield from _empty(child, f"{at}.{name}")
    else:
        for index, child in enumerate(node):
            if isinstance(child, dict | list):
                yield from _empty(child, f"{at}[{index}]")


def _issue(at: str, fault: str, place: tuple[int | str, ...]) -> dict[str, Any]:
    """An issue in our own words: the library's may quote what was sent, and so may an unknown element's name."""
    known = place[:-1] if fault == "extra_forbidden" else place
    code, text, fix = _TOLD.get(fault, _FORM if known else _WHOLE)
    return outcome.issue(code, text, expression=at + _path(known), fix=fix)


def _path(place: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place if _is_plain(part))
    return "".join(parts)


def _is_plain(part: int | str) -> bool:
    return isinstance(part, int) or bool(_ELEMENT.fullmatch(part))


def require_type(kind: Any, at: str) -> str:  # noqa: ANN401 (JSON)
    """The type of a resource that a hospital may send.

    Raises:
        InvalidResource: it is none of them.
    """
    if kind not in FROM_OUTSIDE:
        raise InvalidResource(
            "This resource is not taken in here",
            expression=f"{at}.resourceType",
            fix=f"The hub takes {', '.join(FROM_OUTSIDE)}; leave the others out.",
        )
    return str(kind)
