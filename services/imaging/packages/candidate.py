"""Gather the facts about a package that somebody wants to add, and let the domain judge them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.imaging.domain.admission import (
    CARD,
    EVALUATION,
    LICENCE,
    METADATA,
    Candidate,
    Problem,
    Trial,
    problems,
)
from services.imaging.packages.folder import TooMuch, metadata_of, survey, text_of
from services.imaging.packages.metadata import Metadata, model_of, parse
from shared.errors import InvalidResource

Attempt = Callable[[Path], Trial | Problem]


def examine(folder: Path, attempt: Attempt | None) -> tuple[Metadata | None, Candidate]:
    """Everything about a package; its graph is tried only when its files are those that the metadata names.

    Args:
        attempt: tries the graph; None for a package that was tried when the hub was released.

    Raises:
        InvalidResource: there is no folder, or far more in it than in any package.
    """
    try:
        found, odd = survey(folder)
    except (OSError, TooMuch) as error:
        reason = str(error) if isinstance(error, TooMuch) else "it cannot be read"
        raise InvalidResource(f"{folder.name} is no package: {reason}", fix="Give the folder of the package.") from None
    parsed = parse(metadata_of(folder)) if METADATA in found else [_absent()]
    declared = None if isinstance(parsed, list) else parsed
    unclear = parsed if isinstance(parsed, list) else []
    promised = declared.hub.files if declared else {}
    tried: Trial | Problem | None = None
    if (
        attempt
        and declared
        and not odd
        and promised
        and all(found.get(path) == digest for path, digest in promised.items())
    ):
        tried = attempt(folder)
    candidate = Candidate(
        model=model_of(declared, found[METADATA]) if declared else None,
        promised=promised,
        found=found,
        odd=odd,
        card=text_of(folder, CARD),
        licence=text_of(folder, LICENCE),
        evaluation=_json(text_of(folder, EVALUATION)),
        outputs=declared.hub.outputs if declared else (),
        tolerance=declared.hub.test.tolerance if declared else 0.0,
        trial=tried if isinstance(tried, Trial) else None,
        unclear=[*unclear, *([tried] if isinstance(tried, Problem) else [])],
    )
    return declared, candidate


def require_admissible(folder: Path, attempt: Attempt | None) -> tuple[Metadata, Candidate]:
    """A package that may be added.

    Raises:
        InvalidResource: names every problem, where it is and how to fix it.
    """
    declared, candidate = examine(folder, attempt)
    found = problems(candidate)
    if found or declared is None or candidate.model is None:
        listed = "".join(f"\n- {problem.where}: {problem.what}. {problem.fix}" for problem in found)
        raise InvalidResource(f"{folder.name} is not admitted:{listed}", fix="Correct these, then add it again.")
    return declared, candidate


def _absent() -> Problem:
    return Problem("is not there", METADATA, "Give the folder of a package; see docs/models.md.")


def _json(text: str) -> Any:  # noqa: ANN401 (JSON)
    try:
        return json.loads(text)
    except ValueError:
        return None
