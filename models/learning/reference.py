"""What a package's drift is measured from at a site: how pictures of its evaluation look and score, read by the hub."""

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from services.imaging.domain import drift
from services.imaging.domain.admission import METADATA
from services.imaging.domain.model import Model
from services.imaging.domain.reading import best
from services.imaging.inference import package
from services.imaging.inference.prediction import Prediction
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, parse

RESIZED = frozenset({"megapixels", "aspect"})
"""What resized copies of pictures say nothing of; a site's own first answers stand in."""


def _opened(folder: Path) -> package.Package:
    declared = parse((folder / METADATA).read_text(encoding="utf-8"))
    if not isinstance(declared, Metadata):
        raise SystemExit("\n".join(f"{problem.where}: {problem.what}" for problem in declared))
    for path, digest in declared.hub.files.items():
        if path.startswith("models/") and hashlib.sha256((folder / path).read_bytes()).hexdigest() != digest:
            raise SystemExit(f"{folder / path}: its digest is another than the metadata says; make the package first")
    return package.load(folder, declared, digest_of(folder / METADATA))


def _score(said: Prediction, model: Model) -> float:
    """What the hub keeps of an answer to watch by: the probability of the class that counts, or the measure's share."""
    if any(category.flags for category in model.categories):
        return said.scores[best(said.scores, model)[0]]
    return (said.measure or 0.0) / 100


def write(
    folder: Path, pictures: Iterable[NDArray[Any]], of: str, *, without: Collection[str] = (), indent: int = 2
) -> None:
    """Write `hub.reference` into a package's metadata.

    Args:
        folder: of the package.
        pictures: as they would come to the hub; twenty or more.
        of: which pictures these are; `{n}` stands for their number.
        without: statistics that these pictures say nothing of, see `domain.drift.STATISTICS`.
        indent: of the metadata.
    """
    opened = _opened(folder)
    said = [opened.read(picture) for picture in pictures]
    values = {name: [one.looks[name] for one in said] for name in said[0].looks}
    values["score"] = [round(_score(one, opened.model), 5) for one in said if one.familiar]
    statistics = {}
    for name in (name for name in values if name not in without):
        made = drift.reference(values[name], "")
        statistics[name] = {
            "edges": [round(edge, 5) for edge in made.edges],
            "shares": [round(share, 5) for share in made.shares],
        }
    file = folder / METADATA
    metadata = json.loads(file.read_text(encoding="utf-8"))
    metadata["hub"]["reference"] = {"of": of.format(n=len(said)), "n": len(said), "statistics": statistics}
    file.write_text(json.dumps(metadata, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(metadata["hub"]["reference"]))
