"""The store of models: a package lies in `<store>/models/<digest>`, whole, for every node that reads.

The digest is that of its metadata, which names the digest of every other file; both are looked at whenever it is
opened, so what answers is what was admitted.
"""

import os
import shutil
from pathlib import Path
from typing import Final
from uuid import uuid4

from services.imaging.domain.admission import METADATA
from services.imaging.packages.folder import digest_of, metadata_of
from services.imaging.packages.metadata import Metadata, parse
from shared.errors import HubError, Unavailable

FOLDER: Final = "models"


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
