"""A package's folder, without trust: which regular files lie in it, their digests, and what does not belong there."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.imaging.domain.admission import METADATA

TRAINING: Final = "training"
"""How it was made; not copied, not read."""

LARGEST: Final = 4 << 30
"""Bytes of all files of a package; models of 2D pictures have some hundred MB."""

MOST: Final = 200
"""Files of a package."""

READABLE: Final = 4 << 20
"""Bytes of the largest text or JSON that is read; weights are only hashed and loaded."""

_CHUNK: Final = 1 << 20


class TooMuch(ValueError):
    """More files or bytes than any package has."""


def survey(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Digest of each regular file by its path in the folder, and what else is there: links, devices, sockets.

    Raises:
        TooMuch: see `LARGEST` and `MOST`.
        OSError: it cannot be read.
    """
    found: dict[str, str] = {}
    odd: list[str] = []
    size = 0
    for path, kind in _walk(folder):
        named = path.relative_to(folder).as_posix()
        if not stat.S_ISREG(kind.st_mode):
            odd.append(named)
            continue
        size += kind.st_size
        if size > LARGEST or len(found) >= MOST:
            raise TooMuch(f"more than {MOST} files or {LARGEST >> 30} GiB")
        found[named] = digest_of(path)
    return found, odd


def digest_of(path: Path) -> str:
    """SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def text_of(folder: Path, path: str) -> str:
    """A text of the package; empty when it is not there, is a link, or is too long to be one."""
    file = folder / path
    inside = [part for part in (file, *file.parents) if part.is_relative_to(folder) and part != folder]
    if not file.is_file() or any(part.is_symlink() for part in inside):
        return ""
    if file.stat().st_size > READABLE:
        return ""
    return file.read_text(encoding="utf-8", errors="replace")


def metadata_of(folder: Path) -> str:
    """The metadata as written."""
    return text_of(folder, METADATA)


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Whatever is no folder, without following a link."""
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            kind = path.lstat()
            if not stat.S_ISDIR(kind.st_mode):
                yield path, kind
            elif path != folder / TRAINING:
                waiting.append(path)
