"""Admission control: what a package of a model must bring before it may come near a patient's picture.

Every problem is said at once, each with what, where and how to fix it. The facts are gathered by `packages` and
`inference.trial`; this only judges. Source of the card's sections: CHAI Applied Model Card schema v0.2.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.imaging.domain.model import Model, Task

METADATA: Final = "configs/metadata.json"
CARD: Final = "docs/README.md"
LICENCE: Final = "docs/license.txt"
EVALUATION: Final = "evaluation.json"
GRAPHS: Final = ("models/model.pt2", "models/model.ts", "models/model.onnx")
SECTIONS: Final = (
    "basic info",
    "release info",
    "model summary",
    "uses and directions",
    "warnings",
    "trust ingredients",
    "key metrics",
    "resources",
    "bibliography",
)
"""A heading of the card begins with each of these."""

_SHORTEST_CARD: Final = 500
"""Characters; below that it says nothing."""


@dataclass(frozen=True)
class Problem:
    """Why a package is not admitted: what is wrong, in which file or element, and what to do about it."""

    what: str
    where: str
    fix: str


@dataclass(frozen=True)
class Trial:
    """What the graph did with the package's own test picture, in a process of its own.

    Attributes:
        shapes: of each output, in order, for a batch of two pictures, or for one volume.
        difference: largest difference from the answer that the package promises.
    """

    shapes: Mapping[str, tuple[int, ...]]
    difference: float


@dataclass(frozen=True)
class Candidate:
    """A package as it lies there.

    Attributes:
        model: None when the metadata cannot be understood, as `unclear` then says.
        promised: digest of each file as the metadata names it.
        found: digest of each regular file that is there.
        odd: what is there and is no regular file inside the folder.
        card, licence: their texts.
        evaluation: the JSON of it, None when it is none.
        outputs, tolerance: as the metadata declares them.
        trial: None when the graph was not, or could not be, tried.
        unclear: what the metadata lacks, and what broke in the trial.
    """

    model: Model | None
    promised: Mapping[str, str]
    found: Mapping[str, str]
    odd: Sequence[str]
    card: str
    licence: str
    evaluation: Any
    outputs: Sequence[str]
    tolerance: float
    trial: Trial | None
    unclear: Sequence[Problem]


def problems(candidate: Candidate) -> list[Problem]:
    """Everything that keeps a package from being admitted; none is admission."""
    judged = [*candidate.unclear, *_files(candidate), *_papers(candidate)]
    if candidate.model:
        judged += [*_use(candidate.model), *_codes(candidate.model), *_figures(candidate, candidate.model)]
        judged += _answers(candidate, candidate.model)
    return judged


def _files(candidate: Candidate) -> Iterator[Problem]:
    for path in candidate.odd:
        yield Problem("not a regular file inside the package", path, "Replace links and devices by the file itself.")
    graphs = [path for path in GRAPHS if path in candidate.found]
    if len(graphs) != 1:
        yield Problem(
            f"{len(graphs)} graphs where one is expected", "models/", f"Keep exactly one of {', '.join(GRAPHS)}."
        )
    for path in sorted(candidate.promised.keys() - candidate.found.keys()):
        yield Problem("named in the metadata and not there", path, "Add the file, or take it out of hub.files.")
    for path in sorted(candidate.found.keys() - candidate.promised.keys() - {METADATA}):
        yield Problem("has no digest", path, f"Add its SHA-256 to hub.files in {METADATA}.")
    for path in sorted(candidate.found.keys() & candidate.promised.keys()):
        if candidate.found[path] != candidate.promised[path]:
            yield Problem("is not the file that its digest names", path, "Put the released file back.")


def _papers(candidate: Candidate) -> Iterator[Problem]:
    if len(candidate.card) < _SHORTEST_CARD:
        yield Problem("there is no model card", CARD, "Write an applied model card (CHAI); see docs/models.md.")
    else:
        headings = [match.strip().lower() for match in re.findall(r"^#+\s+(.+)$", candidate.card, re.MULTILINE)]
        missing = [section for section in SECTIONS if not any(heading.startswith(section) for heading in headings)]
        if missing:
            yield Problem(f"the card lacks {', '.join(missing)}", CARD, "Add a heading that begins so for each.")
    if not candidate.licence.strip():
        yield Problem("there is no licence", LICENCE, "Say under which terms the weights may be used.")


def _use(model: Model) -> Iterator[Problem]:
    where = f"{METADATA}: hub.use"
    if not model.use.modalities:
        yield Problem("no modality is named", f"{where}.modalities", "Name each Modality (0008,0060) that it reads.")
    if not model.use.body_parts:
        yield Problem("no body part is named", f"{where}.body_parts", "Name each Body Part Examined (0018,0015).")
    if model.use.frames < 1:
        yield Problem("reads no frame", f"{where}.frames_at_most", "Give 1 or more.")


def _codes(model: Model) -> Iterator[Problem]:
    if not model.categories:
        yield Problem("no class is named", f"{METADATA}: hub.classes", "Name one for each channel of the logits.")
    for index, category in enumerate(model.categories):
        where = f"{METADATA}: hub.classes[{index}]"
        if category.flags and not category.what.codes:
            yield Problem("a finding without a code", f"{where}.codes", "Give its SNOMED CT or RadLex code.")
        if not 0 < category.threshold <= 1:
            yield Problem("a threshold that is no probability", f"{where}.threshold", "Give more than 0, at most 1.")
    if model.task is Task.CLASSIFICATION and not any(category.flags for category in model.categories):
        yield Problem("nothing is flagged", f"{METADATA}: hub.classes", 'Set "flags": true for what a reader must see.')
    if model.task is Task.SEGMENTATION and not model.measure and not any(c.flags for c in model.categories):
        yield Problem("nothing is flagged or measured", f"{METADATA}: hub.measure", "Say what the mask measures.")
    if model.measure and not model.measure.what.codes:
        yield Problem("a measure without a code", f"{METADATA}: hub.measure.codes", "Give its SNOMED CT or LOINC code.")


def _figures(candidate: Candidate, model: Model) -> Iterator[Problem]:
    given = candidate.evaluation
    if not isinstance(given, dict):
        yield Problem("there is no evaluation", EVALUATION, "Give the figures of a test part, with their intervals.")
        return
    if (given.get("model"), given.get("version")) != (model.name, model.version):
        yield Problem("is the evaluation of another model", EVALUATION, f'Say "model" and "version" of {model.name}.')
    if not _has_interval(given):
        yield Problem("no figure has an interval", EVALUATION, 'Give at least one {"value": …, "low": …, "high": …}.')


def _has_interval(given: Any) -> bool:  # noqa: ANN401 (JSON)
    if isinstance(given, dict):
        return given.keys() >= {"value", "low", "high"} or any(_has_interval(part) for part in given.values())
    return isinstance(given, list) and any(_has_interval(part) for part in given)


def _answers(candidate: Candidate, model: Model) -> Iterator[Problem]:
    if candidate.trial is None:
        return
    where = f"{METADATA}: hub.outputs"
    shapes = candidate.trial.shapes
    spatial, batch, asked = (3, 1, "one volume") if model.use.volume else (2, 2, "two pictures")
    wanted = {"classification": 2, "segmentation": 2 + spatial}[model.task]
    for name in candidate.outputs:
        shape = shapes.get(name)
        channels = shape[1] if shape and len(shape) > 1 else None
        fits = {
            "logits": bool(shape) and len(shape or ()) == wanted and channels == len(model.categories),
            "evidence": bool(shape) and len(shape or ()) == 2 + spatial and channels in {1, len(model.categories)},
            "distance": bool(shape) and len(shape or ()) == 1,
        }.get(name, False)
        if not fits or (shape or (0,))[0] != batch:
            yield Problem(
                f"the graph answers {name} of shape {shape} for {asked} and {len(model.categories)} classes",
                where,
                "Name the outputs in the graph's order; see docs/models.md for their shapes.",
            )
    if "logits" not in candidate.outputs:
        yield Problem("no output is called logits", where, "Name it.")
    if not candidate.trial.difference <= candidate.tolerance:
        yield Problem(
            f"answers the test picture differently by {candidate.trial.difference:.2g}",
            "test/output.json",
            f"Make it again with the released graph; {candidate.tolerance:g} is tolerated.",
        )
