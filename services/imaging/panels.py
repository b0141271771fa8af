"""What imaging adds to the operator's page: its model as it was released, what it answered, and where studies stand.

The api process loads no weights: that they are the released ones is read from their digest, that they are loaded from
their last answer (a worker whose self-check fails reads nothing).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from services.imaging import store
from services.imaging.domain.study import State
from services.imaging.settings import settings
from shared.ops import Level, Panel, Problem

LATELY: Final = timedelta(days=1)
_COLUMNS: Final = ("Model", "Version", "Digest", "Package", "Threshold", "Answers, last day", "Last answer")


@dataclass(frozen=True)
class Package:
    """A model package as it lies here.

    Attributes:
        digest: SHA-256 of the released weights, in hex.
        whole: whether the weights are those.
    """

    name: str
    version: str
    digest: str
    threshold: float
    whole: bool


def package(folder: Path) -> Package:
    """The package in a folder.

    Raises:
        OSError: a file is not there.
        ValueError, KeyError: the metadata are not as they should be.
    """
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    weights = metadata["weights"]
    here = hashlib.sha256((folder / weights["file"]).read_bytes()).hexdigest()
    return Package(
        metadata["name"],
        metadata["version"],
        weights["sha256"],
        float(metadata["output"]["threshold"]),
        here == weights["sha256"],
    )


def panels() -> list[Panel]:
    """Studies by state, and models."""
    with store.transaction() as session:
        said = store.answers_lately(session, LATELY)
        counted = store.count_studies(session)
    states = [(str(state), counted.get(str(state), 0)) for state in State]
    return [Panel("Studies", ("State", "Studies"), states), _models(said)]


def _models(said: store.Answered) -> Panel:
    try:
        found = package(settings().model_dir)
    except (OSError, ValueError, KeyError) as error:
        problem = Problem(Level.WRONG, f"the model's package cannot be read ({type(error).__name__})")
        return Panel("Models", _COLUMNS, (), [problem], "No package can be read.")
    problems = [] if found.whole else [Problem(Level.WRONG, f"the weights of {found.name} are not the released ones")]
    mine = {key: one for key, one in said.items() if key[:2] == (found.name, found.version)}
    last = max((at for _, at in mine.values()), default=None)
    whole = "as released" if found.whole else "not as released"
    digest = found.digest[:12]
    row = (found.name, found.version, digest, whole, found.threshold, ", ".join(_counts(mine)) or "none", last)
    return Panel("Models", _COLUMNS, [row], problems)


def _counts(said: store.Answered) -> Iterator[str]:
    return (f"{count} {outcome}" for (_, _, outcome), (count, _) in sorted(said.items()) if count)
