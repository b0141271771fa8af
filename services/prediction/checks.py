"""What `hub doctor` looks at in prediction: the numbers of every package are the released ones."""

from collections.abc import Iterator

from services.prediction.domain.estimate import Method
from services.prediction.panels import package
from services.prediction.settings import settings
from shared.cli.check import Check, failure, well

FIX = "Put the released package back."


def look() -> Iterator[Check]:
    """One check a package."""
    for method in Method:
        try:
            found = package(settings().models_dir / str(method))
        except (OSError, ValueError, KeyError) as error:
            yield failure(str(method), f"the package cannot be read ({type(error).__name__})", FIX)
            continue
        if found.whole:
            yield well(str(method), f"{found.version}, the digest matches")
        else:
            yield failure(str(method), "the coefficients are not the released ones", FIX)
