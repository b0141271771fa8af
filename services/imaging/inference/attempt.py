"""Try a package's graph in a process that has no secret, may write nothing and has an end; torch stays there.

The process is `python -m services.imaging.inference.trial FOLDER`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from services.imaging.domain.admission import Problem, Trial

TRIAL: Final = "services.imaging.inference.trial"
WITHIN_SECONDS: Final = 120
ROOT: Final = Path(__file__).parents[3]
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG")


def attempt(folder: Path) -> Trial | Problem:
    """Try the graph of a package whose metadata is understood and whose digests match."""
    with TemporaryDirectory() as nowhere:
        try:
            done = subprocess.run(  # noqa: S603 (our own module)
                [sys.executable, "-m", TRIAL, str(folder.resolve())],
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


def _broken(what: str) -> Problem:
    return Problem(f"the graph {what}", "models/", "Export it again and try it on its test picture: docs/models.md.")


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
