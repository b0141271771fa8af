"""The words by which a resource is found beside its id, identifiers, status, date and patient: codes and references.

A word is `parameter=value`, in each spelling that a search may use; a search is then whether the word is there.
Source: http://hl7.org/fhir/R4/search.html#token, #reference
"""

from collections.abc import Iterator
from typing import Any

from services.gateway.domain.repository import TYPES


def words_of(resource: dict[str, Any]) -> list[str]:
    """Every word of a resource, once; its references are the hub's already."""
    kind = TYPES[resource["resourceType"]]
    found = [word for name, path in kind.codes for one in _at(resource, path) for word in _token_words(name, one)]
    found += [word for name, path in kind.links for one in _at(resource, path) for word in _link_words(name, one)]
    return sorted(set(found))


def word_of(parameter: str, text: str) -> str:
    """The word that a search looks for: `code`, `system|code`, `|code`, `system|`, `Type/id` or `id`."""
    return f"{parameter}={text}"


def _at(resource: dict[str, Any], path: str) -> list[Any]:
    """What stands at a path of element names; a list stands for its members."""
    found: list[Any] = [resource]
    for element in path.split("."):
        inner = [one.get(element) for one in found if isinstance(one, dict)]
        found = [each for one in inner for each in (one if isinstance(one, list) else [one]) if each is not None]
    return found


def _token_words(parameter: str, value: Any) -> Iterator[str]:  # noqa: ANN401 (JSON)
    """Of a CodeableConcept, a Coding, a code or a boolean."""
    if not isinstance(value, dict):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield from (word_of(parameter, text), word_of(parameter, f"|{text}"))
        return
    for coding in value.get("coding", [value]):
        system, code = coding.get("system", ""), coding.get("code", "")
        for text in (code, f"{system}|{code}", f"{system}|" if system else ""):
            if text.strip("|"):
                yield word_of(parameter, text)


def _link_words(parameter: str, value: Any) -> Iterator[str]:  # noqa: ANN401 (JSON)
    reference = value.get("reference", "") if isinstance(value, dict) else ""
    if reference:
        yield word_of(parameter, reference)
        yield word_of(parameter, reference.rpartition("/")[2])
