"""A search as the caller asked it: parameters become criteria, and what is not offered is refused by name.

Source: http://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.gateway.domain.dates import Span, span_of
from services.gateway.domain.refusals import Malformed, Unsupported
from services.gateway.domain.repository import Kind, ResourceType
from services.gateway.domain.words import word_of

COUNT: Final = 50
LARGEST_COUNT: Final = 100
_PREFIX: Final = re.compile(r"(?P<prefix>eq|ge|gt|le|lt)?(?P<date>\d.*)")
_FORMATS: Final = frozenset({"json", "application/json", "application/fhir+json"})


@dataclass(frozen=True)
class Token:
    """`system|value`: None for a part that may be anything, "" for a system that must be absent."""

    system: str | None
    value: str | None


@dataclass(frozen=True)
class DateTest:
    """A comparison (`eq ge gt le lt`) with a span."""

    prefix: str
    span: Span


@dataclass(frozen=True)
class Word:
    """A word that the resource must have, see `words.py`."""

    text: str


Value = Token | DateTest | Word | str


@dataclass(frozen=True)
class Criterion:
    """One parameter: any of its values must match.

    Attributes:
        parameter: its name in the table of types.
        values: tokens, words, patients' ids, or date tests, as the kind and the table say.
    """

    parameter: str
    kind: Kind
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Search:
    """All criteria must match; at most `count` results come, the total is told."""

    type: ResourceType
    criteria: tuple[Criterion, ...]
    count: int


def search_of(kind: ResourceType, pairs: Iterable[tuple[str, str]]) -> Search:
    """The search of a query string or a form.

    Raises:
        Unsupported: a parameter that the type does not have; names those that it has.
        Malformed: a value that the parameter cannot have.
    """
    criteria: list[Criterion] = []
    count = COUNT
    for name, value in pairs:
        if name == "_count":
            count = _count(value)
        elif name == "_format":
            if value not in _FORMATS:
                raise Unsupported("The hub answers in JSON only", expression="_format", fix="Use _format=json.")
        elif name in kind.parameters:
            parsed = (_value(kind, name, part) for part in value.split(","))
            criteria.append(Criterion(name, kind.parameters[name], tuple(parsed)))
        else:
            supported = ", ".join([*kind.parameters, "_count"])
            raise Unsupported("A search parameter is not supported", fix=f"{kind.name} is searched by {supported}.")
    return Search(kind, tuple(criteria), count)


def _count(value: str) -> int:
    if not value.isdecimal():
        raise Malformed("_count is a number", expression="_count", fix=f"Give 0 to {LARGEST_COUNT}.")
    return min(int(value[:4]), LARGEST_COUNT)


def _value(kind: ResourceType, name: str, text: str) -> Value:
    if name in dict(kind.codes + kind.links):
        _token(name, text)
        return Word(word_of(name, text))
    match kind.parameters[name]:
        case Kind.TOKEN:
            return _token(name, text)
        case Kind.DATE:
            return _date(name, text)
        case Kind.REFERENCE:
            return _patient(name, text)


def _token(name: str, text: str) -> Token:
    system, bar, value = text.rpartition("|")
    if not text.strip("|") or not text.isprintable():
        raise Malformed(
            "A search value is empty or not printable", expression=name, fix="Give a value, or leave the parameter out."
        )
    return Token(system if bar else None, value or None)


def _date(name: str, text: str) -> DateTest:
    found = _PREFIX.fullmatch(text)
    span = span_of(found["date"].replace(" ", "+")) if found else None
    if found is None or span is None:
        raise Malformed(
            "A search value is no date",
            expression=name,
            fix="Give YYYY, YYYY-MM, YYYY-MM-DD or a time with zone, after one of eq ge gt le lt.",
        )
    return DateTest(found["prefix"] or "eq", span)


def _patient(name: str, text: str) -> str:
    rest, _, number = text.rpartition("/")
    if rest and rest.rpartition("/")[2] != "Patient":
        raise Malformed("A search value is no patient", expression=name, fix="Give Patient/<id> or <id>.")
    return number if is_id(number) else ""


def is_id(text: str) -> bool:
    """Whether a text can be an id of the hub: a UUID in its usual spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
