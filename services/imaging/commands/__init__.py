"""What operators do with imaging on the command line."""

from typing import Any

from services.imaging.commands import instances, quarantine


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    for group in (instances, quarantine):
        group.register(commands)
