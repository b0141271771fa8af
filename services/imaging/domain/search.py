"""What a search asks for: conditions on attributes, what to answer of each match, and which page of them.

Sources: DICOM PS3.18 8.3.4 and 10.6.1.2 (parameters), PS3.4 C.2.2.2 (matching), PS3.5 6.2 (values).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.imaging.domain.attributes import BY_NAME, ITEMS, Attribute, Level
from shared.errors import InvalidResource

MOST: Final = 1000
"""Matches in one answer, whatever limit the caller names; the rest is asked for by offset."""

DEEPEST: Final = 1_000_000
"""The largest offset."""

_LITERAL: Final = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_UID: Final = re.compile(r"[0-9.]{1,64}")
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
_KEYWORD: Final = re.compile(r"[A-Z][A-Za-z0-9]{1,63}")
_SHAPES: Final = {
    "DA": re.compile(r"[0-9]{8}"),
    "TM": re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}(\.[0-9]{1,6})?)?)?"),
    "DT": re.compile(r"[0-9]{4,14}(\.[0-9]{1,6})?"),
    "IS": re.compile(r"[+-]?[0-9]{1,12}"),
    "US": re.compile(r"[0-9]{1,5}"),
    "DS": re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?"),
}
_RANGED: Final = frozenset({"DA", "TM", "DT"})
_ALSO_OF: Final = {"Modality": "ModalitiesInStudy", "00080060": "ModalitiesInStudy"}


class BadSearch(InvalidResource):
    """The query cannot be followed (PS3.18 table 10.6.3-1: 400)."""

    status = 400


class Range(NamedTuple):
    """Dates or times from one to another, each inclusive; empty where there is no end."""

    first: str
    last: str


@dataclass(frozen=True)
class Condition:
    """What an attribute must be.

    Attributes:
        item: tag inside the items of a sequence; empty for the attribute itself.
        vr: of what is compared.
        values: any of them: text with `*` and `?`, UIDs, numbers.
        between: instead of values.
    """

    attribute: Attribute
    item: str
    vr: str
    values: tuple[str, ...] = ()
    between: Range | None = None


@dataclass(frozen=True)
class Search:
    """A search among studies, series or instances.

    Attributes:
        include: tags that are answered beyond the usual ones.
        everything: whether all that is known is answered.
        ignored: parameters that are not followed; the answer says so.
        whole: levels that are described in full: the searched one, and those above that the address leaves open.
    """

    level: Level
    conditions: tuple[Condition, ...] = ()
    include: frozenset[str] = frozenset()
    everything: bool = False
    limit: int = MOST
    offset: int = 0
    ignored: tuple[str, ...] = ()
    whole: frozenset[Level] = frozenset()

    def answers(self, attribute: Attribute) -> bool:
        """Whether an attribute is part of each match."""
        if attribute.level > self.level:
            return False
        asked = attribute.tag in self.include or any(attribute == each.attribute for each in self.conditions)
        return asked or (attribute.level in self.whole and (self.everything or bool(attribute.answered)))


def parse_search(level: Level, parameters: Iterable[tuple[str, str]], given: Level = Level.STUDY) -> Search:
    """Read the query of an address.

    Args:
        given: the highest level that the address leaves open.

    Raises:
        BadSearch: a parameter that does not exist, is of a lower level, or has no such value.
    """
    conditions: list[Condition] = []
    include: set[str] = set()
    numbers = {"limit": MOST, "offset": 0}
    ignored: list[str] = []
    everything = False
    for name, value in parameters:
        if name == "includefield":
            fields = [field.strip() for field in value.split(",")]
            everything = everything or "all" in fields
            include |= {_included(field) for field in fields if field != "all"}
        elif name in numbers:
            numbers[name] = _number(name, value)
        elif name in _LITERAL:
            ignored += [name] if _flag(name, value) else []
        elif condition := _condition(level, name, value):
            conditions.append(condition)
    return Search(
        level,
        tuple(conditions),
        frozenset(include),
        everything,
        min(numbers["limit"], MOST),
        numbers["offset"],
        tuple(ignored),
        frozenset(each for each in Level if given <= each <= level),
    )


def _condition(level: Level, name: str, value: str) -> Condition | None:
    """One condition; None for a value that everything matches."""
    first, _, rest = name.partition(".")
    attribute = _known(level, first)
    item, vr = "", attribute.vr
    if rest or vr == "SQ":
        inside = {key: (tag, kind) for tag, keyword, kind in ITEMS.get(attribute.tag, ()) for key in (tag, keyword)}
        if rest not in inside:
            raise BadSearch(
                f"{attribute.keyword} cannot be matched like this",
                fix=f"Name what is inside it: {_listed(name for name in inside if not _TAG.fullmatch(name))}.",
            )
        item, vr = inside[rest]
    if value in {"", "*"}:
        return None
    if "\0" in value:
        raise BadSearch(f"{attribute.keyword} has a value that no file has", fix="Send text without NUL.")
    if attribute.computed and attribute.keyword not in {"ModalitiesInStudy", "SOPClassesInStudy"}:
        raise BadSearch(f"{attribute.keyword} is answered, and cannot be matched", fix="Leave it out.")
    if vr in _RANGED:
        return _dated(attribute, item, vr, value)
    values = _several(vr, value)
    shape = _UID if vr == "UI" else _SHAPES.get(vr)
    if shape and not all(shape.fullmatch(each) for each in values):
        raise BadSearch(f"{attribute.keyword} has a value that is no {vr}", fix=_HOW.get(vr, "Give a number."))
    return Condition(attribute, item, vr, values)


def _several(vr: str, value: str) -> tuple[str, ...]:
    """Any of these will do: UIDs, or coded words, in which a backslash stands for nothing else (PS3.5 6.4)."""
    match vr:
        case "UI":
            return tuple(value.replace("\\", ",").split(","))
        case "CS":
            return tuple(part.strip() for part in value.split("\\") if part.strip()) or (value,)
        case _:
            return (value,)


_HOW: Final = {
    "UI": "Give one UID, or several with commas.",
    "DA": "Give YYYYMMDD, or a range: YYYYMMDD-YYYYMMDD, YYYYMMDD-, -YYYYMMDD.",
    "TM": "Give HHMMSS, or a range: HHMM-HHMM, HHMM-, -HHMM.",
    "DT": "Give YYYYMMDDHHMMSS, or a range with -.",
}


def _dated(attribute: Attribute, item: str, vr: str, value: str) -> Condition:
    first, dash, last = value.partition("-")
    ends = [end for end in (first, last) if end]
    if not ends or not all(_SHAPES[vr].fullmatch(end) for end in ends):
        raise BadSearch(f"{attribute.keyword} has a value that is no {vr}", fix=_HOW[vr])
    return Condition(attribute, item, vr, between=Range(first, last if dash else first))


def _known(level: Level, name: str) -> Attribute:
    attribute = BY_NAME.get(name.upper() if _TAG.fullmatch(name) else name)
    if attribute is None:
        if not _TAG.fullmatch(name) and not _KEYWORD.fullmatch(name):
            raise BadSearch("There is a parameter that is no attribute", fix="Name attributes by keyword or tag.")
        raise BadSearch(f"{name} is not matched here", fix="See docs/dicomweb.md for what can be searched by.")
    if attribute.level > level:
        instead = _ALSO_OF.get(name) if level is Level.STUDY else None
        fix = f"Match {instead} instead." if instead else f"Search {_RESOURCE[attribute.level]} by it."
        raise BadSearch(f"{attribute.keyword} is no attribute of {_RESOURCE[level]}", fix=fix)
    return attribute


_RESOURCE: Final = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}


def _included(name: str) -> str:
    """The tag of what is to be included; what is not known here is asked for in vain, as the standard has it."""
    first = name.partition(".")[0]
    if _TAG.fullmatch(first):
        return first.upper()
    if not _KEYWORD.fullmatch(first):
        raise BadSearch("includefield names something that is no attribute", fix="Name keywords or tags, or all.")
    return BY_NAME[first].tag if first in BY_NAME else ""


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 9 or int(value) > DEEPEST:  # noqa: PLR2004 (digits)
        raise BadSearch(f"{name} is no number from 0 to {DEEPEST}", fix=f"Give {name} as a whole number.")
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value not in {"true", "false"}:
        raise BadSearch(f"{name} is neither true nor false", fix="Give true or false.")
    return value == "true"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing can be"
