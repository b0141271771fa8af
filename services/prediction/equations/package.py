"""A model package from disk: coefficients that match their digest, and what its metadata says of it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.prediction.domain.estimate import Model


@dataclass(frozen=True)
class Package:
    """A method's metadata, checked.

    Attributes:
        model: what stands in every result.
    """

    model: Model
    metadata: dict[str, Any]

    @property
    def coefficients(self) -> dict[str, Any]:
        """The numbers of the equation."""
        return dict(self.metadata["coefficients"])


def load(folder: Path) -> Package:
    """The package in a folder.

    Raises:
        ValueError: the coefficients are not those that were released.
    """
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    found = digest(metadata["coefficients"])
    if found != metadata["digest"]["sha256"]:
        raise ValueError(f"the coefficients of {metadata['name']} do not match the digest in its metadata")
    limits = tuple(metadata["does_not_check"])
    return Package(Model(metadata["name"], metadata["version"], metadata["title"], found, limits), metadata)


def digest(coefficients: dict[str, Any]) -> str:
    """SHA-256 of the coefficients as JSON with sorted keys and without spaces."""
    text = json.dumps(coefficients, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
