"""What a compressed frame says of its own size, read before a decoder asks for that much memory.

Sources: ISO/IEC 10918-1 B.2.2 (JPEG), ISO/IEC 14495-1 C.2.2 (JPEG-LS), ISO/IEC 15444-1 A.5.1 (JPEG 2000, SIZ).
"""

from typing import Final, NamedTuple

_JPEG: Final = b"\xff\xd8"
_JPEG_2000: Final = b"\xff\x4f\xff\x51"
_JP2: Final = b"\x00\x00\x00\x0cjP"
_SEARCHED: Final = 64 * 1024
"""Bytes of a JP2 file in which its codestream must begin."""

_STAND_ALONE: Final = frozenset({0x01, *range(0xD0, 0xDA)})
_FRAME_HEADERS: Final = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}


class Size(NamedTuple):
    """Of one frame."""

    rows: int
    columns: int
    samples: int


def declared(frame: bytes) -> Size | None:
    """The size that a JPEG, JPEG-LS or JPEG 2000 frame declares; None when it declares none."""
    if frame.startswith(_JPEG):
        return _jpeg(frame)
    start = frame.find(_JPEG_2000, 0, _SEARCHED) if frame.startswith(_JP2) else 0
    return _jpeg_2000(frame[start : start + 42]) if start >= 0 and frame.startswith(_JPEG_2000, start) else None


def _jpeg(frame: bytes) -> Size | None:
    at = 2
    while at + 10 <= len(frame):
        if frame[at] != 0xFF:  # noqa: PLR2004 (every marker begins with it)
            return None
        kind = frame[at + 1]
        if kind == 0xFF:  # noqa: PLR2004 (fill)
            at += 1
        elif kind in _STAND_ALONE:
            at += 2
        elif kind in _FRAME_HEADERS:
            return Size(_number(frame, at + 5, 2), _number(frame, at + 7, 2), frame[at + 9])
        else:
            at += 2 + _number(frame, at + 2, 2)
    return None


def _jpeg_2000(header: bytes) -> Size | None:
    if len(header) < 42:  # noqa: PLR2004 (up to the number of components)
        return None
    columns = _number(header, 8, 4) - _number(header, 16, 4)
    rows = _number(header, 12, 4) - _number(header, 20, 4)
    return Size(rows, columns, _number(header, 40, 2))


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")
