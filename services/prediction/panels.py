"""What prediction adds to the operator's page: its methods as they were released, and what they last said."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.prediction import store
from services.prediction.domain.estimate import Method
from services.prediction.settings import settings
from services.prediction.store import Said
from shared.ops import Cell, Level, Panel, Problem

_COLUMNS: Final = ("Model", "Version", "Digest", "Package", "Patients", "With a figure or alert", "Last said")


@dataclass(frozen=True)
class Package:
    """A method's package as it lies here.

    Attributes:
        digest: SHA-256 of the released coefficients, in hex.
        whole: whether the coefficients are those.
    """

    version: str
    digest: str
    whole: bool


def package(folder: Path) -> Package:
    """The package in a folder.

    Raises:
        OSError: a file is not there.
        ValueError, KeyError: the metadata are not as they should be.
    """
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    text = json.dumps(metadata["coefficients"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    released = metadata["digest"]["sha256"]
    return Package(metadata["version"], released, hashlib.sha256(text.encode()).hexdigest() == released)


def panels() -> list[Panel]:
    """One row a method."""
    with store.transaction() as session:
        said = store.said_by_method(session)
    rows, problems = [], []
    for method in Method:
        try:
            found = package(settings().models_dir / str(method))
        except (OSError, ValueError, KeyError) as error:
            problems.append(Problem(Level.WRONG, f"the package {method} cannot be read ({type(error).__name__})"))
            continue
        if not found.whole:
            problems.append(Problem(Level.WRONG, f"the coefficients of {method} are not the released ones"))
        rows.append(_row(method, found, said))
    return [Panel("Models", _COLUMNS, rows, problems, "No package can be read.")]


def _row(method: Method, found: Package, said: Mapping[str, Said]) -> tuple[Cell, ...]:
    whole = "as released" if found.whole else "not as released"
    mine = said.get(str(method), Said())
    return (str(method), found.version, found.digest[:12], whole, mine.patients, mine.active, mine.last)
