"""Try a package's graph on its own test picture, in a process that has no secret, may write nothing and has an end.

Run as `python -m services.imaging.inference.trial FOLDER`: it prints what came of it as JSON.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from services.imaging.domain.admission import METADATA, Problem, Trial
from services.imaging.inference import package
from services.imaging.inference.screening import Suspicious
from services.imaging.inference.steps import prepare
from services.imaging.packages.folder import digest_of, metadata_of, text_of
from services.imaging.packages.metadata import parse

WITHIN_SECONDS: Final = 120
MEMORY: Final = 16 << 30
"""Bytes of address space, of which torch's libraries take some."""

ROOT: Final = Path(__file__).parents[3]
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG")


def attempt(folder: Path) -> Trial | Problem:
    """Try the graph of a package whose metadata is understood and whose digests match."""
    with TemporaryDirectory() as nowhere:
        try:
            done = subprocess.run(  # noqa: S603 (our own module)
                [sys.executable, "-m", __name__, str(folder.resolve())],
                cwd=nowhere,
                env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HOME": nowhere, **_environment()},
                capture_output=True,
                text=True,
                timeout=WITHIN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _broken(f"did not answer within {WITHIN_SECONDS} seconds")
    try:
        said = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return _broken("ended the process that tried it; it may need too much memory")
    if "problem" in said:
        return _broken(str(said["problem"]))
    return Trial({name: tuple(shape) for name, shape in said["shapes"].items()}, float(said["difference"]))


def main(folder: Path) -> dict[str, Any]:
    """What came of it, for `attempt`."""
    tempfile.tempdir = tempfile.tempdir or str(Path.cwd())  # libraries ask for one; looking for it would write
    declared = parse(metadata_of(folder))
    if isinstance(declared, list):
        return {"problem": "has no metadata that can be read"}
    try:
        opened = package.load(folder, declared, digest_of(folder / METADATA))
        picture = package.picture_of(folder, declared)
        values = prepare(picture, declared.hub.preprocessing).values
        answered = opened.graph(values)
        twice = opened.graph(torch.cat([values, values]))
        if "logits" in answered:
            opened.read(picture)
        promised = json.loads(text_of(folder, declared.hub.test.output) or "{}")
        differences = [_difference(answer.numpy(), promised.get(name)) for name, answer in answered.items()]
    except Suspicious as error:
        return {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 (whatever a graph raises is its answer)
        first = next(iter(str(error).splitlines()), "")[:200]
        return {"problem": f"failed on its test picture: {type(error).__name__}: {first}"}
    return {"shapes": {name: list(answer.shape) for name, answer in twice.items()}, "difference": max(differences)}


def _difference(answer: NDArray[Any], promised: Any) -> float:  # noqa: ANN401 (JSON)
    """Largest difference of an output from what is promised: every value, or of a map its mean, deviation and shape."""
    match promised:
        case {"mean": mean, "shape": shape}:
            apart = [abs(float(answer.mean()) - mean), abs(float(answer.std()) - promised.get("std", answer.std()))]
            return float(max(apart)) if list(answer.shape) == shape else float("inf")
        case list():
            expected = np.asarray(promised, dtype=np.float64)
            return float(np.abs(answer - expected).max()) if expected.shape == answer.shape else float("inf")
        case _:
            return float("inf")


def _broken(what: str) -> Problem:
    return Problem(f"the graph {what}", "models/", "Export it again and try it on its test picture: docs/models.md.")


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _limit() -> None:
    """No file may grow, no memory without end, no endless loop."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (WITHIN_SECONDS, WITHIN_SECONDS))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
