"""Around decoders: whatever a hostile file makes them do, the caller hears that the pixels are unreadable.

The decoder of RLE, written in Rust, panics on some: pyo3 raises that past `except Exception`, and a worker would die.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.imaging.dicom.header import Unreadable
from shared.errors import Unavailable

_PANICS: Final = "pyo3_runtime"
"""Module of pyo3's PanicException, which cannot be imported."""


@contextmanager
def guarded(message: str) -> Iterator[None]:
    """Turn what decoders raise into one error.

    Raises:
        Unreadable: the message says what could not be done.
        Unavailable: the disk is full or away.
    """
    try:
        yield
    except (Unreadable, Unavailable):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__module__ == _PANICS:  # MemoryError and RecursionError too
            raise Unreadable(message) from None
        raise
