"""Disks that can be filled: a small real one where root can mount it, else a limit on the size of what is written."""

import mmap
import os
import resource
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Protocol

from shared.embedded import Hub

LARGEST_PIECE: Final = 64 << 20

INSIDE: Final = "HUB_FAULTS_INSIDE"
"""Set in the process whose mounts are its own: they go with it, however it ends."""


CAP: Final = 600_000
"""Bytes: below a simulated radiograph, above the log of an api process."""


class Disk(Protocol):
    """Something that can be full.

    Attributes:
        words: how it is done, for the report.
    """

    words: str

    def fill(self) -> None:
        """No room from now on."""

    def free(self) -> None:
        """Room again."""


class Small:
    """A mounted tmpfs; a file takes all the room that is left.

    Raises:
        subprocess.CalledProcessError: it cannot be mounted here.
    """

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self.words = f"a tmpfs of {mebibytes} MiB, filled to the last byte"
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        options = f"size={mebibytes}m,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, capture_output=True)
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take all that is free, in ever smaller pieces: a piece is taken whole or not, and others write too."""
        piece = LARGEST_PIECE
        with self._ballast.open("ab") as file:
            while piece >= mmap.PAGESIZE:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), piece)
                except OSError:
                    piece //= 2

    def free(self) -> None:
        """Take the ballast away."""
        self._ballast.unlink(missing_ok=True)


class Capped:
    """No room by RLIMIT_FSIZE: processes cannot write past a size in any file; needs no right that we lack.

    Args:
        names: of the hub's processes that write.
    """

    words = "RLIMIT_FSIZE of the processes that write; no small file system could be mounted here"

    def __init__(self, hub: Hub, *names: str) -> None:
        self._hub = hub
        self._names = names

    def fill(self) -> None:
        """Limit them."""
        self._limit(CAP)

    def free(self) -> None:
        """Lift it; one that ended meanwhile has none."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for pid in filter(None, map(self._hub.supervisor.pid, self._names)):
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def own_mounts(command: list[str]) -> None:
    """As root, go on in a process whose mounts nobody else sees and nobody has to clean up."""
    if os.geteuid() != 0 or INSIDE in os.environ:
        return
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0:
        os.execvpe("unshare", ["unshare", "--mount", *command], {**os.environ, INSIDE: "1"})  # noqa: S606 (no shell)


def small(until: ExitStack, folder: Path, mebibytes: int) -> Small | None:
    """A small disk at a folder, for as long as the stack lasts; None where it cannot be mounted."""
    if INSIDE not in os.environ:
        return None
    try:
        made = Small(folder, mebibytes)
    except subprocess.CalledProcessError:
        return None
    until.callback(subprocess.run, ["umount", "--lazy", folder], check=False, capture_output=True)
    return made
