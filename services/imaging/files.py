"""The content store: a file lies under its own SHA-256, whole and on disk before anybody says that it is there.

`<store>/<first two hex digits>/<digest>.dcm`; what was not taken in lies in `<store>/quarantine/`, what is on its way
in `<store>/spool/`. A file that no row names is harmless: the sender was told no and sends it again.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import uuid4

from shared.errors import Unavailable

CHUNK = 1 << 20
BUFFER = 64 * 1024
"""Pieces larger than this go to the file as they come."""
DISK_THREADS = 8
"""Files that go to the disk at the same time."""

QUARANTINE = "quarantine"
SPOOL = "spool"
FORGOTTEN = timedelta(hours=1)
"""A file on its way in that nobody has written to for so long was left by a process that died."""
DICOM = ".dcm"

MASK = ".npz"
"""An array of a segmentation, see `inference.masks`; SEG is made of it."""


@dataclass(frozen=True)
class Spooled:
    """A whole file on its way in.

    Attributes:
        digest: SHA-256 in hex.
    """

    path: Path
    digest: str
    size: int


class Spool:
    """One file being received; it is gone when the block ends, unless it was kept.

    Raises:
        Unavailable: the disk is full or away.
    """

    def __init__(self, store: Path) -> None:
        self._digest = hashlib.sha256()
        self._size = 0
        self.path = store / SPOOL / str(uuid4())
        try:
            self._file = self._open()
        except OSError as error:
            raise _no_room(error) from None

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("xb", buffering=BUFFER)
        except FileNotFoundError:  # the first file of a store
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.path.open("xb", buffering=BUFFER)

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._digest.update(data)
        self._size += len(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise _no_room(error) from None

    def finish(self, *, sync: bool = True) -> Spooled:
        """The file is whole: let the disk have it.

        Args:
            sync: now; otherwise whoever keeps it calls `Keeping.begin`.
        """
        try:
            self._file.flush()
            if sync:
                os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise _no_room(error) from None
        return Spooled(self.path, self._digest.hexdigest(), self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError:
            pass  # a full disk: what could not be written is thrown away below
        finally:
            self.path.unlink(missing_ok=True)


def path_of(store: Path, digest: str, ending: str = DICOM) -> Path:
    """Where the file of a digest lies."""
    return store / digest[:2] / f"{digest}{ending}"


def keep(store: Path, spooled: Spooled, ending: str = DICOM) -> None:
    """Move a whole file to where its digest says; the same content twice is one file.

    Raises:
        Unavailable: the disk is full or away.
    """
    _move(spooled.path, path_of(store, spooled.digest, ending))


class Keeping:
    """Files on their way to the disk at the side, while their rows go to the database.

    When the block ends nothing is under way any more, so what was spooled may go.
    """

    def __init__(self) -> None:
        self._under_way: list[Future[None]] = []

    def begin(self, store: Path, spooled: Spooled) -> Callable[[], None]:
        """As `keep`, for a file that the disk may not have yet.

        Returns:
            What waits until it is kept, and raises `Unavailable` when the disk is full or away.
        """
        self._under_way.append(_disk().submit(_sync_and_keep, store, spooled))
        return self._under_way[-1].result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait(self._under_way)


def _sync_and_keep(store: Path, spooled: Spooled) -> None:
    sync(spooled)
    keep(store, spooled)


@cache
def _disk() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(DISK_THREADS, "disk")


def sync(spooled: Spooled) -> None:
    """Let the disk have a whole file.

    Raises:
        Unavailable: the disk is full or away.
    """
    try:
        descriptor = os.open(spooled.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _no_room(error) from None


def quarantine(store: Path, digest: str, path: Path | None = None) -> None:
    """Put a file aside: the spooled one at `path`, or the one that was kept under its digest.

    Raises:
        Unavailable: the disk is full or away.
    """
    _move(path or path_of(store, digest), quarantined(store, digest))


def quarantined(store: Path, digest: str) -> Path:
    """Where a file that was put aside lies."""
    return store / QUARANTINE / f"{digest}.dcm"


def drop(store: Path, digest: str) -> None:
    """Forget a kept file that no row names."""
    path_of(store, digest).unlink(missing_ok=True)


def write(store: Path, content: bytes, ending: str = DICOM) -> Spooled:
    """Keep a file that the hub made.

    Raises:
        Unavailable: the disk is full or away.
    """
    with Spool(store) as spool:
        spool.write(content)
        spooled = spool.finish()
        keep(store, spooled, ending)
    return spooled


def read(store: Path, digest: str) -> Iterator[bytes]:
    """The bytes of a kept file, a piece at a time."""
    with path_of(store, digest).open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def find(store: Path, digest: str, ending: str = DICOM) -> Path:
    """Where the file of a digest lies.

    Raises:
        Unavailable: it is not there, as when the volume is away.
    """
    path = path_of(store, digest, ending)
    if not path.is_file():
        raise Unavailable("A stored file is not there", fix="Look whether HUB_IMAGING_STORE_DIR is mounted.")
    return path


def check_writable(store: Path) -> None:
    """Whether files can be taken in.

    Raises:
        Unavailable: they cannot.
    """
    with Spool(store) as probe:
        probe.write(b"ready")
        probe.finish()


def sweep(store: Path) -> int:
    """Throw away what killed processes left on its way in; returns how many files."""
    left = [path for path in (store / SPOOL).glob("*") if _age_s(path) > FORGOTTEN.total_seconds()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # came in, or was thrown away, meanwhile
        return 0.0


def _move(source: Path, target: Path) -> None:
    try:
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(target.parent.parent)
        source.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        if not source.exists() and target.is_file():
            return  # the same content came twice at once, and the other was faster
        raise _no_room(error) from None


def _sync_folder(folder: Path) -> None:
    """A rename is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_room(error: OSError) -> Unavailable:
    number = os.strerror(error.errno) if error.errno else type(error).__name__
    return Unavailable(f"Pixels cannot be stored now: {number}", fix="Make room in HUB_IMAGING_STORE_DIR; send again.")
