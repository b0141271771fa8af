"""Command sets: what a peer asks, and what it is answered.

Source: DICOM PS3.7 6.3 (encoding: implicit VR, little endian), annex E (command dictionary).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

C_STORE: Final = 0x0001
C_ECHO: Final = 0x0030
N_ACTION: Final = 0x0130
C_CANCEL: Final = 0x0FFF

WORDS: Final = {C_STORE: "store", C_ECHO: "echo", N_ACTION: "commitment"}
"""What the figures call them; anything else is `other`."""

SUCCESS: Final = 0x0000
UNRECOGNISED: Final = 0x0211
"""Unrecognized Operation (PS3.7 annex C)."""

LONGEST: Final = 64 * 1024
"""Bytes of a command set; a real one has a few hundred."""

_NO_DATA: Final = 0x0101
_ANSWER: Final = 0x8000
_NUMBERS: Final = {0x0100: 2, 0x0110: 2, 0x0120: 2, 0x0700: 2, 0x0800: 2, 0x0900: 2, 0x1008: 2}
"""Elements of VR US that are read or written, and their bytes."""


@dataclass(frozen=True)
class Command:
    """A request.

    Attributes:
        has_data: a data set follows.
        action: Action Type ID of an N-ACTION.
    """

    kind: int
    message: int
    sop_class: str
    uid: str
    has_data: bool
    action: int


def decode(data: bytes | bytearray) -> Command:
    """Read a command set.

    Raises:
        ValueError: it is none.
    """
    numbers: dict[int, int] = {}
    texts: dict[int, str] = {}
    at = 0
    while at + 8 <= len(data):
        group, element = int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if group != 0 or end > len(data):
            raise ValueError("not a command set")
        value = data[at + 8 : end]
        if element in _NUMBERS:
            numbers[element] = int.from_bytes(value[:2], "little")
        elif element in {0x0002, 0x0003, 0x1000, 0x1001}:
            texts[element] = value.decode("ascii", "replace").rstrip("\0 ")
        at = end
    if at != len(data) or not {0x0100, 0x0800} <= numbers.keys():
        raise ValueError("not a command set")
    return Command(
        kind=numbers[0x0100],
        message=numbers.get(0x0110, 0),
        sop_class=texts.get(0x0002) or texts.get(0x0003, ""),
        uid=texts.get(0x1000) or texts.get(0x1001, ""),
        has_data=numbers[0x0800] != _NO_DATA,
        action=numbers.get(0x1008, 0),
    )


def answer(command: Command, status: int, comment: str = "") -> bytes:
    """The response to a request.

    Args:
        comment: Error Comment in plain words, ASCII; 64 characters are sent.
    """
    elements: dict[int, int | str] = {
        0x0002: command.sop_class,
        0x0100: command.kind | _ANSWER,
        0x0120: command.message,
        0x0800: _NO_DATA,
        0x0900: status,
    }
    if comment:
        elements[0x0902] = comment[:64]
    if command.uid:
        elements[0x1000] = command.uid
    if command.kind == N_ACTION:
        elements[0x1008] = command.action
    return encode(elements)


def encode(elements: Mapping[int, int | str]) -> bytes:
    """A command set with its group length."""
    body = b"".join(_element(element, elements[element]) for element in sorted(elements))
    return _tag(0x0000) + (4).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body


def _element(element: int, value: int | str) -> bytes:
    if isinstance(value, int):
        data = value.to_bytes(_NUMBERS[element], "little")
    else:
        data = value.encode("ascii", "replace")
        data += (b" " if element == 0x0902 else b"\0") * (len(data) % 2)  # noqa: PLR2004 (LO; the others are UI)
    return _tag(element) + len(data).to_bytes(4, "little") + data


def _tag(element: int) -> bytes:
    return b"\0\0" + element.to_bytes(2, "little")
