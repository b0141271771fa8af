"""The store of models: a package lies in `<store>/models/<digest>`, whole, for every node that reads.

The digest is that of its metadata, which names the digest of every other file; both are looked at whenever it is
opened, so what answers is what was admitted.
"""

import os
import shutil
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import uuid4

from services.imaging.domain.admission import METADATA
from services.imaging.packages.folder import digest_of, metadata_of
from services.imaging.packages.metadata import Metadata, parse
from shared.errors import HubError, Unavailable

FOLDER: Final = "models"

Stamps = frozenset[tuple[Path, int, int, int, int]]
"""Of each file its inode, size, mtime and ctime."""


class BadModel(HubError):
    """The package is not whole: nothing may be read with it."""


def place_of(store: Path, digest: str) -> Path:
    """Where the package of a digest lies."""
    return store / FOLDER / digest


def keep(store: Path, folder: Path, digest: str, declared: Metadata) -> None:
    """Copy an admitted package; a second time finds it there.

    Raises:
        Unavailable: the disk is full or away.
        BadModel: it changed between admission and copy.
    """
    target = place_of(store, digest)
    if target.is_dir():
        return
    making = store / FOLDER / f".{uuid4()}"
    try:
        for path in (METADATA, *declared.hub.files):
            (making / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / path, making / path, follow_symlinks=False)
            _sync(making / path)
        _verify(making, digest, declared)
        making.replace(target)
        _sync(target.parent)
    except OSError as error:
        if target.is_dir():
            return  # another process was faster
        number = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable(f"The model cannot be stored: {number}", fix="Look at HUB_IMAGING_STORE_DIR.") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def open_package(store: Path, digest: str) -> tuple[Path, Metadata]:
    """Where an admitted package lies and what it declares, every digest looked at.

    Raises:
        BadModel: it is not there, or not what was admitted.
    """
    folder = place_of(store, digest)
    declared = parse(metadata_of(folder))
    if isinstance(declared, list):
        raise BadModel("The model is not in the store", fix="Look whether HUB_IMAGING_STORE_DIR is mounted.")
    _verify(folder, digest, declared)
    return folder, declared


def is_whole(store: Path, digest: str, *, opened: Callable[[Path, str], object] = open_package) -> bool:
    """Whether a package is what was admitted: for who looks often, hashed again only when a file has changed.

    A changed file has another ctime, which nobody can set back as an mtime can be. Only the good verdict is
    remembered: what a disk could not read for a moment is read again.
    """
    try:
        _found_whole(store, digest, _stamps(place_of(store, digest)), opened)
    except (HubError, OSError):
        return False
    return True


def _stamps(folder: Path) -> Stamps:
    """Of each file, what changes when it does; taken before it is hashed, so a change meanwhile is seen next time."""
    looks = {path: path.lstat() for path in folder.rglob("*")}
    if any(stat.S_ISLNK(one.st_mode) for one in looks.values()):
        raise BadModel("A link lies in the store", fix="Add the released package again.")  # what it leads to may change
    return frozenset((path, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for path, one in looks.items())


@lru_cache(maxsize=64)
def _found_whole(store: Path, digest: str, _unchanged: Stamps, opened: Callable[[Path, str], object]) -> None:
    opened(store, digest)


def _verify(folder: Path, digest: str, declared: Metadata) -> None:
    named = {METADATA: digest, **declared.hub.files}
    try:
        wrong = [
            path
            for path, promised in named.items()
            if (folder / path).is_symlink() or digest_of(folder / path) != promised
        ]
    except OSError:
        wrong = ["a file that is not there"]
    if wrong:
        raise BadModel(
            f"{declared.hub.name} is not what was admitted: {wrong[0]}", fix="Add the released package again."
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
