"""What `hub doctor` looks at in prediction: the numbers of every package are the released ones."""

import hashlib
import json
from collections.abc import Iterator

from services.prediction.domain.estimate import Method
from services.prediction.settings import settings
from shared.cli.check import Check, failure, well

FIX = "Put the released package back."


def look() -> Iterator[Check]:
    """One check a package."""
    for method in Method:
        try:
            metadata = json.loads((settings().models_dir / str(method) / "metadata.json").read_text(encoding="utf-8"))
            text = json.dumps(metadata["coefficients"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            released = metadata["digest"]["sha256"]
            version = metadata["version"]
        except (OSError, ValueError, KeyError) as error:
            yield failure(str(method), f"the package cannot be read ({type(error).__name__})", FIX)
            continue
        if hashlib.sha256(text.encode()).hexdigest() == released:
            yield well(str(method), f"{version}, the digest matches")
        else:
            yield failure(str(method), "the coefficients are not the released ones", FIX)
