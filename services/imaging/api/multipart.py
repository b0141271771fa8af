"""Multipart bodies of DICOMweb: read into files as they arrive, written without holding them in memory.

Sources: DICOM PS3.18 8.6.1.2 (multipart payload), RFC 2387 (multipart/related), RFC 2046 5.1.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.imaging.files import Spool, Spooled
from shared.errors import InvalidResource, UnsupportedMedia

DICOM: Final = "application/dicom"
BATCH: Final = 1 << 20
"""Bytes gathered before they are parsed and written: a thread is asked once a megabyte, not once a packet."""

PIECES: Final = 64
"""Pieces that are parsed one by one; where the network brings crumbs they are put together first."""

PARTS: Final = 10_000


class Malformed(InvalidResource):
    """The body is not what its Content-Type says (PS3.18 table 10.5.3-1: 400)."""

    status = 400


@dataclass(frozen=True)
class MediaType:
    """A parsed Content-Type or one range of Accept; names in lower case."""

    name: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        """Read `multipart/related; type="application/dicom"; boundary=x`, quoted or not."""
        name, options = parse_options_header(text)
        decoded = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in options.items()}
        return cls(name.decode("latin-1").strip().lower(), decoded)


class Receiver:
    """Spools each part of one STOW-RS body; the files are gone when the block ends, unless they were kept.

    Args:
        content_type: of the request.
        store: the folder of the content store.

    Raises:
        UnsupportedMedia: not `multipart/related; type="application/dicom"`.
        Malformed: no boundary.
    """

    def __init__(self, content_type: str, store: Path) -> None:
        media = MediaType.parse(content_type)
        if media.name != "multipart/related" or media.parameters.get("type", DICOM).lower() != DICOM:
            raise UnsupportedMedia(
                "Only DICOM files in a multipart body are read here",
                fix='Send multipart/related; type="application/dicom".',
            )
        boundary = media.parameters.get("boundary", "")
        if not boundary:
            raise Malformed("The Content-Type names no boundary", fix="Add the boundary parameter.")
        self._store = store
        self._stack = ExitStack()
        self._part: _Part | None = None
        self._whole = False
        self._waiting: list[bytes] = []
        self._gathered = 0
        self.files: list[Spooled] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finished,
                },
            )
        except FormParserError:
            raise Malformed("The boundary is not one of RFC 2046", fix="Use at most 70 characters.") from None

    def gather(self, data: bytes) -> bool:
        """Take bytes from the network; True when it is time to `write`."""
        self._waiting.append(data)
        self._gathered += len(data)
        return self._gathered >= BATCH

    def write(self) -> None:
        """Parse and write what was gathered.

        Raises:
            Malformed: not a multipart body.
            Unavailable: the disk is full or away.
        """
        pieces = self._waiting if len(self._waiting) <= PIECES else [b"".join(self._waiting)]
        self._waiting, self._gathered = [], 0
        try:
            for piece in pieces:
                self._parser.write(piece)
        except FormParserError:
            raise Malformed("The body is not the multipart that its Content-Type promises") from None

    def finish(self) -> list[Spooled]:
        """All parts, whole; the disk may not have them yet.

        Raises:
            Malformed: the last boundary is missing, so something was lost on the way, or there was no part.
        """
        self.write()
        if not self._whole or not self.files:
            raise Malformed("The multipart body ends early or holds nothing", fix="Send it again, whole.")
        return self.files

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _begin(self) -> None:
        if len(self.files) >= PARTS:
            raise Malformed(f"More than {PARTS} parts", fix="Send less at a time.")
        self._part = _Part(self._stack.enter_context(Spool(self._store)))

    def _current(self) -> "_Part":
        if self._part is None:
            raise Malformed("Data outside of any part")
        return self._part

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._current().name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._current().value += data[start:end]

    def _header_end(self) -> None:
        part = self._current()
        part.headers[part.name.decode("latin-1").lower()] = part.value.decode("latin-1")
        part.name, part.value = b"", b""

    def _headers_finished(self) -> None:
        name = MediaType.parse(self._current().headers.get("content-type", DICOM)).name
        if name != DICOM:
            raise UnsupportedMedia("A part is not a DICOM file", fix="Send parts of Content-Type application/dicom.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._current().spool.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self.files.append(self._current().spool.finish(sync=False))
        self._part = None

    def _finished(self) -> None:
        self._whole = True


@dataclass
class _Part:
    spool: Spool
    name: bytes = b""
    value: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def compose(kind: str, parts: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[str, Iterator[bytes]]:
    """A multipart/related body.

    Args:
        kind: media type of the parts, without parameters.
        parts: the Content-Type of each, and its bytes piece by piece.

    Returns:
        The Content-Type of the whole, and its bytes piece by piece.
    """
    boundary = uuid4().hex

    def pieces() -> Iterator[bytes]:
        for media, part in parts:
            yield f"--{boundary}\r\nContent-Type: {media}\r\n\r\n".encode()
            yield from part
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    return f'multipart/related; type="{kind}"; boundary={boundary}', pieces()
