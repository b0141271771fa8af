"""The trial of a package's graph on its own test picture; run by `attempt` in a process of its own.

It prints, as JSON, the shapes that came for two pictures, or one volume, and how far the answer is from the promised.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import torch
from numpy.typing import NDArray

from services.imaging.domain.admission import METADATA
from services.imaging.inference import package
from services.imaging.inference.attempt import WITHIN_SECONDS
from services.imaging.inference.scan import Scan
from services.imaging.inference.screening import Suspicious
from services.imaging.inference.steps import prepare
from services.imaging.packages.folder import digest_of, metadata_of
from services.imaging.packages.metadata import parse

MEMORY: Final = 16 << 30
"""Bytes of address space, of which torch's libraries take some."""


def main(folder: Path) -> dict[str, Any]:
    """What came of it, for `attempt`."""
    tempfile.tempdir = tempfile.tempdir or str(Path.cwd())  # libraries ask for one; looking for it would write
    declared = parse(metadata_of(folder))
    if isinstance(declared, list):
        return {"problem": "has no metadata that can be read"}
    try:
        opened = package.load(folder, declared, digest_of(folder / METADATA))
        picture = package.picture_of(folder, declared)
        answered = opened.answer(picture)
        twice = answered if isinstance(picture, Scan) else _twice(opened, picture)
        if "logits" in answered:
            opened.read(picture)
        difference = package.difference(answered, folder, declared)
    except Suspicious as error:
        return {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 (whatever a graph raises is its answer)
        first = next(iter(str(error).splitlines()), "")[:200]
        return {"problem": f"failed on its test picture: {type(error).__name__}: {first}"}
    return {"shapes": {name: list(answer.shape) for name, answer in twice.items()}, "difference": difference}


def _twice(opened: package.Package, picture: NDArray[Any]) -> dict[str, torch.Tensor]:
    """The outputs for two pictures together."""
    values = prepare(picture, opened.declared.hub.preprocessing).values
    return opened.graph(torch.cat([values, values]))


def _limit() -> None:
    """No file may grow, no memory without end, no endless loop."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (WITHIN_SECONDS, WITHIN_SECONDS))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
