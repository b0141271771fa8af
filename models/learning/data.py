"""Where the data of others lies: named by whoever trains, and no part of this project."""

import os
import sys
from pathlib import Path


def holding(argument: Path | None, *files: str) -> Path:
    """The folder that `argument` or `HUB_IMAGING_DATA` names; without these files a clear message and exit status 2."""
    named = argument or (Path(os.environ["HUB_IMAGING_DATA"]) if "HUB_IMAGING_DATA" in os.environ else None)
    if named is None or not all((named / file).is_file() for file in files):
        sys.stderr.write(
            f"The training data is not here: expected {', '.join(files)} in the folder named by --data or "
            "HUB_IMAGING_DATA. The data is not part of this project; LICENSE-DATA.md says where it comes from.\n"
        )
        raise SystemExit(2)
    return named
