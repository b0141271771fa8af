"""Whole PDUs from and to a socket; one buffer for each association, so that memory does not grow with what is sent.

Source: DICOM PS3.8 9.3 (PDU structure).
"""

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

LONGEST_PDU: Final = 128 * 1024
"""Bytes of a PDU that we offer to take; the largest that DCMTK sends."""

LONGEST_REQUEST: Final = 1024 * 1024
"""Bytes of an A-ASSOCIATE-RQ: 128 presentation contexts with all their transfer syntaxes need a fifth of it."""

ASSOCIATE: Final = 0x01
DATA: Final = 0x04
RELEASE: Final = 0x05
ABORT: Final = 0x07

_HEADER: Final = struct.Struct(">BxL")
_RELEASED: Final = struct.pack(">BxLL", 0x06, 4, 0)


class Closed(Exception):
    """The peer is gone, silent for too long, or speaks another language; the association is over."""


class Value(NamedTuple):
    """A presentation data value (PS3.8 annex E)."""

    context: int
    is_command: bool
    is_last: bool
    data: memoryview


class Wire:
    """A connection on which PDUs travel.

    Args:
        connection: connected, blocking; plain or TLS.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._flags = 0 if isinstance(connection, ssl.SSLSocket) else socket.MSG_WAITALL
        self._buffer = bytearray(LONGEST_PDU)

    def wait_at_most(self, seconds: float) -> None:
        """How long a read may wait for the peer; the kernel keeps the time, so a read is one call."""
        whole = int(seconds)
        limit = struct.pack("@ll", whole, int((seconds - whole) * 1e6))
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def read(self) -> tuple[int, memoryview]:
        """The type and the body of the next PDU; the body is good until the next read.

        Raises:
            Closed: there is none.
        """
        kind, length = _HEADER.unpack(self._fill(_HEADER.size))
        if length > (LONGEST_REQUEST if kind == ASSOCIATE else LONGEST_PDU):
            self.abort(2, 6)  # invalid PDU parameter value
            raise Closed
        return kind, self._fill(length)

    def _fill(self, length: int) -> memoryview:
        if length > len(self._buffer):
            self._buffer = bytearray(length)
        view = memoryview(self._buffer)[:length]
        filled = 0
        try:
            while filled < length:
                count = self._connection.recv_into(view[filled:], length - filled, self._flags)
                if count == 0:
                    raise Closed
                filled += count
        except OSError:
            raise Closed from None
        return view

    def send(self, data: bytes) -> None:
        """Hand over bytes.

        Raises:
            Closed: the peer is gone.
        """
        try:
            self._connection.sendall(data)
        except OSError:
            raise Closed from None

    def answer(self, context: int, command: bytes) -> None:
        """Send a command set of one fragment (PS3.8 9.3.5)."""
        value = struct.pack(">LBB", len(command) + 2, context, 0x03) + command
        self.send(_HEADER.pack(DATA, len(value)) + value)

    def release(self) -> None:
        """Agree that the association ends (A-RELEASE-RP)."""
        self.send(_RELEASED)

    def reject(self, result: int, source: int, reason: int) -> None:
        """Refuse an association (A-ASSOCIATE-RJ, PS3.8 table 9-21)."""
        self.send(struct.pack(">BxLxBBB", 0x03, 4, result, source, reason))

    def abort(self, source: int, reason: int) -> None:
        """End the association at once (A-ABORT, PS3.8 table 9-26)."""
        self.send(struct.pack(">BxLxxBB", ABORT, 4, source, reason))

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def values(body: memoryview) -> Iterator[Value]:
    """The presentation data values of a P-DATA-TF PDU.

    Raises:
        ValueError: the lengths do not fit.
    """
    at = 0
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at : at + 4], "big")
        if end > len(body) or end < at + 6:
            raise ValueError("a presentation data value does not fit its PDU")
        control = body[at + 5]
        yield Value(body[at + 4], bool(control & 1), bool(control & 2), body[at + 6 : end])
        at = end
