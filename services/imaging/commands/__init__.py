"""What operators do to imaging: `hub models`, `hub studies`."""

from typing import Any

from services.imaging.commands import registry, studies


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    registry.register(commands)
    studies.register(commands)
