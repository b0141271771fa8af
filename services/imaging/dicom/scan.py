"""The few elements that the door reads, found without decoding the rest: a tenth of what a full reader costs.

It reads plain, well-formed headers only; at anything else it says `Unusual`, and the full reader decides.
Source: DICOM PS3.5 7.1 (data elements), 7.5 (nesting), table 6.2-1 (value representations).
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

IMPLICIT: Final = "1.2.840.10008.1.2"
LONG: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Explicit value representations with a length of four bytes."""

DEEPEST: Final = 8
SYNTAX: Final = 0x00020010
_PIXELS: Final = 0x7FE00008
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF


class Unusual(Exception):
    """Not a header that is read here."""


class Scanned(NamedTuple):
    """What was found.

    Attributes:
        values: tag → value as it stands in the file.
        end: where the pixels begin, or the file ends.
    """

    values: dict[int, bytes]
    end: int


class _Element(NamedTuple):
    tag: int
    vr: bytes
    start: int
    length: int


def scan(data: bytes, start: int, wanted: Mapping[int, bytes], *, implicit: bool, whole: bool) -> Scanned:
    """Read a data set up to its pixels.

    Args:
        data: the beginning of a file.
        start: of the data set in it.
        wanted: tag → its value representation.
        whole: `data` is all of the file.

    Raises:
        Unusual: see above.
    """
    values: dict[int, bytes] = {}
    before, at = 0, start
    while at < len(data) or not whole:
        element = _element(data, at, implicit=implicit)
        if element.tag >= _PIXELS:
            break
        if element.tag <= before:
            raise Unusual("not in order")
        before, at = element.tag, _end(data, element, 0, implicit=implicit)
        expected = wanted.get(element.tag)
        if expected is not None:
            if element.vr != expected and not implicit:
                raise Unusual("another value representation")
            values[element.tag] = data[element.start : at]
    return Scanned(values, at)


def meta(data: bytes) -> tuple[dict[int, bytes], int]:
    """The file meta information, and where the data set starts (PS3.10 7.1).

    Raises:
        Unusual: no preamble, or something else that is not as it should be.
    """
    if data[128:138] != b"DICM\x02\x00\x00\x00UL":
        raise Unusual("no file meta information")
    start = 144 + int.from_bytes(data[140:144], "little")
    found = {element.tag: data[element.start : element.start + element.length] for element in _plain(data, 144, start)}
    return found, start


def _plain(data: bytes, at: int, end: int) -> Iterator[_Element]:
    while at < end:
        element = _element(data, at, implicit=False)
        at = element.start + element.length
        if element.tag >> 16 != 2 or at > end:  # noqa: PLR2004 (the group of the file meta information)
            raise Unusual("file meta information that does not end where it says")
        if element.tag == SYNTAX and element.vr != b"UI":
            raise Unusual("a transfer syntax that is no UID")
        yield element


def _element(data: bytes, at: int, *, implicit: bool) -> _Element:
    if at + 12 > len(data):
        raise Unusual("it ends early")
    tag = (data[at + 1] << 24) | (data[at] << 16) | (data[at + 3] << 8) | data[at + 2]
    if implicit or tag >> 16 == 0xFFFE:  # noqa: PLR2004 (items have no value representation)
        return _Element(tag, b"", at + 8, int.from_bytes(data[at + 4 : at + 8], "little"))
    vr = data[at + 4 : at + 6]
    if vr in LONG:
        return _Element(tag, vr, at + 12, int.from_bytes(data[at + 8 : at + 12], "little"))
    if not vr.isalpha():
        raise Unusual("no value representation")
    return _Element(tag, vr, at + 8, int.from_bytes(data[at + 6 : at + 8], "little"))


def _end(data: bytes, element: _Element, depth: int, *, implicit: bool) -> int:
    """Where an element ends."""
    if element.length != _UNDEFINED:
        end = element.start + element.length
        if end > len(data):
            raise Unusual("it goes beyond what was read")
        return end
    if depth > DEEPEST or (element.vr != b"SQ" and not implicit):
        raise Unusual("of undefined length")
    at = element.start
    while (item := _element(data, at, implicit=True)).tag == _ITEM:
        at = _item_end(data, item, depth, implicit=implicit)
    if item.tag != _SEQUENCE_END:
        raise Unusual("no item where one was due")
    return item.start


def _item_end(data: bytes, item: _Element, depth: int, *, implicit: bool) -> int:
    if item.length != _UNDEFINED:
        return _end(data, item, depth, implicit=implicit)
    at = item.start
    while (inner := _element(data, at, implicit=implicit)).tag != _ITEM_END:
        at = _end(data, inner, depth + 1, implicit=implicit)
    return inner.start
